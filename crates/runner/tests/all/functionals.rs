//! The op `functionals`: openSMILE's files, matched to recordings.

use affekt_domain::{Digest, Example, Target, Task, Utterance};
use affekt_graph::{Item, Ops};
use affekt_table::examples::{self, Examples};
use affekt_table::features::Features;
use serde_json::json;

use crate::bench::{Bench, Unwatched, params, source};

const RULES: &str = "
path: '(?P<who>[a-z])(?P<mood>[a-z]+)'
speaker: '{who}'
label: '{mood}'
labels: { sad: sad }
";

/// openSMILE's own, but for the number of columns.
const CSV: &str = "name;frameTime;F0_sma;jitter\n'out/b.wav';0.000000;2.5e+00;-1\n'a';0.000000;1.0;0.5\n";
const ARFF: &str = "@relation openSMILE\n\n@attribute name string\n@attribute frameTime numeric\n\
                    @attribute F0_sma numeric\n@attribute jitter numeric\n@attribute class numeric\n\n@data\n\n\
                    'b',0.0,2.5,-1,?\n'a',0.0,1.0,0.5,?\n";

fn bench(files: &[(&str, &str)]) -> Bench {
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(*text))).collect();
    Bench::of_corpus(RULES, &files)
}

/// Stored examples of these recordings.
fn recordings(bench: &Bench, names: &[&str]) -> Item {
    let example = |name: &&str| Example {
        utterance: Utterance {
            id: format!("show/wav/{name}"),
            corpus: "show".into(),
            speaker: "show/a".into(),
            sex: None,
            text: None,
            transcript: None,
            intensity: None,
            style: None,
            session: None,
            part: None,
            label: Some("sad".into()),
            emotion: Some("sad".into()),
            values: [].into(),
            metadata: [].into(),
            samples: 1,
            rate: 16_000,
            channels: 1,
            audio: Digest::from_bytes([1; 32]),
        },
        target: Some(Target::Class("sad".into())),
    };
    let path = bench.path("rows");
    let task = Task::Classes(vec!["sad".into()]);
    let examples = names.iter().map(example).collect();
    examples::write(&path, &Examples { scheme: "native".into(), task, note: None, examples }).unwrap();
    bench.adopt(&path)
}

/// Recording, numbers.
fn made(bench: &Bench, path: &str, names: &[&str]) -> Result<Vec<(String, Vec<f32>)>, String> {
    let examples = recordings(bench, names);
    let outputs = bench.run("functionals", json!({ "path": path }), &[("examples", &[&examples])]);
    let outputs = outputs.map_err(|failure| failure.to_string())?;
    let table = Features::open(bench.open(&outputs["features"])).unwrap();
    assert_eq!(table.shape()[1], 1);
    let row = |row| (table.utterance(row).unwrap().to_owned(), table.frames(row).unwrap().to_vec());
    Ok((0..table.len()).map(row).collect())
}

#[test]
fn files_of_many_rows_and_folders_of_files_say_the_same() {
    let of = |name: &str, values: [f32; 2]| (format!("show/wav/{name}"), values.to_vec());
    let expected = vec![of("a", [1.0, 0.5]), of("b", [2.5, -1.0])];
    let own = |name: &str, values: &str| {
        // Of several rows the last is that of the whole recording.
        format!("name;frameTime;F0_sma;jitter\n'{name}';0.0;9;9\n'unknown';0.0;{values}\n")
    };
    let bench = bench(&[
        ("set.csv", CSV),
        ("set.arff", ARFF),
        ("set/a.csv", &own("x", "1.0;0.5")),
        ("set/b.csv", &own("x", "2.5;-1")),
        ("set/notes.txt", "of no concern"),
    ]);
    for path in ["set.csv", "set.arff", "set"] {
        assert_eq!(made(&bench, path, &["b", "a"]).unwrap(), expected, "{path}");
    }
    assert_eq!(made(&bench, "set.csv", &["b"]).unwrap(), expected[1..], "rows of others are passed over");
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let bench = bench(&[
        ("set.csv", CSV),
        ("twice.csv", "name;x\n'a';1\n'b/a.wav';2\n"),
        ("nan.csv", "name;x\n'a';nan\n"),
        ("set/a.csv", "name;x\n'a';1\n"),
        ("set/b.csv", "name;x;y\n'b';1;2\n"),
    ]);
    let refused = |path: &str, names: &[&str]| made(&bench, path, names).unwrap_err();
    let missing = refused("set.csv", &["a", "c", "d"]);
    assert!(missing.contains("no functionals of 2 recordings"), "{missing}");
    assert!(missing.ends_with("\n  show/wav/c\n  show/wav/d"), "{missing}");
    assert!(refused("gone.csv", &["a"]).contains("extract functionals with openSMILE"));
    assert!(refused("twice.csv", &["a"]).ends_with("twice.csv: `a` has two rows"));
    assert!(refused("nan.csv", &["a"]).ends_with("`nan` under `x` of `a` is no finite number"));
    assert_eq!(refused("set", &["a", "b"]), "`show/wav/b` has 2 functionals, others 1: use one set");
    assert!(params("functionals", "{}").unwrap_err().contains("`path`"));
}

#[test]
fn the_fingerprint_is_of_what_the_files_hold() {
    let fingerprint = |files: &[(&str, &str)]| {
        let bench = bench(files);
        let node = source(&bench.job("functionals", json!({ "path": "set.csv" }), &[]));
        bench.ops().fingerprint(&node, true, &mut Unwatched::default()).unwrap().unwrap()
    };
    let once = fingerprint(&[("set.csv", CSV)]);
    assert_eq!(fingerprint(&[("set.csv", CSV), ("other.csv", "x")]), once);
    assert_ne!(fingerprint(&[("set.csv", &CSV.replace("-1", "-2"))]), once);
    assert_ne!(fingerprint(&[]), once);
}
