//! What of a store is kept, and what goes first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use affekt_graph::{Eviction, Keep, Key, KeyPart, Listed, Listing, Record, Retention, Store};

const DAY: Duration = Duration::from_secs(24 * 3600);

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

    /// Files a result of so many bytes that took so long, a hundred days ago.
    fn file(&self, name: &str, bytes: usize, seconds: f64, reproducible: bool) -> Record {
        let scratch = self.store.scratch().unwrap();
        let file = scratch.path().join("out");
        fs::write(&file, &name.repeat(bytes).as_bytes()[..bytes]).unwrap();
        let outputs = vec![self.store.adopt("out", &file).unwrap()];
        let record = Record {
            version: Record::VERSION,
            key: key(name),
            op: "upper".into(),
            outputs,
            seconds,
            reproducible,
            memory_mib: None,
            provenance: BTreeMap::new(),
        };
        let record = self.store.publish(record).unwrap();
        let path = self.record_path(name);
        fs::File::open(path).unwrap().set_modified(SystemTime::now() - 100 * DAY).unwrap();
        record
    }

    fn record_path(&self, name: &str) -> PathBuf {
        let key = key(name).to_string();
        self.store.root().join("results").join(&key[..2]).join(key).with_extension("json")
    }

    fn plan(&self, max_bytes: u64, disregarded: &[Keep]) -> Eviction {
        let disregarded = disregarded.iter().copied().collect();
        let retention = Retention { max_bytes, recent: 7 * DAY, disregarded };
        self.store.plan_eviction(&retention, 0).unwrap()
    }
}

fn key(name: &str) -> Key {
    Key::of(&[KeyPart { name: "op".into(), value: name.into() }])
}

fn dropped(eviction: &Eviction) -> Vec<Key> {
    eviction.dropped.iter().map(|dropped| dropped.key).collect()
}

#[test]
fn what_is_cheapest_to_compute_again_goes_first_and_no_more_than_it_takes() {
    let bench = Bench::new();
    bench.file("a", 50_000, 50.0, true);
    let cheap = bench.file("b", 40_000, 1.0, true);
    bench.file("c", 30_000, 3.0, true);
    let all = bench.plan(0, &[]);
    assert_eq!(dropped(&all), ["b", "c", "a"].map(key));
    assert!(all.bytes > 120_000 && all.bytes_after < 5_000, "{all:?}");

    let some = bench.plan(all.bytes - 1, &[]);
    assert_eq!(dropped(&some), [key("b")]);
    assert_eq!((some.dropped[0].bytes, some.dropped[0].seconds), (40_000, 1.0));
    assert!(bench.store.has(cheap.outputs[0].digest), "a plan removes nothing");
    bench.store.evict(&some).unwrap();
    assert!(!bench.store.has(cheap.outputs[0].digest));
    assert_eq!(bench.store.lookup(key("b")), Some(cheap), "what was computed is still known");
    assert_eq!(bench.plan(some.bytes_after, &[]).dropped, []);
}

#[test]
fn what_is_pinned_irreproducible_of_a_run_or_recent_stays_until_told_otherwise() {
    let bench = Bench::new();
    for name in ["pinned", "run", "recent", "other"] {
        bench.file(name, 1000, 1.0, true);
    }
    bench.file("gpu", 1000, 1.0, false);
    let run = bench.folder.path().join("project/runs/tiny/1");
    fs::create_dir_all(&run).unwrap();
    let of_run = Listing::new("tiny/1".into(), Some(run.clone()), BTreeSet::from([key("run")]));
    bench.store.list(Listed::Run, &of_run).unwrap();
    let pin = Listing::new("mine".into(), None, BTreeSet::from([key("pinned"), key("recent")]));
    bench.store.list(Listed::Pin, &pin).unwrap();
    let now = SystemTime::now();
    fs::File::open(bench.record_path("recent")).unwrap().set_modified(now).unwrap();

    let plan = bench.plan(0, &[]);
    assert_eq!(dropped(&plan), [key("other")]);
    let kept = [(Keep::Pinned, (2, 2000)), (Keep::Irreproducible, (1, 1000)), (Keep::Run, (1, 1000))];
    assert_eq!(plan.kept, BTreeMap::from(kept));
    assert!(bench.store.unlist(Listed::Pin, &pin).unwrap());
    assert!(!bench.store.unlist(Listed::Pin, &pin).unwrap());
    assert_eq!(
        bench.plan(0, &[]).kept.keys().copied().collect::<Vec<_>>(),
        [Keep::Irreproducible, Keep::Run, Keep::Recent]
    );
    let all = bench.plan(0, &[Keep::Irreproducible, Keep::Run, Keep::Recent]);
    assert_eq!((all.dropped.len(), all.kept.len()), (5, 0));

    // A run whose disk is not here may be somewhere; one that was removed is not.
    fs::rename(bench.folder.path().join("project"), bench.folder.path().join("away")).unwrap();
    assert!(bench.plan(0, &[]).kept.contains_key(&Keep::Run));
    fs::create_dir(bench.folder.path().join("project")).unwrap();
    assert!(!bench.plan(0, &[]).kept.contains_key(&Keep::Run));
    assert_eq!(bench.store.listings(Listed::Run).unwrap(), [of_run]);
    bench.store.gc(|_, _| false, true).unwrap();
    assert_eq!(bench.store.listings(Listed::Run).unwrap().len(), 1);
    bench.store.gc(|_, _| false, false).unwrap();
    assert_eq!(bench.store.listings(Listed::Run).unwrap(), []);
}

#[test]
fn an_object_stays_while_a_result_that_names_it_does() {
    let bench = Bench::new();
    let mut other = bench.file("a", 1000, 1.0, true);
    other.key = key("same bytes by another way");
    other.reproducible = false;
    bench.store.publish(other).unwrap();
    assert_eq!(bench.plan(0, &[]).dropped, []);
}

#[test]
fn every_flipped_bit_of_a_list_is_seen_and_stops_who_would_drop_results() {
    let bench = Bench::new();
    let pin = Listing::new("mine".into(), None, BTreeSet::from([key("a")]));
    let whole = pin.to_bytes();
    assert_eq!(Listing::from_bytes(&whole), Some(pin.clone()));
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Listing::from_bytes(&flipped), None, "bit {bit}");
    }
    bench.store.list(Listed::Pin, &pin).unwrap();
    let path = bench.store.root().join(pin.path(Listed::Pin));
    fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    let retention = Retention { max_bytes: 0, recent: DAY, disregarded: BTreeSet::new() };
    let told = bench.store.plan_eviction(&retention, 0).unwrap_err().to_string();
    assert!(told.contains("it is damaged; `cache fsck` sets it aside"), "{told}");
    assert_eq!(bench.store.fsck().unwrap().bad_lists, [path]);
    assert_eq!(bench.plan(0, &[]).dropped, []);
}

#[test]
fn a_dry_run_says_what_goes_and_removes_nothing() {
    let bench = Bench::new();
    let scratch = bench.store.scratch().unwrap();
    let file = scratch.path().join("out");
    fs::write(&file, "named by nobody").unwrap();
    let output = bench.store.adopt("out", &file).unwrap();
    drop(scratch);
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(bench.store.gc(|_, _| false, true).unwrap(), 15);
    assert!(bench.store.has(output.digest));
    assert_eq!(bench.store.gc(|_, _| false, false).unwrap(), 15);
    assert!(!bench.store.has(output.digest));
}

#[test]
fn a_damaged_digest_tree_is_made_again() {
    let bench = Bench::new();
    let digest = bench.file("model", 3 << 20, 1.0, false).outputs[0].digest;
    let tree = bench.store.object_path(digest).with_extension("tree");
    let whole = fs::read(&tree).unwrap();
    for damaged in [None, Some(&whole[..whole.len() - 1])] {
        fs::remove_file(&tree).unwrap();
        damaged.iter().for_each(|bytes| fs::write(&tree, bytes).unwrap());
        let found = bench.store.fsck().unwrap();
        assert_eq!((found.mended, found.damaged, found.verified), (vec![digest], vec![], 1));
        assert_eq!(fs::read(&tree).unwrap(), whole);
    }
}

/// `cargo test -p affekt-graph --test cache_life -- --ignored --nocapture large_store_time`: seconds of what is done to a whole store, by the
/// number of its results, each of one small object. `OBJECTS=1000000` asks for so many.
#[test]
#[ignore = "prints how long it takes"]
#[expect(clippy::print_stdout, reason = "what it is for")]
fn large_store_time() {
    let asked = std::env::var("OBJECTS").map_or(100_000, |number| number.parse().unwrap());
    for results in [asked / 10, asked] {
        let bench = Bench::new();
        let seconds_of = |what: &str, of: &mut dyn FnMut()| {
            let started = std::time::Instant::now();
            of();
            println!("{results} results: {what} {:.2} s", started.elapsed().as_secs_f64());
        };
        seconds_of("making", &mut || {
            for result in 0..results {
                bench.file(&format!("result {result}"), 200, 1.0, true);
            }
        });
        seconds_of("usage", &mut || assert_eq!(bench.store.usage().unwrap().results, results));
        seconds_of("fsck", &mut || assert_eq!(bench.store.fsck().unwrap().verified, results));
        seconds_of("gc", &mut || assert_eq!(bench.store.gc(|_, _| false, true).unwrap(), 0));
        let mut eviction = Eviction::default();
        seconds_of("plan to drop half", &mut || {
            eviction = bench.plan(bench.plan(u64::MAX, &[]).bytes - 100 * results, &[]);
        });
        seconds_of("drop half", &mut || bench.store.evict(&eviction).unwrap());
        seconds_of("gc after it", &mut || assert_eq!(bench.store.gc(|_, _| false, false).unwrap(), 0));
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    }
}
