//! Texts from data (names of files, corpora, variants, classes and people, error messages) stay texts in every file of a report.

use affekt_report::{Report, html, markdown, method_latex, tables};

use crate::SMALL;
use crate::html::parse;
use crate::sample::report;

/// Beginnings, of which each means something in some format; the word behind must stay text. Only backticks keep their meaning:
/// messages put names between them, and all between them is code, in which nothing else has one.
const BEGINNINGS: [&str; 26] = [
    "<", "</td><", "\"><", "' ", "\" ", "&lt;<", "`<", "`", "\\", "\\\\", "{\\", "$\\", "%\n\\", "%\r\\",
    "^^5c", "[", "*", "\n# ", "\r# ", "|", "![x](y) ", "~~", "**", "=", "\t=", "@",
];

/// Puts a text wherever the data of a report have one.
fn with_text(sound: &Report, text: &str) -> Report {
    let mut report = sound.clone();
    let own = |number: usize| format!("{text}hostile{number}");
    report.experiment = own(0);
    report.question = own(1);
    report.run.command = own(2);
    for corpus in &mut report.corpora {
        (corpus.licence, corpus.citation) = (own(3), Some(own(4)));
        corpus.remarks = vec![own(5)];
    }
    for problem in &mut report.problems {
        (problem.path, problem.message, problem.kind) = (own(6), own(7), own(8));
    }
    report.provenance = report.provenance.into_iter().map(|_| (own(9), own(10))).collect();
    for (number, variant) in report.variants.iter_mut().enumerate() {
        let about = &mut variant.metrics.about;
        about.id = own(20 + number);
        about.params = [(own(11), own(12).into())].into();
        about.protocol = own(13);
        let mut metrics = serde_json::to_string(&variant.metrics).unwrap();
        for (at, class) in ["angry", "disgust", "fear"].into_iter().enumerate() {
            let own = serde_json::to_string(&own(30 + at)).unwrap();
            metrics = metrics.replace(&format!("\"{class}\""), &own);
        }
        variant.metrics = serde_json::from_str(&metrics).unwrap();
        for step in &mut variant.method {
            (step.name, step.about) = (own(14), own(15));
        }
    }
    for cost in &mut report.costs {
        cost.op = own(16);
    }
    report
}

#[test]
fn html_has_no_elements_and_attributes_of_data() {
    let sound = report(SMALL);
    for beginning in BEGINNINGS {
        let page = html(&with_text(&sound, beginning));
        parse(&page);
        for tag in page.split('<').skip(1).map(|part| part.split('>').next().unwrap()) {
            // What stands between quotes is a value.
            let unquoted: String = tag.split('"').step_by(2).collect();
            assert!(!unquoted.contains("hostile"), "{beginning:?}: <{tag}>");
        }
    }
}

#[test]
fn markdown_has_no_markup_of_data() {
    let sound = report(SMALL);
    for beginning in BEGINNINGS {
        let text = markdown(&with_text(&sound, beginning));
        let mut in_code = false;
        for line in text.lines().flat_map(|line| line.split('\r')) {
            in_code ^= line.starts_with("```");
            assert!(in_code || !line.trim_start().starts_with("# hostile"), "{beginning:?}: {line}");
            let is_text = |at: usize| {
                let before = &line[..at];
                !in_code && (before.matches('`').count() - before.matches("\\`").count()) % 2 == 0
            };
            for (at, _) in line.match_indices("hostile").filter(|(at, _)| is_text(*at)) {
                let before = line[..at].trim_end_matches(['<', '[', '~', '$']);
                let markup = &line[before.len()..at];
                assert!(markup.is_empty() || before.ends_with('\\'), "{beginning:?}: {line}");
            }
            assert!(!line.match_indices("![x](y)").any(|(at, _)| is_text(at)), "{beginning:?}: {line}");
        }
    }
}

#[test]
fn latex_has_no_commands_of_data() {
    let sound = report(SMALL);
    for beginning in BEGINNINGS {
        let report = with_text(&sound, beginning);
        let files = tables(&report).into_iter().filter(|(name, _)| name.ends_with(".tex"));
        let files = files.chain(method_latex(&report).map(|text| ("method-text.tex".to_owned(), text)));
        for (name, text) in files {
            assert!(!text.contains(['\r', '\u{b}', '\u{c}']), "{name}, {beginning:?}");
            assert!(!text.contains("\\hostile") && !text.contains("^^"), "{name}, {beginning:?}: {text}");
            for line in text.lines() {
                // An option of the end of the row before; a comment that hides the rest of a line.
                assert!(!line.trim_start().starts_with(['[', '*']), "{name}, {beginning:?}: {line}");
                let percent = line.match_indices('%').filter(|(at, _)| !line[..*at].ends_with('\\')).count();
                assert!(percent == 0 || line.starts_with("% Made by"), "{name}, {beginning:?}: {line}");
            }
        }
    }
}

#[test]
fn cells_are_no_formulas() {
    let sound = report(SMALL);
    for beginning in BEGINNINGS.into_iter().chain(["+", "-", "\r=", "\t"]) {
        for (name, text) in tables(&with_text(&sound, beginning)) {
            let Some(name) = name.strip_suffix(".csv") else { continue };
            let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            for cell in
                rows.records().flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
            {
                let is_number = cell.parse::<f64>().is_ok();
                let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number;
                assert!(!is_formula, "{name}, {beginning:?}: {cell:?}");
            }
        }
    }
}
