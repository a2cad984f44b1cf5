//! A server on this machine that stands in for the Hugging Face Hub and for hosts of corpora, and misbehaves as asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ring::digest;

/// A server that runs until the test ends.
pub struct StandIn {
    /// `http://127.0.0.1:port`
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub path: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// How often this was asked before, by this method.
    pub before: usize,
}

/// What it answers.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The connection is cut after so many bytes of the body.
    pub cut_after: Option<usize>,
    /// So many bytes at a time, with such a pause between them.
    pub trickle: Option<(usize, Duration)>,
    /// The length is not told.
    pub chunked: bool,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl Answer {
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn with(mut self, name: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn redirect(to: &str) -> Self {
        Self::status(302).with("Location", to)
    }

    /// A file, or the part of it that was asked for.
    pub fn file(asked: &Asked, bytes: &[u8]) -> Self {
        let etag = format!("\"{}\"", sha256(bytes));
        let range = asked.header("range").and_then(|range| range.strip_prefix("bytes="));
        let start = range.and_then(|range| range.strip_suffix('-')?.parse::<usize>().ok());
        let is_other = asked.header("if-range").is_some_and(|validator| validator != etag);
        match start.filter(|_| !is_other) {
            Some(start) if start >= bytes.len() => {
                Self::status(416).with("Content-Range", &format!("bytes */{}", bytes.len()))
            }
            Some(start) => {
                let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
                let part = Self { body: bytes[start..].to_vec(), ..Self::status(206) };
                part.with("Content-Range", &range).with("ETag", &etag)
            }
            None => Self { body: bytes.to_vec(), ..Self::status(200) }.with("ETag", &etag),
        }
    }

    pub fn cut_after(self, bytes: usize) -> Self {
        Self { cut_after: Some(bytes), ..self }
    }
}

impl StandIn {
    /// A server that answers so.
    pub fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                // A client that went away is no failure of the server.
                thread::spawn(move || stream.and_then(|stream| serve(stream, &log, answer.as_ref())));
            }
        });
        Self { address, asked }
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What it was asked so far, as `GET /path`.
    pub fn questions(&self) -> Vec<String> {
        self.asked().iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }
}

fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(&Asked) -> Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut words = lines[0].split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers = lines[1..].iter().filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
        let asked = {
            let mut log = log.lock().unwrap();
            let before = log.iter().filter(|asked| asked.method == method && asked.path == path).count();
            let asked = Asked { method: method.to_owned(), path: path.to_owned(), headers, before };
            log.push(asked.clone());
            asked
        };
        if !send(&mut stream, &asked, &answer(&asked))? {
            return Ok(());
        }
    }
}

/// Sends an answer; whether the connection stays.
fn send(stream: &mut TcpStream, asked: &Asked, answer: &Answer) -> std::io::Result<bool> {
    let mut head = format!("HTTP/1.1 {} Status\r\n", answer.status);
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    match answer.chunked {
        true => head += "Transfer-Encoding: chunked\r\n\r\n",
        false => head += &format!("Content-Length: {}\r\n\r\n", answer.body.len()),
    }
    stream.write_all(head.as_bytes())?;
    if asked.method == "HEAD" {
        return Ok(true);
    }
    let body = &answer.body[..answer.cut_after.unwrap_or(answer.body.len()).min(answer.body.len())];
    let (piece, pause) = answer.trickle.unwrap_or((1 << 20, Duration::ZERO));
    for part in body.chunks(piece) {
        if answer.chunked {
            stream.write_all(format!("{:x}\r\n", part.len()).as_bytes())?;
        }
        stream.write_all(part)?;
        if answer.chunked {
            stream.write_all(b"\r\n")?;
        }
        thread::sleep(pause);
    }
    if answer.cut_after.is_some() {
        return Ok(false);
    }
    if answer.chunked {
        stream.write_all(b"0\r\n\r\n")?;
    }
    Ok(true)
}

/// A repository of the Hub, as the Hub answers for it.
#[derive(Clone)]
pub struct Repository {
    pub name: &'static str,
    pub commit: &'static str,
    pub files: BTreeMap<&'static str, Vec<u8>>,
    /// Where its large files are; beside the small ones if nothing is said.
    pub store: Option<String>,
}

impl Repository {
    pub fn answer(&self, asked: &Asked) -> Answer {
        if let Some(name) = asked.path.strip_prefix("/store/") {
            return Answer::file(asked, &self.files[name]);
        }
        let rest = asked.path.strip_prefix(&format!("/{}/resolve/", self.name));
        let Some((revision, name)) = rest.and_then(|rest| rest.split_once('/')) else {
            return Answer::status(401).with("X-Error-Code", "RepoNotFound");
        };
        if revision != "main" && revision != self.commit {
            return Answer::status(404).with("X-Error-Code", "RevisionNotFound");
        }
        let Some(bytes) = self.files.get(name) else {
            return Answer::status(404).with("X-Error-Code", "EntryNotFound");
        };
        let is_small = name.ends_with(".json");
        let answer = if is_small {
            let mut answer = Answer::file(asked, bytes);
            answer.headers.retain(|(name, _)| name != "ETag");
            answer.with("ETag", &format!("\"{}\"", git_blob(bytes)))
        } else {
            let store = self.store.clone().unwrap_or_default();
            Answer::redirect(&format!("{store}/store/{name}"))
                .with("X-Linked-ETag", &format!("\"{}\"", sha256(bytes)))
                .with("X-Linked-Size", &bytes.len())
        };
        answer.with("X-Repo-Commit", self.commit)
    }
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// git's name for a content.
pub fn git_blob(bytes: &[u8]) -> String {
    let whole = [format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat();
    hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &whole).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
