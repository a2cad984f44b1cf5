//! Round trip of states, complete or by ranges of frames, with the stated precision; values that are not finite are
//! refused.

use std::path::Path;
use std::sync::Arc;

use affekt_table::states::{Precision, StateWriter, States};
use affekt_table::{TableError, TableFile};

use crate::samples::{states, write_states};

fn open(path: &Path) -> States {
    States::open(TableFile::open_path(path).unwrap()).unwrap()
}

fn frames(table: &States, row: usize) -> Vec<f32> {
    let n_frames = table.n_frames(row).unwrap();
    let mut frames = vec![f32::NAN; n_frames * table.width()];
    table.read(row, 0..n_frames, &mut frames).unwrap();
    frames
}

#[test]
fn states_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    for precision in [Precision::F16, Precision::F32] {
        for rows in [0, 1, 32, 33, 70] {
            write_states(&path, precision, rows).unwrap();
            let table = open(&path);
            assert_eq!((table.len(), table.width(), table.precision()), (rows, 3, precision));
            for row in 0..rows {
                assert_eq!(table.utterance(row).unwrap(), format!("C/{row}"));
                assert_eq!(table.n_frames(row).unwrap(), row % 5);
                assert_eq!(frames(&table, row), states(row));
            }
        }
    }
}

#[test]
fn a_run_of_frames_can_be_read_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    for precision in [Precision::F16, Precision::F32] {
        write_states(&path, precision, 70).unwrap();
        let mut two = [f32::NAN; 6];
        open(&path).read(39, 1..3, &mut two).unwrap();
        assert_eq!(two, states(39)[3..9]);
    }
}

#[test]
fn half_precision_takes_half_the_room_and_rounds_as_promised() {
    let folder = tempfile::tempdir().unwrap();
    let (half, single) = (folder.path().join("half"), folder.path().join("single"));
    // From 1e-9 to 6e4, of both signs, beside the edges.
    let mut values: Vec<f32> =
        (0..4_000).map(|at| 1e-9 * (at as f32 * 0.00793).exp()).flat_map(|value| [value, -value]).collect();
    values.extend([65_519.99, -65_519.99, 0.0, 6.0e-5, 2.0_f32.powi(-14), f32::MIN_POSITIVE]);
    let write = |path: &Path, precision| {
        let mut writer = StateWriter::create(path, 2, precision).unwrap();
        writer.push("C/a", &values).unwrap();
        writer.finish().unwrap();
    };
    write(&half, Precision::F16);
    write(&single, Precision::F32);
    assert_eq!(frames(&open(&single), 0), values);
    for (read, value) in frames(&open(&half), 0).iter().zip(&values) {
        let bound = if value.abs() < 2.0_f32.powi(-14) { 2.0_f32.powi(-25) } else { value.abs() / 2048.0 };
        assert!((read - value).abs() <= bound, "{value} came back as {read}");
    }
    let size = |path: &Path| std::fs::metadata(path).unwrap().len();
    assert!(size(&half) < size(&single) * 55 / 100);
}

#[test]
fn what_no_frame_can_be_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let refusal = |precision, frames: &[f32]| {
        let mut writer = StateWriter::create(&path, 2, precision).unwrap();
        writer.push("C/a", frames).unwrap_err().to_string()
    };
    let cases = [
        (Precision::F32, vec![0.0; 5], "`C/a` has 5 values, not a multiple of the frame width 2"),
        (
            Precision::F32,
            vec![0.0, 1.0, 2.0, f32::NAN],
            "`C/a` has NaN in frame 1, which is not finite: check the network and the audio of the utterance",
        ),
        (
            Precision::F16,
            vec![f32::NEG_INFINITY, 1.0],
            "`C/a` has -inf in frame 0, which is not finite: check the network and the audio of the utterance",
        ),
        (
            Precision::F16,
            vec![1.0, 2.0, -65_520.0, 0.0],
            "`C/a` has -65520 in frame 1, which overflows half precision (at most 65504): write f32 instead",
        ),
    ];
    for (precision, frames, why) in cases {
        assert_eq!(refusal(precision, &frames), format!("invalid rows: {why}"));
    }
    assert!(matches!(StateWriter::create(&path, 0, Precision::F32), Err(TableError::InvalidRows(_))));
}

#[test]
fn what_no_frame_can_be_is_not_read_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let mark = 1234.0_f32;
    for (precision, marked, infinite) in [
        (Precision::F32, mark.to_le_bytes().to_vec(), f32::INFINITY.to_le_bytes().to_vec()),
        (Precision::F16, vec![0xd2, 0x64], vec![0x00, 0x7c]),
    ] {
        let mut writer = StateWriter::create(&path, 2, precision).unwrap();
        writer.push("C/a", &[1.0, 2.0, 3.0, 4.0, mark, mark, 7.0, 8.0]).unwrap();
        writer.finish().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let twice = [marked.clone(), marked].concat();
        let at = bytes.windows(twice.len()).position(|window| window == twice).unwrap();
        bytes[at + infinite.len()..][..infinite.len()].copy_from_slice(&infinite);
        let table = States::open(TableFile::open(Arc::new(bytes)).unwrap()).unwrap();
        let error = table.read(0, 1..4, &mut [0.0; 6]).unwrap_err();
        assert_eq!(error.to_string(), "malformed table: `C/a` has inf in frame 2");
        table.read(0, 0..2, &mut [0.0; 4]).unwrap();
    }
}
