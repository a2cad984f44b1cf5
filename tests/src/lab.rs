//! A folder of one's own to run experiments in.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::journal::Journal;
use crate::{binaries, corpora};

/// The experiment that most labs run: 18 nodes, a second of work.
pub const TINY: &str = "\
# Question: does everything work?
name: tiny
corpora:
  ravdess:
labels: native
protocol: { kind: group-kfold, group: speaker, folds: 3, dev: next-fold, seeds: [1] }
use: pipelines/cnn.yaml
with:
  norm_axis: channel
  max_epochs: 2
  audio.rate_hz: 8000
  audio.seconds: 1
  mfcc.n_fft: 512
  mfcc.n_mels: 32
  mfcc.n_mfcc: 32
  train.network.channels: [2, 2, 2]
  train.network.pools: [2, 2, 2]
";

/// What no honest step of a test takes.
const TOO_LONG: Duration = Duration::from_secs(120);

/// A temporary folder: `<name>.yaml`, `data/`, the store `.affekt/`, `runs/`. Commands run in it, as a user's would.
pub struct Lab {
    folder: TempDir,
}

/// A command that ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A `run` that ended.
#[derive(Debug)]
pub struct Run {
    pub ended: Ended,
    pub folder: PathBuf,
    pub journal: Journal,
}

/// A `run` in progress.
pub struct Running<'l> {
    lab: &'l Lab,
    child: Child,
    before: Vec<PathBuf>,
    number: usize,
}

impl Lab {
    /// A lab with nothing in it.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A lab with [`TINY`] and its corpus, where nothing has run.
    pub fn tiny() -> Self {
        let lab = Self::empty();
        lab.write("tiny.yaml", TINY);
        corpora::ravdess(&lab.path("data"));
        lab
    }

    /// A copy of a lab in which [`TINY`] has run.
    pub fn finished() -> Self {
        static FINISHED: LazyLock<Lab> = LazyLock::new(|| {
            // Nobody drops what is static.
            extern "C" fn remove() {
                let _ = fs::remove_dir_all(FINISHED.folder.path());
            }
            let lab = Lab::tiny();
            lab.run("tiny", &[]).expect(0);
            // SAFETY: the handler touches nothing but a value that is initialised by then.
            unsafe { libc::atexit(remove) };
            lab
        });
        let lab = Self::empty();
        copy_folder(FINISHED.folder.path(), lab.folder.path());
        lab
    }

    /// A path in the lab.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Writes a file.
    pub fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The runner with these words, ready to be started in the lab.
    pub fn command(&self, words: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(binaries::xtask());
        command
            .args(words)
            .current_dir(&self.folder)
            .env_remove("AFFEKT_CACHE")
            .env_remove("AFFEKT_FAKE_GPUS")
            .env_remove("AFFEKT_REMOTE")
            .env_remove("CUDA_VISIBLE_DEVICES")
            .env("AFFEKT_DATA", "data")
            .env("AFFEKT_WORKER", binaries::worker())
            .stdin(Stdio::null());
        command
    }

    /// Runs the runner with these words.
    pub fn xtask(&self, words: &[&str]) -> Ended {
        Ended::of(self.command(words))
    }

    /// Runs an experiment of the lab on the CPU.
    pub fn run(&self, experiment: &str, more: &[&str]) -> Run {
        self.run_by(experiment, self.command(&run_words(experiment, more)))
    }

    /// Runs an experiment by a command of the test's own.
    pub fn run_by(&self, experiment: &str, command: Command) -> Run {
        let before = self.run_folders(experiment);
        let ended = Ended::of(command);
        let folder = self.run_folders(experiment).into_iter().find(|folder| !before.contains(folder));
        let folder = folder.unwrap_or_else(|| panic!("there is no run folder: {ended:#?}"));
        Run { ended, journal: Journal::read(&folder), folder }
    }

    /// Starts running an experiment, in a process group of its own.
    pub fn start(&self, experiment: &str, more: &[&str]) -> Running<'_> {
        use std::os::unix::process::CommandExt;
        let before = self.run_folders(experiment);
        let number = fs::read_dir(&self.folder).unwrap().count();
        let file = |name: &str| fs::File::create(self.path(&format!("{name}-{number}.txt"))).unwrap();
        let mut command = self.command(&run_words(experiment, more));
        command.process_group(0).stdout(file("stdout")).stderr(file("stderr"));
        Running { lab: self, child: command.spawn().unwrap(), before, number }
    }

    /// State of each node in the plan of an experiment.
    pub fn plan(&self, experiment: &str, more: &[&str]) -> Vec<(String, String)> {
        let file = format!("{experiment}.yaml");
        let words = [&["plan", &file, "--device", "cpu", "--json"], more].concat();
        let plan = self.xtask(&words).expect(0).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        plan["nodes"].as_array().unwrap().iter().map(|row| (text(&row["id"]), text(&row["state"]))).collect()
    }

    /// A text with the lab's and the workspace's folder taken out.
    pub fn anonymous(&self, text: &str) -> String {
        let folder = self.folder.path().to_str().unwrap();
        text.replace(folder, "LAB").replace(&format!("{}/", binaries::workspace().display()), "")
    }

    fn run_folders(&self, experiment: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("runs").join(experiment)).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        folders.retain(|path| !path.is_symlink());
        folders
    }
}

impl Ended {
    /// A command, run to its end.
    pub fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Itself, if it ended so.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// What it printed, as the one JSON document it must be.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl Run {
    /// Itself, if it ended so.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.ended.code, Some(code), "{:#?}", self.ended);
        self
    }

    /// The nodes that ran.
    pub fn ran(&self) -> Vec<String> {
        self.journal.nodes("ran")
    }

    /// A file of the run folder.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A text file of the run folder.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }
}

impl Running<'_> {
    /// The runner's process.
    pub fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    /// Its workers' processes.
    pub fn workers(&self) -> Vec<i32> {
        let is_worker = |pid: &i32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
            parent == Some(self.pid()) && stat.contains("(affekt-worker)")
        };
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_worker).collect()
    }

    /// Waits until something is so. The run must not end before.
    #[track_caller]
    pub fn wait_until(&mut self, mut is_so: impl FnMut(&Self, &Journal) -> bool) {
        let began = Instant::now();
        while !is_so(self, &self.journal()) {
            assert!(began.elapsed() < TOO_LONG, "this takes too long: {:#?}", self.journal());
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended too early, {status}: {}", self.output("stderr"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for its end.
    pub fn end(mut self) -> Run {
        let code = self.child.wait().unwrap().code();
        let ended = Ended { code, stdout: self.output("stdout"), stderr: self.output("stderr") };
        // A run that is done says where; another is the only new one.
        let told = self.lab.path(ended.stdout.trim()).parent().map(Path::to_owned);
        let folder = if ended.stdout.is_empty() { self.folder() } else { told };
        let folder = folder.expect("there is no run folder");
        Run { ended, journal: Journal::read(&folder), folder }
    }

    fn journal(&self) -> Journal {
        self.folder().map(|folder| Journal::read(&folder)).unwrap_or_default()
    }

    /// The run folder, once it is there.
    pub fn folder(&self) -> Option<PathBuf> {
        let experiments = fs::read_dir(self.lab.path("runs")).into_iter().flatten().flatten();
        let names = experiments.map(|entry| entry.file_name().to_str().unwrap().to_owned());
        names
            .flat_map(|name| self.lab.run_folders(&name))
            .find(|folder| !self.before.contains(folder) && folder.join("journal.jsonl").exists())
    }

    fn output(&self, name: &str) -> String {
        fs::read_to_string(self.lab.path(&format!("{name}-{}.txt", self.number))).unwrap()
    }
}

/// A command with another program and its words before it: `setpriv`, `sh -c`.
pub fn wrapped(command: &Command, program: &str, words: &[&str]) -> Command {
    let mut outer = Command::new(program);
    outer.args(words).arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    if let Some(folder) = command.get_current_dir() {
        outer.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// Sends a signal to a process that the test started, or (negative) to its group.
pub fn signal(pid: i32, signal: i32) {
    // SAFETY: a plain system call.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0, "{}", std::io::Error::last_os_error());
}

/// Says that a test proves nothing here.
#[expect(clippy::print_stderr, reason = "whoever reads the tests' output should know")]
pub fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}

/// Copies a folder and all below; links are copied as links.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn run_words(experiment: &str, more: &[&str]) -> Vec<String> {
    let file = format!("{experiment}.yaml");
    ["run", &file, "--device", "cpu"].iter().chain(more).map(|word| (*word).to_owned()).collect()
}
