//! Reports of made-up experiments, as whole texts and for what must be in them.

mod sample;

use std::collections::BTreeMap;
use std::time::Instant;
use std::{fs, io};

use affekt_domain::Epoch;
use affekt_eval::Measure;
use affekt_report::{Report, html, latex_tables, markdown, tensorboard};
use sample::{Size, report};

const SMALL: Size = Size { classes: 3, folds: 2, seeds: 2, speakers: 6, utterances: 20, epochs: 6 };
const USUAL: Size = Size { classes: 7, folds: 5, seeds: 3, speakers: 24, utterances: 60, epochs: 40 };
/// One seed, one fold, too few speakers for an interval.
const TINY: Size = Size { classes: 3, folds: 1, seeds: 1, speakers: 4, utterances: 10, epochs: 1 };

/// A report in which everything optional is missing.
fn bare() -> Report {
    let mut report = report(TINY);
    report.primary = Measure::MacroF1;
    report.question = String::new();
    report.problems.clear();
    report.costs.clear();
    report.provenance.clear();
    report.variants.remove(0);
    for corpus in &mut report.corpora {
        (corpus.expected, corpus.citation) = (None, None);
    }
    let variant = &mut report.variants[0];
    variant.metrics.about.params.clear();
    variant.metrics.baselines.corpus_only = None;
    variant.metrics.groups.sex.clear();
    (variant.parameters, variant.audit) = (None, None);
    variant.histories.clear();
    variant.parts.clear();
    report
}

#[test]
fn markdown_snapshot() {
    insta::assert_snapshot!(markdown(&report(SMALL)));
}

#[test]
fn bare_markdown_snapshot() {
    insta::assert_snapshot!(markdown(&bare()));
}

#[test]
fn latex_snapshot() {
    let tables = latex_tables(&report(SMALL)).into_iter();
    let text: Vec<String> = tables.map(|(name, text)| format!("%%% {name}\n{text}")).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn pages_are_well_formed_and_need_nothing_else() {
    for report in [report(USUAL), report(TINY), bare()] {
        let page = html(&report);
        assert_balanced(&page);
        for load in ["http:", "https:", "//", "<script", "<link", "<img", "url(", "@import", "src="] {
            assert!(!page.contains(load), "the page contains {load}");
        }
        for table in page.split("<table").skip(1) {
            let table = table.split("</table>").next().unwrap();
            assert!(table.contains("<caption") && table.contains("scope=\"row\""), "{table}");
        }
    }
}

#[test]
fn figures_are_those_of_the_metrics() {
    let report = report(USUAL);
    let (page, text) = (html(&report), markdown(&report));
    for variant in &report.variants {
        let metrics = &variant.metrics;
        for measure in Measure::ALL {
            let summary = metrics.aggregate.get(measure);
            let [low, high] = summary.ci95.unwrap().map(|end| end * 100.0);
            let cells = [
                format!("<strong>{:.1}</strong>", summary.mean * 100.0),
                format!("<td>{:.1}</td>", summary.std_seeds.unwrap() * 100.0),
                format!("<td>{:.1}</td>", summary.std_folds.unwrap() * 100.0),
                format!("<td>{:.1}</td>", summary.pooled * 100.0),
                format!("<td>{low:.1}–{high:.1}</td>"),
            ];
            for cell in cells {
                assert!(page.contains(&cell), "{measure:?} {cell}");
            }
        }
        for cell in &metrics.cells {
            let row: Vec<String> = [f64::from(cell.fold), cell.seed as f64].map(|n| n.to_string()).into();
            let scores = Measure::ALL.map(|measure| format!("{:.1}", cell.scores.get(measure) * 100.0));
            assert!(text.contains(&format!("| {} | {} |", row.join(" | "), scores.join(" | "))));
        }
        for count in metrics.overall.confusion.iter().flatten().filter(|count| **count < 1000) {
            assert!(page.contains(&format!("<small>{count}</small>")));
        }
    }
}

#[test]
fn every_table_of_a_stamped_variant_says_so() {
    let stamp = "speakers shared between train and test";
    let mut report = report(SMALL);
    let page = html(&report);
    let section = page.split("<section").find(|part| part.contains("<h2 id=\"variant-random\"")).unwrap();
    let tables: Vec<&str> = section.split("<table").skip(1).collect();
    assert_eq!(tables.len(), 8);
    assert!(tables.iter().all(|table| table.split("</caption>").next().unwrap().contains(stamp)));
    let latex = latex_tables(&report);
    assert!(
        latex.iter().filter(|(name, _)| name.ends_with("random.tex")).all(|(_, text)| text.contains(stamp))
    );
    assert!(page.contains("The price of the leak"));

    // With nothing shared there is no stamp and no price.
    report.variants[0].metrics.about.stamps.clear();
    let page = html(&report);
    assert!(!page.contains(stamp) && !page.contains("The price of the leak"));
}

#[test]
fn the_price_is_that_of_the_protocol_alone() {
    let mut report = report(SMALL);
    let points = |i: usize| (1000.0 * report.variants[i].metrics.aggregate.uar.mean).round() / 10.0;
    let price = format!("+{:.1} points", points(0) - points(1));
    assert!(html(&report).contains(&price), "{price}");

    report.variants[1].metrics.about.params.insert("train.lr".into(), 0.1.into());
    assert!(!html(&report).contains("The price of the leak"));
}

#[test]
fn gaps_are_told() {
    let mut report = report(SMALL);
    report.variants[0].metrics.cells.remove(2);
    let text = markdown(&report);
    let gap = "Figures come from 3 of 4 training runs; missing: fold 2 with seed 1.";
    assert!(text.contains(gap) && html(&report).contains(gap));
    assert!(text.contains("- **NORTH**: 960 of 1\u{202f}440 utterances."));
}

#[test]
fn texts_from_outside_cannot_break_the_page() {
    let mut report = report(TINY);
    report.variants[1].metrics.about.id = "results".into();
    report.variants[0].metrics.about.id = "a<b>|\"&_{}".into();
    report.run.command = "run </code><script>".into();
    let page = html(&report);
    assert_balanced(&page);
    assert!(page.contains("a&lt;b&gt;|&quot;&amp;_{}") && !page.contains("<script"));
    assert!(markdown(&report).contains("| a\\<b\\>\\|\"&\\_{} | "));
    assert!(latex_tables(&report)[0].1.contains(r#"a\textless{}b\textgreater{}\textbar{}"\&\_\{\} & "#));
}

#[test]
fn wild_losses_are_said_to_be_cut() {
    let mut report = report(USUAL);
    let epochs: &mut Vec<Epoch> = &mut report.variants[0].histories[0].epochs;
    (epochs[0].train_loss, epochs[1].train_loss) = (90.0, f64::NAN);
    let page = html(&report);
    assert!(page.contains("are drawn at the upper edge") && !page.contains("NaN"));
}

#[test]
fn a_page_takes_no_time() {
    let report = report(USUAL);
    let start = Instant::now();
    let page = html(&report);
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds < 0.3, "{} bytes took {seconds} s", page.len());
}

#[test]
fn one_event_file_a_training_run() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let report = report(SMALL);
    tensorboard(folder.path(), &report).unwrap();
    tensorboard(folder.path(), &report).unwrap();
    let files: Vec<_> =
        fs::read_dir(folder.path().join("speakers-apart/fold=2,seed=1"))?.collect::<Result<_, _>>()?;
    assert_eq!(files.len(), 1);

    let blocked = folder.path().join("file");
    fs::write(&blocked, "")?;
    let error = tensorboard(&blocked, &report).unwrap_err();
    assert!(error.to_string().starts_with("failed to write the TensorBoard log"), "{error}");
    Ok(())
}

/// Every element that is opened is closed, in order.
fn assert_balanced(page: &str) {
    let void = ["meta", "br", "rect", "line", "circle", "path", "polyline"];
    let mut open = Vec::new();
    let mut ids = BTreeMap::new();
    for tag in page.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        if tag.starts_with('!') {
            continue;
        }
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        if let Some(id) = tag.split(" id=\"").nth(1) {
            *ids.entry(id.split('"').next().unwrap()).or_insert(0) += 1;
        }
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !tag.ends_with('/') && !void.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    assert!(ids.values().all(|number| *number == 1), "ids come twice: {ids:?}");
}
