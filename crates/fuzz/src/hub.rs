//! Answers of servers: of a hub that has a checkpoint, and of hosts of corpora, one in each form that cards know.
//!
//! An input is the answers, one after another, as they go over the wire. A first, honest fetch tells what is asked and in which
//! order; its answers are the sound input. No server is stood in for but by this process.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use clap::Parser;
use ring::digest;

use crate::target::{Subject, in_repository};

/// What the user's token is. It goes to the hub, and nowhere else.
const TOKEN: &str = "hf_TheTokenThatNobodyMaySee";

/// What stands between two answers.
const BETWEEN: &[u8] = b"\n%%%%\n";

/// The commit that the hub names.
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: affekt_cli::Command,
}

/// What a server is to answer, and what was asked.
#[derive(Default)]
struct Script {
    /// The answers that are left; without any, the honest ones.
    answers: Option<VecDeque<Vec<u8>>>,
    given: Vec<Vec<u8>>,
    /// Whether the other server, to which only redirects lead, was shown the token.
    leaked: bool,
}

/// A fetch from the hub, or of a corpus: the first byte of an input says which.
pub fn hub(folder: &Path) -> Subject {
    let script = Arc::new(Mutex::new(Script::default()));
    let address = listen(&script, true);
    let elsewhere = listen(&script, false);
    set_environment(&[("HF_ENDPOINT", &address), ("HF_TOKEN", TOKEN), ("HF_HOME", "hf"), ("HOME", "home")]);
    let datasets = folder.join("datasets");
    fs::create_dir_all(&datasets).expect("the folder can be written to");
    for (name, fetch) in [
        (
            "tree",
            format!(
                "{{ kind: git-tree, tree: '{address}/tree', folders: [Actor_01], files: '{address}/raw/', bytes: 1000 }}"
            ),
        ),
        ("verse", format!("{{ kind: dataverse, server: '{address}', dataset: 'doi:1' , bytes: 1000 }}")),
        (
            "archive",
            format!("{{ kind: archive, url: '{address}/archive.zip', bytes: 1000, unpacked: 1000 }}"),
        ),
    ] {
        fs::write(datasets.join(format!("{name}.yaml")), corpus_card(name, &fetch))
            .expect("the folder can be written to");
    }
    let names = ["somebody/tiny", "tree", "verse", "archive"];
    let root = folder.to_owned();
    let fetch = {
        let script = Arc::clone(&script);
        move |which: usize, answers: Option<VecDeque<Vec<u8>>>| {
            for made in ["hf", "data", "home"] {
                let _ = fs::remove_dir_all(root.join(made));
            }
            *lock(&script) = Script { answers, ..Script::default() };
            let command =
                ["affekt", "fetch", names[which], "--data", "data", "--retries", "0", "--timeout", "5"];
            let arguments = Arguments::try_parse_from(command).expect("the command line is right");
            let code = affekt_cli::execute(&arguments.command);
            let given = std::mem::take(&mut *lock(&script));
            assert!(!given.leaked, "the token went to another server");
            (code, given.given)
        }
    };
    let pool = (0..names.len()).map(|which| {
        let (code, given) = fetch(which, None);
        assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS), "{}", names[which]);
        [&[which as u8], &given.join(BETWEEN)[..]].concat()
    });
    let pool: Vec<_> = pool.collect();
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {elsewhere}/x\r\n\r\n");
    let to_elsewhere = format!("Location: {elsewhere}/config.json");
    let words = [
        &redirect,
        &to_elsewhere,
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 206 Partial Content\r\n",
        "HTTP/1.1 404 Not Found\r\n",
        "HTTP/1.1 302 Found\r\n",
        "HTTP/1.1 416 X\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "Content-Length: ",
        "ETag: ",
        "X-Repo-Commit: ",
        "X-Linked-Size: ",
        "X-Linked-ETag: ",
        "Transfer-Encoding: chunked\r\n",
        "Content-Range: bytes 0-1/2\r\n",
        "Location: /",
        "Location: file:///etc/passwd\r\n",
        "Retry-After: 0\r\n",
        "X-Error-Message: ",
        "Content-Encoding: gzip\r\n",
        "Set-Cookie: a=b\r\n",
        "\u{1b}[31m",
        "\u{7}",
        "\u{9b}31m",
        "ffffffffffffffff\r\n",
        "\r\n\r\n",
        "../",
        "%2e%2e%2f",
        "\n%%%%\n",
        "Connection: keep-alive\r\n",
    ];
    let root = folder.to_owned();
    Subject::new(pool, &words, move |input| {
        let Some((which, answers)) = input.split_first() else { return };
        fetch(usize::from(*which) % names.len(), Some(split(answers)));
        let mut made: Vec<OsString> =
            fs::read_dir(&root).into_iter().flatten().flatten().map(|it| it.file_name()).collect();
        made.retain(|name| !["hf", "data", "home", "datasets"].iter().any(|known| name == known));
        assert!(made.is_empty(), "{made:?} was written outside its folder");
    })
}

/// A card like that of RAVDESS.
fn corpus_card(name: &str, fetch: &str) -> String {
    let card =
        fs::read_to_string(in_repository("datasets/ravdess.yaml")).expect("it is part of the repository");
    let mut lines: Vec<String> = Vec::new();
    let mut is_fetch = false;
    for line in card.lines() {
        is_fetch = line.starts_with("fetch:") || is_fetch && line.starts_with(' ');
        match line {
            _ if is_fetch => {}
            line if line.starts_with("name:") => lines.push(format!("name: {name}")),
            line => lines.push(line.to_owned()),
        }
    }
    format!("{}\nfetch: {fetch}\n", lines.join("\n"))
}

fn split(mut answers: &[u8]) -> VecDeque<Vec<u8>> {
    let mut found = VecDeque::new();
    while let Some(at) = answers.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        found.push_back(answers[..at].to_vec());
        answers = &answers[at + BETWEEN.len()..];
    }
    found.push_back(answers.to_vec());
    found
}

/// Serves on a port of its own, an answer a connection, and returns the address.
fn listen(script: &Arc<Mutex<Script>>, is_hub: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("this machine has a port left");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (script, own) = (Arc::clone(script), address.clone());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Ok(reading) = stream.try_clone() else { continue };
            let mut lines =
                BufReader::new(reading).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let Some(asked) = lines.next() else { continue };
            let shown = lines.any(|line| line.contains(TOKEN));
            let mut script = lock(&script);
            script.leaked |= shown && !is_hub;
            let answer = match &mut script.answers {
                None => honest(&asked, &own),
                // Answers that are asked for too often are none.
                Some(answers) => answers.pop_front().unwrap_or_default(),
            };
            script.given.push(answer.clone());
            drop(script);
            let _ = stream.write_all(&answer);
            let _ = stream.shutdown(Shutdown::Write);
        }
    });
    address
}

/// What an honest server answers.
fn honest(asked: &str, own: &str) -> Vec<u8> {
    let path = asked.split(' ').nth(1).unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let sound =
        fs::read(in_repository("tests/goldens/audio/pcm_16.wav")).expect("it is part of the repository");
    let recording = "03-01-05-01-01-01-01.wav";
    let body = match name {
        "config.json" => br#"{"model_type": "wav2vec2"}"#.to_vec(),
        "model.safetensors" => b"\x02\0\0\0\0\0\0\0{}".to_vec(),
        "tree" => format!(
            r#"{{"tree": [{{"path": "Actor_01", "type": "tree", "sha": "0", "url": "{own}/folder"}}]}}"#
        )
        .into_bytes(),
        "folder" => {
            let sha = git_blob(&sound);
            let entry = format!(
                r#"{{"path": "{recording}", "type": "blob", "sha": "{sha}", "size": {}}}"#,
                sound.len()
            );
            format!(r#"{{"tree": [{entry}], "truncated": false}}"#).into_bytes()
        }
        _ if path.contains("persistentId") => {
            let file = format!(
                r#"{{"id": 7, "filename": "{recording}", "filesize": 5, "md5": "5d41402abc4b2a76b9719d911017c592"}}"#
            );
            format!(r#"{{"data": {{"latestVersion": {{"files": [{{"directoryLabel": "Actor_01", "dataFile": {file}}}]}}}}}}"#)
                .into_bytes()
        }
        "7" => b"hello".to_vec(),
        "archive.zip" => archive(recording),
        name if name == recording => sound,
        _ => {
            return b"HTTP/1.1 404 Not Found\r\nX-Error-Code: EntryNotFound\r\nContent-Length: 0\r\n\r\n"
                .to_vec();
        }
    };
    let etag = git_blob(&body);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Repo-Commit: {COMMIT}\r\nETag: \"{etag}\"\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let body = if asked.starts_with("HEAD") { Vec::new() } else { body };
    [head.into_bytes(), body].concat()
}

fn archive(recording: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(format!("Actor_01/{recording}"), zip::write::SimpleFileOptions::default())
        .expect("memory takes all");
    zip.write_all(&b"hello ".repeat(20)).expect("memory takes all");
    zip.finish().expect("memory takes all").into_inner()
}

/// git's name for a file's content.
fn git_blob(bytes: &[u8]) -> String {
    let whole = [format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat();
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &whole);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn set_environment(variables: &[(&str, &str)]) {
    for (name, value) in variables {
        // SAFETY: the other threads of this process read and write sockets and look at no variable.
        unsafe { std::env::set_var(name, value) };
    }
}

fn lock(script: &Mutex<Script>) -> std::sync::MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What must not be in anything that is said: the token.
pub fn secret() -> &'static str {
    TOKEN
}
