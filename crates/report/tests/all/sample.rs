//! A synthetic experiment of any size: two variants with different protocols and plausible figures.

use affekt_domain::{Digest, Epoch, Prediction, Problem, Role, Sex, Stage, Target, Task};
use affekt_eval::{
    Candidate, Description, Measure, Printed, PrintedClass, PrintedPart, PrintedTrial, Training, compare,
    evaluate,
};
use affekt_report::{
    Audit, ClassCounts, ClipLengths, Corpus, Cost, FoldAudit, FoldPart, History, Layer, MethodSentence,
    MethodSetting, MethodStep, Overlap, Parameters, Published, Report, Run, Sharing, Variant,
};

/// The size of the experiment.
#[derive(Clone, Copy)]
pub struct Size {
    pub classes: usize,
    pub folds: u32,
    pub seeds: u64,
    pub speakers: usize,
    /// Utterances per speaker.
    pub utterances: usize,
    pub epochs: u32,
}

const CLASSES: [&str; 7] = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"];

pub fn report(size: Size) -> Report {
    let corpus = |name: &str, found, expected, speakers, licence: &str| Corpus {
        name: name.into(),
        found,
        expected: Some(expected),
        speakers: Some(speakers),
        expected_speakers: Some(speakers.max(3)),
        licence: licence.into(),
        citation: Some(format!("A. Author and B. Author: The {name} corpus (2010)")),
        remarks: vec![format!("{name} & its speakers are made up"), "nothing they say is true".into()],
    };
    let problem = |i: usize| Problem {
        corpus: "NORTH".into(),
        path: format!("copy/Actor_{i:02}.wav"),
        kind: "second-copy".into(),
        message: format!("the same file stands at Actor_{i:02}.wav; read once"),
        dropped: true,
    };
    let mut problems: Vec<Problem> = (0..22).map(problem).collect();
    problems.push(Problem {
        corpus: "SOUTH".into(),
        path: "YAF_germ_angry.wav".into(),
        kind: "container".into(),
        message: "AIFF data in a file named .wav; decoded as AIFF".into(),
        dropped: false,
    });
    let cost = |op: &str, run, cached, seconds, cores: f64| Cost {
        op: op.into(),
        run,
        cached,
        seconds,
        all_seconds: 1.25 * seconds,
        core_seconds: 1.25 * seconds * cores,
        gpu_seconds: 0.0,
    };
    let (random, random_predictions) = variant("random", true, size);
    let (apart, apart_predictions) = variant("speakers_apart", false, size);
    let candidates =
        [(&random, &random_predictions), (&apart, &apart_predictions)].map(|(variant, predictions)| {
            let about = &variant.metrics.about;
            Candidate { id: &about.id, task: &about.task, predictions }
        });
    Report {
        comparison: Some(compare(&candidates, Measure::Uar, None).unwrap()),
        experiment: "single-cnn".into(),
        question: "Question: how much of a random split's accuracy is knowing the speaker?\n\
                   Published: WA 0.67 on 12 162 files."
            .into(),
        primary: Measure::Uar,
        run: Run {
            id: "2026-07-30T14-02-11Z-3f9a".into(),
            started: "2026-07-30T14:02:11Z".parse().unwrap(),
            seconds: 1450.0,
            command: "cargo xtask run experiments/single-cnn.yaml --data /data --set train.lr=1e-3".into(),
        },
        variants: vec![random, apart],
        matrix: None,
        sweep: None,
        images: Vec::new(),
        cited: Vec::new(),
        variant_costs: None,
        lengths: [Some(3.0), None]
            .map(|kept| ClipLengths {
                corpus: "NORTH".into(),
                kept,
                clips: 960,
                median: 3.671,
                longest: 5.27,
                cut: if kept.is_some() { 959 } else { 0 },
                filled: usize::from(kept.is_some()),
            })
            .into(),
        corpora: vec![
            corpus("NORTH", 960, 1440, 24, "CC BY-NC-SA 4.0"),
            corpus("SOUTH", 2800, 2800, 2, "CC BY-NC-ND 4.0"),
        ],
        problems,
        costs: vec![
            cost("ingest", 2, 0, 3.2, 1.0),
            cost("mfcc", 14, 4, 21.0, 1.0),
            cost("train", 30, 0, 1380.0, 2.0),
        ],
        provenance: [
            ("Affekt", "0.1.0"),
            ("libtorch", "2.11.0"),
            ("Device", "cpu, 16 threads"),
            ("CPU", "x86-64, AVX2"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
    }
}

fn variant(id: &str, leaking: bool, size: Size) -> (Variant, Vec<Prediction>) {
    variant_of(id, leaking, if leaking { 0.66 } else { 0.46 }, size)
}

/// Creates a variant that recognises about this many utterances.
pub fn variant_of(id: &str, leaking: bool, skill: f64, size: Size) -> (Variant, Vec<Prediction>) {
    let classes = &CLASSES[..size.classes];
    let predictions = predictions(id, classes, skill, size);
    let about = Description {
        id: id.into(),
        params: [("protocol.kind".to_owned(), id.into()), ("train.lr".to_owned(), 0.001.into())].into(),
        protocol: if leaking { "random" } else { "group-kfold" }.into(),
        stamps: leaking.then(|| "speakers shared between train and test".to_owned()).into_iter().collect(),
        task: Task::Classes(classes.iter().map(|class| (*class).to_owned()).collect()),
    };
    let folds = 1..=size.folds;
    let training = Training::new(folds.clone().flat_map(|fold| {
        predictions.iter().filter_map(move |row| Some((fold, row.corpus.as_str(), row.truth.as_ref()?)))
    }));
    let (total, shared) = (size.speakers * size.utterances, if leaking { size.speakers } else { 0 });
    let histories = folds.clone().flat_map(|fold| (1..=size.seeds).map(move |seed| (fold, seed)));
    let variant = Variant {
        metrics: evaluate(about, &predictions, Some(&training)).unwrap(),
        caveats: Vec::new(),
        left_out: Vec::new(),
        method: steps(id),
        layer_weights: Vec::new(),
        layers: vec![
            layer("blocks.0.conv", &[("weight", &[16, 1, 3, 3]), ("bias", &[16])]),
            layer("blocks.0.norm", &[("num_batches", &[])]),
            layer("linear", &[("weight", &[7, 512]), ("bias", &[7])]),
        ],
        protocol: if leaking {
            "stratified random folds, 10 % of the rest as dev"
        } else {
            "folds of whole speakers, other speakers as dev"
        }
        .into(),
        differs_at_most_in_speakers: !leaking,
        labels: "seven-as-published".into(),
        labels_note: leaking.then(|| {
            "all 480 SAVEE files are called surprise, as the published tables imply; these are not true labels"
                .to_owned()
        }),
        parameters: Some(Parameters { total: 27_495, trainable: 27_191 }),
        tunings: Vec::new(),
        histories: histories.map(|(fold, seed)| history(fold, seed, skill, size.epochs)).collect(),
        test_loss: Some(if leaking { 0.9991 } else { 1.3 }),
        published_elsewhere: Vec::new(),
        printed: if leaking { vec![(printed(classes), "the document's table 4".into())] } else { Vec::new() },
        published: leaking
            .then(|| Published {
                measure: Measure::Wa,
                value: 0.67,
                std: None,
                sessions: Vec::new(),
                source: "the document's table 4".into(),
                caveat: Some("Its epoch was chosen on other data.".into()),
            })
            .into_iter()
            .collect(),
        audit: Some(Audit {
            split: Digest::from_bytes([if leaking { 0xa1 } else { 0x7c }; 32]),
            disjoint: vec!["speaker".into(), "audio".into()],
            permitted: leaking.then(|| "shared-speakers".to_owned()).into_iter().collect(),
            folds: folds
                .clone()
                .map(|fold| FoldAudit {
                    fold,
                    parts: [total / 10 * 7, total / 10, total / 5]
                        .map(|utterances| FoldPart { utterances, speakers: Some(utterances.min(size.speakers)) }),
                    test_and_others: Sharing { speakers: Some(shared), audio: Some(0), texts: Some(2) },
                    train_and_dev: Sharing { speakers: Some(shared), audio: Some(0), texts: Some(2) },
                })
                .collect(),
            overlaps: folds
                .flat_map(|fold| (0..shared).map(move |speaker| (fold, speaker)))
                .map(|(fold, speaker)| Overlap {
                    what: "speaker".into(),
                    description: format!(
                        "speaker `NORTH/{speaker:02}` is in train (2 rows: NORTH/a, NORTH/b) and test (1 row: NORTH/c) \
                         of fold {fold}"
                    ),
                })
                .collect(),
            never_tested: usize::from(leaking),
            tested_again: 0,
            remarks: (!leaking)
                .then(|| "SOUTH has 2 speakers: it is tested in 2 of 5 folds".to_owned())
                .into_iter()
                .collect(),
        }),
        parts: Role::ALL
            .into_iter()
            .flat_map(|role| ["NORTH", "SOUTH"].map(|corpus| (role, corpus.to_owned())))
            .map(|(role, corpus)| ClassCounts { corpus, role, counts: (0..size.classes).map(|i| 40 + 7 * i).collect() })
            .collect(),
    };
    (variant, predictions)
}

fn printed(classes: &[&str]) -> Printed {
    let class =
        |value| PrintedClass { precision: Some(value), recall: Some(0.92), f1: None, support: Some(187) };
    let part = |wa, loss| PrintedPart { wa: Some(wa), loss: Some(loss) };
    let trial = |lr: f64, wa| PrintedTrial {
        settings: [("with.lr".to_owned(), lr.into()), ("with.units".to_owned(), 64.into())].into(),
        train: part(wa, 2.61),
        dev: PrintedPart { wa: Some(wa + 0.1), loss: None },
    };
    Printed {
        per_class: classes.iter().skip(1).map(|name| ((*name).to_owned(), class(0.63))).collect(),
        macro_average: Some(class(0.7)),
        weighted_average: Some(class(0.68)),
        test_loss: Some(0.9444),
        dev: part(0.6118, 1.0232),
        epochs: Some(67),
        trials: vec![trial(1e-5, 0.152), trial(1e-2, 0.481)],
    }
}

fn steps(id: &str) -> Vec<MethodStep> {
    let setting = |path: &str, value: &str, about: &str| MethodSetting {
        path: path.into(),
        value: value.into(),
        tuned_among: Vec::new(),
        about: about.into(),
    };
    let topics = ["Recordings", "Features", "Network", "Training"];
    let sentence = |topic: &str, text: &str| MethodSentence {
        topic: topic.into(),
        rank: topics.iter().position(|known| *known == topic).unwrap(),
        text: text.into(),
    };
    let step = |name: &str, op: &str, about: &str, reads: &[&str], settings, prose| MethodStep {
        name: name.into(),
        op: op.into(),
        about: about.into(),
        reads: reads.iter().map(|step| (*step).to_owned()).collect(),
        settings,
        prose,
    };
    let epochs = if id == "random" { "100" } else { "40" };
    vec![
        step(
            "mfcc",
            "mfcc",
            "waveforms become cepstra",
            &["audio"],
            vec![setting("hop_length", "512 samples", "A hop.")],
            vec![
                sentence("Recordings", "They were cut at 3 s."),
                sentence("Features", "Cepstra were computed every `512` samples."),
            ],
        ),
        step(
            "fit",
            "train",
            "a network is fitted",
            &["mfcc", "split"],
            vec![
                setting("training.lr", "0.001", "Learning rate."),
                setting("training.max_epochs", epochs, "The most epochs."),
            ],
            vec![
                sentence("Network", "The network was a CNN."),
                sentence("Training", "Cross-entropy was minimised."),
                sentence("Training", &format!("Training took {epochs} epochs.")),
            ],
        ),
    ]
}

fn layer(name: &str, tensors: &[(&str, &[u64])]) -> Layer {
    let tensors = tensors.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec()));
    Layer { name: name.into(), tensors: tensors.collect() }
}

fn predictions(id: &str, classes: &[&str], skill: f64, size: Size) -> Vec<Prediction> {
    // Variants are tested on the same rows: what they predict differs.
    let mut truths = Random(1);
    let mut random = Random(id.len() as u64);
    let mut rows = Vec::new();
    for speaker in 0..size.speakers {
        let corpus = if speaker % 3 == 0 { "SOUTH" } else { "NORTH" };
        let own = skill + 0.2 * (random.next() - 0.5);
        for i in 0..size.utterances {
            let truth = (truths.next() * truths.next() * classes.len() as f64) as usize;
            for seed in 1..=size.seeds {
                let guess = (random.next() * classes.len() as f64) as usize;
                let predicted = if random.next() < own { truth } else { guess };
                rows.push(Prediction {
                    variant: id.into(),
                    utterance: format!("{corpus}/{speaker:02}/{i:03}"),
                    corpus: corpus.into(),
                    speaker: format!("{corpus}/{speaker:02}"),
                    session: None,
                    sex: Some(if speaker % 2 == 0 { Sex::Female } else { Sex::Male }),
                    style: None,
                    fold: 1 + speaker as u32 % size.folds,
                    seed,
                    role: Role::Test,
                    truth: Some(Target::Class(classes[truth].into())),
                    outputs: (0..classes.len())
                        .map(|class| f32::from(u8::from(class == predicted)))
                        .collect(),
                });
            }
        }
    }
    rows
}

pub fn history(fold: u32, seed: u64, skill: f64, epochs: u32) -> History {
    let mut random = Random(u64::from(fold) * 31 + seed);
    let kept = epochs * 2 / 3 + (random.next() * 3.0) as u32;
    let epoch = |number: u32| {
        let t = f64::from(number) / f64::from(epochs);
        let accuracy = skill * (1.0 - (-5.0 * t).exp()) + 0.04 * random.next();
        Epoch {
            stage: Stage::Search,
            number,
            learning_rate: 1e-3,
            train_loss: 0.35 + 1.6 * (-4.0 * t).exp() + 0.03 * random.next(),
            train_accuracy: Some(accuracy.sqrt()),
            dev_loss: Some(0.8 + 1.1 * (-5.0 * t).exp() + 0.35 * t * t + 0.1 * random.next()),
            dev_accuracy: Some(accuracy),
            dev_uar: Some(accuracy - 0.03),
            dev_ccc: None,
            kept: number == kept,
        }
    };
    History { fold, seed, epochs: (1..=epochs).map(epoch).collect() }
}

/// A linear congruential generator, so that the snapshots never change.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
