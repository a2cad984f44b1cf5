//! What is written opens in polars, as users open it to look further than reports do.

use std::fs::File;

use polars::prelude::{DataFrame, IpcReader, SerReader};

use crate::samples::KINDS;

/// Opens a sample of the first table of a kind.
fn opened(kind: &str) -> DataFrame {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.arrow");
    let (_, write) = KINDS.iter().find(|(known, _)| *known == kind).unwrap();
    write(&path).unwrap();
    IpcReader::new(File::open(&path).unwrap()).finish().unwrap()
}

#[test]
fn tables_of_rows_open_in_polars() {
    for kind in ["manifest", "problems", "ratings", "examples", "folds", "rows/dev", "predictions", "history"]
    {
        let table = opened(kind);
        assert!(table.height() > 0 && table.width() > 0, "{kind}: {table:?}");
    }
}

#[test]
fn predictions_are_grouped_by_polars() {
    let table = opened("predictions");
    let names: Vec<&str> = table.get_column_names().into_iter().map(|name| name.as_str()).collect();
    assert!(names.contains(&"utterance") && names.contains(&"fold"), "{names:?}");
    let groups = table.group_by(["fold"]).unwrap().get_groups().len();
    let folds = table.column("fold").unwrap().as_materialized_series().n_unique().unwrap();
    assert_eq!(groups, folds);
}
