//! The files that a card's table lies in.

use std::fs;
use std::path::Path;

use affekt_domain::Problem;

use crate::annotation_table::FileError;
use crate::odd_cells::OddCells;
use crate::{CorpusError, ProblemKind, glob};

/// Has each file of the corpus' `folder` that `pattern` names read by `read`, which is given its path and its bytes. Returns
/// what is odd about them; that there is none, unless that is `optional`.
///
/// # Errors
/// Fails if a file cannot be read, or `read` does.
pub(crate) fn read_files(
    corpus: &str,
    folder: &Path,
    pattern: &str,
    optional: bool,
    mut read: impl FnMut(&str, Vec<u8>) -> Result<OddCells<'static>, FileError>,
) -> Result<Vec<Problem>, CorpusError> {
    let unreadable = |(path, source)| CorpusError::Unreadable { corpus: corpus.to_owned(), path, source };
    let mut problems = Vec::new();
    let paths = glob::paths(folder, pattern).map_err(unreadable)?;
    if paths.is_empty() && !optional {
        let what = "there is no such label file: what it tells is unknown";
        problems.push(ProblemKind::MissingTable.of(corpus, pattern, what));
    }
    for path in paths {
        let whole = folder.join(&path);
        let bytes = fs::read(&whole).map_err(|source| unreadable((whole.clone(), source)))?;
        let odd = read(&path, bytes).map_err(|(line, what)| {
            let (corpus, path) = (corpus.to_owned(), path.clone());
            CorpusError::Table { corpus, path, line, what }
        })?;
        problems.extend(odd.problems(corpus, &path));
    }
    Ok(problems)
}
