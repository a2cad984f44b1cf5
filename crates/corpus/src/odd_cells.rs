//! Cells of label files that say nothing that can be understood.

use std::collections::BTreeMap;

use affekt_domain::Problem;

use crate::ProblemKind;

/// Cells that cannot be interpreted, collected so that each column is reported once.
pub(crate) struct OddCells<'a> {
    /// What rows are counted by.
    unit: &'static str,
    /// Column and expected contents → the first such cell, and their number.
    found: BTreeMap<(String, &'a str), (String, usize)>,
}

impl<'a> OddCells<'a> {
    pub(crate) fn new(unit: &'static str) -> Self {
        Self { unit, found: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, number: u64, column: &str, cell: &str, what: &'a str) {
        let first = || (format!("{} {number}: `{cell}` under `{column}`", self.unit), 0);
        self.found.entry((column.to_owned(), what)).or_insert_with(first).1 += 1;
    }

    /// Returns the number in a cell, if there is one.
    pub(crate) fn number(&mut self, line: u64, column: &str, cell: &str) -> Option<f32> {
        match cell.parse::<f32>() {
            Ok(value) if value.is_finite() => Some(value),
            // What tools write for missing values.
            Ok(value) if value.is_nan() => None,
            _ => {
                self.add(line, column, cell, "no number");
                None
            }
        }
    }

    pub(crate) fn problems(self, corpus: &str, path: &str) -> Vec<Problem> {
        let problem = |((_, what), (first, cells)): ((String, &str), (String, usize))| {
            let others = match cells {
                1 => String::new(),
                2 => ", and so is another cell of the column".to_owned(),
                more => format!(", and so are {} other cells of the column", more - 1),
            };
            let message = format!("{first} is {what}{others}; they tell nothing");
            ProblemKind::OddCell.of(corpus, path, message)
        };
        self.found.into_iter().map(problem).collect()
    }
}
