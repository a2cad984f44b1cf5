//! Set-ups against a package index of our own on this machine, which cuts connections and sends rubbish.
//!
//! They need `python3` with pip, and say so where there is none.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::fetch::{Order, Progress, fetch};
use super::wheels::{Flavour, Wheel};
use super::{Origin, SetupError, Wishes, ensure};

const PROOF: &str = "lib/libtorch_cpu.so";

/// A folder that is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("affekt-setup-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    fn names(&self) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An index with one wheel, 3 MB large. Counts and notes from which byte on the wheel is asked for.
struct Index {
    address: String,
    wheel: Wheel,
    contents: Vec<u8>,
    starts: Arc<Mutex<Vec<usize>>>,
}

/// How the index sends its wheel: given the request's number (from 0), and what is asked for, what is sent.
type Manners = fn(usize, &[u8]) -> Vec<u8>;

impl Index {
    /// The index, unless this machine lacks python3 or pip.
    fn open(manners: Manners) -> Option<Self> {
        let folder = Folder::new();
        // Writes a wheel and prints its digest: neither ZIP nor SHA-256 is at hand here.
        let script = "import hashlib, pip, random, sys, zipfile\n\
            with zipfile.ZipFile(sys.argv[1], 'w') as wheel:\n\
            \x20   wheel.writestr('torch/lib/libtorch_cpu.so', random.Random(1).getrandbits(24_000_000).to_bytes(3_000_000, 'big'))\n\
            \x20   wheel.writestr('torch/lib/libtorch_python.so', b'not wanted')\n\
            \x20   wheel.writestr('torch/include/ATen/ATen.h', b'// a header')\n\
            \x20   wheel.writestr('torch/__init__.py', b'not wanted')\n\
            print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())";
        let path = folder.0.join("wheel");
        let output = Command::new("python3").args(["-c", script]).arg(&path).output().ok();
        let Some(output) = output.filter(|output| output.status.success()) else {
            #[allow(clippy::print_stderr)]
            {
                eprintln!("skipped: no python3 with pip here");
            }
            return None;
        };
        let sha256: &'static str = String::from_utf8(output.stdout).unwrap().trim().to_owned().leak();
        let contents = fs::read(path).unwrap();
        let wheel = Wheel {
            name: "torch",
            version: "2.11.0",
            size: contents.len() as u64,
            sha256,
            libraries: &[PROOF_IN_WHEEL],
            headers: Some("torch/include/"),
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/simple", listener.local_addr().unwrap());
        let starts = Arc::new(Mutex::new(Vec::new()));
        let (served, noted) = (contents.clone(), Arc::clone(&starts));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who hangs up early, as pip may, is no concern of the index.
                let _ = serve(stream, &served, sha256, &noted, manners);
            }
        });
        Some(Self { address, wheel, contents, starts })
    }

    fn fetch(&self, root: &Path, said: &mut Vec<Progress>) -> Result<(), SetupError> {
        self.fetch_wheel(root, &self.wheel, 4_000_000, said)
    }

    fn fetch_wheel(
        &self,
        root: &Path,
        wheel: &Wheel,
        unpacked: u64,
        said: &mut Vec<Progress>,
    ) -> Result<(), SetupError> {
        let settings = [
            ("PIP_INDEX_URL", OsStr::new(&self.address)),
            ("PIP_CONFIG_FILE", OsStr::new("/dev/null")),
            ("PIP_FIND_LINKS", OsStr::new("")),
            ("PIP_RETRIES", OsStr::new("0")),
            ("NO_PROXY", OsStr::new("127.0.0.1")),
        ];
        let order = Order::new(root, std::slice::from_ref(wheel), unpacked, PROOF);
        fetch(&order, &settings, &mut |progress| said.push(progress))
    }

    fn starts(&self) -> Vec<usize> {
        self.starts.lock().unwrap().clone()
    }
}

const PROOF_IN_WHEEL: &str = "torch/lib/libtorch_cpu.so";

/// Answers one request: the page of links, or the wheel from the asked byte on.
fn serve(
    mut stream: TcpStream,
    wheel: &[u8],
    sha256: &str,
    starts: &Mutex<Vec<usize>>,
    manners: Manners,
) -> std::io::Result<()> {
    let lines: Vec<String> =
        BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let asked = lines.first().map_or("", String::as_str);
    if asked.contains("/simple/") {
        let file = "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl";
        let page = format!(
            "<!DOCTYPE html><html><body><a href=\"/{file}#sha256={sha256}\">{file}</a></body></html>"
        );
        let length = page.len();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length:";
        return write!(stream, "{head} {length}\r\n\r\n{page}");
    }
    let range =
        lines.iter().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let start: usize = range.as_deref().map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
    let number = {
        let mut starts = starts.lock().unwrap();
        starts.push(start);
        starts.len() - 1
    };
    let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
    let length = wheel.len() - start;
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")?;
    stream.write_all(&manners(number, &wheel[start..]))
}

/// Sends what is asked for.
fn politely(_: usize, asked: &[u8]) -> Vec<u8> {
    asked.to_vec()
}

fn is_whole(root: &Folder, index: &Index) {
    assert_eq!(root.names(), [".libtorch", ".libtorch.lock"]);
    let made = root.0.join(".libtorch");
    assert_eq!(fs::read_to_string(made.join("build-version")).unwrap(), "2.11.0\n");
    assert_eq!(fs::read_to_string(made.join("include/ATen/ATen.h")).unwrap(), "// a header");
    let library = fs::read(made.join(PROOF)).unwrap();
    assert!(index.contents.windows(1_000).any(|part| part == &library[..1_000]));
    assert_eq!(library.len(), 3_000_000);
    assert!(!made.join("lib/libtorch_python.so").exists() && !made.join("__init__.py").exists());
}

#[test]
fn from_nothing() {
    let Some(index) = Index::open(politely) else { return };
    let (root, mut said) = (Folder::new(), Vec::new());
    index.fetch(&root.0, &mut said).unwrap();
    is_whole(&root, &index);
    assert_eq!(index.starts(), [0]);
    assert_eq!(said.first(), Some(&Progress::Ask));
    let total = index.wheel.size;
    assert!(said.contains(&Progress::Download { name: "torch".into(), done: total, total }));
    assert_eq!(said.last(), Some(&Progress::Unpack { done: 3_000_011, total: 3_000_011 }));

    index.fetch(&root.0, &mut Vec::new()).unwrap();
    assert_eq!(index.starts(), [0], "what is there is not fetched again");
}

#[test]
fn a_cut_connection_is_continued() {
    let Some(index) = Index::open(|number, asked| match number {
        0 | 1 => asked[..1_000_000].to_vec(),
        _ => asked.to_vec(),
    }) else {
        return;
    };
    let root = Folder::new();
    index.fetch(&root.0, &mut Vec::new()).unwrap();
    is_whole(&root, &index);
    // What a broken connection had not completed may be lost: up to 64 KiB.
    let starts = index.starts();
    assert_eq!(starts.len(), 3, "{starts:?}");
    assert!(starts.windows(2).all(|pair| (900_000..=1_000_000).contains(&(pair[1] - pair[0]))), "{starts:?}");
}

#[test]
fn an_interrupted_download_is_continued() {
    let Some(index) = Index::open(politely) else { return };
    let root = Folder::new();
    let partial = format!(".libtorch.partial/{}.whl", index.wheel.sha256);
    root.write(&partial, &index.contents[..1_234_567]);
    root.write(".libtorch.partial/tree/lib/libtorch_cpu.so", "half unpacked");
    root.write(".libtorch.partial/of-an-older-version.whl", "no longer wanted");
    index.fetch(&root.0, &mut Vec::new()).unwrap();
    is_whole(&root, &index);
    assert_eq!(index.starts(), [1_234_567]);
}

#[test]
fn a_damaged_download_is_repeated_once() {
    let Some(index) = Index::open(politely) else { return };
    let root = Folder::new();
    let partial = format!(".libtorch.partial/{}.whl", index.wheel.sha256);
    root.write(&partial, vec![7; 2_000_000]);
    let mut said = Vec::new();
    index.fetch(&root.0, &mut said).unwrap();
    is_whole(&root, &index);
    assert_eq!(index.starts(), [2_000_000, 0]);
    assert!(said.contains(&Progress::Note { text: "torch was damaged and is downloaded again".into() }));

    let Some(index) = Index::open(|_, asked| vec![7; asked.len()]) else { return };
    let root = Folder::new();
    let error = index.fetch(&root.0, &mut Vec::new()).unwrap_err();
    assert!(error.message.starts_with("torch 2.11.0 arrived damaged twice"), "{error}");
    assert_eq!(index.starts(), [0, 0]);
    assert_eq!(root.names(), [".libtorch.lock", ".libtorch.partial"]);
}

#[test]
fn two_at_once_fetch_once() {
    let Some(index) = Index::open(|_, asked| {
        std::thread::sleep(std::time::Duration::from_millis(500));
        asked.to_vec()
    }) else {
        return;
    };
    let root = Folder::new();
    let waited = std::thread::scope(|scope| {
        let set_up = || {
            let mut said = Vec::new();
            index.fetch(&root.0, &mut said).unwrap();
            said.contains(&Progress::Wait)
        };
        let both = [scope.spawn(set_up), scope.spawn(set_up)];
        both.map(|one| usize::from(one.join().unwrap())).iter().sum::<usize>()
    });
    is_whole(&root, &index);
    assert_eq!((waited, index.starts()), (1, vec![0]));
}

#[test]
fn an_older_libtorch_is_replaced() {
    let Some(index) = Index::open(politely) else { return };
    let root = Folder::new();
    root.write(".libtorch/build-version", "2.10.0\n");
    root.write(".libtorch/lib/libtorch_cpu.so", "older");
    index.fetch(&root.0, &mut Vec::new()).unwrap();
    is_whole(&root, &index);
}

#[test]
fn refusals_in_words() {
    let Some(index) = Index::open(politely) else { return };
    let root = Folder::new();
    let refusal = |wheel: &Wheel, unpacked| {
        index.fetch_wheel(&root.0, wheel, unpacked, &mut Vec::new()).unwrap_err().message
    };

    let full = refusal(&index.wheel, 1 << 60);
    assert!(full.starts_with("not enough space in `"), "{full}");
    assert!(full.contains("libtorch needs 1073741824.0 GiB"), "{full}");

    let other = Wheel { sha256: "00", ..index.wheel.clone() };
    assert!(refusal(&other, 1).starts_with("the package index offers another torch 2.11.0"));

    let newer = Wheel { version: "2.12.0", ..index.wheel.clone() };
    assert_eq!(refusal(&newer, 1), "the package index offers no torch 2.12.0 for x86-64 Linux");

    // A port that was free a moment ago may be another test's by now; nobody listens at this one.
    let nowhere = Index { address: "http://127.0.0.1:1/simple".to_owned(), ..index };
    let error = nowhere.fetch(&root.0, &mut Vec::new()).unwrap_err();
    assert!(error.message.starts_with("cannot reach the package index: "), "{error}");
    assert_eq!(root.names(), [".libtorch.lock", ".libtorch.partial"]);
}

#[test]
fn nothing_outlives_its_caller() {
    let Some(index) = Index::open(|_, asked| {
        std::thread::sleep(std::time::Duration::from_secs(600));
        asked.to_vec()
    }) else {
        return;
    };
    let root = Folder::new();
    let order = Order::new(&root.0, std::slice::from_ref(&index.wheel), 1, PROOF);
    let mut script = Command::new("python3")
        .args(["-c", include_str!("fetch_wheels.py")])
        .env("PIP_INDEX_URL", &index.address)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut orders = script.stdin.take().unwrap();
    writeln!(orders, "{}", serde_json::to_string(&order).unwrap()).unwrap();
    let mut events = script.stdout.take().unwrap();
    events.read_exact(&mut [0; 1]).unwrap();
    // A killed caller leaves nothing but closed pipes.
    drop(orders);
    assert!(!script.wait().unwrap().success());
}

#[test]
fn the_users_own_libtorch_wins() {
    let (root, own) = (Folder::new(), Folder::new());
    let home = |path: &Path, flavour| {
        let wishes = Wishes { libtorch: Some(path.into()), use_pytorch: false };
        ensure(&root.0, &wishes, flavour, &mut |progress| panic!("{progress:?}"))
    };
    let error = home(&own.0, Flavour::Cpu).unwrap_err();
    assert!(error.message.ends_with("which holds no `lib/libtorch`"), "{error}");

    own.write("lib/libtorch_cpu.so", "");
    let found = home(&own.0, Flavour::Cpu).unwrap();
    assert_eq!(
        (&found.path, found.origin, found.cuda, found.warning),
        (&own.0, Origin::Environment, false, None)
    );

    own.write("build-version", "2.11.1+cu130\n");
    assert_eq!(home(&own.0, Flavour::Cpu).unwrap().warning, None);
    own.write("build-version", "2.1.0\n");
    let warning = home(&own.0, Flavour::Cpu).unwrap().warning.unwrap();
    assert!(warning.contains("is version 2.1.0, and this program is made for 2.11.0"), "{warning}");

    assert!(home(&own.0, Flavour::Cuda).is_err());
    own.write("lib/libtorch_cuda.so", "");
    assert!(home(&own.0, Flavour::Cuda).unwrap().cuda);
    assert!(root.names().is_empty());
}

#[test]
fn what_is_there_is_used() {
    let root = Folder::new();
    root.write(".libtorch/build-version", "2.11.0\n");
    root.write(".libtorch/lib/libtorch_cpu.so", "");
    // Cargo's configuration sets LIBTORCH to this very folder.
    for libtorch in [None, Some(root.0.join(".libtorch").into())] {
        let wishes = Wishes { libtorch, use_pytorch: false };
        let home = ensure(&root.0, &wishes, Flavour::Cpu, &mut |progress| panic!("{progress:?}")).unwrap();
        assert_eq!((home.path, home.origin, home.cuda), (root.0.join(".libtorch"), Origin::Fetched, false));
    }

    let root = Folder::new();
    root.write(".libtorch/lib/libtorch_cpu.so", "of unknown origin");
    let error = ensure(&root.0, &Wishes::default(), Flavour::Cpu, &mut |progress| panic!("{progress:?}"));
    assert!(error.unwrap_err().message.ends_with("was not made by this program"));
}

/// Cargo sets `LIBTORCH` to the workspace's own `.libtorch`, which on a new machine is not there yet.
#[test]
fn the_folder_to_be_made_is_not_the_users_own() {
    let root = tempfile::tempdir().unwrap();
    let absolute = root.path().join(".libtorch");
    assert!(super::same_folder(&absolute, &root.path().join(".").join(".libtorch")));
    assert!(!super::same_folder(&absolute, &root.path().join("libtorch")));
    fs::create_dir(&absolute).unwrap();
    assert!(super::same_folder(&absolute, &root.path().join("./.libtorch")));
}
