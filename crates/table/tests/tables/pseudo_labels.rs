//! Round trip of pseudo-labels for each number of clusters; ids out of range are refused.

use affekt_table::TableFile;
use affekt_table::pseudo_labels::{PseudoLabelTable, PseudoLabelWriter};

use crate::samples::{ids, write_pseudo_labels};

#[test]
fn pseudo_labels_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    for rows in [0, 1, 32, 33, 70] {
        write_pseudo_labels(&path, rows).unwrap();
        let table = PseudoLabelTable::open(TableFile::open_path(&path).unwrap()).unwrap();
        assert_eq!((table.len(), table.clusters()), (rows, [4, 4096].as_slice()));
        for row in 0..rows {
            assert_eq!(table.utterance(row).unwrap(), format!("C/{row}"));
            assert_eq!(table.n_frames(row).unwrap(), row % 7);
            assert_eq!([0, 1].map(|which| table.ids(row, which).unwrap().to_vec()), ids(row));
        }
    }
}

#[test]
fn the_largest_id_is_below_the_number_of_clusters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let clusters = [3, 1 << 16];
    let mut writer = PseudoLabelWriter::create(&path, &clusters).unwrap();
    writer.push("C/a", &[&[0, 2], &[65_535, 0]]).unwrap();
    let mut refusal = |ids: &[&[u16]]| writer.push("C/b", ids).unwrap_err().to_string();
    let invalid = "invalid rows: `C/b` has ";
    assert_eq!(refusal(&[&[0, 3], &[0, 0]]), format!("{invalid}id 3, out of range for 3 clusters"));
    assert_eq!(refusal(&[&[0, 2], &[0]]), format!("{invalid}1 ids of 65536 clusters for 2 frames"));
    assert_eq!(refusal(&[&[0, 2]]), format!("{invalid}1 lists of ids, expected one for each of [3, 65536]"));
    writer.finish().unwrap();
    // What was refused left nothing behind.
    let table = PseudoLabelTable::open(TableFile::open_path(&path).unwrap()).unwrap();
    assert_eq!((table.len(), table.ids(0, 1).unwrap()), (1, [65_535, 0].as_slice()));
}

#[test]
fn numbers_of_clusters_that_make_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let refusal = |clusters: &[usize]| PseudoLabelWriter::create(&path, clusters).err().unwrap().to_string();
    let invalid = "invalid rows: ";
    let each_once =
        |said: &str| format!("{invalid}cluster counts {said}: expected one or more, without duplicates");
    assert_eq!(refusal(&[]), each_once("[]"));
    assert_eq!(refusal(&[64, 512, 64]), each_once("[64, 512, 64]"));
    assert_eq!(refusal(&[64, 0]), format!("{invalid}0 clusters: expected 1 to 65536"));
    assert_eq!(refusal(&[65_537]), format!("{invalid}65537 clusters: expected 1 to 65536"));
}
