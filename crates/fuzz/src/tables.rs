//! Arrow artefacts, every row and column of them.

use std::fs;
use std::path::Path;

use crate::target::Subject;

#[path = "../../table/tests/tables/everything.rs"]
mod everything;
#[path = "../../table/tests/tables/samples.rs"]
mod samples;

/// Tables of every kind.
pub fn arrow(folder: &Path) -> Subject {
    let path = folder.join("table.arrow");
    let pool = samples::KINDS.iter().map(|(kind, write)| {
        write(&path).unwrap_or_else(|error| panic!("{kind}: {error}"));
        fs::read(&path).expect("it was just written")
    });
    let words = ["ARROW1", "affekt.kind", "affekt.version", "affekt.batch_rows", "[]", "{}", "null"];
    Subject::new(pool.collect(), &words, |bytes| {
        let _ = everything::read(bytes.to_vec());
    })
}
