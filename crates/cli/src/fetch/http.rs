//! HTTP as downloads need it: redirects under our own eyes, so that a token never leaves its host; troubles that know
//! whether trying again makes sense.

use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Uri};
use ureq::tls::{RootCerts, TlsConfig};

/// Redirects beyond which somebody goes round in circles.
const REDIRECTS: usize = 10;

/// The longest time that a server may ask us to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The longest pause of our own between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Talks to servers. Proxies are taken from `HTTPS_PROXY` and its signatures, certificates from the system: what cargo
/// trusts is trusted.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    retries: u32,
}

/// A secret, and the one server that may be told.
#[derive(Clone)]
pub struct Token {
    origin: String,
    secret: String,
}

/// An answer with a status below 400 that is no redirect.
pub struct Answer {
    /// Its status.
    pub status: u16,
    headers: HeaderMap,
    body: ureq::Body,
}

/// What a server says about a file without sending it.
#[derive(Debug, Default)]
pub struct Facts {
    /// The commit that the revision is.
    pub commit: Option<String>,
    /// What names its content.
    pub etag: Option<String>,
    /// Its size in bytes.
    pub bytes: Option<u64>,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct HttpError {
    /// In words.
    pub text: String,
    /// Whether, and when, to try again.
    pub again: RetryAfter,
    /// The server's status, if it answered.
    pub status: Option<u16>,
    /// What the Hub calls the error: `EntryNotFound`, `GatedRepo` …
    pub code: Option<String>,
}

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// Not at all.
    Never,
    /// After a pause.
    Soon,
    /// When the server says.
    After(Duration),
}

impl HttpError {
    /// A error without a server's answer.
    pub fn new(text: impl Into<String>, again: RetryAfter) -> Self {
        Self { text: text.into(), again, status: None, code: None }
    }
}

impl Token {
    /// A secret for the server of `url`. `None` if it could not stand in a header.
    pub fn new(url: &str, secret: &str) -> Option<Self> {
        let secret = secret.trim();
        let is_plain = !secret.is_empty() && secret.bytes().all(|c| c.is_ascii_graphic());
        is_plain.then(|| Self { origin: origin(url), secret: secret.to_owned() })
    }
}

impl Client {
    /// A client that gives up on a server that says nothing for `silence`, and on one that fails `retries` times more
    /// than once in a row.
    pub fn new(silence: Duration, retries: u32) -> Self {
        let config = Agent::config_builder()
            .user_agent(concat!("affekt/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(silence))
            .timeout_connect(Some(silence))
            .timeout_per_read(Some(silence))
            .timeout_per_write(Some(silence))
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .build();
        Self { agent: config.new_agent(), retries }
    }

    /// Asks for the body at `url`, with headers of its own.
    pub fn get(
        &self,
        url: &str,
        headers: &[(&str, String)],
        token: Option<&Token>,
    ) -> Result<Answer, HttpError> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS {
            let (answer, location) = self.ask("GET", &url, headers, token)?;
            match location {
                None => return Ok(answer),
                Some(next) => url = next,
            }
        }
        Err(HttpError::new(format!("{} redirects in circles", host(&url)), RetryAfter::Never))
    }

    /// Asks for what is known about the file at `url`. Redirects are followed while they stay on the server: where it
    /// sends us to a store of its large files, it has told all before.
    pub fn facts(&self, url: &str, token: Option<&Token>) -> Result<Facts, HttpError> {
        let mut url = url.to_owned();
        let mut facts = Facts::default();
        for _ in 0..=REDIRECTS {
            let (answer, location) = self.ask("HEAD", &url, &[], token)?;
            facts.commit = facts.commit.or_else(|| answer.text("x-repo-commit"));
            facts.bytes = facts.bytes.or_else(|| answer.number("x-linked-size"));
            let etag = answer.text("x-linked-etag");
            facts.etag = facts.etag.or_else(|| etag.as_deref().map(unquoted));
            let next = location.filter(|next| origin(next) == origin(&url));
            let Some(next) = next else {
                facts.etag = facts.etag.or_else(|| answer.text("etag").as_deref().map(unquoted));
                if answer.status < 300 {
                    facts.bytes = facts.bytes.or_else(|| answer.number("content-length"));
                }
                return Ok(facts);
            };
            url = next;
        }
        Err(HttpError::new(format!("{} redirects in circles", host(&url)), RetryAfter::Never))
    }

    /// Does something until it works, or fails for good.
    pub fn with_retries<T>(
        &self,
        say: &dyn Fn(&str),
        mut what: impl FnMut() -> Result<T, HttpError>,
    ) -> Result<T, HttpError> {
        let mut backoff = self.backoff();
        loop {
            match what() {
                Ok(done) => return Ok(done),
                Err(error) => backoff.wait(error, say)?,
            }
        }
    }

    /// As much backoff as this client has.
    pub fn backoff(&self) -> Backoff {
        Backoff { failures: 0, retries: self.retries }
    }

    /// One question; with the address it redirects to, if it does.
    fn ask(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, String)],
        token: Option<&Token>,
    ) -> Result<(Answer, Option<String>), HttpError> {
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
        let response = request.call().map_err(|error| unreachable_server(url, &error))?;
        let (parts, body) = response.into_parts();
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body };
        if answer.status >= 400 {
            return Err(refusal(url, &answer));
        }
        let location = match answer.status {
            301 | 302 | 303 | 307 | 308 => {
                let location = answer.text("location").and_then(|location| redirected(url, &location));
                let bad = || {
                    HttpError::new(format!("{} redirects to nowhere we can go", host(url)), RetryAfter::Never)
                };
                Some(location.ok_or_else(bad)?)
            }
            _ => None,
        };
        Ok((answer, location))
    }
}

/// How often something may still fail in a row.
pub struct Backoff {
    failures: u32,
    retries: u32,
}

impl Backoff {
    /// Something went well.
    pub fn restore(&mut self) {
        self.failures = 0;
    }

    /// Waits before the next try, or gives the error back when there is to be none.
    pub fn wait(&mut self, error: HttpError, say: &dyn Fn(&str)) -> Result<(), HttpError> {
        let own = Duration::from_millis(500 << self.failures.min(10)).min(LONGEST_PAUSE);
        let pause = match error.again {
            RetryAfter::Never => return Err(error),
            RetryAfter::Soon => own,
            RetryAfter::After(wait) if wait > LONGEST_WAIT => {
                let text = format!("{} and asks to wait {} s", error.text, wait.as_secs());
                return Err(HttpError { text, ..error });
            }
            RetryAfter::After(wait) => wait.max(own),
        };
        if self.failures == self.retries {
            let text = match self.failures {
                0 => error.text,
                _ => format!("{} ({} tries)", error.text, self.failures + 1),
            };
            return Err(HttpError { text, ..error });
        }
        self.failures += 1;
        say(&format!("{}; trying again in {:.1} s", error.text, pause.as_secs_f64()));
        std::thread::sleep(pause);
        Ok(())
    }
}

impl Answer {
    /// A header's text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.headers.get(name)?.to_str().ok().map(str::to_owned)
    }

    /// A header's number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.trim().parse().ok()
    }

    /// The body, however long it is.
    pub fn reader(self) -> impl std::io::Read {
        self.body.into_reader()
    }

    /// The body as text, if it is no longer than that many bytes.
    pub fn read_text(self, limit: u64) -> Result<String, HttpError> {
        let body = self.body.into_with_config().limit(limit).read_to_string();
        body.map_err(|error| HttpError::new(format!("the answer cannot be read: {error}"), RetryAfter::Soon))
    }
}

/// `https://host:port`: what a token is for.
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

/// The host of an address, for messages: addresses themselves may hold signatures.
pub fn host(url: &str) -> String {
    let uri = url.parse::<Uri>().ok();
    uri.and_then(|uri| Some(uri.authority()?.host().to_owned())).unwrap_or_else(|| url.to_owned())
}

/// Where a `Location` leads from `url`. `None` when nowhere, or out of an encrypted connection into a plain one.
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

fn refusal(url: &str, answer: &Answer) -> HttpError {
    let status = answer.status;
    let again = match status {
        408 | 425 | 429 | 500..=599 => {
            let wait = answer.number("retry-after").map(Duration::from_secs);
            wait.map_or(RetryAfter::Soon, RetryAfter::After)
        }
        _ => RetryAfter::Never,
    };
    let said = answer.text("x-error-message").map(|said| format!(" ({said})")).unwrap_or_default();
    let text = format!("{} answers {status}{said}", host(url));
    HttpError { text, again, status: Some(status), code: answer.text("x-error-code") }
}

fn unreachable_server(url: &str, error: &ureq::Error) -> HttpError {
    let again = match error {
        // Names and certificates do not mend themselves within seconds.
        ureq::Error::HostNotFound
        | ureq::Error::BadUri(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_) => RetryAfter::Never,
        _ => RetryAfter::Soon,
    };
    HttpError::new(format!("cannot reach {}: {error}", host(url)), again)
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
    fn patience_ends() {
        let mut backoff = Backoff { failures: 0, retries: 0 };
        let error = |again| HttpError::new("x answers 503", again);
        assert!(backoff.wait(error(RetryAfter::Soon), &|_| ()).is_err());
        let mut backoff = Backoff { failures: 0, retries: 9 };
        let told = backoff.wait(error(RetryAfter::After(Duration::from_secs(3600))), &|_| ()).unwrap_err();
        assert_eq!(told.text, "x answers 503 and asks to wait 3600 s");
        assert!(backoff.wait(error(RetryAfter::Never), &|_| ()).is_err());
    }
}
