//! The corpora, what was wrong in them, and what the run cost.

use affekt_domain::Problem;
use serde::Serialize;

use crate::report::{Cost, Report};
use crate::text::{count, duration};

/// How many problems of one kind in one corpus are listed by file.
const LISTED: usize = 20;

#[derive(Serialize)]
pub(crate) struct CorpusRow {
    name: String,
    /// `960 of 1440`, or `1440`.
    found: String,
    complete: bool,
    speakers: String,
    licence: String,
    citation: Option<String>,
}

/// All problems of one kind in one corpus.
#[derive(Serialize)]
pub(crate) struct ProblemRow {
    corpus: String,
    kind: String,
    number: String,
    dropped: String,
    files: Vec<ProblemFile>,
    /// How many are not listed.
    more: Option<String>,
}

#[derive(Serialize)]
struct ProblemFile {
    path: String,
    message: String,
}

#[derive(Serialize)]
pub(crate) struct CostRow {
    op: String,
    run: String,
    cached: String,
    time: String,
}

pub(crate) fn corpora(report: &Report) -> Vec<CorpusRow> {
    let rows = report.corpora.iter().map(|corpus| CorpusRow {
        name: corpus.name.clone(),
        found: match corpus.expected {
            Some(expected) if expected != corpus.found => {
                format!("{} of {}", count(corpus.found as u64), count(expected as u64))
            }
            _ => count(corpus.found as u64),
        },
        complete: corpus.expected.is_none_or(|expected| expected == corpus.found),
        speakers: count(corpus.speakers as u64),
        licence: corpus.licence.clone(),
        citation: corpus.citation.clone(),
    });
    rows.collect()
}

pub(crate) fn problems(problems: &[Problem]) -> Vec<ProblemRow> {
    let mut kinds = Vec::<Vec<&Problem>>::new();
    for problem in problems {
        let same =
            |kind: &&mut Vec<&Problem>| kind[0].corpus == problem.corpus && kind[0].kind == problem.kind;
        match kinds.iter_mut().find(same) {
            Some(kind) => kind.push(problem),
            None => kinds.push(vec![problem]),
        }
    }
    let row = |kind: Vec<&Problem>| ProblemRow {
        corpus: kind[0].corpus.clone(),
        kind: kind[0].kind.clone(),
        number: count(kind.len() as u64),
        dropped: count(kind.iter().filter(|problem| problem.dropped).count() as u64),
        files: kind
            .iter()
            .take(LISTED)
            .map(|problem| ProblemFile { path: problem.path.clone(), message: problem.message.clone() })
            .collect(),
        more: kind.len().checked_sub(LISTED).filter(|more| *more > 0).map(|more| count(more as u64)),
    };
    kinds.into_iter().map(row).collect()
}

pub(crate) fn costs(costs: &[Cost]) -> Vec<CostRow> {
    let rows = costs.iter().map(|cost| CostRow {
        op: cost.op.clone(),
        run: count(cost.run as u64),
        cached: count(cost.cached as u64),
        time: duration(cost.seconds),
    });
    rows.collect()
}
