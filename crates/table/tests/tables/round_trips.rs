//! Round trip of small tables; other files are refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use affekt_domain::{Role, Target};
use affekt_table::{
    TableError, TableFile, examples, folds, history, manifest, predictions, problems, ratings, rows,
};
use tempfile::TempDir;

use crate::samples::*;

fn written(write: impl FnOnce(&Path) -> Result<(), TableError>) -> (TempDir, TableFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.arrow");
    write(&path).unwrap();
    let file = TableFile::open_path(&path).unwrap();
    (folder, file)
}

#[test]
fn rows_come_back() {
    let (_folder, file) = written(|path| manifest::write(path, &utterances()));
    assert_eq!(manifest::read(&file).unwrap(), utterances());
    let (_folder, file) = written(|path| problems::write(path, &found_problems()));
    assert_eq!(problems::read(&file).unwrap(), found_problems());
    let (_folder, file) = written(|path| ratings::write(path, &three_ratings()));
    assert_eq!(ratings::read(&file).unwrap(), three_ratings());
    let (_folder, file) = written(|path| examples::write(path, &labelled()));
    assert_eq!(examples::read(&file).unwrap(), labelled());
    let (_folder, file) = written(|path| examples::write(path, &measured()));
    assert_eq!(examples::read(&file).unwrap(), measured());
    let (_folder, file) = written(|path| folds::write(path, &two_folds()));
    assert_eq!(folds::read(&file).unwrap(), two_folds());
    let (_folder, file) = written(|path| rows::write(path, &dev_rows()));
    assert_eq!(rows::read(&file, Role::Dev).unwrap(), dev_rows());
    for of_test in [blind_rows(), measured_rows()] {
        let (_folder, file) = written(|path| rows::write(path, &of_test));
        assert_eq!(rows::read(&file, Role::Test).unwrap(), of_test);
    }
    let (_folder, file) = written(|path| predictions::write(path, &three_predictions()));
    assert_eq!(predictions::read(&file).unwrap(), three_predictions());
    let (_folder, file) = written(|path| predictions::write(path, &three_measurements()));
    assert_eq!(predictions::read(&file).unwrap(), three_measurements());
    let convolutions = ["conv1d of 8 to 8 channels, kernel 8, stride 4".to_owned()];
    for convolutions in [&[][..], &convolutions] {
        let (_folder, file) = written(|path| history::write(path, &epochs(), convolutions));
        assert_eq!(history::read(&file).unwrap(), epochs());
        assert_eq!(history::fp32_convolutions(&file).unwrap(), convolutions);
        assert_eq!(file.metadata("fp32_convolutions").is_some(), !convolutions.is_empty());
    }
}

#[test]
fn further_metadata_are_columns_of_their_own_and_only_where_there_are_any() {
    let mut rows = utterances();
    rows[0].metadata = [("age", "31"), ("mother tongue", "日本語")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    rows[2].metadata = [("age".to_owned(), "7".to_owned())].into();
    let (_folder, file) = written(|path| manifest::write(path, &rows));
    assert_eq!(manifest::read(&file).unwrap(), rows);
    let names = |file: &TableFile| -> Vec<String> {
        let fields = file.schema().fields().iter();
        fields.map(|field| field.name().clone()).filter(|name| name.starts_with("metadata.")).collect()
    };
    assert_eq!(names(&file), ["metadata.age", "metadata.mother tongue"]);
    let (_folder, file) = written(|path| manifest::write(path, &utterances()));
    assert_eq!(names(&file), [""; 0]);

    let mut labelled = labelled();
    labelled.examples[0].utterance.metadata = rows[0].metadata.clone();
    let (_folder, file) = written(|path| examples::write(path, &labelled));
    assert_eq!(examples::read(&file).unwrap(), labelled);
}

#[test]
fn tables_of_many_batches_and_of_none() {
    let many: Vec<_> = (0..40_000)
        .map(|row| affekt_domain::Utterance { id: format!("C/{row}"), ..utterances()[row % 3].clone() })
        .collect();
    let (_folder, file) = written(|path| manifest::write(path, &many));
    assert_eq!(file.batch_count(), 3);
    assert_eq!(manifest::read(&file).unwrap(), many);
    let (_folder, file) = written(|path| manifest::write(path, &[]));
    assert_eq!(manifest::read(&file).unwrap(), []);
}

#[test]
fn equal_rows_give_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, write) in KINDS {
        let bytes = |name: &str| {
            let path: PathBuf = folder.path().join(name);
            write(&path).unwrap();
            std::fs::read(path).unwrap()
        };
        assert!(bytes("first") == bytes("second"), "{kind}");
    }
}

#[test]
fn the_kind_is_told() {
    for (kind, write) in KINDS {
        let (_folder, file) = written(write);
        assert_eq!(file.kind(), kind);
        assert_eq!(file.metadata("affekt.version"), Some("1"));
    }
}

#[test]
fn another_kind_is_refused() {
    let (_folder, file) = written(|path| rows::write(path, &dev_rows()));
    let error = rows::read(&file, Role::Train).unwrap_err();
    assert_eq!(error.to_string(), "expected a table of kind `rows/train`, found `rows/dev`");
    assert!(matches!(manifest::read(&file), Err(TableError::Kind { .. })));
}

#[test]
fn no_arrow_file_is_refused() {
    let refusal = |bytes: &[u8]| TableFile::open(Arc::new(bytes.to_vec())).unwrap_err().to_string();
    assert_eq!(refusal(b""), "not an Arrow IPC file: it has only 0 bytes");
    assert_eq!(refusal(&[7; 500]), "not an Arrow IPC file: it does not start with `ARROW1`");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut");
    history::write(&path, &epochs(), &[]).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let cut = "not an Arrow IPC file: it does not end with `ARROW1`: it was truncated or never completed";
    assert_eq!(refusal(&bytes[..bytes.len() - 1]), cut);
    let missing = TableFile::open_path(&folder.path().join("none")).unwrap_err();
    assert!(missing.to_string().ends_with("none: No such file or directory (os error 2)"), "{missing}");
}

#[test]
fn a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    history::write(&path, &epochs(), &[]).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    // The version's text stands behind its key in the schema, which a file holds twice.
    let key = b"affekt.version\0";
    let places: Vec<usize> =
        (0..bytes.len() - key.len()).filter(|at| bytes[*at..].starts_with(key)).collect();
    assert_eq!(places.len(), 2);
    let version = |bytes: &[u8], key: usize| {
        (0..key).rev().find(|at| bytes[*at..].starts_with(b"\x01\0\0\x001\0")).unwrap() + 4
    };
    for place in places {
        let at = version(&bytes, place);
        bytes[at] = b'2';
    }
    let error = TableFile::open(Arc::new(bytes)).unwrap_err();
    assert!(matches!(error, TableError::Newer { found: 2 }), "{error}");
}

#[test]
fn rows_that_contradict_themselves_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");

    let mut wrong = dev_rows();
    wrong.rows[1].target = Some(Target::Class("joyful".into()));
    let error = rows::write(&path, &wrong).unwrap_err();
    assert_eq!(error.to_string(), "invalid rows: `C/b`: class `joyful` is not one of happy, sad");
    wrong.rows[1].target = None;
    let error = rows::write(&path, &wrong).unwrap_err();
    let lacks = "invalid rows: `C/b` has no target, which is only allowed for test rows";
    assert_eq!(error.to_string(), lacks);

    let mut wrong = measured();
    wrong.examples[0].target = Some(Target::Values(vec![1.0, f32::NAN]));
    assert!(matches!(examples::write(&path, &wrong), Err(TableError::InvalidRows(_))));

    let mut wrong = three_predictions();
    wrong.rows[2].outputs.push(1.0);
    assert!(matches!(predictions::write(&path, &wrong), Err(TableError::InvalidRows(_))));

    for not_finite in [f32::NAN, f32::INFINITY] {
        let mut wrong = three_predictions();
        wrong.rows[1].outputs[0] = not_finite;
        let error = predictions::write(&path, &wrong).unwrap_err().to_string();
        let said = format!("what the network says of `{}` is {not_finite}", wrong.rows[1].utterance);
        assert!(error.contains(&said), "{error}");
    }

    let mut wrong = three_predictions();
    wrong.rows[0].fold = u32::MAX;
    assert!(matches!(predictions::write(&path, &wrong), Err(TableError::InvalidRows(_))));
    assert!(matches!(
        manifest::write(&folder.path().join("no/such/folder"), &[]),
        Err(TableError::Io { .. })
    ));
}

#[test]
fn tables_can_be_written_atomically() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.arrow");
    affekt_atomic::write_atomically(&path, |path| predictions::write(path, &three_predictions())).unwrap();
    assert_eq!(predictions::read(&TableFile::open_path(&path).unwrap()).unwrap(), three_predictions());
}

/// Returns the columns and metadata as other programs read them.
#[test]
fn columns_follow_the_task() {
    let columns = |write: &dyn Fn(&Path) -> Result<(), TableError>| {
        let (_folder, file) = written(write);
        let last = |field: &arrow_schema::Field| {
            format!("{}{}", field.name(), if field.is_nullable() { "?" } else { "" })
        };
        let names: Vec<String> = file.schema().fields().iter().map(|field| last(field)).collect();
        (names, ["classes", "outputs"].map(|key| file.metadata(key).map(str::to_owned)))
    };
    let (names, metadata) = columns(&|path| predictions::write(path, &three_predictions()));
    assert_eq!(names[9..], ["label?", "predicted", "scores", "style?"]);
    assert_eq!(metadata, [Some(r#"["happy","sad"]"#.to_owned()), None]);
    let (names, metadata) = columns(&|path| predictions::write(path, &three_measurements()));
    assert_eq!(names[9..], ["targets?", "outputs", "style?"]);
    assert_eq!(metadata, [None, Some(r#"["Valence","Arousal"]"#.to_owned())]);
    let (names, _) = columns(&|path| rows::write(path, &dev_rows()));
    assert_eq!(names, ["utterance", "class", "corpus", "speaker", "session?", "sex?", "style?"]);
    let (names, _) = columns(&|path| rows::write(path, &measured_rows()));
    assert_eq!(names[..2], ["utterance", "values?"]);
}
