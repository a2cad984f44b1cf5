//! Reading of mangled files causes no more than an error.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::everything::read;
use crate::samples::KINDS;

/// A small random generator (xorshift), so that failures repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// Counts panics, as those that the reader catches would otherwise go unnoticed.
#[test]
fn mangled_files_are_errors() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let usual = std::panic::take_hook();
    let here = std::thread::current().id();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() != here || PANICS.fetch_add(1, Ordering::Relaxed) < 10 {
            usual(panic);
        }
    }));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut fine, mut refused) = (0, 0);
    for (kind, write) in KINDS {
        write(&path).unwrap();
        let sound = std::fs::read(&path).unwrap();
        read(sound.clone()).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let mut note = |bytes: Vec<u8>| match read(bytes) {
            Ok(()) => fine += 1,
            Err(_) => refused += 1,
        };
        // Every byte of head and footer turned over, then many at random places, then cuts.
        let edges = (0..sound.len()).filter(|at| *at < 2_500 || at + 2_500 > sound.len());
        for at in edges {
            for flip in [0xff, 0x01, 0x80] {
                let mut bytes = sound.clone();
                bytes[at] ^= flip;
                note(bytes);
            }
        }
        for _ in 0..3_000 {
            let mut bytes = sound.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len() - 8);
                match random.below(3) {
                    0 => bytes[at] = random.below(256) as u8,
                    1 => bytes[at..at + 8].fill(0xff),
                    _ => bytes[at..at + 4].copy_from_slice(&(random.below(1 << 31) as u32).to_le_bytes()),
                }
            }
            note(bytes);
        }
        for _ in 0..200 {
            note(sound[..random.below(sound.len())].to_vec());
        }
    }
    drop(std::panic::take_hook());
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "the decoder panicked ({fine} read, {refused} refused)");
    assert!(fine > 1_000 && refused > 10_000, "{fine} read, {refused} refused");
}
