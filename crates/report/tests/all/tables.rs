//! Tables as files: LaTeX that compiles, CSV that can be parsed, and both with stamps and notes.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::{env, fs};

use affekt_eval::Measure;
use affekt_report::{html, markdown, tables};

use crate::sample::report;
use crate::{SMALL, STAMP, TINY, USUAL, reports};

fn files(report: &affekt_report::Report) -> BTreeMap<String, String> {
    tables(report).into_iter().collect()
}

#[test]
fn latex_snapshot() {
    let files = files(&report(SMALL));
    let shown = ["results", "leak", "comparison", "published", "groups-random", "confusion-random"];
    let text: Vec<String> = shown.map(|name| files[&format!("{name}.tex")].clone()).into();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn csv_snapshot() {
    let files = files(&report(SMALL));
    let shown = ["results", "comparison", "published", "groups-random", "confusion-random", "cost"];
    let text: Vec<String> = shown.map(|name| files[&format!("{name}.csv")].replace("\r\n", "\n")).into();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn every_stamp_is_in_every_table_it_touches() {
    let report = report(SMALL);
    for (name, text) in tables(&report) {
        let of_random = name.contains("-random.");
        let of_both = ["results", "leak", "comparison", "published", "confusions", "training"]
            .iter()
            .any(|stem| name.starts_with(stem));
        assert_eq!(text.contains(STAMP), of_random || of_both, "{name}\n{text}");
        if name.ends_with(".csv") && of_random {
            assert!(text.lines().skip(1).all(|row| row.contains(STAMP)), "{name}: every row\n{text}");
        }
    }
    // A caption or row for every table, in the text as on the page.
    let tables =
        tables(&report).iter().filter(|(name, text)| name.ends_with(".tex") && text.contains(STAMP)).count();
    for text in [markdown(&report), html(&report)] {
        assert!(text.matches(STAMP).count() > tables);
    }
}

#[test]
fn formats_have_the_same_tables() {
    for report in reports() {
        let (files, page, text) = (files(&report), html(&report), markdown(&report));
        let names: Vec<&str> = files.keys().filter_map(|name| name.strip_suffix(".tex")).collect();
        assert_eq!(page.matches("<table").count(), names.len());
        assert_eq!(text.matches("\n|---|").count(), names.len());
        for name in names {
            assert!(page.contains(&format!("<table id=\"table-{name}\"")), "{name}");
            assert!(files.contains_key(&format!("{name}.csv")), "{name}");
        }
    }
}

/// Splits a row into fields and removes quotes.
fn fields(row: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for letter in row.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().unwrap().push(letter),
        }
    }
    fields
}

#[test]
fn csv_rows_are_as_wide_as_their_head() {
    for report in reports() {
        for (name, text) in tables(&report).into_iter().filter(|(name, _)| name.ends_with(".csv")) {
            let mut rows = text.trim_end().split("\r\n").map(fields);
            let head = rows.next().unwrap();
            for row in rows {
                assert_eq!(row.len(), head.len(), "{name}: {head:?}\n{row:?}");
            }
        }
    }
}

#[test]
fn csv_holds_no_formulas() {
    let mut report = report(USUAL);
    report.variants[0].metrics.about.id = "=1+2".to_owned();
    let mut found = false;
    for (name, text) in tables(&report).into_iter().filter(|(name, _)| name.ends_with(".csv")) {
        for cell in text.trim_end().split("\r\n").flat_map(fields) {
            let is_number = cell.parse::<f64>().is_ok();
            assert!(is_number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{name}: {cell}");
            found |= cell == "'=1+2";
        }
    }
    assert!(found, "the variant is named in no table");
}

#[test]
fn csv_has_the_figures_in_full() {
    let report = report(USUAL);
    let files = files(&report);
    for variant in &report.variants {
        let uar = variant.metrics.aggregate.get(Measure::Uar).unwrap();
        let id = &variant.metrics.about.id;
        let rows: Vec<Vec<String>> = files["results.csv"].trim_end().split("\r\n").map(fields).collect();
        let row = rows.iter().find(|row| row[0] == *id).unwrap();
        let field = |name: &str| &row[rows[0].iter().position(|head| head == name).unwrap()];
        assert_eq!(field("UAR, mean (exact)").parse::<f64>().unwrap(), uar.mean);
        assert_eq!(field("UAR, mean ± (exact)").parse::<f64>().unwrap(), uar.std_seeds.unwrap());
        assert_eq!(field("Pooled: 95 % interval low (exact)").parse::<f64>().unwrap(), uar.ci95.unwrap()[0]);
        let printed = format!("{:.1} ± {:.1}", 100.0 * uar.mean, 100.0 * uar.std_seeds.unwrap());
        assert_eq!(field("UAR, mean"), &printed);
    }
}

#[test]
fn latex_is_balanced_and_rectangular() {
    for report in reports() {
        for (name, text) in tables(&report).into_iter().filter(|(name, _)| name.ends_with(".tex")) {
            assert!(text.starts_with("% Made by Affekt"), "{name}");
            let text = text.split_once('\n').unwrap().1;
            assert_environments_close(&name, text);
            let (opened, closed) = (unescaped(text, '{'), unescaped(text, '}'));
            assert_eq!(opened, closed, "{name}: braces");
            assert_eq!(unescaped(text, '$') % 2, 0, "{name}: $");
            for letter in ['%', '#', '_', '~', '^'] {
                assert_eq!(unescaped(text, letter), 0, "{name}: {letter}");
            }
            assert!(text.is_ascii(), "{name}: {:?}", text.chars().find(|letter| !letter.is_ascii()));
            assert_rows_are_as_wide_as_declared(&name, text);
        }
    }
}

fn assert_environments_close(name: &str, text: &str) {
    let mut open = Vec::new();
    for part in text.split('\\').skip(1) {
        let environment = |part: &str| part.split(['{', '}']).nth(1).unwrap_or_default().to_owned();
        if part.starts_with("begin{") {
            open.push(environment(part));
        } else if part.starts_with("end{") {
            assert_eq!(open.pop(), Some(environment(part)), "{name}");
        }
    }
    assert!(open.is_empty(), "{name}: {open:?}");
}

/// Counts occurrences of `letter` without a preceding backslash.
fn unescaped(text: &str, letter: char) -> usize {
    let mut before = ' ';
    let mut number = 0;
    for current in text.chars() {
        number += usize::from(current == letter && before != '\\');
        // A second backslash escapes nothing.
        before = if current == '\\' && before == '\\' { ' ' } else { current };
    }
    number
}

fn assert_rows_are_as_wide_as_declared(name: &str, text: &str) {
    let begin = text.find("\\begin{tabular}").or_else(|| text.find("\\begin{longtable}")).expect("a table");
    let columns = text[begin..].split(['{', '}']).nth(3).unwrap().len();
    let body = &text[text.find("\\toprule").unwrap()..];
    for row in body.lines().filter(|line| line.ends_with("\\\\")) {
        let spanned: usize = row
            .split("\\multicolumn{")
            .skip(1)
            .map(|part| part.split('}').next().unwrap().parse::<usize>().unwrap() - 1)
            .sum();
        assert_eq!(unescaped(row, '&') + 1 + spanned, columns, "{name}: {row}");
    }
}

/// Runs only if TeX is installed; a document per table would take many times as long.
#[test]
#[expect(clippy::print_stdout, reason = "whoever runs the tests should know what was not tested")]
fn latex_compiles() {
    let Some(tex) = ["pdflatex", "lualatex", "xelatex", "tectonic"].into_iter().find(|name| is_there(name))
    else {
        println!("skipped: no TeX on the path");
        return;
    };
    let mut report = report(TINY);
    report.variants[0].metrics.about.id = r"a\b{c}_$x^2$ & 50 % #1 ~ <i> “q” …".into();
    let folder = tempfile::tempdir().unwrap();
    let mut document = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage[landscape]{geometry}
\usepackage{booktabs}\usepackage{longtable}\begin{document}"
        .to_owned();
    for (name, text) in tables(&report).into_iter().chain(tables(&crate::sample::report(SMALL))) {
        if name.ends_with(".tex") {
            document.push('\n');
            document.push_str(&text);
            document.push_str("\\clearpage");
        }
    }
    document.push_str("\n\\end{document}\n");
    fs::write(folder.path().join("all.tex"), document).unwrap();
    let mut command = Command::new(tex);
    if tex != "tectonic" {
        command.args(["-interaction=nonstopmode", "-halt-on-error"]);
    }
    let run = command.arg("all.tex").current_dir(folder.path()).stdout(Stdio::piped()).output().unwrap();
    assert!(run.status.success(), "{tex}: {}", String::from_utf8_lossy(&run.stdout));
}

fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[test]
fn styles_of_speech_stand_apart() {
    let mut report = report(SMALL);
    let kinds = |report: &affekt_report::Report| -> Vec<String> {
        let csv = &files(report)["groups-random.csv"];
        let of_kind = |row: &&str| row.contains(",Style,") || row.starts_with("Style,");
        csv.lines().filter(of_kind).map(str::to_owned).collect()
    };
    assert_eq!(kinds(&report), [""; 0]);
    let groups = &mut report.variants[0].metrics.groups;
    let figures: Vec<_> = groups.sex.values().copied().collect();
    groups.style = ["improvised", "scripted"].map(String::from).into_iter().zip(figures).collect();
    let rows = kinds(&report);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[0].contains("improvised") && rows[1].contains("scripted"), "{rows:?}");
    assert!(html(&report).contains("scripted") && markdown(&report).contains("| scripted |"));
}
