//! Nobody listens: closed pipes, closed terminals, people who log out. The work goes on or ends with a whole journal.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::journal::Journal;
use crate::lab::{Lab, signal, wrapped};

const RUN: [&str; 6] = ["run", "tiny.yaml", "--device", "cpu", "--set", "with.lr=0.01"];

/// A pipe that nobody reads.
fn closed_pipe() -> Stdio {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_run_that_nobody_listens_to_comes_to_its_end() {
    let lab = Lab::finished();
    let mut command = lab.command(&RUN);
    let status = command.stdout(closed_pipe()).stderr(closed_pipe()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let journal = Journal::read(&lab.path("runs/tiny/latest"));
    assert_eq!(journal.outcome(), Some("done"));
    assert!(journal.nodes("ran").iter().any(|id| id.starts_with("train")), "{:?}", journal.nodes("ran"));

    // As a person does it.
    let piped =
        wrapped(&lab.command(&RUN), "sh", &["-c", r#"("$@"; echo $? > code) 2>&1 | head -1"#, "sh"]).output();
    assert_eq!(String::from_utf8(piped.unwrap().stdout).unwrap().lines().count(), 1);
    assert_eq!(fs::read_to_string(lab.path("code")).unwrap(), "0\n");
}

#[test]
fn a_run_that_fails_unheard_says_so_by_its_code_and_journal() {
    let lab = Lab::finished();
    let mut command = lab.command(&RUN);
    let status = command
        .env("AFFEKT_WORKER", "/bin/false")
        .stdout(closed_pipe())
        .stderr(closed_pipe())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    let runs = fs::read_dir(lab.path("runs/tiny")).unwrap().flatten().map(|entry| entry.path());
    let outcomes: Vec<_> = runs
        .filter(|path| !path.is_symlink())
        .map(|path| Journal::read(&path).outcome().map(str::to_owned))
        .collect();
    assert!(outcomes.contains(&Some("failed".to_owned())), "{outcomes:?}");
}

#[test]
fn no_command_panics_where_nobody_listens() {
    let lab = Lab::finished();
    let model = lab.path("nowhere");
    let commands: [&[&str]; 14] = [
        &["plan", "tiny.yaml"],
        &["plan", "tiny.yaml", "--json"],
        &["plan", "nowhere.yaml"],
        &["explain", "tiny.yaml", "metrics"],
        &["path", "tiny.yaml", "metrics"],
        &["describe"],
        &["audit", "tiny.yaml"],
        &["compare", "runs/tiny/latest"],
        &["cache", "du"],
        &["cache", "fsck"],
        &["cache", "gc"],
        &["fetch"],
        &["fetch", "nothing-of-that-name"],
        &["predict", model.to_str().unwrap(), "nothing.wav"],
    ];
    for words in commands {
        for (stdout, stderr) in [(true, true), (false, true), (true, false)] {
            let pipe = |closed| if closed { closed_pipe() } else { Stdio::null() };
            let status = lab.command(words).stdout(pipe(stdout)).stderr(pipe(stderr)).status().unwrap();
            let code = status.code().unwrap_or_else(|| panic!("{words:?}: {status}"));
            assert!((0..=3).contains(&code), "{words:?}: {code}");
        }
    }
}

/// A pseudo-terminal: the end that is a screen and a keyboard, and the end for programs. Children inherit neither (of this
/// test or of those beside it): while one holds the screen's end, the terminal does not close.
fn terminal() -> (OwnedFd, OwnedFd) {
    let how = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: plain system calls; each descriptor is new and has no other owner.
    unsafe {
        let screen = libc::posix_openpt(how);
        assert!(screen >= 0, "{}", io::Error::last_os_error());
        let screen = OwnedFd::from_raw_fd(screen);
        assert_eq!(libc::grantpt(screen.as_raw_fd()), 0);
        assert_eq!(libc::unlockpt(screen.as_raw_fd()), 0);
        let programs = libc::ioctl(screen.as_raw_fd(), libc::TIOCGPTPEER, how);
        assert!(programs >= 0, "{}", io::Error::last_os_error());
        (screen, OwnedFd::from_raw_fd(programs))
    }
}

/// A command whose terminal this is, and what SIGHUP does to it, whatever it does to the tests.
fn at_terminal(mut command: Command, programs: &OwnedFd, hangup: libc::sighandler_t) -> Command {
    let copy = || Stdio::from(programs.try_clone().unwrap());
    command.stdin(copy()).stdout(copy()).stderr(copy());
    let fd = programs.as_raw_fd();
    // SAFETY: plain system calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            libc::signal(libc::SIGHUP, hangup);
            if libc::setsid() < 0 || libc::ioctl(fd, libc::TIOCSCTTY, 0) < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
    command
}

/// The journal of the only run of [`RUN`] that is new.
fn new_journal(lab: &Lab, before: usize) -> Option<Journal> {
    let runs = fs::read_dir(lab.path("runs/tiny")).unwrap().flatten().map(|entry| entry.path());
    let mut runs: Vec<_> = runs.filter(|path| !path.is_symlink()).collect();
    runs.sort();
    (runs.len() > before).then(|| Journal::read(runs.last().unwrap()))
}

#[test]
fn a_terminal_that_closes_interrupts_the_run() {
    let lab = Lab::finished();
    let long = [
        &RUN[..],
        &["--set", "with.max_epochs=10000", "--set", "with.train.training.stopping={ kind: fixed }"],
    ];
    let (screen, programs) = terminal();
    // What is shown is read, as a terminal does, until it closes.
    let mut child = at_terminal(lab.command(&long.concat()), &programs, libc::SIG_DFL).spawn().unwrap();
    drop(programs);
    let is_training =
        || new_journal(&lab, 1).is_some_and(|it| it.started().iter().any(|id| id.starts_with("train")));
    let mut shown = [0; 4096];
    // SAFETY: a plain system call on a descriptor that is open.
    unsafe { libc::fcntl(screen.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    let began = std::time::Instant::now();
    while !is_training() {
        // SAFETY: it fills the buffer, no further than it reaches.
        unsafe { libc::read(screen.as_raw_fd(), shown.as_mut_ptr().cast(), shown.len()) };
        assert!(child.try_wait().unwrap().is_none() && began.elapsed().as_secs() < 60, "it does not train");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    drop(screen);
    // The shell of that terminal passes on what the kernel told it.
    signal(child.id().try_into().unwrap(), libc::SIGHUP);
    let code = child.wait().unwrap().code();
    let journal = new_journal(&lab, 1).unwrap();
    assert_eq!(
        (code, journal.outcome()),
        (Some(130), Some("interrupted")),
        "{:?} {:?}",
        journal.nodes("failed"),
        journal.started()
    );
    assert_eq!(journal.nodes("failed"), [""; 0]);
}

/// A program that ignores SIGHUP goes on, and its last line meets a terminal that is gone.
#[test]
fn a_run_ends_well_though_its_terminal_closed_meanwhile() {
    let lab = Lab::finished();
    let (screen, programs) = terminal();
    let mut child = at_terminal(lab.command(&RUN), &programs, libc::SIG_IGN).spawn().unwrap();
    drop((screen, programs));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(new_journal(&lab, 1).unwrap().outcome(), Some("done"));
}

#[test]
fn who_logs_out_does_not_end_a_run_under_nohup() {
    let lab = Lab::finished();
    let mut command = wrapped(&lab.command(&RUN), "sh", &["-c", r#"trap "" HUP; exec "$@""#, "sh"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = std::time::Instant::now();
    while new_journal(&lab, 1).is_none_or(|journal| journal.started().is_empty()) {
        assert!(child.try_wait().unwrap().is_none() && began.elapsed().as_secs() < 60, "it does not start");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    signal(child.id().try_into().unwrap(), libc::SIGHUP);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
