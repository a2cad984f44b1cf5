//! HTTP for downloads: follows redirects itself, so that a token never leaves its host, and knows which errors are worth a
//! retry.

use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Uri};
use ureq::tls::{RootCerts, TlsConfig};

/// The largest number of redirects that are followed.
const MAX_REDIRECTS: usize = 10;

/// The longest `Retry-After` that is obeyed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// The longest pause of the backoff.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// An HTTP client. Proxies are taken from `HTTPS_PROXY` and the like, certificates from the system.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    retries: u32,
}

/// A bearer token and the one origin it is sent to.
#[derive(Clone)]
pub struct Token {
    origin: String,
    secret: String,
}

/// A response with a status below 400 that is no redirect.
pub struct Response {
    /// Its status.
    pub status: u16,
    headers: HeaderMap,
    body: ureq::Body,
}

/// What a server's headers say about a file.
#[derive(Debug, Default)]
pub struct Metadata {
    /// The commit of the revision.
    pub commit: Option<String>,
    /// The ETag, without quotes.
    pub etag: Option<String>,
    /// Its size in bytes.
    pub bytes: Option<u64>,
}

/// Why a request failed.
#[derive(Debug)]
pub struct HttpError {
    /// What failed, for messages.
    pub text: String,
    /// Whether, and when, to retry.
    pub retry: RetryAfter,
    /// The response's status, if there was a response.
    pub status: Option<u16>,
    /// The Hub's error code: `EntryNotFound`, `GatedRepo` …
    pub code: Option<String>,
}

/// When to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// Not at all: the error is permanent.
    Never,
    /// After a pause: the error may be transient.
    Soon,
    /// After the time that the server names.
    After(Duration),
}

impl HttpError {
    /// An error without a response.
    pub fn new(text: impl Into<String>, retry: RetryAfter) -> Self {
        Self { text: text.into(), retry, status: None, code: None }
    }
}

impl Token {
    /// A token for the origin of `url`. `None` if it is no valid header value.
    pub fn new(url: &str, secret: &str) -> Option<Self> {
        let secret = secret.trim();
        let is_plain = !secret.is_empty() && secret.bytes().all(|c| c.is_ascii_graphic());
        is_plain.then(|| Self { origin: origin(url), secret: secret.to_owned() })
    }
}

impl Client {
    /// A client whose requests time out after `timeout` without a byte, and which retries `retries` times in a row.
    pub fn new(timeout: Duration, retries: u32) -> Self {
        let config = Agent::config_builder()
            .user_agent(concat!("affekt/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(timeout))
            .timeout_connect(Some(timeout))
            .timeout_per_read(Some(timeout))
            .timeout_per_write(Some(timeout))
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .build();
        Self { agent: config.new_agent(), retries }
    }

    /// Requests the body at `url`.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, or redirects to where we cannot follow.
    pub fn get(
        &self,
        url: &str,
        headers: &[(&str, String)],
        token: Option<&Token>,
    ) -> Result<Response, HttpError> {
        let mut url = url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let (response, location) = self.send("GET", &url, headers, token)?;
            match location {
                None => return Ok(response),
                Some(next) => url = next,
            }
        }
        Err(HttpError::new(
            format!("{} redirects more than {MAX_REDIRECTS} times", host(&url)),
            RetryAfter::Never,
        ))
    }

    /// Requests the headers of the file at `url`. Redirects are followed while they stay on the server: before one to the
    /// store of its large files, it has sent all headers of interest.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn metadata(&self, url: &str, token: Option<&Token>) -> Result<Metadata, HttpError> {
        let mut url = url.to_owned();
        let mut metadata = Metadata::default();
        for _ in 0..=MAX_REDIRECTS {
            let (response, location) = self.send("HEAD", &url, &[], token)?;
            metadata.commit = metadata.commit.or_else(|| response.text("x-repo-commit"));
            metadata.bytes = metadata.bytes.or_else(|| response.number("x-linked-size"));
            let etag = response.text("x-linked-etag");
            metadata.etag = metadata.etag.or_else(|| etag.as_deref().map(unquoted));
            let next = location.filter(|next| origin(next) == origin(&url));
            let Some(next) = next else {
                metadata.etag = metadata.etag.or_else(|| response.text("etag").as_deref().map(unquoted));
                if response.status < 300 {
                    metadata.bytes = metadata.bytes.or_else(|| response.number("content-length"));
                }
                return Ok(metadata);
            };
            url = next;
        }
        Err(HttpError::new(
            format!("{} redirects more than {MAX_REDIRECTS} times", host(&url)),
            RetryAfter::Never,
        ))
    }

    /// Calls `attempt` until it succeeds or fails for good.
    ///
    /// # Errors
    /// The last error of `attempt`.
    pub fn with_retries<T>(
        &self,
        say: &dyn Fn(&str),
        mut attempt: impl FnMut() -> Result<T, HttpError>,
    ) -> Result<T, HttpError> {
        let mut backoff = self.backoff();
        loop {
            match attempt() {
                Ok(done) => return Ok(done),
                Err(error) => backoff.wait(error, say)?,
            }
        }
    }

    /// Returns a new backoff with this client's retries.
    pub fn backoff(&self) -> Backoff {
        Backoff { failures: 0, retries: self.retries }
    }

    /// Sends one request; returns its response and the URL that it redirects to.
    fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, String)],
        token: Option<&Token>,
    ) -> Result<(Response, Option<String>), HttpError> {
        let mut request = match method {
            "HEAD" => self.agent.head(url),
            _ => self.agent.get(url),
        };
        // A compressed body has another length and another range than the file.
        request = request.header("accept-encoding", "identity");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if let Some(token) = token.filter(|token| token.origin == origin(url)) {
            request = request.header("authorization", format!("Bearer {}", token.secret));
        }
        let answered = request.call().map_err(|error| connection_error(url, &error))?;
        let (parts, body) = answered.into_parts();
        let response = Response { status: parts.status.as_u16(), headers: parts.headers, body };
        if response.status >= 400 {
            return Err(status_error(url, &response));
        }
        let location = match response.status {
            301 | 302 | 303 | 307 | 308 => {
                let location = response.text("location");
                let unsupported = || {
                    let target = location.as_deref().map(host).unwrap_or_default();
                    let text = format!("{}: unsupported redirect target `{target}`", host(url));
                    HttpError::new(text, RetryAfter::Never)
                };
                let next = location.as_deref().and_then(|location| redirected(url, location));
                Some(next.ok_or_else(unsupported)?)
            }
            _ => None,
        };
        Ok((response, location))
    }
}

/// Exponential backoff: counts failures in a row and waits longer after each.
pub struct Backoff {
    failures: u32,
    retries: u32,
}

impl Backoff {
    /// Forgets earlier failures, after progress.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The error itself, when there is to be no other attempt.
    pub fn wait(&mut self, error: HttpError, say: &dyn Fn(&str)) -> Result<(), HttpError> {
        let own = Duration::from_millis(500 << self.failures.min(10)).min(MAX_PAUSE);
        let pause = match error.retry {
            RetryAfter::Never => return Err(error),
            RetryAfter::Soon => own,
            RetryAfter::After(wait) if wait > MAX_RETRY_AFTER => {
                let text = format!("{} and asks to retry after {} s", error.text, wait.as_secs());
                return Err(HttpError { text, ..error });
            }
            RetryAfter::After(wait) => wait.max(own),
        };
        if self.failures == self.retries {
            let text = match self.failures {
                0 => error.text,
                _ => format!("{} ({} attempts)", error.text, self.failures + 1),
            };
            return Err(HttpError { text, ..error });
        }
        self.failures += 1;
        say(&format!("{}; retrying in {:.1} s", error.text, pause.as_secs_f64()));
        std::thread::sleep(pause);
        Ok(())
    }
}

impl Response {
    /// Returns a header's text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.headers.get(name)?.to_str().ok().map(str::to_owned)
    }

    /// Returns a header's number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.trim().parse().ok()
    }

    /// Returns a reader of the body, of whatever length.
    pub fn reader(self) -> impl std::io::Read {
        self.body.into_reader()
    }

    /// Reads the body as text, if it is no longer than `limit` bytes.
    pub fn read_text(self, limit: u64) -> Result<String, HttpError> {
        let body = self.body.into_with_config().limit(limit).read_to_string();
        body.map_err(|error| {
            HttpError::new(format!("failed to read the response: {error}"), RetryAfter::Soon)
        })
    }
}

/// Returns the origin of a URL, `https://host:port`.
fn origin(url: &str) -> String {
    let Ok(uri) = url.parse::<Uri>() else { return String::new() };
    let scheme = uri.scheme_str().unwrap_or_default();
    let port = uri.port_u16().or(match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    });
    format!("{scheme}://{}:{}", uri.host().unwrap_or_default().to_ascii_lowercase(), port.unwrap_or_default())
}

/// Returns the host of a URL, for messages: the URL itself may hold a signature.
pub fn host(url: &str) -> String {
    let uri = url.parse::<Uri>().ok();
    uri.and_then(|uri| Some(uri.authority()?.host().to_owned())).unwrap_or_else(|| url.to_owned())
}

/// Resolves a `Location` against `url`. `None` where it is invalid, or leads from HTTPS to HTTP.
fn redirected(url: &str, location: &str) -> Option<String> {
    let base: Uri = url.parse().ok()?;
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let next = if location.contains("://") {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    let next_scheme = next.parse::<Uri>().ok()?.scheme_str()?.to_owned();
    let is_safe = next_scheme == "https" || (next_scheme == "http" && scheme == "http");
    is_safe.then_some(next)
}

fn unquoted(etag: &str) -> String {
    etag.trim().trim_start_matches("W/").trim_matches('"').to_owned()
}

fn status_error(url: &str, response: &Response) -> HttpError {
    let status = response.status;
    let retry = match status {
        408 | 425 | 429 | 500..=599 => {
            let wait = response.number("retry-after").map(Duration::from_secs);
            wait.map_or(RetryAfter::Soon, RetryAfter::After)
        }
        _ => RetryAfter::Never,
    };
    let reason = response.text("x-error-message").map(|text| format!(" ({text})")).unwrap_or_default();
    let text = format!("{} answered HTTP {status}{reason}", host(url));
    HttpError { text, retry, status: Some(status), code: response.text("x-error-code") }
}

fn connection_error(url: &str, error: &ureq::Error) -> HttpError {
    let retry = match error {
        // Names and certificates do not change within seconds.
        ureq::Error::HostNotFound
        | ureq::Error::BadUri(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_) => RetryAfter::Never,
        _ => RetryAfter::Soon,
    };
    HttpError::new(format!("failed to connect to {}: {error}", host(url)), retry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_redirects_lead() {
        let from = |location| redirected("https://hub.test/a/b?c=d", location);
        assert_eq!(from("/x?y"), Some("https://hub.test/x?y".to_owned()));
        assert_eq!(from("x"), Some("https://hub.test/a/x".to_owned()));
        assert_eq!(from("//store.test/x"), Some("https://store.test/x".to_owned()));
        assert_eq!(from("https://store.test/x"), Some("https://store.test/x".to_owned()));
        assert_eq!(from("http://hub.test/x"), None);
        assert_eq!(from("file:///etc/passwd"), None);
    }

    #[test]
    fn a_token_is_for_one_origin() {
        assert_eq!(origin("https://Hub.test/a"), origin("https://hub.test:443/b"));
        assert_ne!(origin("https://hub.test/a"), origin("https://store.hub.test/a"));
        assert_ne!(origin("http://127.0.0.1:1/a"), origin("http://127.0.0.1:2/a"));
        assert_ne!(origin("https://hub.test/a"), origin("http://hub.test/a"));
        assert!(Token::new("https://hub.test", "secret\n").is_some());
        assert!(Token::new("https://hub.test", "se\ncret").is_none());
        assert!(Token::new("https://hub.test", " ").is_none());
    }

    #[test]
    fn backoff_ends() {
        let mut backoff = Backoff { failures: 0, retries: 0 };
        let error = |retry| HttpError::new("x answered HTTP 503", retry);
        assert!(backoff.wait(error(RetryAfter::Soon), &|_| ()).is_err());
        let mut backoff = Backoff { failures: 0, retries: 9 };
        let told = backoff.wait(error(RetryAfter::After(Duration::from_secs(3600))), &|_| ()).unwrap_err();
        assert_eq!(told.text, "x answered HTTP 503 and asks to retry after 3600 s");
        assert!(backoff.wait(error(RetryAfter::Never), &|_| ()).is_err());
    }
}
