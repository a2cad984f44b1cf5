//! A synthetic search by Hyperband in two folds.

use affekt_domain::{Monitor, Rung, Trial, TrialOutcome, TrialPart, Trials};
use affekt_report::{Report, Tuning, html, markdown, tables};
use serde_json::Value;

use crate::html::{Element, parse};
use crate::sample::{Random, report};
use crate::{SMALL, STAMP};

/// Two variants, the stamped one with a search: 15 trials in one fold, 25 in the other.
pub fn tuned() -> Report {
    let mut report = report(SMALL);
    let searched = |fold, number, monitor: Monitor| Tuning { fold, trials: trials(fold, number, monitor) };
    report.variants[0].tunings =
        vec![searched(1, 15, Monitor::DevAccuracy), searched(2, 25, Monitor::DevAccuracy)];
    report.variants[1].tunings = vec![searched(1, 6, Monitor::DevLoss)];
    report
}

fn trials(fold: u32, number: u32, monitor: Monitor) -> Trials {
    let mut random = Random(u64::from(fold) * 7 + u64::from(number));
    let less_is_better = monitor == Monitor::DevLoss;
    let mut trials: Vec<Trial> = (1..=number)
        .map(|trial| {
            let rungs = match trial % 5 {
                0 => 4,
                1 => 2,
                _ => 1,
            };
            let skill = 0.3 + 0.35 * random.next();
            let reached = |rung: u32| {
                let value = skill * (1.0 - 0.5_f64.powi(rung as i32 + 1));
                Some(if less_is_better { 2.0 - 2.0 * value } else { value })
            };
            let rungs: Vec<Rung> =
                (0..rungs).map(|rung| Rung { epochs: 3_u32.pow(rung + 1), value: reached(rung) }).collect();
            let last = *rungs.last().unwrap();
            Trial {
                trial,
                bracket: (!less_is_better).then_some(4 - trial % 3),
                settings: [
                    ("training.lr".to_owned(), Value::from(10.0_f64.powi(-((trial % 4) as i32) - 1))),
                    ("network.hidden".to_owned(), Value::from(vec![64 * trial, 32])),
                ]
                .into(),
                epochs: last.epochs,
                best_epoch: last.epochs - 1,
                value: last.value,
                train: TrialPart { accuracy: Some(skill), loss: Some(2.0 - skill) },
                dev: TrialPart { accuracy: Some(skill / 2.0), loss: Some(2.5 - skill) },
                outcome: if rungs.len() == 4 { TrialOutcome::Finished } else { TrialOutcome::Pruned },
                rungs,
            }
        })
        .collect();
    // One diverged at once.
    trials[1].value = None;
    trials[1].rungs[0].value = None;
    (trials[1].train, trials[1].dev) = (TrialPart::default(), TrialPart::default());
    let mut all = Trials { version: 1, monitor, search: "hyperband".into(), chosen: 0, trials };
    let best = all.by_value()[0].trial;
    all.chosen = best;
    all.trials[best as usize - 1].outcome = TrialOutcome::Chosen;
    all
}

fn rows<'p>(page: &'p Element, name: &str) -> Vec<&'p Element> {
    let id = format!("table-{name}");
    let table = page.find("table").into_iter().find(|table| table.get("id") == Some(&id)).expect("a table");
    table.find("tbody")[0].find("tr")
}

#[test]
fn trials_are_sorted_and_the_chosen_one_is_marked() {
    let report = tuned();
    let page = parse(&html(&report));
    for (variant, slug) in report.variants.iter().zip(["random", "speakers-apart"]) {
        for Tuning { fold, trials } in &variant.tunings {
            let rows = rows(&page, &format!("trials-{slug}-{fold}"));
            assert_eq!(rows.len(), trials.trials.len());
            let numbers: Vec<u32> = rows.iter().map(|row| row.children[0].text.parse().unwrap()).collect();
            let sorted: Vec<u32> = trials.by_value().iter().map(|trial| trial.trial).collect();
            assert_eq!(numbers, sorted);
            assert_eq!(numbers[0], trials.chosen);
            let marked: Vec<bool> = rows.iter().map(|row| row.text.contains("chosen")).collect();
            assert_eq!(marked.iter().position(|marked| *marked), Some(0));
            assert_eq!(marked.into_iter().filter(|marked| *marked).count(), 1);
            assert!(
                rows[rows.len() - 1].text.contains('–'),
                "one has no figure: {}",
                rows[rows.len() - 1].text
            );
        }
    }
}

#[test]
fn what_was_read_and_what_was_chosen_is_said() {
    let report = tuned();
    for text in [html(&report), markdown(&report)] {
        assert!(text.contains("15 to 25 trials a fold (hyperband), judged by dev accuracy"), "{text}");
        assert!(text.contains("Settings were chosen on the dev part of each fold; test rows were not read."));
        assert!(text.contains("Folds chose differently."));
    }
    let page = parse(&html(&report));
    let chosen = rows(&page, "chosen-random");
    for (Tuning { fold, trials }, row) in report.variants[0].tunings.iter().zip(chosen) {
        let trial = trials.chosen().unwrap();
        let hidden = format!("[{},32]", 64 * trial.trial);
        let cells: Vec<&str> = row.children.iter().map(|cell| cell.text.as_str()).collect();
        assert_eq!((cells[0], cells[1]), (fold.to_string().as_str(), hidden.as_str()));
        assert_eq!(cells[2..4], [trial.settings["training.lr"].to_string(), trial.trial.to_string()]);
        assert_eq!(cells[6], format!("{:.1}", 100.0 * trial.value.unwrap()));
    }
    for (name, text) in tables(&report) {
        let is_stamped = ["chosen-random.", "trials-random-"].iter().any(|start| name.starts_with(start));
        assert!(!is_stamped || text.contains(STAMP), "{name}: {text}");
    }
}

#[test]
fn every_trial_has_its_way_in_the_plot() {
    let report = tuned();
    let page = parse(&html(&report));
    let plots: Vec<&Element> =
        page.all().into_iter().filter(|element| element.get("class") == Some("trials")).collect();
    assert_eq!(plots.len(), 3);
    for (plot, Tuning { trials, .. }) in
        plots.iter().zip(report.variants.iter().flat_map(|variant| &variant.tunings))
    {
        let drawn = |class: &str| {
            let ways = plot.find("g").into_iter().filter(|way| way.get("class") == Some(class));
            ways.filter(|way| !way.find("polyline").is_empty()).count()
        };
        let number = |outcome| {
            let own = trials.trials.iter().filter(|trial| trial.outcome == outcome && trial.value.is_some());
            own.count()
        };
        assert_eq!(drawn("pruned"), number(TrialOutcome::Pruned));
        assert_eq!(drawn("finished"), number(TrialOutcome::Finished));
        assert_eq!(drawn("chosen"), 1);
        for way in plot.find("polyline") {
            for point in way.get("points").unwrap().split(' ') {
                let at: Vec<f64> = point.split(',').map(|at| at.parse().unwrap()).collect();
                assert!((34.0..=408.0).contains(&at[0]) && (10.0..=180.0).contains(&at[1]), "{point}");
            }
        }
    }
    // The first fold stands open, the others do not.
    let folded: Vec<&str> = page.find("summary").into_iter().map(|summary| summary.text.trim()).collect();
    assert_eq!(folded.iter().filter(|text| **text == "Fold 2").count(), 1, "{folded:?}");
    assert!(!folded.contains(&"Fold 1"));
}
