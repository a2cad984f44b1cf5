//! Contents of the texts of a report.

use std::{fs, io};

use affekt_domain::{Epoch, Role, Stage};
use affekt_eval::{Measure, Outcome, Overall};
use affekt_report::{Published, html, markdown, method_latex, tables, tensorboard};
use cpu_time::ThreadTime;

use crate::html::parse;
use crate::sample::report;
use crate::{SMALL, STAMP, TINY, USUAL, bare};

#[test]
fn markdown_snapshot() {
    insta::assert_snapshot!(markdown(&report(SMALL)));
}

#[test]
fn bare_markdown_snapshot() {
    insta::assert_snapshot!(markdown(&bare()));
}

#[test]
fn figures_are_those_of_the_metrics() {
    let report = report(USUAL);
    let (page, text) = (html(&report), markdown(&report));
    for variant in &report.variants {
        let metrics = &variant.metrics;
        for measure in Measure::OF_CLASSES {
            let summary = metrics.aggregate.get(measure).unwrap();
            let [low, high] = summary.ci95.unwrap().map(|end| end * 100.0);
            let cells = [
                format!("<td class=\"strong\">{:.1}</td>", summary.mean * 100.0),
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
            let scores = Measure::OF_CLASSES
                .map(|measure| format!("{:.1}", cell.scores.get(measure).unwrap() * 100.0));
            assert!(text.contains(&format!("| {} | {} |", row.join(" | "), scores.join(" | "))));
        }
        let Overall::Classes(overall) = &metrics.overall else { panic!("{metrics:?}") };
        for count in overall.confusion.iter().flatten().filter(|count| **count < 1000) {
            assert!(page.contains(&format!("<small>{count}</small>")));
        }
        for (speaker, group) in &metrics.groups.speaker {
            let speaker = speaker.replace('/', "&#x2f;");
            assert!(page.contains(&format!(
                "<title>{speaker}: {:.1}</title>",
                100.0 * group.scores.get(Measure::Uar).unwrap().pooled
            )));
        }
    }
}

#[test]
fn the_price_is_that_of_the_protocol_alone() {
    let mut report = report(SMALL);
    let uar = |i: usize| report.variants[i].metrics.aggregate.get(Measure::Uar).unwrap().mean;
    let points = |i: usize| (1000.0 * uar(i)).round() / 10.0;
    let price = format!("+{:.1} points", points(0) - points(1));
    assert!(html(&report).contains(&price), "{price}");

    report.variants[1].metrics.about.params.insert("train.lr".into(), 0.1.into());
    assert!(!html(&report).contains("The price of the leak"));

    // Another corpus, or another text, is more than other speakers.
    let mut report = self::report(SMALL);
    report.variants[1].differs_at_most_in_speakers = false;
    assert!(!html(&report).contains("The price of the leak"));

    // Who learns from more has an advantage of another kind.
    let mut report = self::report(SMALL);
    assert!(!html(&report).contains("part of the price"));
    let audit = report.variants[1].audit.as_mut().unwrap();
    audit.folds.iter_mut().zip(1..).for_each(|(fold, size)| fold.parts[0].utterances = 100 * size);
    let most = 100 * audit.folds.len();
    let told = format!("speakers_apart on 100 to {most}: part of the price may be that.");
    assert!(html(&report).contains(&told), "{told}");

    // With nothing shared there is no stamp and no price.
    let mut report = self::report(SMALL);
    report.variants[0].metrics.about.stamps.clear();
    let page = html(&report);
    assert!(!page.contains(STAMP) && !page.contains("The price of the leak"));
}

#[test]
fn differences_come_with_both_tests_or_a_reason() {
    let mut report = report(USUAL);
    let comparison = report.comparison.as_mut().unwrap();
    let Outcome::Compared(compared) = &comparison.pairs[0].outcome else { panic!("they have the same rows") };
    let [low, high] = compared.bootstrap.unwrap().ci95.map(|end| 100.0 * end);
    let row = format!(
        "| random − speakers\\_apart | **{:+.1}** | {low:+.1} to {high:+.1} | < 0.001 |",
        100.0 * compared.difference
    );
    assert!(markdown(&report).contains(&row.replace('<', "\\<")), "{row}");

    let comparison = report.comparison.as_mut().unwrap();
    comparison.pairs[0].outcome =
        Outcome::NotComparable("different test rows: 10 against 20, 3 in common".into());
    let reason = "not comparable: different test rows: 10 against 20, 3 in common";
    for text in
        [html(&report), markdown(&report), file(&report, "comparison.tex"), file(&report, "comparison.csv")]
    {
        assert!(text.contains(reason), "{text}");
    }
}

/// Published figures are never shown without their caveats.
#[test]
fn published_figures_bring_their_caveats() {
    let mut report = report(SMALL);
    let published = Published {
        measure: Measure::Uar,
        value: 0.8124,
        std: None,
        sessions: Vec::new(),
        source: "table 9".into(),
        caveat: Some("its labels were not the true ones".into()),
    };
    report.variants[1].published.push(published);
    let note = "Its labels were not the true ones.";
    for name in ["published.tex", "published.csv"] {
        let text = file(&report, name);
        let at = text.find("81.24").unwrap();
        assert!(text[at..].lines().take(2).any(|line| line.contains(note)), "{name}: {text}");
    }
    let markdown = markdown(&report);
    for line in markdown.lines().filter(|line| line.contains("81.24")) {
        assert!(line.contains(note), "{line}");
    }
    let page = parse(&html(&report));
    let tables = page.find("table").into_iter().filter(|table| table.text.contains("81.24"));
    for table in tables {
        let rows = table.find("tr");
        let at = rows.iter().position(|row| row.text.contains("81.24")).unwrap();
        assert!(rows[at + 1].text.contains(note), "{}", rows[at].text);
    }
}

#[test]
fn the_audit_tells_what_is_shared_and_what_was_permitted() {
    let report = report(USUAL);
    let page = html(&report);
    let rows = page.split("<summary>Every speaker in two roles of a fold: 120</summary>").nth(1).unwrap();
    let list = rows.split("</ul>").next().unwrap();
    assert_eq!(list.matches("<li>").count(), 21, "twenty and how many more: {list}");
    assert!(list.contains("and 100 more"));
    for text in [html(&report), markdown(&report)] {
        for told in [
            "Must not be shared",
            "shared-speakers",
            "a1a1a1a1a1a1a1a1",
            "1 utterance is in no fold’s test part",
        ] {
            assert!(text.contains(told), "{told}");
        }
        assert!(text.contains("SOUTH has 2 speakers: it is tested in 2 of 5 folds"));
    }
    // Bold is what must not be shared; texts may.
    let audit = file(&report, "audit-random.tex");
    assert!(audit.contains(r"\textbf{24} & 0 & 2 &"), "{audit}");
}

#[test]
fn what_nobody_knows_is_not_counted_as_nothing() {
    let mut report = report(USUAL);
    let audit = report.variants[0].audit.as_mut().unwrap();
    for fold in &mut audit.folds {
        fold.parts.iter_mut().for_each(|part| part.speakers = None);
        for shared in [&mut fold.test_and_others, &mut fold.train_and_dev] {
            (shared.speakers, shared.texts) = (None, None);
        }
    }
    report.corpora[0].speakers = None;
    let audit = file(&report, "audit-random.tex");
    assert!(
        audit.contains("unknown & unknown & unknown & unknown & 0 & unknown & unknown & 0 & unknown"),
        "{audit}"
    );
    let corpora = file(&report, "corpora.csv");
    assert!(corpora.lines().nth(1).unwrap().contains(",unknown,"), "{corpora}");
}

/// A document that prints a figure of the dev part beside that of the test part finds both beside ours.
#[test]
fn published_figures_of_both_parts_stand_beside_ours() {
    let mut report = report(SMALL);
    let variant = &mut report.variants[0];
    for history in &mut variant.histories {
        for epoch in &mut history.epochs {
            epoch.dev_uar = Some(if epoch.kept { 0.5 } else { 0.1 });
        }
    }
    let elsewhere = |value| Published {
        measure: Measure::Uar,
        value,
        sessions: Vec::new(),
        ..variant.published[0].clone()
    };
    variant.published_elsewhere = vec![(Role::Dev, elsewhere(0.625)), (Role::Test, elsewhere(0.75))];
    let table = file(&report, "published.csv");
    let rows: Vec<&str> = table.lines().filter(|line| line.contains(" part\"")).collect();
    assert!(rows[0].starts_with("random,\"UAR, dev part\",62.5,0.625,50.0,0.5,,−12.5,-0.125,"), "{table}");
    assert!(rows[1].starts_with("random,\"UAR, test part\",75.0,0.75,"), "{table}");
}

/// The method in prose: what all variants have in common first, and of whom what differs is true, in every format.
#[test]
fn the_method_can_be_read_as_a_text() {
    let report = report(SMALL);
    let page = html(&report);
    parse(&page);
    assert!(
        page.contains("<strong>Features.</strong> Cepstra were computed every <code>512</code> samples.</p>")
    );
    assert!(markdown(&report).contains("**Features.** Cepstra were computed every `512` samples.\n"));
    let text = method_latex(&report).unwrap();
    assert!(
        text.contains(r"\paragraph{Features.} Cepstra were computed every \texttt{512} samples."),
        "{text}"
    );
    let training = concat!(
        r"\paragraph{Training.} Cross-entropy was minimised. Training took 100 epochs (\texttt{random}). ",
        r"Training took 40 epochs (\texttt{speakers\_apart})."
    );
    assert!(text.contains(training), "{text}");
    assert!(text.contains("They were cut at 3 s. Of "), "{text}");
}

/// What stands between backticks is code; one without its second is a letter.
#[test]
fn backticks_are_code_in_every_format() {
    let mut report = report(SMALL);
    report.question = "Does `a<b|c_d` do? Or `so".into();
    let page = html(&report);
    parse(&page);
    assert!(page.contains("Does <code>a&lt;b|c_d</code> do? Or `so</p>"));
    assert!(markdown(&report).contains("Does `a<b\\|c_d` do? Or \\`so"));
    report.variants[0].published[0].caveat = Some("not `a_b`".into());
    assert!(file(&report, "published.tex").contains(r"Not \texttt{a\_b}."));
}

fn file(report: &affekt_report::Report, name: &str) -> String {
    tables(report).into_iter().find(|(other, _)| other == name).unwrap().1
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
    parse(&page);
    assert!(page.contains("a&lt;b&gt;|&quot;&amp;_{}") && !page.contains("<script"));
    assert!(markdown(&report).contains("| a\\<b\\>\\|\"&\\_{} | "));
    assert!(tables(&report)[0].1.contains(r#"a\textless{}b\textgreater{}\textbar{}"\&\_\{\} & "#));
}

#[test]
fn wild_losses_are_said_to_be_cut() {
    let mut report = report(USUAL);
    let epochs: &mut Vec<Epoch> = &mut report.variants[0].histories[0].epochs;
    (epochs[0].train_loss, epochs[1].train_loss) = (90.0, f64::NAN);
    let page = html(&report);
    assert!(page.contains("are drawn at the upper edge") && !page.contains("NaN"));
}

/// A network that was retrained for the selected number of epochs is marked wherever the epoch is shown.
#[test]
fn refits_are_told() {
    let mut report = report(SMALL);
    let epochs = &mut report.variants[1].histories[0].epochs;
    let best = epochs.iter_mut().find(|epoch| epoch.kept).unwrap();
    best.kept = false;
    let best = *best;
    let refit = |number| Epoch {
        stage: Stage::Refit,
        number,
        dev_loss: None,
        dev_accuracy: None,
        dev_uar: None,
        dev_ccc: None,
        kept: number == best.number,
        ..best
    };
    epochs.extend((1..=best.number).map(refit));
    let page = html(&report);
    assert!(page.contains("then retrained for as many") && page.contains("class=\"refit\""));
    assert!(markdown(&report).contains(&format!("| {} of 6, retrained |", best.number)));
    assert!(!html(&self::report(SMALL)).contains("class=\"refit\""));
}

#[test]
fn a_page_takes_no_time() {
    let report = report(USUAL);
    let start = ThreadTime::now();
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
