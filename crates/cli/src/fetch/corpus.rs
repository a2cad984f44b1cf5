//! Downloads corpora from where their cards say, into one folder each.
//!
//! Files are collected in `<data>/.fetch/<Name>`, which moves to its place when it is complete.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use affekt_corpus::{Card, CorpusOrigin, Source, scan};

use super::archive::{self, UnpackError};
use super::checksum::{Checksum, sha256};
use super::download::{Request, accepted, download};
use super::http::Client;
use super::listing::{RemoteFile, dataverse, git_tree};
use super::progress::DownloadProgress;
use super::{lock, space};
use crate::exit::Stop;
use crate::out::{out, say};
use crate::place;

/// How many files are downloaded at a time, where a corpus comes file by file: most of the time is latency.
const CONCURRENT_DOWNLOADS: usize = 6;

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(100);

/// Downloads a corpus, or says that it is there.
pub fn fetch(client: &Client, data: &Path, card: &Card) -> Result<(), Stop> {
    let Some(origin) = &card.fetch else { return Err(super::by_hand(card)) };
    let work = data.join(".fetch").join(&card.name);
    if is_there(data, card)? {
        return Ok(());
    }
    let cannot_write =
        |error: io::Error| Stop::failed(format!("error: failed to write in {}: {error}", data.display()));
    let _lock =
        lock::take(&work.join("lock"), &|text| say!("{}: {text}", card.name)).map_err(cannot_write)?;
    if is_there(data, card)? {
        return Ok(());
    }
    super::introduce(&card.title, &card.licence, &card.citation);
    let failed = |text: String| Stop::failed(format!("error: {}: {text}", card.name));
    let folder = work.join("whole");
    download_into(client, card, origin, &work, &folder).map_err(failed)?;
    let recordings = scan(card, &folder).map_err(|error| failed(error.to_string()))?.found.len();
    let target = data.join(card.folder_name());
    fs::rename(&folder, &target).map_err(cannot_write)?;
    match card.files {
        Some(files) if recordings < files => {
            say!("{}: the server has {recordings} of {files} recordings", card.name);
        }
        _ => say!("{}: {recordings} recordings", card.name),
    }
    out!("{}", target.display());
    Ok(())
}

/// Whether the corpus is there, whole.
fn is_there(data: &Path, card: &Card) -> Result<bool, Stop> {
    let Some(folder) = place::corpus_folder(data, card) else { return Ok(false) };
    let recordings = scan(card, &folder).map_or(0, |scan| scan.found.len());
    if recordings == 0 || card.files.is_some_and(|files| recordings < files) {
        let of = card.files.map(|files| format!(" of {files}")).unwrap_or_default();
        return Err(Stop::failed(format!(
            "error: {} is there, with {recordings}{of} recordings: {}\nhint: move it away, and it is fetched whole",
            card.name,
            folder.display()
        )));
    }
    out!("{} is there: {recordings} recordings in {}", card.name, folder.display());
    Ok(true)
}

/// Downloads the corpus' recordings into `folder`.
fn download_into(
    client: &Client,
    card: &Card,
    origin: &CorpusOrigin,
    work: &Path,
    folder: &Path,
) -> Result<(), String> {
    match &origin.source {
        Source::Archive { url, md5, unpacked } => {
            space::check(work, origin.bytes.saturating_add(*unpacked))?;
            let zip = work.join("archive.zip");
            let md5 = md5.clone().map(Checksum::Md5);
            let mut is_second = false;
            loop {
                download_archive(client, card, url, md5.as_ref(), &zip)?;
                // What an interrupted run unpacked may end within a file.
                remove_folder(folder)?;
                let progress = DownloadProgress::new(&format!("{} unpacked", card.name), Some(*unpacked));
                let (wanted, there) = (|name: &str| is_recording(card, name), |bytes| progress.set(bytes));
                let limit = accepted(*unpacked);
                let (why, is_damaged) = match archive::unpack(&zip, folder, limit, &wanted, &there) {
                    Ok(_) => return remove_file(&zip),
                    Err(UnpackError::Disk(why)) => return Err(why),
                    Err(UnpackError::Refused(why)) => (why, false),
                    Err(UnpackError::Damaged(why)) => (why, true),
                };
                // What is of no use must not be what the next fetch finds.
                remove_file(&zip)?;
                if !is_damaged || std::mem::replace(&mut is_second, true) {
                    return Err(format!("{why}; it was deleted"));
                }
                progress.warn(&format!("{why}; it was deleted and is downloaded again"));
            }
        }
        Source::GitTree { tree, folders, files, lfs } => {
            let files = git_tree(client, tree, folders, files, *lfs)?;
            download_files(client, card, origin, files, folder)
        }
        Source::Dataverse { server, dataset } => {
            let files = dataverse(client, server, dataset)?;
            download_files(client, card, origin, files, folder)
        }
    }
}

fn download_archive(
    client: &Client,
    card: &Card,
    url: &str,
    checksum: Option<&Checksum>,
    zip: &Path,
) -> Result<(), String> {
    if zip.exists() {
        return Ok(());
    }
    let name = format!("{} archive", card.name);
    let progress = DownloadProgress::new(&name, card.fetch.as_ref().map(|origin| origin.bytes));
    let limit = card.fetch.as_ref().map_or(u64::MAX, |origin| accepted(origin.bytes));
    let request = Request { name: &name, url, bytes: None, limit, checksum, token: None };
    download(client, &request, zip, &|bytes| progress.set(bytes), &|text| progress.warn(text))?;
    if checksum.is_none() {
        let sha256 = fs::File::open(zip).and_then(|mut file| sha256(&mut file));
        let sha256 = sha256.map_err(|error| format!("failed to read {}: {error}", zip.display()))?;
        progress
            .warn(&format!("{name}: the card names no checksum; the downloaded file has SHA-256 {sha256}"));
    }
    Ok(())
}

/// Whether a path in a release is that of a recording of the corpus.
fn is_recording(card: &Card, path: &str) -> bool {
    let is_hidden = path.rsplit('/').next().is_none_or(|name| name.starts_with('.'));
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    !is_hidden && !card.ignore.iter().any(|ignore| ignore.is_match(path)) && card.grammar.read(stem).is_some()
}

/// Downloads the recordings among the files, several at a time. Files of an earlier run are kept.
fn download_files(
    client: &Client,
    card: &Card,
    origin: &CorpusOrigin,
    mut files: Vec<RemoteFile>,
    folder: &Path,
) -> Result<(), String> {
    files.retain(|file| is_recording(card, &file.path));
    if files.is_empty() {
        return Err("the server lists none of its recordings\nhint: the card may be out of date".to_owned());
    }
    let bytes_there =
        |file: &RemoteFile| fs::metadata(folder.join(&file.path)).map(|metadata| metadata.len()).ok();
    let there: u64 = files.iter().filter_map(bytes_there).sum();
    let told: Option<u64> = files.iter().map(|file| file.bytes).sum();
    let total = told.unwrap_or(origin.bytes);
    space::check(folder, total.saturating_sub(there))?;
    files.retain(|file| bytes_there(file).is_none());

    let progress =
        DownloadProgress::new(&format!("{} recordings of {}", files.len(), card.name), Some(total));
    let (next, done, stop) = (AtomicUsize::new(0), AtomicU64::new(there), AtomicBool::new(false));
    let limit = accepted(total);
    let (say, said) = mpsc::channel();
    let work = |say: mpsc::Sender<String>| -> Result<(), String> {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let request = Request {
                name: &file.path,
                url: &file.url,
                bytes: file.bytes,
                // What is left of what all files may have together.
                limit: limit.saturating_sub(done.load(Ordering::Relaxed)),
                checksum: Some(&file.checksum),
                token: None,
            };
            let counted = AtomicU64::new(0);
            let progress = |bytes: u64| {
                let before = counted.swap(bytes, Ordering::Relaxed);
                done.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
            };
            // The receiver outlives the downloads.
            let warn = |text: &str| drop(say.send(text.to_owned()));
            if let Err(error) = download(client, &request, &folder.join(&file.path), &progress, &warn) {
                stop.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..CONCURRENT_DOWNLOADS)
            .map(|_| {
                let say = say.clone();
                scope.spawn(|| work(say))
            })
            .collect();
        drop(say);
        loop {
            match said.recv_timeout(TICK) {
                Ok(text) => progress.warn(&text),
                Err(mpsc::RecvTimeoutError::Timeout) => progress.set(done.load(Ordering::Relaxed)),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        let crashed =
            || Err("a download crashed: this is a fault of this program, please report it".to_owned());
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| crashed()))
    })
}

fn remove_file(path: &Path) -> Result<(), String> {
    fs::remove_file(path).map_err(|error| format!("failed to remove {}: {error}", path.display()))
}

fn remove_folder(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("failed to remove {}: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}
