//! Large tables: borrowed from the mapped file, verified batch by batch.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use affekt_table::features::{FeatureWriter, Features};
use affekt_table::spectrogram_images::{SpectrogramImageWriter, SpectrogramImages};
use affekt_table::waveforms::Waveforms;
use affekt_table::{Bytes, Mapped, TableError, TableFile};

use crate::samples::*;

/// A mapped file that records accesses, some bytes of which are reported as damaged.
struct Watched {
    file: Mapped,
    asked: Mutex<Vec<Range<usize>>>,
    damaged: Range<usize>,
}

impl Bytes for Watched {
    fn len(&self) -> usize {
        self.file.len()
    }

    fn verified(&self, range: Range<usize>) -> Result<&[u8], TableError> {
        self.asked.lock().unwrap().push(range.clone());
        if range.start < self.damaged.end && self.damaged.start < range.end {
            return Err(TableError::Damaged("its digest is another".into()));
        }
        self.file.verified(range)
    }
}

fn watched(path: &Path, damaged: Range<usize>) -> Arc<Watched> {
    Arc::new(Watched { file: Mapped::open(path).unwrap(), asked: Mutex::default(), damaged })
}

#[test]
fn waveforms_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    for rows in [0, 1, 32, 33, 70] {
        write_waveforms(&path, rows).unwrap();
        let waveforms = Waveforms::open(TableFile::open_path(&path).unwrap()).unwrap();
        assert_eq!((waveforms.len(), waveforms.rate()), (rows, 16_000));
        for row in 0..rows {
            assert_eq!(waveforms.utterance(row).unwrap(), format!("C/{}", row / 2));
            assert_eq!(waveforms.copy(row).unwrap(), (row % 2) as i32);
            assert_eq!(waveforms.samples(row).unwrap(), waveform(row));
        }
    }
}

#[test]
fn features_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    for rows in [0, 1, 32, 33, 70] {
        write_features(&path, rows).unwrap();
        let features = Features::open(TableFile::open_path(&path).unwrap()).unwrap();
        assert_eq!((features.len(), features.shape()), (rows, [3, 5].as_slice()));
        for row in 0..rows {
            assert_eq!(features.utterance(row).unwrap(), format!("C/{row}"));
            assert_eq!(features.copy(row).unwrap(), 0);
            assert_eq!(features.frames(row).unwrap(), frames(row));
        }
    }
}

#[test]
fn pictures_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    for rows in [0, 1, 32, 33, 70] {
        write_pictures(&path, rows).unwrap();
        let pictures = SpectrogramImages::open(TableFile::open_path(&path).unwrap()).unwrap();
        assert_eq!((pictures.len(), pictures.shape()), (rows, [3, 2, 4]));
        for row in 0..rows {
            assert_eq!(pictures.utterance(row).unwrap(), format!("C/{}", row / 2));
            assert_eq!(pictures.copy(row).unwrap(), (row % 2) as i32);
            assert_eq!(pictures.pixels(row).unwrap(), picture(row));
        }
    }
}

#[test]
fn values_are_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let map = |path: &Path| {
        let map = Arc::new(Mapped::open(path).unwrap());
        let memory = map.verified(0..map.len()).unwrap().as_ptr_range();
        (TableFile::open(map).unwrap(), memory.start as usize..memory.end as usize)
    };
    fn lies_in<T>(values: &[T], memory: &Range<usize>) -> bool {
        memory.contains(&(values.as_ptr() as usize))
    }

    write_waveforms(&path, 40).unwrap();
    let (file, memory) = map(&path);
    let waveforms = Waveforms::open(file).unwrap();
    assert!((1..40).all(|row| lies_in(waveforms.samples(row).unwrap(), &memory)));

    write_features(&path, 40).unwrap();
    let (file, memory) = map(&path);
    let features = Features::open(file).unwrap();
    assert!((0..40).all(|row| lies_in(features.frames(row).unwrap(), &memory)));

    write_pictures(&path, 40).unwrap();
    let (file, memory) = map(&path);
    let pictures = SpectrogramImages::open(file).unwrap();
    assert!((0..40).all(|row| lies_in(pictures.pixels(row).unwrap(), &memory)));
}

#[test]
fn only_what_is_needed_is_checked_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    write_features(&path, 70).unwrap();
    let bytes = watched(&path, 0..0);
    let features = Features::open(TableFile::open(bytes.clone()).unwrap()).unwrap();
    let opening = std::mem::take(&mut *bytes.asked.lock().unwrap());
    let read: usize = opening.iter().map(Range::len).sum();
    assert!(read < 2_000, "opening read {read} of {} bytes", bytes.len());

    features.frames(40).unwrap();
    let batch = std::mem::take(&mut *bytes.asked.lock().unwrap());
    assert_eq!(batch.len(), 1);
    assert!((32 * 15 * 4..32 * 15 * 4 + 2_000).contains(&batch[0].len()), "{batch:?}");

    features.frames(41).unwrap();
    features.utterance(63).unwrap();
    assert!(bytes.asked.lock().unwrap().is_empty());

    // Damage in that batch: its rows are lost, the others are not.
    let features = Features::open(TableFile::open(watched(&path, batch[0].clone())).unwrap()).unwrap();
    assert_eq!(features.frames(31).unwrap(), frames(31));
    assert!(matches!(features.frames(32), Err(TableError::Damaged(_))));
    assert!(matches!(features.frames(63), Err(TableError::Damaged(_))));
    assert_eq!(features.frames(64).unwrap(), frames(64));
}

#[test]
fn threads_share_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    write_waveforms(&path, 70).unwrap();
    let waveforms = Waveforms::open(TableFile::open_path(&path).unwrap()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope
                .spawn(|| (0..70).for_each(|row| assert_eq!(waveforms.samples(row).unwrap(), waveform(row))));
        }
    });
}

#[test]
fn features_of_another_shape_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let mut writer = FeatureWriter::create(&path, &[2, 2]).unwrap();
    let error = writer.push("C/a", 0, &[0.0; 5]).unwrap_err();
    assert_eq!(error.to_string(), "invalid rows: `C/a` has 5 values, but the table's shape has 4");
    assert!(FeatureWriter::create(&path, &[]).is_err());
    assert!(FeatureWriter::create(&path, &[3, 0]).is_err());
    assert!(FeatureWriter::create(&path, &[1 << 20, 1 << 20]).is_err());
}

#[test]
fn pictures_of_another_shape_are_neither_written_nor_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let mut writer = SpectrogramImageWriter::create(&path, [3, 2, 2]).unwrap();
    assert_eq!(
        writer.push("C/a", 0, &[0; 11]).unwrap_err().to_string(),
        "invalid rows: `C/a` has 11 values, but the table's shape has 12"
    );
    assert_eq!(
        SpectrogramImageWriter::create(&path, [3, 0, 2]).err().unwrap().to_string(),
        "invalid rows: [3, 0, 2] is not a shape of pictures"
    );

    // The shape's text stands twice in a file, in the schema at its beginning and in that at its end.
    write_pictures(&path, 3).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() - 5 {
        if bytes[at..].starts_with(b"3,2,4") {
            bytes[at..at + 5].copy_from_slice(b"12,02");
        }
    }
    let error = SpectrogramImages::open(TableFile::open(Arc::new(bytes)).unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "malformed table: [12, 2] is not an image shape: expected channels, height, width"
    );
}
