//! What a card makes of the files in its corpus' folder, in numbers.

use std::collections::BTreeMap;
use std::fmt;

use affekt_domain::Problem;
use serde::Serialize;

use crate::{Card, Ingested, ProblemKind, Scan};

/// How many files of a corpus' folder became utterances, and how many did not, by what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CardYield {
    /// The corpus.
    pub corpus: String,
    /// Number of audio files in its folder.
    pub audio_files: usize,
    /// Number of those that the card reads: the utterances.
    pub read: usize,
    /// Number of those that the card ignores.
    pub ignored: usize,
    /// Number of those that are left out, by kind of problem.
    pub left_out: BTreeMap<String, usize>,
    /// Number of files that are no audio, nor label files.
    pub other_files: usize,
    /// Number of recordings of the complete corpus, if the card states it.
    pub expected: Option<usize>,
}

impl CardYield {
    /// Counts what a scan found, and what became of it where its audio was read.
    #[must_use]
    pub fn new(card: &Card, scan: &Scan, ingested: Option<&Ingested>) -> Self {
        let dropped = |problems: &[Problem]| {
            let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
            for problem in problems.iter().filter(|problem| problem.dropped) {
                *kinds.entry(problem.kind.clone()).or_default() += 1;
            }
            kinds
        };
        let of_names = dropped(&scan.problems);
        let audio_files = scan.found.len() + scan.ignored + of_names.values().sum::<usize>();
        let (read, mut left_out) = match ingested {
            None => (scan.found.len(), of_names),
            Some(ingested) => (ingested.utterances.len(), dropped(&ingested.problems)),
        };
        // One problem stands for all copies that are worse.
        left_out.remove(ProblemKind::WorseCopy.name());
        let one_by_one = read + scan.ignored + left_out.values().sum::<usize>();
        if let Some(worse) = audio_files.checked_sub(one_by_one).filter(|worse| *worse > 0) {
            left_out.insert(ProblemKind::WorseCopy.name().to_owned(), worse);
        }
        Self {
            corpus: card.name.clone(),
            audio_files,
            read,
            ignored: scan.ignored,
            left_out,
            other_files: scan.others,
            expected: card.files,
        }
    }

    /// Returns whether the card reads fewer than half of the files that it does not ignore, copies apart: it may be a card of
    /// another corpus, or another release.
    #[must_use]
    pub fn is_poor(&self) -> bool {
        let copies = [ProblemKind::SecondCopy, ProblemKind::WorseCopy];
        let copies: usize = copies.iter().filter_map(|kind| self.left_out.get(kind.name())).sum();
        2 * self.read < self.audio_files - self.ignored - copies
    }
}

/// Formats as ``RAVDESS: its card reads 3 of 1440 audio files; 1437 left out (1437 × unparsed-name)``.
impl fmt::Display for CardYield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: its card reads {} of {} audio files", self.corpus, self.read, self.audio_files)?;
        let left_out: usize = self.left_out.values().sum();
        if left_out > 0 {
            let kinds: Vec<String> =
                self.left_out.iter().map(|(kind, files)| format!("{files} × {kind}")).collect();
            write!(f, "; {left_out} left out ({})", kinds.join(", "))?;
        }
        if self.ignored > 0 {
            write!(f, "; {} ignored", self.ignored)?;
        }
        if self.other_files > 0 {
            write!(f, "; {} other files", self.other_files)?;
        }
        match self.expected {
            Some(expected) if expected != self.read => write!(f, "; the complete corpus has {expected}"),
            _ => Ok(()),
        }
    }
}
