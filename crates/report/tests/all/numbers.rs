//! A synthetic sweep: two encoders and a baseline on a task of numbers and on one of classes, scored on the dev part
//! because the test labels are withheld, with unknown speakers.

use affekt_domain::{Prediction, Role, Target, Task, unknown_speaker};
use affekt_eval::{Candidate, Description, Measure, Training, compare, evaluate};
use affekt_report::{Axis, Matrix, Published, Report, Variant, html, markdown, tables};
use serde_json::Value;

use crate::SMALL;
use crate::html::parse;
use crate::sample::{Random, history, report};

/// The stamps of every variant of the sweep, required at every table.
pub const DEV: &str = "dev part: the test labels are withheld";

/// Encoders and their quality.
const ENCODERS: [(&str, f64); 3] = [("base", 0.55), ("large-lv60", 0.72), ("end2you", 0.4)];

/// Returns a sweep over encoders and tasks.
pub fn sweep() -> Report {
    let mut report = report(SMALL);
    let made: Vec<(Variant, Vec<Prediction>)> = ENCODERS
        .into_iter()
        .flat_map(|encoder| {
            [true, false].map(|has_numbers| variant(&report.variants[1], encoder, has_numbers))
        })
        .collect();
    let candidates: Vec<Candidate> = made
        .iter()
        .map(|(variant, predictions)| {
            let about = &variant.metrics.about;
            Candidate { id: &about.id, task: &about.task, predictions }
        })
        .collect();
    report.primary = Measure::Ccc;
    report.comparison = Some(compare(&candidates, Measure::Ccc, None).unwrap());
    report.variants = made.into_iter().map(|(variant, _)| variant).collect();
    report.matrix = Some(Matrix {
        rows: Axis::of("with.encoder", &report.variants),
        columns: Axis::of("labels", &report.variants),
    });
    report
}

fn variant(like: &Variant, encoder: (&str, f64), has_numbers: bool) -> (Variant, Vec<Prediction>) {
    let (encoder, skill) = encoder;
    let (labels, names): (_, &[&str]) = if has_numbers {
        ("hume-two", &["valence", "arousal"])
    } else {
        ("hume-type", &["cry", "gasp", "laugh"])
    };
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let task = if has_numbers { Task::Outputs(names) } else { Task::Classes(names) };
    let id = format!("{encoder}-{}", labels.trim_start_matches("hume-"));
    let mut params = vec![("labels".to_owned(), Value::from(labels))];
    // The baseline has no encoder: it is a row by itself.
    params.extend((encoder != "end2you").then(|| ("with.encoder".to_owned(), encoder.into())));
    let about = Description {
        id: id.clone(),
        params: params.into_iter().collect(),
        protocol: "official".into(),
        stamps: Vec::new(),
        task: task.clone(),
    };
    let predictions = predictions(&id, &task, skill);
    let known = || predictions.iter().filter_map(|row| Some(("HUME-VB", row.truth.as_ref()?)));
    let training = Training::new(known().map(|(corpus, truth)| (1, corpus, truth)));
    let mut metrics = evaluate(about, &predictions, Some(&training)).unwrap();
    metrics.about.stamps.push("selected on these rows".into());
    let mut histories: Vec<_> = [1, 2].map(|seed| history(1, seed, skill, 6)).into();
    histories.iter_mut().flat_map(|history| &mut history.epochs).for_each(|epoch| {
        if has_numbers {
            (epoch.dev_ccc, epoch.dev_accuracy, epoch.dev_uar) = (epoch.dev_accuracy, None, None);
            epoch.train_accuracy = None;
        }
    });
    let published = (encoder != "end2you" || has_numbers).then(|| Published {
        measure: if has_numbers { Measure::Ccc } else { Measure::Uar },
        value: skill - 0.0077,
        std: None,
        sessions: Vec::new(),
        source: "table I".into(),
        caveat: None,
    });
    let variant = Variant {
        left_out: Vec::new(),
        test_loss: None,
        published_elsewhere: Vec::new(),
        printed: Vec::new(),
        method: Vec::new(),
        layers: Vec::new(),
        layer_weights: Vec::new(),
        metrics,
        protocol: "the corpora's official parts; with their dev part".into(),
        differs_at_most_in_speakers: true,
        labels: labels.into(),
        labels_note: None,
        caveats: (encoder == "base")
            .then(|| "its encoder was not pretrained".to_owned())
            .into_iter()
            .collect(),
        tunings: Vec::new(),
        histories,
        published: published.into_iter().collect(),
        audit: None,
        parts: like
            .parts
            .iter()
            .filter(|part| part.corpus == "NORTH")
            .map(|part| affekt_report::ClassCounts {
                counts: if has_numbers { vec![120] } else { part.counts[..3].to_vec() },
                ..part.clone()
            })
            .collect(),
        ..like.clone()
    };
    (variant, predictions)
}

/// Dev rows, and test rows whose truth is withheld. All variants of a task have the same truth.
fn predictions(id: &str, task: &Task, skill: f64) -> Vec<Prediction> {
    let (mut truths, mut random) = (Random(7), Random(id.len() as u64 + (1000.0 * skill) as u64));
    let mut rows = Vec::new();
    for i in 0..120 {
        let truth = match task {
            Task::Outputs(names) => {
                // Crowded at the lower end, as intensities are.
                Target::Values(names.iter().map(|_| (truths.next() * truths.next()) as f32).collect())
            }
            Task::Classes(names) => {
                Target::Class(names[(truths.next() * names.len() as f64) as usize].clone())
            }
        };
        for (role, seed) in [(Role::Dev, 1), (Role::Dev, 2), (Role::Test, 1), (Role::Test, 2)] {
            let outputs = match (&truth, task) {
                (Target::Values(values), _) => {
                    let mut noise = |_: &f32| (1.0 - skill) * (random.next() - 0.5);
                    values
                        .iter()
                        .map(|value| (0.1 + 0.75 * f64::from(*value) + noise(value)) as f32)
                        .collect()
                }
                (Target::Class(class), Task::Classes(names)) => {
                    let names = names.iter().map(|name| f64::from(u8::from(name == class)));
                    names.map(|right| (skill * right + random.next()) as f32).collect()
                }
                (Target::Class(_), Task::Outputs(_)) => unreachable!("made for the task"),
            };
            rows.push(Prediction {
                variant: id.into(),
                utterance: format!("HUME-VB/{}/{i:03}", role.name()),
                corpus: "HUME-VB".into(),
                speaker: unknown_speaker("HUME-VB", &format!("{}/{i:03}", role.name())),
                session: None,
                sex: None,
                style: None,
                fold: 1,
                seed,
                role,
                truth: (role == Role::Dev).then(|| truth.clone()),
                outputs,
            });
        }
    }
    rows
}

#[test]
fn sweep_markdown_snapshot() {
    insta::assert_snapshot!(markdown(&sweep()));
}

#[test]
fn sweep_matrix_snapshot() {
    let files = tables(&sweep());
    let matrix = files.into_iter().filter(|(name, _)| name.starts_with("matrix."));
    insta::assert_snapshot!(
        matrix.map(|(name, text)| format!("{name}\n{text}")).collect::<Vec<_>>().join("\n")
    );
}

/// Returns a cell per variant: its mean as printed elsewhere, and its published figure.
#[test]
fn the_matrix_has_every_variant_in_its_place() {
    let report = sweep();
    let page = parse(&html(&report));
    let tables = page.find("table");
    let matrix = tables.iter().find(|table| table.get("id") == Some("table-matrix")).expect("a matrix");
    let rows: Vec<_> = matrix.find("tbody")[0].find("tr");
    let names: Vec<&str> = rows.iter().map(|row| row.children[0].text.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["base", "large-lv60", "end2you-two", "end2you-type"]);
    for (variant, row) in report.variants.iter().zip([0, 0, 1, 1, 2, 3]) {
        let measure = report.primary_of(variant);
        let mean = variant.metrics.aggregate.get(measure).unwrap().mean;
        assert!(rows[row].text.contains(&format!("{:.1}", 100.0 * mean)), "{}", rows[row].text);
        for figure in &variant.published {
            let published = format!("{:.2}", 100.0 * figure.value);
            assert!(rows[row].text.contains(published.trim_end_matches('0')), "{}", rows[row].text);
        }
    }
    let head = &matrix.find("thead")[0].text;
    assert!(head.contains("hume-two") && head.contains("CCC") && head.contains("UAR"), "{head}");
}

#[test]
fn figures_of_the_dev_part_are_called_so() {
    let report = sweep();
    let (page, text) = (html(&report), markdown(&report));
    for (name, table) in tables(&report) {
        let is_of_results = !["lengths", "method", "corpora", "problems", "cost", "provenance"]
            .iter()
            .any(|other| name.starts_with(other));
        // LaTeX and CSV say it as they print everything.
        assert!(!is_of_results || table.contains(DEV), "{name}:\n{table}");
    }
    assert!(page.contains("Dev results by variant") && page.contains("Scored on"));
    assert!(
        !page.contains("Test results")
            && !page.contains("Tested on")
            && !text.contains("test utterances resampled")
    );
    let told = "All figures are of the dev part: the corpus withholds the labels of the 120 test utterances";
    assert!(text.contains(told), "{text}");
    assert!(text.contains("Utterances by unknown speakers are resampled"));
    assert!(text.contains("**base-two, base-type**: Its encoder was not pretrained."));
}

#[test]
fn numbers_have_panels_and_no_test_of_right_and_wrong() {
    let report = sweep();
    let page = html(&report);
    assert_eq!(page.matches("class=\"curves outputs\"").count(), 3);
    assert_eq!(page.matches("<polyline class=\"means\"").count(), 6);
    assert_eq!(page.matches("below it CCC in percent on the dev part").count(), 3);
    // Pairs over two tasks are no pairs.
    let text = markdown(&report);
    assert!(text.contains("9 pairs that predict different things are left out."), "{text}");

    let mut numbers = sweep();
    numbers.variants.retain(|variant| report.primary_of(variant) == Measure::Ccc);
    let comparison = numbers.comparison.as_mut().unwrap();
    comparison.pairs.retain(|pair| pair.a.ends_with("two") && pair.b.ends_with("two"));
    numbers.matrix = None;
    let text = markdown(&numbers);
    assert!(!text.contains("McNemar:") && text.contains("McNemar’s test does not apply"), "{text}");
    assert!(!text.contains("Majority") && text.contains("MSE of the mean"));
}
