//! Recordings that are not as they should be: the run goes on without them, and the report lists them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use affekt_table::TableFile;
use affekt_table::predictions;

use crate::lab::{Lab, Run, skipped, wrapped};

#[test]
fn bad_files_are_listed_and_the_good_ones_kept() {
    let lab = Lab::finished();
    let actor = |name: &str| lab.path(&format!("data/RAVDESS/Actor_01/{name}"));
    let whole = fs::read(actor("03-01-05-01-01-01-01.wav")).unwrap();
    fs::write(actor("03-01-01-01-02-01-01.wav"), "").unwrap();
    fs::write(actor("03-01-02-01-02-01-01.wav"), &whole[..whole.len() / 2]).unwrap();
    fs::write(actor("03-01-03-01-02-01-01.wav"), "Dear diary, today I was sad.\n").unwrap();
    fs::write(actor("03-01-04-01-02-01-01.wav"), &whole[..20]).unwrap();
    fs::write(actor("angry.wav"), &whole).unwrap();
    fs::write(actor("notes.txt"), "no audio by its name: worth a line").unwrap();
    std::os::unix::fs::symlink("/nowhere.wav", actor("03-01-06-01-02-01-01.wav")).unwrap();
    fs::create_dir(lab.path("data/RAVDESS/Mirror")).unwrap();
    fs::write(lab.path("data/RAVDESS/Mirror/03-01-05-01-01-01-01.wav"), &whole).unwrap();

    let run = lab.run("tiny", &[]).expect(0);
    assert_eq!(tested(&run).len(), 46, "45 as before, and the one that is cut off");
    assert!(tested(&run).contains("RAVDESS/Actor_01/03-01-02-01-02-01-01"));
    let report = run.text("report.md");
    let (_, problems) = report.split_once("| Corpus | Kind |").unwrap();
    let problems: Vec<&str> = problems.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    insta::assert_snapshot!(problems.join("\n"));
    let html = run.text("report.html").replace("&#x2f;", "/");
    for emotion in ["01", "02", "03", "04", "06"] {
        let path = format!("Actor_01/03-01-{emotion}-01-02-01-01.wav");
        assert!(html.contains(&path), "{path} is not in the report");
    }
    assert!(html.contains("Actor_01/angry.wav") && html.contains("Mirror/03-01-05-01-01-01-01.wav"));
    assert!(html.contains("notes.txt"));
}

#[test]
fn a_folder_that_cannot_be_read_is_listed() {
    let lab = Lab::finished();
    let folder = lab.path("data/RAVDESS/Actor_02_again");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = lab.command(&["run", "tiny.yaml", "--device", "cpu"]);
    if fs::read_dir(&folder).is_ok() {
        // Root reads everything; without these capabilities it is a user like others.
        if !Command::new("setpriv").arg("--version").output().is_ok_and(|output| output.status.success()) {
            skipped("root can read every folder, and there is no `setpriv` to be less than root");
            return;
        }
        let capabilities = "-dac_override,-dac_read_search";
        command = wrapped(&command, "setpriv", &["--bounding-set", capabilities]);
    }
    let run = lab.run_by("tiny", command).expect(0);
    assert_eq!(tested(&run).len(), 45);
    assert!(run.text("report.html").contains("Actor_02_again"), "the report lists it");
}

/// The utterances that were tested.
fn tested(run: &Run) -> BTreeSet<String> {
    let table = TableFile::open_path(&run.folder.join("predictions.arrow")).unwrap();
    predictions::read(&table).unwrap().rows.into_iter().map(|row| row.utterance).collect()
}
