//! The comparison of runs as shown on a terminal.

use std::collections::BTreeMap;

use affekt_domain::Prediction;
use affekt_eval::{Entry, Measure, VariantMetrics};

use crate::sample::variant_of;
use crate::{SMALL, Size};

/// Returns a run's variant under another name.
fn named(name: &str, leaking: bool, skill: f64, size: Size) -> (VariantMetrics, Vec<Prediction>) {
    let (variant, predictions) = variant_of(name, leaking, skill, size);
    (variant.metrics, predictions)
}

#[test]
fn side_by_side_snapshot() {
    let runs = [
        named("cnn/20260730-140211:mfcc", false, 0.5, SMALL),
        named("cnn/20260730-140211:mel", false, 0.8, SMALL),
        named("lstm/20260731-090000-2:a variant with a long name", false, 0.3, SMALL),
        named("leak/20260731-101010:random", true, 0.9, Size { utterances: 24, ..SMALL }),
    ];
    let entries: Vec<Entry> = runs
        .iter()
        .map(|(metrics, predictions)| Entry {
            name: metrics.about.id.clone(),
            measure: Measure::Uar,
            metrics,
            protocol: [("folds".to_owned(), 2.into()), ("group".to_owned(), "speaker".into())].into(),
            incomplete: BTreeMap::from([("NORTH".to_owned(), "960 of 1440".to_owned())]),
            predictions,
        })
        .collect();
    let text =
        |baseline| affekt_report::side_by_side(&affekt_eval::side_by_side(&entries, baseline).unwrap());
    insta::assert_snapshot!(text(None));
    let against = text(Some("cnn/20260730-140211:mfcc"));
    assert!(
        against.contains("Differences are to cnn/20260730-140211:mfcc") && !against.contains("--baseline")
    );
}
