//! A sample of every kind of table.

use std::collections::BTreeMap;
use std::path::Path;

use affekt_domain::{
    Digest, Epoch, Example, Fold, Prediction, Problem, Rating, Role, Sex, Stage, Target, Task, Utterance,
};
use affekt_table::examples::Examples;
use affekt_table::features::FeatureWriter;
use affekt_table::folds::Folds;
use affekt_table::predictions::Predictions;
use affekt_table::pseudo_labels::PseudoLabelWriter;
use affekt_table::rows::{SplitRow, SplitRows};
use affekt_table::spectrogram_images::SpectrogramImageWriter;
use affekt_table::states::{Precision, StateWriter};
use affekt_table::waveforms::WaveformWriter;
use affekt_table::{TableError, examples, folds, history, manifest, predictions, problems, ratings, rows};

/// A function that writes a sample to a file.
type Write = fn(&Path) -> Result<(), TableError>;

/// Every kind, with a function that writes a sample of it.
pub const KINDS: [(&str, Write); 18] = [
    ("manifest", |path| manifest::write(path, &utterances())),
    ("problems", |path| problems::write(path, &found_problems())),
    ("ratings", |path| ratings::write(path, &three_ratings())),
    ("examples", |path| examples::write(path, &labelled())),
    ("examples", |path| examples::write(path, &measured())),
    ("folds", |path| folds::write(path, &two_folds())),
    ("rows/dev", |path| rows::write(path, &dev_rows())),
    ("rows/test", |path| rows::write(path, &blind_rows())),
    ("rows/test", |path| rows::write(path, &measured_rows())),
    ("waveforms", |path| write_waveforms(path, 70)),
    ("features", |path| write_features(path, 70)),
    ("pictures", |path| write_pictures(path, 70)),
    ("states", |path| write_states(path, Precision::F16, 70)),
    ("states", |path| write_states(path, Precision::F32, 70)),
    ("pseudo-labels", |path| write_pseudo_labels(path, 70)),
    ("predictions", |path| predictions::write(path, &three_predictions())),
    ("predictions", |path| predictions::write(path, &three_measurements())),
    ("history", |path| history::write(path, &epochs(), &[])),
];

pub fn utterances() -> Vec<Utterance> {
    let full = Utterance {
        id: "IEMOCAP/Session1/Ses01F_impro01_F000".into(),
        corpus: "IEMOCAP".into(),
        speaker: "IEMOCAP/Ses01F".into(),
        sex: Some(Sex::Female),
        text: Some("Entschuldigung — 何?".into()),
        transcript: Some("Excuse me — [LAUGHTER] 何?".into()),
        intensity: Some("high".into()),
        style: Some("improvised".into()),
        session: Some("IEMOCAP/1".into()),
        part: Some(Role::Dev),
        label: Some("neu".into()),
        emotion: Some("neutral".into()),
        values: stated(&[("Awe", 0.25), ("Valence", -1.5)]),
        metadata: BTreeMap::new(),
        samples: u64::MAX,
        rate: 16_000,
        channels: 2,
        audio: Digest::from_bytes([0xab; 32]),
    };
    let bare = Utterance {
        id: String::new(),
        sex: None,
        text: None,
        transcript: None,
        intensity: None,
        style: None,
        session: None,
        part: None,
        label: None,
        emotion: None,
        values: BTreeMap::new(),
        ..full.clone()
    };
    let partial = Utterance { id: "IEMOCAP/x".into(), values: stated(&[("Valence", 0.0)]), ..bare.clone() };
    vec![full, bare, partial]
}

fn stated(values: &[(&str, f32)]) -> BTreeMap<String, f32> {
    values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

pub fn found_problems() -> Vec<Problem> {
    vec![Problem {
        corpus: "TESS".into(),
        path: "YAF_angry/YAF_back_angry.wav".into(),
        kind: "unreadable".into(),
        message: "ends in the middle of a block; left out".into(),
        dropped: true,
    }]
}

pub fn three_ratings() -> Vec<Rating> {
    let named = Rating {
        utterance: "IEMOCAP/x".into(),
        rater: "IEMOCAP/E2".into(),
        labels: ["Anger", "Frustration"].map(String::from).into(),
        values: BTreeMap::new(),
        comment: Some("à bout".into()),
    };
    let rated =
        |values| Rating { labels: Vec::new(), comment: None, values: stated(values), ..named.clone() };
    let partial = rated(&[("Valence", 5.0)]);
    vec![named.clone(), rated(&[("Dominance", 1.0), ("Valence", 2.0)]), partial]
}

pub fn labelled() -> Examples {
    let examples = utterances().into_iter().zip([Some("neutral"), Some("happy"), None]);
    let target = |class: &str| Target::Class(class.into());
    let example = |(utterance, class): (_, Option<_>)| Example { utterance, target: class.map(target) };
    Examples {
        scheme: "four".into(),
        task: Task::Classes(["angry", "happy", "neutral", "sad"].map(String::from).into()),
        note: Some("happy holds excited".into()),
        examples: examples.map(example).collect(),
    }
}

pub fn measured() -> Examples {
    let examples = utterances().into_iter().zip([Some(vec![-1.5, 0.25]), None, Some(vec![0.0, f32::MAX])]);
    let example =
        |(utterance, values): (_, Option<_>)| Example { utterance, target: values.map(Target::Values) };
    Examples {
        scheme: "two".into(),
        task: Task::Outputs(["Valence", "Awe"].map(String::from).into()),
        note: None,
        examples: examples.map(example).collect(),
    }
}

pub fn two_folds() -> Folds {
    let fold = |number, roles: [Role; 3]| {
        Fold::new(number, ["C/a", "C/b", "C/c"].map(String::from).into_iter().zip(roles)).unwrap()
    };
    Folds {
        protocol: r#"{"kind":"group-kfold","folds":2}"#.into(),
        stamps: vec!["speakers shared".into()],
        folds: vec![
            fold(1, [Role::Train, Role::Dev, Role::Test]),
            fold(2, [Role::Test, Role::Train, Role::Train]),
        ],
    }
}

pub fn dev_rows() -> SplitRows {
    let row = |utterance: &str, session: Option<&str>, sex| SplitRow {
        utterance: utterance.into(),
        target: Some(Target::Class("sad".into())),
        corpus: "C".into(),
        speaker: "C/1".into(),
        session: session.map(str::to_owned),
        sex,
        style: session.map(|_| "scripted".to_owned()),
    };
    SplitRows {
        role: Role::Dev,
        fold: 3,
        task: Task::Classes(["happy", "sad"].map(String::from).into()),
        rows: vec![row("C/a", None, Some(Sex::Male)), row("C/b", Some("C/s"), None)],
    }
}

/// Returns test rows, one of which has no label.
pub fn blind_rows() -> SplitRows {
    let mut blind = SplitRows { role: Role::Test, ..dev_rows() };
    blind.rows[1].target = None;
    blind
}

pub fn measured_rows() -> SplitRows {
    let mut measured = SplitRows { task: Task::Outputs(["x", "y"].map(String::from).into()), ..blind_rows() };
    measured.rows[0].target = Some(Target::Values(vec![0.5, -2.0]));
    measured
}

pub fn three_predictions() -> Predictions {
    let row = |seed, scores: [f32; 2]| Prediction {
        variant: "lr=0.001".into(),
        utterance: "C/a".into(),
        corpus: "C".into(),
        speaker: "C/1".into(),
        session: None,
        sex: Some(Sex::Male),
        style: (seed == 1).then(|| "scripted".to_owned()),
        fold: 5,
        seed,
        role: Role::Test,
        truth: (seed != 3).then(|| Target::Class("sad".into())),
        outputs: scores.into(),
    };
    Predictions {
        task: Task::Classes(["happy", "sad"].map(String::from).into()),
        rows: vec![row(1, [0.5, -0.5]), row(u64::MAX, [f32::MIN_POSITIVE, f32::MAX]), row(3, [0.0, -0.0])],
    }
}

pub fn three_measurements() -> Predictions {
    let Predictions { mut rows, .. } = three_predictions();
    for row in &mut rows {
        row.truth = row.truth.is_some().then(|| Target::Values(vec![0.5, f32::MIN]));
    }
    Predictions { task: Task::Outputs(["Valence", "Arousal"].map(String::from).into()), rows }
}

pub fn epochs() -> Vec<Epoch> {
    let epoch = |number, dev: Option<f64>| Epoch {
        stage: if number == 2 { Stage::Refit } else { Stage::Search },
        number,
        learning_rate: 1e-4,
        train_loss: 1.0 / 3.0,
        train_accuracy: dev.map(|dev| 1.0 - dev),
        dev_loss: dev,
        dev_accuracy: dev,
        dev_uar: dev,
        dev_ccc: dev.map(|dev| dev - 1.0),
        kept: number == 2,
    };
    vec![epoch(1, None), epoch(2, Some(0.25))]
}

/// Returns waveform `row` of a sample, which is `row` samples long.
pub fn waveform(row: usize) -> Vec<f32> {
    (0..row).map(|sample| (row * 100 + sample) as f32).collect()
}

pub fn write_waveforms(path: &Path, rows: usize) -> Result<(), TableError> {
    let mut writer = WaveformWriter::create(path, 16_000)?;
    for row in 0..rows {
        writer.push(&format!("C/{}", row / 2), (row % 2) as i32, &waveform(row))?;
    }
    writer.finish()
}

/// Returns the features of row `row` of a sample.
pub fn frames(row: usize) -> Vec<f32> {
    (0..15).map(|value| (row * 100 + value) as f32).collect()
}

pub fn write_features(path: &Path, rows: usize) -> Result<(), TableError> {
    let mut writer = FeatureWriter::create(path, &[3, 5])?;
    for row in 0..rows {
        writer.push(&format!("C/{row}"), 0, &frames(row))?;
    }
    writer.finish()
}

/// Returns the image of row `row` of a sample, of 3 × 2 × 4 pixels.
pub fn picture(row: usize) -> Vec<u8> {
    (0..24).map(|pixel| (row * 24 + pixel) as u8).collect()
}

pub fn write_pictures(path: &Path, rows: usize) -> Result<(), TableError> {
    let mut writer = SpectrogramImageWriter::create(path, [3, 2, 4])?;
    for row in 0..rows {
        writer.push(&format!("C/{}", row / 2), (row % 2) as i32, &picture(row))?;
    }
    writer.finish()
}

/// Returns the states of row `row` of a sample: up to four frames of three values that are exact in half precision.
pub fn states(row: usize) -> Vec<f32> {
    (0..row % 5 * 3).map(|value| row as f32 - value as f32 / 8.0).collect()
}

pub fn write_states(path: &Path, precision: Precision, rows: usize) -> Result<(), TableError> {
    let mut writer = StateWriter::create(path, 3, precision)?;
    for row in 0..rows {
        writer.push(&format!("C/{row}"), &states(row))?;
    }
    writer.finish()
}

/// Returns the clusters of row `row` of a sample, out of 4 and out of 4096.
pub fn ids(row: usize) -> [Vec<u16>; 2] {
    [4, 4096].map(|k| (0..row % 7).map(|frame| ((row * 997 + frame) % k) as u16).collect())
}

pub fn write_pseudo_labels(path: &Path, rows: usize) -> Result<(), TableError> {
    let mut writer = PseudoLabelWriter::create(path, &[4, 4096])?;
    for row in 0..rows {
        writer.push(&format!("C/{row}"), &ids(row).each_ref().map(Vec::as_slice))?;
    }
    writer.finish()
}
