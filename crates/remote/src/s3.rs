//! A bucket that speaks S3: Amazon's, MinIO's, Ceph's.
//!
//! Credentials, region and endpoint come from the variables of Amazon's own tools. Requests are signed in their addresses, which
//! therefore appear in no message. The other side compares what arrives with the MD5 that is sent along.

use std::env;
use std::fs::{self, File};
use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use ureq::http::StatusCode;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::error::{RemoteError, local};
use crate::item::Item;
use crate::parallel::in_parallel;
use crate::remote::{Listable, Remote, Transfer};

/// For how long a signed address is good.
const SIGNED_FOR: Duration = Duration::from_secs(3600);

/// How often a request is tried where the other side is busy, and how long is waited before it is tried again.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// The most that one request may send.
const LARGEST: u64 = 5 << 30;

/// A bucket.
pub struct BucketRemote {
    bucket: Bucket,
    prefix: String,
    credentials: Option<Credentials>,
    agent: Agent,
}

impl std::fmt::Debug for BucketRemote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BucketRemote").field(&self.name()).finish()
    }
}

impl BucketRemote {
    /// Opens a bucket with the credentials, the region and the endpoint of the environment. Without credentials a bucket that
    /// everybody may read is read.
    ///
    /// # Errors
    /// When the endpoint is no address.
    pub fn of_environment(bucket: &str, prefix: &str) -> Result<Self, RemoteError> {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        let own = variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL"));
        // Other servers than Amazon's have seldom a name for each bucket; nor have buckets with dots a certificate.
        let style =
            if own.is_some() || bucket.contains('.') { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let endpoint = own.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let wrong = |_| RemoteError::Location(format!("`{endpoint}` (AWS_ENDPOINT_URL) is no address"));
        let bucket = Bucket::new(endpoint.parse().map_err(|_| wrong(()))?, style, bucket.to_owned(), region);
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .build()
            .new_agent();
        let credentials = Credentials::from_env();
        Ok(Self { bucket: bucket.map_err(|_| wrong(()))?, prefix: prefix.to_owned(), credentials, agent })
    }

    fn key(&self, item: &Item) -> String {
        format!("{}{}", self.prefix, item.path())
    }

    fn failed(&self, action: &'static str, cause: String) -> RemoteError {
        RemoteError::Remote { action, remote: self.name(), cause }
    }

    /// Sends a request, and again where the other side is busy.
    fn request(
        &self,
        action: &'static str,
        send: impl Fn() -> Result<ureq::http::Response<Body>, ureq::Error>,
    ) -> Result<ureq::http::Response<Body>, RemoteError> {
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let answer = send();
            let is_busy = match &answer {
                Ok(answer) => {
                    answer.status().is_server_error() || answer.status() == StatusCode::TOO_MANY_REQUESTS
                }
                Err(_) => true,
            };
            if !is_busy || attempt == ATTEMPTS {
                return answer.map_err(|error| self.failed(action, without_address(&error)));
            }
            attempt += 1;
            std::thread::sleep(pause);
            pause *= 2;
        }
    }

    /// What an answer that is none comes to.
    fn refused(&self, action: &'static str, mut answer: ureq::http::Response<Body>) -> RemoteError {
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(1 << 16).read_to_string().unwrap_or_default();
        let between = |start: &str, end: &str| Some(body.split_once(start)?.1.split_once(end)?.0.to_owned());
        let code = between("<Code>", "</Code>").unwrap_or_default();
        let hint = match status.as_u16() {
            301 | 307 => " (is AWS_REGION the bucket's?)",
            401 | 403 if self.credentials.is_none() => " (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)",
            _ => "",
        };
        self.failed(action, format!("HTTP {} {code}{hint}", status.as_u16()))
    }

    fn size(&self, item: &Item) -> Result<Option<u64>, RemoteError> {
        let key = self.key(item);
        let head = || {
            let address = self.bucket.head_object(self.credentials.as_ref(), &key).sign(SIGNED_FOR);
            self.agent.head(address.as_str()).call()
        };
        let answer = self.request("ask", head)?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                let length = answer.headers().get("content-length").and_then(|value| value.to_str().ok());
                Ok(Some(length.and_then(|length| length.parse().ok()).unwrap_or_default()))
            }
            _ => Err(self.refused("ask", answer)),
        }
    }

    fn get_one(&self, transfer: &Transfer) -> Result<bool, RemoteError> {
        let key = self.key(&transfer.item);
        let get = || {
            let address = self.bucket.get_object(self.credentials.as_ref(), &key).sign(SIGNED_FOR);
            self.agent.get(address.as_str()).call()
        };
        let mut answer = self.request("fetch from", get)?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        if !answer.status().is_success() {
            return Err(self.refused("fetch from", answer));
        }
        let mut file = File::create(&transfer.file).map_err(local("create", &transfer.file))?;
        io::copy(&mut answer.body_mut().as_reader(), &mut file)
            .map_err(|error| self.failed("fetch from", format!("{}: {error}", transfer.item.describe())))?;
        Ok(true)
    }

    fn put_one(&self, transfer: &Transfer) -> Result<(), RemoteError> {
        let Transfer { item, file, .. } = transfer;
        let bytes = fs::metadata(file).map_err(local("read", file))?.len();
        if bytes > LARGEST {
            let cause = format!("{} is larger than the 5 GiB that one request may send", item.describe());
            return Err(self.failed("send to", cause));
        }
        let mut opened = File::open(file).map_err(local("read", file))?;
        let mut hasher = md5::Context::new();
        io::copy(&mut opened, &mut hasher).map_err(local("read", file))?;
        let checksum = STANDARD.encode(hasher.finalize().0);
        let key = self.key(item);
        let put = || {
            let address = self.bucket.put_object(self.credentials.as_ref(), &key).sign(SIGNED_FOR);
            let file = File::open(file).map_err(ureq::Error::Io)?;
            self.agent.put(address.as_str()).header("content-md5", &checksum).send(&file)
        };
        let answer = self.request("send to", put)?;
        if answer.status().is_success() { Ok(()) } else { Err(self.refused("send to", answer)) }
    }
}

impl Remote for BucketRemote {
    fn name(&self) -> String {
        format!("s3://{}/{}", self.bucket.name(), self.prefix)
    }

    fn sizes(&self, items: &[Item]) -> Result<Vec<Option<u64>>, RemoteError> {
        in_parallel(items, |item| self.size(item))
    }

    fn get(&self, transfers: &[Transfer]) -> Result<Vec<bool>, RemoteError> {
        in_parallel(transfers, |transfer| self.get_one(transfer))
    }

    fn put(&self, transfers: &[Transfer]) -> Result<(), RemoteError> {
        in_parallel(transfers, |transfer| self.put_one(transfer)).map(drop)
    }

    fn list(&self, what: Listable) -> Result<Vec<Item>, RemoteError> {
        let mut items = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let list = || {
                let mut list = self.bucket.list_objects_v2(self.credentials.as_ref());
                list.with_prefix(format!("{}{}/", self.prefix, what.folder()));
                token.iter().for_each(|token| list.with_continuation_token(token.clone()));
                self.agent.get(list.sign(SIGNED_FOR).as_str()).call()
            };
            let mut answer = self.request("list", list)?;
            if !answer.status().is_success() {
                return Err(self.refused("list", answer));
            }
            let body = answer
                .body_mut()
                .read_to_string()
                .map_err(|error| self.failed("list", without_address(&error)))?;
            let page = ListObjectsV2::parse_response(&body);
            let page = page
                .map_err(|error| self.failed("list", format!("an answer that cannot be read ({error})")))?;
            let names = page.contents.iter().filter_map(|content| content.key.strip_prefix(&self.prefix));
            items.extend(names.filter_map(Item::parse));
            token = page.next_continuation_token;
            if token.is_none() {
                items.sort();
                return Ok(items);
            }
        }
    }
}

/// Says what went wrong without the address, which is as good as a password for an hour.
fn without_address(error: &ureq::Error) -> String {
    let text = error.to_string();
    match text.find("http") {
        Some(at) => text[..at].trim_end_matches([' ', ':']).to_owned(),
        None => text,
    }
}
