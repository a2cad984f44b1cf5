//! A folder of one's own and an installed `affekt`: no checkout, no source, nothing but the binaries.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::binaries;
use crate::lab::{Ended, Lab};

/// `affekt` with these words in the lab, as a program that is installed in the lab's `bin/`.
fn affekt(lab: &Lab, words: &[impl AsRef<OsStr>]) -> Command {
    let installed = lab.path("bin/affekt");
    if !installed.exists() {
        install(&binaries::affekt(), &installed);
    }
    let mut command = Command::new(installed);
    command.args(words).current_dir(lab.path("")).stdin(Stdio::null());
    for name in ["AFFEKT_WORKER", "AFFEKT_DATA", "AFFEKT_CACHE", "LIBTORCH", "XDG_DATA_HOME"] {
        command.env_remove(name);
    }
    command.env("HOME", lab.path("home"));
    command
}

fn install(program: &Path, target: &Path) {
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    if fs::hard_link(program, target).is_err() {
        fs::copy(program, target).unwrap();
    }
}

/// What makes the experiment of `init` one of seconds.
const SMALL: [&str; 8] = [
    "--device",
    "cpu",
    "--set",
    "with.max_epochs=1",
    "--set",
    "protocol.seeds=[1]",
    "--set",
    "corpora.ravdess.synthetic.actors=3",
];

#[test]
fn a_new_folder_runs_to_its_report() {
    let lab = Lab::empty();
    let told = Ended::of(affekt(&lab, &["init", "mine"])).expect(0);
    assert_eq!(told.stdout, "cd mine && affekt run experiments/first.yaml\n");
    let again = Ended::of(affekt(&lab, &["init", "mine"])).expect(2);
    assert!(again.stderr.contains("mine/experiments/first.yaml is there already"), "{again:#?}");

    install(&binaries::worker(), &lab.path("bin/affekt-worker"));
    let words = [&["run", "experiments/first.yaml"], &SMALL[..]].concat();
    let mut run = affekt(&lab, &words);
    run.current_dir(lab.path("mine"));
    let ended = Ended::of(run).expect(0);
    let page = lab.path("mine").join(ended.stdout.trim());
    assert!(page.is_file());
    let report = fs::read_to_string(page.with_extension("md")).unwrap();
    assert!(report.contains("affekt run experiments/first.yaml --device"), "the report says how it was made");
    assert!(lab.path("mine/.affekt").is_dir());
}

#[test]
fn without_a_worker_nothing_is_begun() {
    let lab = Lab::empty();
    let words = [&["run", "experiments/quickstart.yaml"], &SMALL[..]].concat();
    let ended = Ended::of(affekt(&lab, &words)).expect(2);
    assert!(ended.stderr.contains("error: no worker"), "{ended:#?}");
    assert!(ended.stderr.contains("`cargo xtask dist DIR`"), "{ended:#?}");
    assert!(!lab.path("runs").exists());
    // What needs no worker does without.
    let only = [&words[..], &["--only", "mfcc"]].concat();
    Ended::of(affekt(&lab, &only)).expect(0);
}

#[test]
fn what_ships_is_built_in_and_what_is_there_comes_first() {
    let lab = Lab::empty();
    let plan = |settings: &[&str]| {
        let words = [&["plan", "experiments/quickstart.yaml", "--device", "cpu"], settings].concat();
        Ended::of(affekt(&lab, &words))
    };
    plan(&[]).expect(0);
    let wrong = plan(&["--set", "use=pipelines/cn.yaml"]).expect(2);
    assert!(wrong.stderr.contains("did you mean `pipelines/cnn.yaml`?"), "{wrong:#?}");
    let wrong = plan(&["--set", "with={audio.rate_hz: 8}"]).expect(2);
    assert!(wrong.stderr.contains("audio.rate_hz"), "{wrong:#?}");

    lab.write("pipelines/cnn.yaml", "nodes: { mine: { op: nonsense } }\n");
    let wrong = plan(&[]).expect(2);
    assert!(wrong.stderr.contains("--> pipelines/cnn.yaml:1:"), "{wrong:#?}");
    fs::remove_file(lab.path("pipelines/cnn.yaml")).unwrap();

    lab.write("experiments/quickstart.yaml", "name: quickstart\n");
    let wrong = plan(&[]).expect(2);
    assert!(wrong.stderr.contains("experiments/quickstart.yaml:1:"), "{wrong:#?}");
}

#[test]
fn diagnostics_name_built_in_files() {
    let lab = Lab::empty();
    // The pipeline stops early by a dev part, and this protocol has none.
    let own = "name: own\ncorpora: { ravdess: { synthetic: {} } }\nprotocol: { kind: group-kfold, folds: 2, dev: none }\n\
               use: pipelines/cnn.yaml\n";
    lab.write("own.yaml", own);
    let told = Ended::of(affekt(&lab, &["plan", "own.yaml"])).expect(2);
    assert!(told.stderr.contains("--> <built-in>/pipelines/cnn.yaml:"), "{told:#?}");
}
