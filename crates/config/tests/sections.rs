//! Reading of files key by key: the values, and all mistakes in one pass.

use std::ops::Bound;

use affekt_config::{Diagnostic, Diagnostics, Field, Key, Node, Section, parse};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Random,
    Official,
}

const KINDS: [(&str, Kind); 2] = [("random", Kind::Random), ("official", Kind::Official)];

#[derive(Debug, PartialEq)]
struct Experiment {
    name: String,
    note: Option<String>,
    rate: u32,
    seeds: Vec<u64>,
    lr: f64,
    momentum: Option<f64>,
    shuffle: bool,
    kind: Kind,
    nodes: Vec<(String, String)>,
}

fn read(node: &Node, diagnostics: &Diagnostics) -> Option<Experiment> {
    let mut s = Section::open(node, diagnostics, "the experiment")?;
    let name = s.required_text("name");
    let note = s.optional_text("note");
    let rate = s.integer("rate", 16_000, 8_000..=48_000);
    let seeds = s.required_list("seeds");
    let lr = s.float("lr", 1e-3, (Bound::Excluded(0.0), Bound::Included(1.0)));
    let momentum = s.optional_float("momentum", 0.0..1.0);
    let shuffle = s.boolean("shuffle", true);
    let kind = s.section("protocol", |s| s.required_one_of("kind", &KINDS));
    let nodes = s.section("nodes", |s| {
        let read = |(key, field): (&Key, Field)| {
            let what = format!("node `{}`", key.name);
            field.section(&what, |s| Some((key.name.clone(), s.required_text("op")?)))
        };
        Some(s.rest().into_iter().filter_map(read).collect())
    });
    s.close();
    let seeds = seeds?.into_iter().filter_map(|seed| seed.integer(0..)).collect();
    let (kind, nodes) = (kind.unwrap_or(Kind::Official), nodes.unwrap_or_default());
    Some(Experiment { name: name?, note, rate, seeds, lr, momentum, shuffle, kind, nodes })
}

/// Returns the values read from the text, and the diagnostics.
fn experiment(text: &str) -> (Option<Experiment>, String) {
    let diagnostics = Diagnostics::new();
    let experiment = parse("x.yaml", text, &diagnostics).and_then(|node| read(&node, &diagnostics));
    (experiment, diagnostics.to_string())
}

#[test]
fn values_and_defaults() {
    let all = "name: cnn\nnote: ~\nrate: 22050\nseeds: [1, 2]\nlr: 3e-4\nmomentum: 0\nshuffle: false\n\
               protocol: { kind: random }\nnodes: { train: { op: fit }, no: { op: test } }\n";
    let (read, problems) = experiment(all);
    assert_eq!(problems, "");
    let nodes = [("train", "fit"), ("no", "test")].map(|(name, op)| (name.to_owned(), op.to_owned()));
    assert_eq!(
        read,
        Some(Experiment {
            name: "cnn".to_owned(),
            note: None,
            rate: 22_050,
            seeds: vec![1, 2],
            lr: 3e-4,
            momentum: Some(0.0),
            shuffle: false,
            kind: Kind::Random,
            nodes: nodes.to_vec(),
        })
    );

    let (read, problems) = experiment("name: x\nseeds: []\nprotocol:\n");
    assert_eq!(problems, "");
    let read = read.unwrap();
    assert_eq!((read.rate, read.lr, read.momentum, read.shuffle), (16_000, 1e-3, None, true));
    assert_eq!(read.kind, Kind::Official);
}

#[test]
fn every_mistake_in_one_pass_and_in_order() {
    let text = "name: 01
rate: 48_000
seeds: [1, -2, 3.0, [4]]
lr: 0
momentum: 1.0
shuffle: yes
protocol: { kind: oficial, dev: none }
nodes:
  train:
    in: mfcc
  test: op:test
optimizer: adam
";
    let (read, problems) = experiment(text);
    assert_eq!(read, None);
    assert_eq!(
        problems,
        "\
error: expected text, found `01`
 --> x.yaml:1:7
  |
1 | name: 01
  |       ^^
hint: put it into quotes: `\"01\"`

error: expected a whole number between 8000 and 48000, found `48_000`
 --> x.yaml:2:7
  |
2 | rate: 48_000
  |       ^^^^^^
hint: write `48000`

error: expected a whole number of at least 0, found `-2`
 --> x.yaml:3:12
  |
3 | seeds: [1, -2, 3.0, [4]]
  |            ^^

error: expected a whole number of at least 0, found `3.0`
 --> x.yaml:3:16
  |
3 | seeds: [1, -2, 3.0, [4]]
  |                ^^^
hint: write `3`

error: expected a whole number of at least 0, found a list
 --> x.yaml:3:21
  |
3 | seeds: [1, -2, 3.0, [4]]
  |                     ^^^

error: expected a number above 0 and at most 1, found `0`
 --> x.yaml:4:5
  |
4 | lr: 0
  |     ^

error: expected a number of at least 0 and below 1, found `1.0`
 --> x.yaml:5:11
  |
5 | momentum: 1.0
  |           ^^^

error: expected `true` or `false`, found `yes`
 --> x.yaml:6:10
  |
6 | shuffle: yes
  |          ^^^
hint: write `true`

error: unknown kind `oficial`
 --> x.yaml:7:19
  |
7 | protocol: { kind: oficial, dev: none }
  |                   ^^^^^^^
hint: did you mean `official`? valid values are `random`, `official`

error: unknown key `dev` in `protocol`
 --> x.yaml:7:28
  |
7 | protocol: { kind: oficial, dev: none }
  |                            ^^^
hint: valid keys are `kind`

error: node `train` needs `op`
 --> x.yaml:9:3
  |
9 |   train:
  |   ^^^^^

error: unknown key `in` in node `train`
  --> x.yaml:10:5
   |
10 |     in: mfcc
   |     ^^
hint: valid keys are `op`

error: expected node `test` to be a mapping, found `op:test`
  --> x.yaml:11:9
   |
11 |   test: op:test
   |         ^^^^^^^
hint: put a space after the colon: `op: test`

error: unknown key `optimizer` in the experiment
  --> x.yaml:12:1
   |
12 | optimizer: adam
   | ^^^^^^^^^
hint: valid keys are `name`, `note`, `rate`, `seeds`, `lr`, `momentum`, `shuffle`, `protocol`, `nodes`
"
    );
}

#[test]
fn missing_keys_and_wrong_shapes() {
    let (read, problems) = experiment("seed: 1\nname:\n");
    assert_eq!(read, None);
    assert_eq!(
        problems,
        "\
error: unknown key `seed` in the experiment
 --> x.yaml:1:1
  |
1 | seed: 1
  | ^^^^
hint: did you mean `seeds`, which it needs?

error: expected text, found nothing
 --> x.yaml:2:1
  |
2 | name:
  | ^^^^
"
    );
    assert_eq!(
        experiment("- a\n").1,
        "error: expected the experiment to be a mapping, found a list\n --> x.yaml:1:1\n  |\n1 | - a\n  | ^^^\n"
    );
    let (_, problems) = experiment("name: x\nseeds: 3\n");
    assert_eq!(
        problems,
        "error: expected a list, found `3`\n --> x.yaml:2:8\n  |\n2 | seeds: 3\n  |        ^\nhint: write `[3]`\n"
    );
}

#[test]
fn several_files_and_places_without_a_file() {
    let diagnostics = Diagnostics::new();
    diagnostics.push(Diagnostic::error_without_place("no corpus is there").hint("give `--data`"));
    let pipeline =
        parse("pipelines/cnn.yaml", "a: 1\nnodes: { train: { op: train, in: mfc } }\n", &diagnostics)
            .unwrap();
    let experiment = parse("experiments/x.yaml", "use: pipelines/cnn.yaml\n", &diagnostics).unwrap();
    let input = pipeline.get("nodes").and_then(|nodes| nodes.get("train")?.get("in")).unwrap();
    let unknown = Diagnostic::unknown(&input.span, "input", "mfc", "this pipeline has", &["mfcc", "logmel"]);
    // A pipeline is read once for each variant, and wrong only once.
    diagnostics.push(unknown.clone());
    diagnostics.push(unknown);
    let used = experiment.get("use").unwrap();
    diagnostics.push(
        Diagnostic::warning(&used.span, "this pipeline has an unused node")
            .label("used here")
            .related(&pipeline.span, "never read"),
    );
    assert!(diagnostics.has_errors());
    assert_eq!(
        diagnostics.to_string(),
        "\
warning: this pipeline has an unused node
 --> experiments/x.yaml:1:6
  |
1 | use: pipelines/cnn.yaml
  |      ^^^^^^^^^^^^^^^^^^ used here
  |
 ::: pipelines/cnn.yaml:1:1
  |
1 | a: 1
  | ---- never read

error: unknown input `mfc`
 --> pipelines/cnn.yaml:2:34
  |
2 | nodes: { train: { op: train, in: mfc } }
  |                                  ^^^
hint: did you mean `mfcc`? this pipeline has `mfcc`, `logmel`

error: no corpus is there
hint: give `--data`
"
    );
    let coloured = diagnostics.render(true);
    assert!(coloured.contains("\u{1b}[") && coloured.contains("unknown input `mfc`"));
}

#[test]
fn warnings_do_not_stop() {
    let diagnostics = Diagnostics::new();
    assert!(diagnostics.is_empty());
    let node = parse("x.yaml", "a: 1\n", &diagnostics).unwrap();
    diagnostics.push(Diagnostic::warning(&node.span, "odd"));
    assert!(!diagnostics.is_empty() && !diagnostics.has_errors());
}

#[test]
fn ten_thousand_unknown_keys_take_no_time_and_fifty_are_shown() {
    let text: String = (0..10_000).map(|n| format!("key_{n:05}: 1\n")).collect();
    let began = std::time::Instant::now();
    let diagnostics = Diagnostics::new();
    let node = parse("x.yaml", &text, &diagnostics).unwrap();
    Section::open(&node, &diagnostics, "the experiment").unwrap().close();
    let told = diagnostics.to_string();
    // 40 s when every mistake was compared with every other and shown with the whole text.
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    assert_eq!(told.matches("error: unknown key").count(), 50);
    assert!(told.contains("unknown key `key_00049`") && !told.contains("key_00050`"));
    assert!(told.ends_with("… and 9950 more: correct these first\n"), "{}", &told[told.len() - 100..]);
}
