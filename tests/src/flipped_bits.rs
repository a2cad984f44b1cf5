//! Bits that flip, one at a time, anywhere in a store: whoever reads what they are in finds out, and uses none of it.

use std::fs;
use std::path::{Path, PathBuf};

use affekt_domain::{Digest, SplitMix64};
use affekt_graph::{Key, ObjectError, Store};

use crate::lab::Lab;

/// What lies in the store and is read by its name.
enum Stored {
    Object(Digest),
    Record(Key),
}

/// All objects, the digests of their blocks, and all records.
fn files(root: &Path) -> Vec<(PathBuf, Stored)> {
    let below = |name: &str| -> Vec<PathBuf> {
        let folders = fs::read_dir(root.join(name)).unwrap().map(|entry| entry.unwrap().path());
        let files =
            folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
        files.filter(|path| path.is_file()).collect()
    };
    let stem =
        |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned();
    let objects = below("objects").into_iter().map(|path| {
        let digest = stem(&path).parse().unwrap();
        (path, Stored::Object(digest))
    });
    let records = below("results").into_iter().map(|path| {
        let key = serde_json::from_value(stem(&path).into()).unwrap();
        (path, Stored::Record(key))
    });
    objects.chain(records).collect()
}

/// Flips so many bits, one at a time, each as likely as any other.
fn flip(count: usize, seed: u64) {
    let lab = Lab::finished();
    let store = Store::open(&lab.path(".affekt")).unwrap();
    let mut files = files(store.root());
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    let lengths: Vec<usize> =
        files.iter().map(|(path, _)| fs::metadata(path).unwrap().len() as usize).collect();
    let total: usize = lengths.iter().sum();
    assert!(files.len() > 36 && total > 400_000, "{} files, {total} bytes", files.len());
    let mut random = SplitMix64(seed);
    let (mut objects, mut records) = (0, 0);
    for number in 0..count {
        // Records are small: every other flip is in one.
        let in_record = number % 4 == 0;
        let (path, stored, at) = loop {
            let mut at = random.below(total);
            let file = lengths.iter().position(|length| {
                let is_in = at < *length;
                at -= if is_in { 0 } else { *length };
                is_in
            });
            let file = if in_record { random.below(files.len()) } else { file.unwrap() };
            let (path, stored) = &files[file];
            match (in_record, stored) {
                (true, Stored::Record(_)) => break (path, stored, random.below(lengths[file])),
                (false, Stored::Object(_)) => break (path, stored, at),
                _ => {}
            }
        };
        let whole = fs::read(path).unwrap();
        let mut bytes = whole.clone();
        let bit = random.below(8);
        bytes[at] ^= 1 << bit;
        replace(path, &bytes);
        let place = format!("bit {bit} of byte {at} of {} in {}", whole.len(), path.display());
        match stored {
            Stored::Object(digest) => {
                objects += 1;
                match store.object(*digest).and_then(|object| object.all().map(<[u8]>::to_vec)) {
                    Err(ObjectError::Damaged { .. }) => {}
                    // The digests of blocks are made again where they are of no use.
                    Ok(read) if affekt_graph::hash_bytes(&read) == *digest => {
                        assert_ne!(path, &store.object_path(*digest))
                    }
                    other => panic!("{place}: {other:?}"),
                }
            }
            Stored::Record(key) => {
                records += 1;
                assert!(store.lookup(*key).is_none(), "{place} was not noticed");
            }
        }
        replace(path, &whole);
    }
    assert!(objects > count / 2 && records > count / 5, "{objects} in objects, {records} in records");
    let whole = store.fsck().unwrap();
    assert_eq!((whole.damaged.len(), whole.bad_records.len(), whole.missing), (0, 0, 0));
}

/// What is stored is never written in place.
fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn flipped_bits_are_found_and_none_is_used() {
    flip(400, 1);
}

/// `cargo test -p affekt-tests ten_thousand -- --ignored`
#[test]
#[ignore = "takes minutes"]
fn ten_thousand_flipped_bits_are_found_and_none_is_used() {
    flip(10_000, 2);
}
