//! Ops that work on waveforms row by row, from stored objects to stored objects.

use affekt_graph::{Failure, Item, Job, Ops};
use affekt_ops::audio;
use affekt_table::features::Features;
use affekt_table::waveforms::{WaveformWriter, Waveforms};
use serde_json::Value;

use crate::bench::{Bench, Unwatched, params};

impl Bench {
    /// A stored table of these rows.
    fn waveforms(&self, rows: &[(&str, i32, Vec<f32>)]) -> Item {
        let path = self.path("rows");
        let mut writer = WaveformWriter::create(&path, 16_000).unwrap();
        rows.iter().for_each(|(utterance, copy, samples)| writer.push(utterance, *copy, samples).unwrap());
        writer.finish().unwrap();
        self.adopt(&path)
    }

    /// What an op with these parameters makes of waveforms.
    fn make(&self, op: &str, yaml: &str, input: &Item) -> Result<Item, Failure> {
        let port = affekt_ops::find(op).unwrap().inputs[0].name;
        let outputs = self.run(op, params(op, yaml).unwrap(), &[(port, &[input])])?;
        Ok(outputs.into_values().next().unwrap())
    }

    fn waveform_job(&self, op: &str, yaml: &str, input: &Item) -> Job {
        let port = affekt_ops::find(op).unwrap().inputs[0].name;
        self.job(op, params(op, yaml).unwrap(), &[(port, &[input])])
    }

    fn rows(&self, item: &Item) -> Vec<(String, i32, Vec<f32>)> {
        let table = Waveforms::open(self.open(item)).unwrap();
        let row = |row| {
            let samples = table.samples(row).unwrap().to_vec();
            (table.utterance(row).unwrap().to_owned(), table.copy(row).unwrap(), samples)
        };
        (0..table.len()).map(row).collect()
    }
}

fn tone(pitch_hz: f64) -> Vec<f32> {
    (0..16_000)
        .map(|n| (0.3 * (std::f64::consts::TAU * pitch_hz * f64::from(n) / 16_000.0).sin()) as f32)
        .collect()
}

#[test]
fn noisy_copies_follow_their_original() {
    let bench = Bench::new();
    let input = bench.waveforms(&[("a/1", 0, tone(200.0)), ("a/2", 0, tone(300.0))]);
    let rows = bench.rows(&bench.make("awgn", "{}", &input).unwrap());
    let names: Vec<(&str, i32)> = rows.iter().map(|(name, copy, _)| (name.as_str(), *copy)).collect();
    assert_eq!(names, [("a/1", 0), ("a/1", 1), ("a/1", 2), ("a/2", 0), ("a/2", 1), ("a/2", 2)]);
    assert_eq!((&rows[0].2, &rows[3].2), (&tone(200.0), &tone(300.0)), "copy 0 is the recording itself");
    assert!(rows[1].2 != rows[0].2 && rows[2].2 != rows[1].2);

    let more = bench.rows(&bench.make("awgn", "copies: 3", &input).unwrap());
    assert_eq!(more[1..3], rows[1..3], "another copy changes none");
    assert_eq!(bench.make("awgn", "copies: 0", &input).unwrap().digest, input.digest);
    let reseeded = bench.rows(&bench.make("awgn", "seed: 1", &input).unwrap());
    assert!(reseeded[0] == rows[0] && reseeded[1] != rows[1]);
    let louder = bench.rows(&bench.make("awgn", "snr_db: [0, 0]", &input).unwrap());
    assert!(louder[0] == rows[0] && louder[1] != rows[1]);
}

#[test]
fn noise_does_not_depend_on_what_else_is_in_the_shard() {
    let bench = Bench::new();
    let (first, second) = (("a/1", 0, tone(200.0)), ("a/2", 0, tone(300.0)));
    let noisy = |rows: &[(&str, i32, Vec<f32>)]| {
        bench.rows(&bench.make("awgn", "{}", &bench.waveforms(rows)).unwrap())
    };
    let together = noisy(&[first.clone(), second.clone()]);
    assert_eq!(noisy(&[first])[..], together[..3]);
    assert_eq!(noisy(&[second])[..], together[3..]);
}

#[test]
fn copies_are_made_once() {
    let bench = Bench::new();
    let noisy = bench.make("awgn", "{}", &bench.waveforms(&[("a/1", 0, tone(200.0))])).unwrap();
    let error = bench.make("awgn", "{}", &noisy).err().unwrap().to_string();
    assert_eq!(error, "`a/1` has copies already: one `awgn` makes them all (`copies`)");
}

#[test]
fn features_carry_copies_through() {
    let bench = Bench::new();
    let input = bench.waveforms(&[("a/1", 0, tone(200.0)), ("a/2", 0, tone(300.0))]);
    let noisy = bench.make("awgn", "{}", &input).unwrap();
    for (op, shape) in [("mfcc", [128, 32]), ("logmel", [128, 63])] {
        let features = Features::open(bench.open(&bench.make(op, "{}", &noisy).unwrap())).unwrap();
        assert_eq!(features.shape(), shape, "{op}");
        let names = (0..6).map(|row| (features.utterance(row).unwrap(), features.copy(row).unwrap()));
        assert!(names.eq([("a/1", 0), ("a/1", 1), ("a/1", 2), ("a/2", 0), ("a/2", 1), ("a/2", 2)]), "{op}");
        let clean = Features::open(bench.open(&bench.make(op, "{}", &input).unwrap())).unwrap();
        assert_eq!(features.frames(0).unwrap(), clean.frames(0).unwrap(), "{op}");
        assert_eq!(features.frames(3).unwrap(), clean.frames(1).unwrap(), "{op}");
        assert_ne!(features.frames(1).unwrap(), features.frames(0).unwrap(), "{op}");
    }
}

#[test]
fn decibels_are_relative_to_what_is_asked_for() {
    let bench = Bench::new();
    let input = bench.waveforms(&[("a/1", 0, tone(200.0)), ("a/silent", 0, vec![0.0; 16_000])]);
    let table =
        |yaml: &str| Features::open(bench.open(&bench.make("logmel", yaml, &input).unwrap())).unwrap();
    let range = |features: &Features, row: usize| {
        let values = features.frames(row).unwrap().iter();
        values.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(*value), high.max(*value)))
    };
    assert_eq!(range(&table("{}"), 0), (-80.0, 0.0));
    assert_eq!(range(&table("top_db: 40"), 0), (-40.0, 0.0));
    assert!(range(&table("top_db: none"), 0).0 < -80.0);
    let (low, high) = range(&table("reference: one"), 0);
    assert!(high > 10.0 && (high - low - 80.0).abs() < 1e-4, "{low} to {high}");
    assert_eq!(range(&table("{}"), 1), (0.0, 0.0), "silence is at its own maximum throughout");
    let (low, high) = range(&table("reference: one"), 1);
    assert!(low == high && (low + 100.0).abs() < 1e-4, "{low} to {high}");
}

#[test]
fn an_interrupted_op_stops() {
    let bench = Bench::new();
    let job = bench.waveform_job("logmel", "{}", &bench.waveforms(&[("a/1", 0, tone(200.0))]));
    assert_eq!(bench.ops().run(&job, &mut Unwatched { cancelled: true }), Err(Failure::Cancelled));
}

#[test]
fn recordings_are_cut_and_filled_as_asked() {
    let made = |yaml: &str, samples: usize| {
        let params: audio::Params = serde_json::from_value(params("audio", yaml).unwrap()).unwrap();
        let mono: Vec<f32> = (0..samples).map(|n| 1.0 + n as f32).collect();
        affekt_runner::waveform(&params, &mono, 16_000, "a/1").unwrap()
    };
    let lengths = |yaml: &str| [made(yaml, 100).len(), made(yaml, 400).len()];
    assert_eq!(lengths("seconds: 0.0125"), [200, 200]);
    assert_eq!(lengths("{ seconds: 0.0125, fill: none }"), [100, 200], "cut and not filled");
    assert_eq!(lengths("{ seconds: whole, fill: none }"), [100, 400]);
    let filled = |fill: &str| made(&format!("{{ seconds: 0.0125, fill: {fill} }}"), 100)[150];
    assert_eq!(filled("zeros"), 0.0);
    assert!(filled("own-samples") >= 1.0);
}

#[test]
fn mistakes_in_parameters() {
    assert_eq!(params("awgn", "snr_db: [20, 20]").unwrap()["snr_db"], serde_json::json!([20.0, 20.0]));
    assert_eq!(params("audio", "{}").unwrap()["fill"], "zeros");
    let own_samples = params("audio", "{ fill: own-samples, fill_seed: 3 }").unwrap();
    assert_eq!(own_samples["fill"], serde_json::json!({ "own-samples": { "seed": 3 } }));
    // A seed that nothing is drawn by changes no key.
    assert_eq!(params("audio", "fill_seed: 3").unwrap(), params("audio", "{}").unwrap());
    assert_eq!(params("logmel", "top_db: none").unwrap()["top_db"], Value::Null);
    for (op, yaml, expected) in [
        ("awgn", "snr_db: 15", "expected a list, found `15`"),
        (
            "awgn",
            "snr_db: [15]",
            "expected the lowest and the highest signal-to-noise ratio, such as [15, 30]",
        ),
        ("awgn", "snr_db: [30, 15]", "expected a number between 30 and 200, found `15`"),
        ("awgn", "copies: -1", "expected a whole number between 0 and 100, found `-1`"),
        ("logmel", "reference: mean", "unknown reference `mean`"),
        ("logmel", "top_db: all", "expected a number of decibels, or `none`, found `all`"),
        ("logmel", "top_db: 0", "expected a number between 1 and 1000, found `0`"),
        ("audio", "fill: noise", "unknown fill `noise`"),
        ("audio", "fill_seed: -3", "expected a whole number"),
    ] {
        let mistakes = params(op, yaml).err().unwrap_or_default();
        assert!(mistakes.contains(expected), "{op} {yaml}: {mistakes}");
    }
}

#[test]
fn recordings_are_brought_to_a_level_before_they_are_cut() {
    use affekt_ops::audio::Params;
    let made = |yaml: &str| {
        let params: Params = serde_json::from_value(params("audio", yaml).unwrap()).unwrap();
        // The loudest sample is behind what is kept.
        affekt_runner::waveform(&params, &[0.1, -0.2, 0.0, 0.4], 16_000, "a/1").unwrap()
    };
    assert_eq!(made("{ seconds: whole }"), [0.1, -0.2, 0.0, 0.4]);
    let level = 10_f32.powf(-3.0 / 20.0);
    let close = |found: Vec<f32>, expected: &[f32]| {
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b * level).abs() < 1e-6), "{found:?}");
    };
    close(made("{ seconds: whole, peak_db: -3 }"), &[0.25, -0.5, 0.0, 1.0]);
    assert_eq!(made("{ seconds: whole, peak_db: as-is }"), made("{ seconds: whole }"));
    let cut = made("{ seconds: 0.01, peak_db: -3 }");
    close(cut[..4].to_vec(), &[0.25, -0.5, 0.0, 1.0]);
    assert_eq!(cut.len(), 160);
}
