//! Downloads a checkpoint that is one file on the web, into the folder where PyTorch keeps such files.

use std::fs;

use affekt_encoders::{EncoderCard, Hub};

use super::checksum::sha256;
use super::download::{Request, accepted, download, size};
use super::http::Client;
use super::progress::DownloadProgress;
use super::{lock, space};
use crate::exit::Stop;
use crate::out::{out, say};

/// Downloads the file at `url`, or says that it is there.
pub fn fetch(client: &Client, hub: &Hub, card: &EncoderCard, url: &str) -> Result<(), Stop> {
    let name = &card.name;
    let target = hub.file(url);
    let failed = |text: String| Stop::failed(format!("error: {name}: {text}"));
    let locked = target.with_added_extension("lock");
    let cannot_write = |error| failed(format!("failed to write {}: {error}", target.display()));
    let _lock = lock::take(&locked, &|text| say!("{name}: {text}")).map_err(cannot_write)?;
    if target.is_file() {
        out!("{name} is there: {}", target.display());
        return Ok(());
    }
    super::introduce(&card.title, &card.licence, &card.citation);
    space::check(&target, card.bytes).map_err(failed)?;
    let progress = DownloadProgress::new(name, Some(card.bytes));
    let limit = accepted(card.bytes);
    let request = Request { name, url, bytes: None, limit, checksum: None, token: None };
    download(client, &request, &target, &|bytes| progress.set(bytes), &|text| progress.warn(text))
        .map_err(failed)?;
    let mut file = fs::File::open(&target).map_err(cannot_write)?;
    let bytes = file.metadata().map_err(cannot_write)?.len();
    let sha256 = sha256(&mut file).map_err(cannot_write)?;
    say!("{name}: {}; the card names no checksum, and the downloaded file has SHA-256 {sha256}", size(bytes));
    out!("{}", target.display());
    Ok(())
}
