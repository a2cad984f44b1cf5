//! Learnt weights of an encoder's layers.

use affekt_report::{LayerWeights, Report, html, markdown, tables};

use crate::html::parse;
use crate::sample::report;
use crate::{SMALL, STAMP};

/// The stamped variant has learnt weights in two training runs.
fn weighted() -> Report {
    let mut report = report(SMALL);
    let layer = |layer, weights: [f64; 2]| LayerWeights { layer, weights: weights.into() };
    report.variants[0].layer_weights = vec![layer(0, [0.1, 0.2]), layer(1, [0.3, 0.3]), layer(2, [0.6, 0.5])];
    report
}

#[test]
fn bars_and_spread_stand_in_every_format() {
    let report = weighted();
    let page = html(&report);
    parse(&page);
    let start = page.find("id=\"table-layer-weights-random\"").unwrap();
    let table = &page[start..start + page[start..].find("</table>").unwrap()];
    assert_eq!(table.matches("class=\"bar\"").count(), 3, "{table}");
    assert!(table.contains("0 (input)") && table.contains("over 2 training runs"), "{table}");
    assert!(table.contains(STAMP), "{table}");
    // 0.55 on average, 0.05 / √½ apart.
    assert!(table.contains("55.0") && table.contains("± 7.1"), "{table}");
    let markdown = markdown(&report);
    assert!(markdown.contains("Weights of the encoder’s layers") && markdown.contains("± 7.1"));
    let (_, csv) = tables(&report).into_iter().find(|(file, _)| file == "layer-weights-random.csv").unwrap();
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(!html(&crate::sample::report(SMALL)).contains("layer-weights"));
}
