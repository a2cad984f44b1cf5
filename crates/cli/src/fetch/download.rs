//! Downloads one file over HTTP: resumes it, verifies it, and gives it its name only when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::checksum::Checksum;
use super::http::{Client, HttpError, RetryAfter, Token, host};
pub use crate::size::size;

/// A file to download.
#[derive(Clone, Copy)]
pub struct Request<'w> {
    /// What messages call it.
    pub name: &'w str,
    /// Its URL.
    pub url: &'w str,
    /// Its size in bytes, where that is known.
    pub bytes: Option<u64>,
    /// The most bytes that are accepted, whatever the server says.
    pub limit: u64,
    /// Its checksum, where that is known.
    pub checksum: Option<&'w Checksum>,
    /// The token that authorises the download.
    pub token: Option<&'w Token>,
}

/// Why one attempt did not complete the file.
enum DownloadError {
    /// The request failed.
    Http(HttpError),
    /// Size or checksum are not those of the file.
    Mismatch(String),
    /// It is larger than what is accepted.
    TooLarge(Option<u64>),
    /// Writing to disk failed.
    Disk(io::Error),
}

/// Returns the most bytes that are accepted of what a card announces as so many: twice as many, for releases grow.
pub const fn accepted(announced: u64) -> u64 {
    announced.saturating_mul(2)
}

/// Downloads a file to `target`. Calls `progress` with the number of bytes on disk, `warn` with retries and mismatches.
///
/// Incomplete bytes are kept in `<target>.incomplete`, which the next call resumes.
///
/// # Errors
/// A message with a hint.
pub fn download(
    client: &Client,
    request: &Request,
    target: &Path,
    progress: &dyn Fn(u64),
    warn: &dyn Fn(&str),
) -> Result<(), String> {
    let partial = Partial::beside(target);
    let mut backoff = client.backoff();
    let mut has_mismatched = false;
    let on_disk = |error: io::Error| format!("failed to write {}: {error}", partial.path.display());
    let mut ranges = true;
    loop {
        let before = partial.bytes();
        match attempt(client, request, &partial, &mut ranges, progress) {
            Ok(()) => return partial.finish(target).map_err(on_disk),
            Err(DownloadError::Disk(error)) => return Err(on_disk(error)),
            Err(DownloadError::TooLarge(bytes)) => {
                partial.discard().map_err(on_disk)?;
                let has =
                    bytes.map_or_else(|| "sends more".to_owned(), |bytes| format!("has {}", size(bytes)));
                return Err(format!(
                    "{} is refused: {} {has}, and at most {} are accepted, twice what is announced\n\
                     hint: where the release has grown so much, its card needs the new size",
                    request.name,
                    host(request.url),
                    size(request.limit),
                ));
            }
            Err(DownloadError::Mismatch(why)) => {
                partial.discard().map_err(on_disk)?;
                if has_mismatched {
                    return Err(format!(
                        "{} failed verification twice: {why}\nhint: a proxy or mirror in between may alter \
                         files; try without it, or later",
                        request.name
                    ));
                }
                has_mismatched = true;
                warn(&format!(
                    "{} failed verification ({why}) and was deleted; downloading it again",
                    request.name
                ));
            }
            Err(DownloadError::Http(error)) => {
                if partial.bytes() > before {
                    backoff.reset();
                }
                backoff.wait(error, warn).map_err(|error| describe(request, &error, &partial))?;
            }
        }
    }
}

/// Resumes the file, completes it and verifies it.
fn attempt(
    client: &Client,
    request: &Request,
    partial: &Partial,
    ranges: &mut bool,
    progress: &dyn Fn(u64),
) -> Result<(), DownloadError> {
    let mut have = if *ranges { partial.bytes() } else { 0 };
    // Without a checksum or an ETag nobody can say whether these bytes are of the file that the server has now.
    let validator = partial.validator();
    if request.checksum.is_none() && validator.is_none() || request.bytes.is_some_and(|bytes| have > bytes) {
        have = 0;
    }
    if have == 0 || request.bytes != Some(have) {
        receive(client, request, partial, have, validator, ranges, progress)?;
    }
    match request.checksum {
        Some(checksum) if !checksum.holds(&partial.path).map_err(DownloadError::Disk)? => {
            Err(DownloadError::Mismatch(format!("its checksum is not {checksum}")))
        }
        _ => Ok(()),
    }
}

/// Receives the bytes from offset `have`.
fn receive(
    client: &Client,
    request: &Request,
    partial: &Partial,
    mut have: u64,
    validator: Option<String>,
    ranges: &mut bool,
    progress: &dyn Fn(u64),
) -> Result<(), DownloadError> {
    let mut headers = Vec::new();
    if have > 0 {
        headers.push(("range", format!("bytes={have}-")));
        // A checksum finds a wrong splice; without one the server has to confirm that the file is the same.
        if request.checksum.is_none() {
            headers.extend(validator.map(|etag| ("if-range", etag)));
        }
    }
    let answer = match client.get(request.url, &headers, request.token) {
        Ok(answer) => answer,
        Err(error) if error.status == Some(416) => {
            *ranges = false;
            return Err(DownloadError::Http(HttpError { retry: RetryAfter::Soon, ..error }));
        }
        Err(error) => return Err(DownloadError::Http(error)),
    };
    let total = if answer.status == 206 {
        match answer.text("content-range").as_deref().and_then(parse_range) {
            Some((start, total)) if start == have => total,
            _ => {
                *ranges = false;
                let text = format!("{} sent another range than was requested", host(request.url));
                return Err(DownloadError::Http(HttpError::new(text, RetryAfter::Soon)));
            }
        }
    } else {
        // A server without ranges, or with another file now, sends all of it.
        have = 0;
        answer.number("content-length")
    };
    if let (Some(total), Some(bytes)) = (total, request.bytes)
        && total != bytes
    {
        return Err(DownloadError::Mismatch(format!("the server has {total} bytes, expected {bytes}")));
    }
    let total = total.or(request.bytes);
    if total.is_some_and(|total| total > request.limit) {
        return Err(DownloadError::TooLarge(total));
    }
    let mut file = partial.open(have, answer.text("etag")).map_err(DownloadError::Disk)?;
    let mut body = answer.reader();
    let mut chunk = vec![0; 1 << 18];
    loop {
        let read = match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => {
                let text = format!("the connection to {} was lost: {error}", host(request.url));
                return Err(DownloadError::Http(HttpError::new(text, RetryAfter::Soon)));
            }
        };
        file.write_all(&chunk[..read]).map_err(DownloadError::Disk)?;
        have += read as u64;
        if total.is_some_and(|total| have > total) {
            return Err(DownloadError::Mismatch(format!(
                "the server sent more than {} bytes",
                total.unwrap_or_default()
            )));
        }
        if have > request.limit {
            return Err(DownloadError::TooLarge(None));
        }
        progress(have);
    }
    file.sync_all().map_err(DownloadError::Disk)?;
    match total {
        Some(total) if have < total => {
            let text = format!("{} closed the connection {} bytes early", host(request.url), total - have);
            Err(DownloadError::Http(HttpError::new(text, RetryAfter::Soon)))
        }
        _ => Ok(()),
    }
}

/// An incomplete file, and the ETag of its content.
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

    /// Returns the strong ETag of the response that its bytes are of.
    fn validator(&self) -> Option<String> {
        fs::read_to_string(&self.validator).ok().filter(|etag| etag.starts_with('"'))
    }

    /// Opens the file for writing at offset `from`.
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

/// Parses `bytes 100-199/200`: the first byte, and the size of the file where it is known.
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()))
}

fn describe(request: &Request, error: &HttpError, partial: &Partial) -> String {
    let kept = match partial.bytes() {
        0 => String::new(),
        bytes => format!("; {} are kept, and the same command resumes", size(bytes)),
    };
    let hint = match error.status {
        Some(404 | 410) => "the file has moved or was deleted".to_owned(),
        Some(status @ (401 | 403)) => format!("access denied (HTTP {status}): set HF_TOKEN"),
        _ => format!("check the network; a proxy is taken from HTTPS_PROXY{kept}"),
    };
    format!("failed to download {}: {}\nhint: {hint}", request.name, error.text)
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
