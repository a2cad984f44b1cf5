//! Searches over settings: which trials go on, what is trained with the choice, and that nothing of it is lost.

use std::fs::File;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::lab::{Lab, Run, TINY, signal};

/// [`TINY`] with a search in every fold: nine settings for one epoch, three of them for three, one for nine, and a bracket
/// that begins with three epochs.
fn tuned() -> Lab {
    let lab = Lab::tiny();
    let text = TINY.replace("name: tiny", "name: tuned").replace("seeds: [1]", "seeds: [1, 2]");
    let tune = "tune:\n  by: hyperband\n  max_epochs: 9\n  space:\n    lr: { from: 1e-4, to: 1e-1, scale: log }\n    \
                train.training.batch_size: [8, 16]\n";
    lab.write("tuned.yaml", &format!("{text}{tune}"));
    lab
}

/// What each fold's search chose, and the predictions.
fn came_to(lab: &Lab, run: &Run) -> (Vec<Vec<u8>>, Vec<u8>) {
    let choice = |fold: u32| {
        let path = lab.xtask(&["path", "tuned.yaml", &format!("choose[fold={fold}].trials")]);
        std::fs::read(lab.path(path.expect(0).stdout.trim())).unwrap()
    };
    ((1..=3).map(choice).collect(), run.bytes("predictions.arrow"))
}

fn trials(run: &Run) -> Vec<String> {
    run.ran().into_iter().filter(|id| id.starts_with("trial[fold=1,")).collect()
}

#[test]
fn a_search_goes_on_with_the_best_and_trains_what_it_chose() {
    let lab = tuned();
    let run = lab.run("tuned", &[]).expect(0);
    // R = 9, η = 3: 9 + 3 + 1 trainings of the first bracket, 5 + 1 of the second, 3 of the last.
    assert_eq!(trials(&run).len(), 22, "{:?}", trials(&run));
    let (choices, _) = came_to(&lab, &run);
    let choice: Value = serde_json::from_slice(&choices[0]).unwrap();
    let all = choice["trials"].as_array().unwrap();
    assert_eq!(all.len(), 17);
    let outcomes = |outcome: &str| all.iter().filter(|trial| trial["outcome"] == outcome).count();
    assert_eq!((outcomes("chosen"), outcomes("finished"), outcomes("pruned")), (1, 4, 12));
    let chosen = all.iter().find(|trial| trial["outcome"] == "chosen").unwrap();
    let finished = all.iter().filter(|trial| trial["outcome"] == "finished");
    let loss = |trial: &Value| trial["value"].as_f64().unwrap_or(f64::INFINITY);
    assert!(finished.into_iter().all(|other| loss(other) >= loss(chosen)), "{choice:#}");

    // Nothing of it runs again, and what one seed more needs is its training alone.
    assert_eq!(lab.run("tuned", &[]).expect(0).ran(), [""; 0]);
    let more = lab.run("tuned", &["--set", "protocol.seeds=[1, 2, 3]"]).expect(0);
    assert!(
        more.ran().iter().all(|id| !id.starts_with("trial") && !id.starts_with("choose")),
        "{:?}",
        more.ran()
    );
}

#[test]
fn killed_at_any_moment_it_chooses_the_same_and_ends_with_the_same_bytes() {
    let undisturbed = {
        let lab = tuned();
        let run = lab.run("tuned", &[]).expect(0);
        came_to(&lab, &run)
    };
    let lab = tuned();
    // So many nodes of this name have started.
    let moments = [("trial[", 5), ("epochs=3]", 3), ("epochs=9]", 1), ("choose[", 1), ("train[", 2)];
    for (what, count) in moments {
        let mut running = lab.start("tuned", &[]);
        running.wait_until(|_, journal| {
            journal.started().iter().filter(|id| id.contains(what)).count() >= count
        });
        signal(running.pid(), libc::SIGKILL);
        running.end();
    }
    let run = lab.run("tuned", &[]).expect(0);
    assert!(came_to(&lab, &run) == undisturbed, "another choice, or other bytes");
}

#[test]
fn states_that_no_search_goes_on_from_are_swept_up_and_nothing_misses_them() {
    let lab = tuned();
    lab.run("tuned", &[]).expect(0);
    let state = |trial: &str| {
        let path =
            lab.xtask(&["path", "tuned.yaml", &format!("trial[fold=1,{trial},epochs=1].state")]).expect(0);
        lab.path(path.stdout.trim())
    };
    let (first, second) = (state("trial=1"), state("trial=2"));
    lab.xtask(&["cache", "gc"]).expect(0);
    assert!(first.is_file(), "it may be of a run in progress");
    let days = SystemTime::now() - Duration::from_secs(3 * 24 * 3600);
    for object in [&first, &second] {
        File::open(object).unwrap().set_modified(days).unwrap();
    }
    let choice = lab.xtask(&["path", "tuned.yaml", "choose[fold=1].trials"]).expect(0).stdout;
    lab.xtask(&["cache", "gc"]).expect(0);
    assert!(!first.exists() && !second.exists() && lab.path(choice.trim()).is_file());
    assert_eq!(lab.run("tuned", &[]).expect(0).ran(), [""; 0]);
}
