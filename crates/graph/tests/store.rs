//! The store under what happens to files: races, damage of every kind, files of others.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use affekt_domain::Digest;
use affekt_graph::{Key, KeyPart, ObjectError, Record, Store, hash_bytes};

struct Bench {
    folder: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    /// Stores a text as the result of a key.
    fn file(&self, name: &str, text: &str) -> Record {
        let scratch = self.store.scratch().unwrap();
        let record = self.record(scratch.path(), name, text);
        self.store.publish(record).unwrap()
    }

    fn record(&self, scratch: &Path, name: &str, text: &str) -> Record {
        let file = scratch.join("text");
        fs::write(&file, text).unwrap();
        Record {
            version: Record::VERSION,
            key: key(name),
            op: "upper".into(),
            outputs: vec![self.store.adopt("text", &file).unwrap()],
            seconds: 0.25,
            reproducible: true,
            memory_mib: None,
            provenance: BTreeMap::new(),
        }
    }

    fn record_path(&self, key: Key) -> std::path::PathBuf {
        let name = key.to_string();
        self.store.root().join("results").join(&name[..2]).join(name).with_extension("json")
    }

    fn object(&self, text: &str) -> std::path::PathBuf {
        self.store.object_path(digest(text))
    }

    fn gc(&self) -> u64 {
        // What came in the same tick of the file system's clock is taken for new.
        std::thread::sleep(Duration::from_millis(30));
        self.store.gc(|_, _| false, false).unwrap()
    }
}

fn key(name: &str) -> Key {
    Key::of(&[KeyPart { name: "op".into(), value: name.into() }])
}

fn digest(text: &str) -> Digest {
    hash_bytes(text.as_bytes())
}

fn is_damaged(store: &Store, text: &str) -> bool {
    matches!(store.object(digest(text)), Err(ObjectError::Damaged { .. }))
}

/// Gives a file or folder, and all in it, a time long past.
fn age(path: &Path) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| age(&entry.unwrap().path()));
    }
    let long_ago = SystemTime::now() - Duration::from_secs(400 * 24 * 3600);
    fs::File::open(path).unwrap().set_modified(long_ago).unwrap();
}

#[test]
fn leases_taken_and_finished_at_once_never_fail_and_have_one_holder() {
    let bench = Bench::new();
    let holders = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut taken = 0;
                while taken < 100 {
                    let Some(lease) = bench.store.lease(key("a")).unwrap() else {
                        std::thread::yield_now();
                        continue;
                    };
                    taken += 1;
                    assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "it has another holder");
                    assert_eq!(fs::read_dir(lease.state()).unwrap().count(), 0);
                    fs::write(lease.state().join("epoch"), "7").unwrap();
                    holders.fetch_sub(1, Ordering::SeqCst);
                    lease.finish();
                }
            });
        }
    });
    assert_eq!(fs::read_dir(bench.store.root().join("work")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(bench.store.root().join("tmp")).unwrap().count(), 0);
}

#[test]
fn gc_leaves_what_is_held_however_old_and_takes_what_is_left_over_however_new() {
    let bench = Bench::new();
    let tmp = bench.store.root().join("tmp");
    let scratch = bench.store.scratch().unwrap();
    fs::write(scratch.path().join("half"), "of a model").unwrap();
    age(scratch.path());
    let killed = tmp.join("node-killed");
    fs::create_dir(&killed).unwrap();
    fs::write(killed.join(".held"), "").unwrap();
    // One of a version that held nothing: a day of it is believed.
    let (new, old) = (tmp.join("node-new"), tmp.join("node-old"));
    for folder in [&new, &old] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("half"), "of a model").unwrap();
    }
    age(&old);
    let half =
        ["hints/.writing-a", "synthetic/0123/.writing-b/RAVDESS"].map(|name| bench.store.root().join(name));
    half.iter().for_each(|path| fs::create_dir_all(path).unwrap());
    age(half[0].as_path());
    age(half[1].parent().unwrap());
    bench.gc();
    assert!(!half[0].exists() && !half[1].parent().unwrap().exists());
    assert_eq!(fs::read_to_string(scratch.path().join("half")).unwrap(), "of a model");
    assert!(!killed.exists() && !old.exists() && new.exists());

    // What it makes is no result yet when it comes into the store.
    let record = bench.record(scratch.path(), "a", "model");
    let file = bench.object("model");
    age(&file);
    bench.gc();
    bench.store.publish(record).unwrap();
    drop(scratch);
    bench.gc();
    assert_eq!(bench.store.object(digest("model")).unwrap().all().unwrap(), b"model");
    fs::remove_file(bench.record_path(key("a"))).unwrap();
    assert!(bench.gc() >= 5);
    assert!(!file.exists(), "nobody names it");
}

#[test]
fn gc_leaves_state_that_was_touched_of_late() {
    let bench = Bench::new();
    let states: Vec<_> =
        ["touched", "given up"].map(|name| bench.store.lease(key(name)).unwrap().unwrap().state()).into();
    for state in &states {
        fs::write(state.join("epoch"), "7").unwrap();
        age(state.parent().unwrap());
    }
    fs::write(states[0].join("epoch"), "8").unwrap();
    bench.gc();
    assert_eq!(states.iter().map(|state| state.exists()).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn outputs_of_use_to_a_search_stay_while_a_node_runs() {
    let bench = Bench::new();
    bench.file("trial", "state");
    let file = bench.object("state");
    let passes = |op: &str, output: &str| (op, output) == ("upper", "text");
    let gc = || {
        std::thread::sleep(Duration::from_millis(30));
        bench.store.gc(passes, false).unwrap()
    };
    gc();
    assert!(file.exists(), "it is new");
    age(&file);
    let running = bench.store.scratch().unwrap();
    gc();
    assert!(file.exists(), "a node is running");
    drop(running);
    gc();
    assert!(!file.exists());
}

#[test]
fn objects_cut_to_any_length_are_damaged_when_opened() {
    let bench = Bench::new();
    let text = "words ".repeat(400_000);
    for text in ["a short text", &text] {
        bench.file("a", text);
        let path = bench.object(text);
        for len in [0, 1, 5, 11, text.len() as u64 - 1] {
            fs::write(&path, text).unwrap();
            fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(len).unwrap();
            assert!(is_damaged(&bench.store, text), "{len} of {} bytes", text.len());
        }
        fs::remove_file(&path).unwrap();
        assert!(is_damaged(&bench.store, text), "what is gone is made again like what is damaged");
    }
}

#[test]
fn what_lies_in_an_objects_place_is_moved_away() {
    let bench = Bench::new();
    let text = "words ".repeat(400_000);
    let record = bench.file("a", &text);
    let path = bench.object(&text);
    for path in [&path, &path.with_extension("tree"), &bench.record_path(record.key)] {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        fs::write(path.join("file"), "of somebody").unwrap();
    }
    assert!(!bench.store.has(digest(&text)) && is_damaged(&bench.store, &text));
    assert!(bench.store.lookup(record.key).is_none());
    bench.store.usage().unwrap();
    bench.file("a", &text);
    assert_eq!(bench.store.object(digest(&text)).unwrap().all().unwrap(), text.as_bytes());
    assert_eq!(bench.store.lookup(record.key).unwrap().outputs, record.outputs);
    assert_eq!(fs::read_dir(bench.store.root().join("quarantine")).unwrap().count(), 3);

    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(bench.store.fsck().unwrap().damaged, [digest(&text)]);
}

#[test]
fn files_of_others_in_a_store_disturb_nobody() {
    let bench = Bench::new();
    bench.file("a", "text");
    let root = bench.store.root();
    let strays = ["objects/notes.txt", "objects/00-notes", "results/notes.txt", "work/notes.txt"];
    strays.iter().for_each(|stray| fs::write(root.join(stray), "of somebody").unwrap());
    assert_eq!(bench.store.usage().unwrap().results, 1);
    assert_eq!(bench.store.fsck().unwrap().verified, 1);
    bench.gc();
    assert!(strays.iter().all(|stray| root.join(stray).exists()));
    assert!(bench.store.has(digest("text")));
}

#[test]
fn records_that_were_swapped_or_changed_count_for_nothing() {
    let bench = Bench::new();
    let records = ["a", "b", "c"].map(|name| bench.file(name, name));
    let paths = records.each_ref().map(|record| bench.record_path(record.key));
    let aside = bench.folder.path().join("aside");
    for (from, to) in [(&paths[0], &aside), (&paths[1], &paths[0]), (&aside, &paths[1])] {
        fs::rename(from, to).unwrap();
    }
    let text = fs::read_to_string(&paths[2]).unwrap();
    fs::write(&paths[2], text.replace("\"text\"", "\"uext\"")).unwrap();
    assert!(records.iter().all(|record| bench.store.lookup(record.key).is_none()));
    let mut bad = bench.store.fsck().unwrap().bad_records;
    let mut expected = paths.to_vec();
    bad.sort();
    expected.sort();
    assert_eq!(bad, expected);
    assert_eq!(bench.store.fsck().unwrap().bad_records.len(), 0);
}

#[test]
fn records_of_version_1_are_still_results() {
    let bench = Bench::new();
    let record = Record { version: 1, ..bench.file("a", "text") };
    fs::write(bench.record_path(record.key), serde_json::to_vec_pretty(&record).unwrap()).unwrap();
    assert_eq!(bench.store.lookup(record.key), Some(record));
    assert_eq!(bench.store.fsck().unwrap().bad_records.len(), 0);
}

#[test]
fn who_may_not_read_records_removes_none() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let path = bench.record_path(bench.file("a", "text").key);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::read(&path).is_ok() {
        // Whom permissions do not bind meets the like where a disk fails.
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&path, &path).unwrap();
    }
    for told in [bench.store.fsck().map(drop), bench.store.gc(|_, _| false, false).map(drop)] {
        let told = told.unwrap_err().to_string();
        assert!(told.starts_with(&format!("failed to read {}", path.display())), "{told}");
    }
    assert!(fs::symlink_metadata(&path).is_ok() && bench.store.has(digest("text")));
}

#[test]
fn records_of_a_later_version_stop_who_would_tidy_up() {
    let bench = Bench::new();
    let path = bench.record_path(bench.file("a", "text").key);
    let text = fs::read_to_string(&path).unwrap();
    let (body, _) = text.split_once(",\n  \"digest\"").unwrap();
    let body = body.replace("\"version\": 2", "\"version\": 3");
    fs::write(&path, format!("{body},\n  \"digest\": \"{}\"\n}}", digest(&body))).unwrap();
    let told = bench.store.fsck().unwrap_err().to_string();
    assert!(told.ends_with("a later version of this program wrote it"), "{told}");
    assert!(bench.store.gc(|_, _| false, false).is_err());
    assert!(path.exists() && bench.store.has(digest("text")));
}

#[test]
fn only_what_is_empty_or_a_store_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Somebody's own, which have some of a store's folders.
    fs::create_dir_all(at("mine/tmp")).unwrap();
    fs::create_dir_all(at("mine/quarantine")).unwrap();
    fs::write(at("mine/tmp/thesis.tex"), "years of work").unwrap();
    let told = Store::open(&at("mine")).err().unwrap().to_string();
    assert!(told.contains("it holds other files and is no store"), "{told}");
    assert!(!Store::is_in(&at("mine")) && !Store::is_in(&at("nothing")));
    assert_eq!(fs::read_dir(at("mine")).unwrap().count(), 2, "nothing was made in it");

    // One made before stores were marked.
    for name in ["objects", "results", "work", "tmp", "quarantine"] {
        fs::create_dir_all(at("old").join(name)).unwrap();
    }
    assert!(Store::is_in(&at("old")));
    Store::open(&at("old")).unwrap();
    // It stays one when it loses a folder.
    fs::remove_dir(at("old/work")).unwrap();
    Store::open(&at("old")).unwrap();

    // An empty one in which somebody looks after git.
    fs::create_dir(at("ignored")).unwrap();
    fs::write(at("ignored/.gitignore"), "*").unwrap();
    let at = &at;
    std::thread::scope(|scope| {
        for name in ["new", "ignored"].repeat(8) {
            scope.spawn(move || Store::open(&at(name)).map(drop).unwrap());
        }
    });
}

#[test]
fn what_another_run_has_made_again_is_not_quarantined() {
    let bench = Bench::new();
    bench.file("a", "text");
    bench.store.quarantine(digest("text")).unwrap();
    assert!(bench.store.has(digest("text")));
    fs::write(bench.object("text"), "tex").unwrap();
    bench.store.quarantine(digest("text")).unwrap();
    bench.store.quarantine(digest("text")).unwrap();
    assert!(!bench.store.has(digest("text")));
}

/// The test below, as a process of its own.
const READER: &str = "AFFEKT_TEST_READER";

#[test]
fn a_file_cut_short_while_it_is_read_is_said_in_words() {
    let text = "words ".repeat(700_000);
    if let Some(folder) = std::env::var_os(READER) {
        affekt_graph::explain_bus_errors();
        let store = Store::open(Path::new(&folder)).unwrap();
        let object = store.object(digest(&text)).unwrap();
        fs::OpenOptions::new().write(true).open(object.path()).unwrap().set_len(0).unwrap();
        let read = object.all().map(<[u8]>::len);
        unreachable!("{read:?}");
    }
    let bench = Bench::new();
    bench.file("a", &text);
    let reader = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_file_cut_short_while_it_is_read_is_said_in_words", "--nocapture"])
        .env(READER, bench.store.root())
        .output()
        .unwrap();
    let told = String::from_utf8(reader.stderr).unwrap();
    assert_eq!(reader.status.code(), Some(1), "{told}");
    assert!(told.contains("error: a file that was being read was cut short meanwhile"), "{told}");
    assert_eq!(bench.store.fsck().unwrap().damaged, [digest(&text)]);
}
