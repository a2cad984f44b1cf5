//! One file over HTTP: resumed where it was cut, verified, and under its name only when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::checksum::Checksum;
use super::http::{Client, HttpError, RetryAfter, Token, host};

/// What is to be downloaded.
#[derive(Clone, Copy)]
pub struct Wanted<'w> {
    /// What the person knows it by.
    pub name: &'w str,
    /// Where it is.
    pub url: &'w str,
    /// How many bytes it has, where that is known.
    pub bytes: Option<u64>,
    /// What its bytes must be, where that is known.
    pub checksum: Option<&'w Checksum>,
    /// What to show the server.
    pub token: Option<&'w Token>,
}

/// Why one try brought nothing whole.
enum DownloadError {
    /// The way to the server.
    HttpError(HttpError),
    /// The bytes are not those of the file.
    Wrong(String),
    /// This machine's disk.
    Disk(io::Error),
}

/// Brings a file to `target`. `there` hears how many of its bytes are on this machine, `say` whatever is unusual.
///
/// What has come in lies in `<target>.incomplete`, from which the next call goes on.
///
/// # Errors
/// In words for the person.
pub fn download(
    client: &Client,
    wanted: &Wanted,
    target: &Path,
    there: &dyn Fn(u64),
    say: &dyn Fn(&str),
) -> Result<(), String> {
    let partial = Partial::beside(target);
    let mut backoff = client.backoff();
    let mut was_wrong = false;
    let on_disk = |error: io::Error| format!("cannot write {}: {error}", partial.path.display());
    let mut ranges = true;
    loop {
        let before = partial.bytes();
        match attempt(client, wanted, &partial, &mut ranges, there) {
            Ok(()) => return partial.finish(target).map_err(on_disk),
            Err(DownloadError::Disk(error)) => return Err(on_disk(error)),
            Err(DownloadError::Wrong(why)) => {
                partial.discard().map_err(on_disk)?;
                if was_wrong {
                    return Err(format!(
                        "{} arrives wrong, twice: {why}\nhint: if a proxy or mirror stands between, it may alter \
                         files; try without it, or later",
                        wanted.name
                    ));
                }
                was_wrong = true;
                say(&format!(
                    "{} is wrong ({why}) and was thrown away; downloading it once more",
                    wanted.name
                ));
            }
            Err(DownloadError::HttpError(error)) => {
                if partial.bytes() > before {
                    backoff.restore();
                }
                backoff.wait(error, say).map_err(|error| given_up(wanted, &error, &partial))?;
            }
        }
    }
}

/// Goes on from what is there to the end, and verifies the whole.
fn attempt(
    client: &Client,
    wanted: &Wanted,
    partial: &Partial,
    ranges: &mut bool,
    there: &dyn Fn(u64),
) -> Result<(), DownloadError> {
    let mut have = if *ranges { partial.bytes() } else { 0 };
    // Bytes of which nobody can say whether they are of the file that the server has now are worth nothing.
    let validator = partial.validator();
    if wanted.checksum.is_none() && validator.is_none() || wanted.bytes.is_some_and(|bytes| have > bytes) {
        have = 0;
    }
    if have == 0 || wanted.bytes != Some(have) {
        receive(client, wanted, partial, have, validator, ranges, there)?;
    }
    match wanted.checksum {
        Some(checksum) if !checksum.holds(&partial.path).map_err(DownloadError::Disk)? => {
            Err(DownloadError::Wrong(format!("it has not {checksum}")))
        }
        _ => Ok(()),
    }
}

/// Receives the bytes from `have` on.
fn receive(
    client: &Client,
    wanted: &Wanted,
    partial: &Partial,
    mut have: u64,
    validator: Option<String>,
    ranges: &mut bool,
    there: &dyn Fn(u64),
) -> Result<(), DownloadError> {
    let mut headers = Vec::new();
    if have > 0 {
        headers.push(("range", format!("bytes={have}-")));
        // With a checksum a wrong splice is found out; without one the server has to vouch for it.
        if wanted.checksum.is_none() {
            headers.extend(validator.map(|etag| ("if-range", etag)));
        }
    }
    let answer = match client.get(wanted.url, &headers, wanted.token) {
        Ok(answer) => answer,
        Err(error) if error.status == Some(416) => {
            *ranges = false;
            return Err(DownloadError::HttpError(HttpError { again: RetryAfter::Soon, ..error }));
        }
        Err(error) => return Err(DownloadError::HttpError(error)),
    };
    let total = if answer.status == 206 {
        match answer.text("content-range").as_deref().and_then(parse_range) {
            Some((start, total)) if start == have => total,
            _ => {
                *ranges = false;
                let text = format!("{} sends another part than it was asked for", host(wanted.url));
                return Err(DownloadError::HttpError(HttpError::new(text, RetryAfter::Soon)));
            }
        }
    } else {
        // A server that knows no ranges, or has another file now, sends the whole.
        have = 0;
        answer.number("content-length")
    };
    if let (Some(total), Some(bytes)) = (total, wanted.bytes)
        && total != bytes
    {
        return Err(DownloadError::Wrong(format!("the server has {total} bytes, and {bytes} were expected")));
    }
    let total = total.or(wanted.bytes);
    let mut file = partial.open(have, answer.text("etag")).map_err(DownloadError::Disk)?;
    let mut body = answer.reader();
    let mut chunk = vec![0; 1 << 18];
    loop {
        let read = match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => {
                let text = format!("the connection to {} broke: {error}", host(wanted.url));
                return Err(DownloadError::HttpError(HttpError::new(text, RetryAfter::Soon)));
            }
        };
        file.write_all(&chunk[..read]).map_err(DownloadError::Disk)?;
        have += read as u64;
        if total.is_some_and(|total| have > total) {
            return Err(DownloadError::Wrong(format!(
                "more bytes come than the {} expected",
                total.unwrap_or_default()
            )));
        }
        there(have);
    }
    file.sync_all().map_err(DownloadError::Disk)?;
    match total {
        Some(total) if have < total => {
            let text = format!("{} closed the connection {} bytes early", host(wanted.url), total - have);
            Err(DownloadError::HttpError(HttpError::new(text, RetryAfter::Soon)))
        }
        _ => Ok(()),
    }
}

/// A file that is coming in, and what the server calls its content.
struct Partial {
    path: PathBuf,
    validator: PathBuf,
}

impl Partial {
    fn beside(target: &Path) -> Self {
        let beside = |suffix: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self { path: beside(".incomplete"), validator: beside(".incomplete.etag") }
    }

    fn bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// The strong ETag of the answer that its bytes are of.
    fn validator(&self) -> Option<String> {
        fs::read_to_string(&self.validator).ok().filter(|etag| etag.starts_with('"'))
    }

    /// Opens it to be written from the byte `from` on.
    fn open(&self, from: u64, etag: Option<String>) -> io::Result<File> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        match etag {
            Some(etag) => fs::write(&self.validator, etag)?,
            None => remove(&self.validator)?,
        }
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?;
        file.set_len(from)?;
        file.seek(io::SeekFrom::Start(from))?;
        Ok(file)
    }

    fn discard(&self) -> io::Result<()> {
        remove(&self.validator)?;
        remove(&self.path)
    }

    fn finish(&self, target: &Path) -> io::Result<()> {
        remove(&self.validator)?;
        fs::rename(&self.path, target)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// `bytes 100-199/200`: the first byte, and the size of the whole where it is told.
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()))
}

fn given_up(wanted: &Wanted, error: &HttpError, partial: &Partial) -> String {
    let kept = match partial.bytes() {
        0 => String::new(),
        bytes => format!("; {} of it are kept, and the same command goes on from there", size(bytes)),
    };
    let hint = match error.status {
        Some(404 | 410) => "the file is not where it was".to_owned(),
        Some(401 | 403) => "it takes a permission that was not shown".to_owned(),
        _ => format!("check the network; a proxy is taken from HTTPS_PROXY{kept}"),
    };
    format!("cannot download {}: {}\nhint: {hint}", wanted.name, error.text)
}

/// A number of bytes as a person reads it.
pub fn size(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(parse_range("bytes 100-199/200"), Some((100, Some(200))));
        assert_eq!(parse_range("bytes 100-199/*"), Some((100, None)));
        assert_eq!(parse_range("bytes */200"), None);
        assert_eq!(parse_range("items 1-2/3"), None);
    }
}
