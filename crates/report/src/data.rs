//! The corpora and their problems.

use affekt_domain::Problem;
use serde::Serialize;

use crate::report::Report;
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{count, sentence};

/// The maximum number of problems per kind and corpus that are listed by file.
const LISTED: usize = 20;

/// The problems of all corpora.
#[derive(Serialize)]
pub(crate) struct Problems {
    pub table: Table,
    kinds: Vec<Kind>,
}

/// All problems of one kind in one corpus.
#[derive(Serialize)]
struct Kind {
    corpus: String,
    kind: String,
    files: Vec<ProblemFile>,
    /// The number of those not listed.
    more: Option<String>,
}

#[derive(Serialize)]
struct ProblemFile {
    path: String,
    message: String,
}

pub(crate) fn corpora(report: &Report) -> Table {
    let columns = vec![
        Column::number("Utterances"),
        Column::number("Speakers"),
        Column::text("Licence"),
        Column::text("Citation"),
    ];
    let rows = report.corpora.iter().map(|corpus| {
        let cells = vec![
            of_all(corpus.found, corpus.expected),
            corpus
                .speakers
                .map_or_else(|| Cell::count_known(None), |found| of_all(found, corpus.expected_speakers)),
            Cell::text(corpus.licence.clone()),
            corpus.citation.clone().map_or_else(Cell::none, Cell::text),
        ];
        let remarks: Vec<String> = corpus.remarks.iter().map(|remark| sentence(remark)).collect();
        TableRow::new(corpus.name.clone(), cells).noted((!remarks.is_empty()).then(|| remarks.join(" ")))
    });
    let about = "Utterances and speakers found on this machine, out of those of the complete corpus.";
    Table::new("corpora", "Corpora", about, "Corpus", columns).rows(None, rows)
}

/// Formats a number found, with that expected where it is another, as a warning.
fn of_all(found: usize, expected: Option<usize>) -> Cell {
    match expected.filter(|expected| *expected != found) {
        Some(expected) => {
            let text = format!("{} of {}", count(found as u64), count(expected as u64));
            Cell::text(text).warning_if(true)
        }
        None => Cell::count(found),
    }
}

/// Groups the problems by corpus and kind; `None` if there are none.
pub(crate) fn problems(problems: &[Problem]) -> Option<Problems> {
    let mut kinds = Vec::<Vec<&Problem>>::new();
    for problem in problems {
        let same =
            |kind: &&mut Vec<&Problem>| kind[0].corpus == problem.corpus && kind[0].kind == problem.kind;
        match kinds.iter_mut().find(same) {
            Some(kind) => kind.push(problem),
            None => kinds.push(vec![problem]),
        }
    }
    let columns = vec![Column::text("Kind"), Column::number("Files"), Column::number("Left out")];
    let row = |kind: &Vec<&Problem>| {
        let dropped = kind.iter().filter(|problem| problem.dropped).count();
        let cells = vec![Cell::text(kind[0].kind.clone()), Cell::count(kind.len()), Cell::count(dropped)];
        TableRow::new(kind[0].corpus.clone(), cells)
    };
    let view = |kind: &Vec<&Problem>| Kind {
        corpus: kind[0].corpus.clone(),
        kind: kind[0].kind.clone(),
        files: kind
            .iter()
            .take(LISTED)
            .map(|problem| ProblemFile { path: problem.path.clone(), message: problem.message.clone() })
            .collect(),
        more: kind.len().checked_sub(LISTED).filter(|more| *more > 0).map(|more| count(more as u64)),
    };
    let about = "Defects of the corpora, by corpus and kind.";
    let table = Table::new("problems", "Problems found in the corpora", about, "Corpus", columns);
    (!kinds.is_empty()).then(|| Problems {
        table: table.rows(None, kinds.iter().map(row)),
        kinds: kinds.iter().map(view).collect(),
    })
}
