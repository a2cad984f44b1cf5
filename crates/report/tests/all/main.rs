//! Reports of synthetic experiments: complete snapshots, required contents, and structure.

mod hostile;
mod html;
mod layer_weights;
mod numbers;
mod page;
mod replication;
mod report;
mod sample;
mod side_by_side;
mod sweep;
mod tables;
mod tuning;

use affekt_eval::Measure;
use affekt_report::Report;
use sample::{Size, report};

const SMALL: Size = Size { classes: 3, folds: 2, seeds: 2, speakers: 6, utterances: 20, epochs: 6 };
const USUAL: Size = Size { classes: 7, folds: 5, seeds: 3, speakers: 24, utterances: 60, epochs: 40 };
/// One seed, one fold, too few speakers for an interval.
const TINY: Size = Size { classes: 3, folds: 1, seeds: 1, speakers: 4, utterances: 10, epochs: 1 };

/// The stamp of the leaking variant in every sample, required at every table.
const STAMP: &str = "speakers shared between train and test";

/// Returns a report without anything optional.
fn bare() -> Report {
    let mut report = report(TINY);
    report.primary = Measure::MacroF1;
    report.question = String::new();
    report.comparison = None;
    report.problems.clear();
    report.lengths.clear();
    report.costs.clear();
    report.provenance.clear();
    report.variants.remove(0);
    for corpus in &mut report.corpora {
        (corpus.expected, corpus.expected_speakers, corpus.citation) = (None, None, None);
    }
    let variant = &mut report.variants[0];
    variant.metrics.about.params.clear();
    variant.metrics.baselines.corpus_only = None;
    variant.metrics.groups.sex.clear();
    variant.metrics.groups.speaker.clear();
    (variant.parameters, variant.audit) = (None, None);
    variant.histories.clear();
    variant.method.clear();
    variant.test_loss = None;
    variant.layers.clear();
    variant.parts.clear();
    report
}

/// Returns every form of report used in the tests.
fn reports() -> [Report; 9] {
    [
        report(USUAL),
        report(SMALL),
        report(TINY),
        bare(),
        numbers::sweep(),
        replication::scorecard(),
        sweep::grid(Some("r1-d0.1-spec")),
        sweep::grid(None),
        tuning::tuned(),
    ]
}
