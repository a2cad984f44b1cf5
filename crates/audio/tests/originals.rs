//! Decoding of original files of the corpora, including peculiar ones. Skipped if they are not present.

use std::env;
use std::path::{Path, PathBuf};

use affekt_audio::{decode, digest, load};

/// Returns `$AFFEKT_TEST_CORPORA/originals`, or the folder beside the repository.
#[expect(clippy::print_stderr, reason = "a test that does not run must say so")]
fn originals() -> Option<PathBuf> {
    let folder = env::var_os("AFFEKT_TEST_CORPORA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"), PathBuf::from);
    let originals = folder.join("originals");
    if originals.is_dir() {
        return Some(originals);
    }
    eprintln!("skipped: no recordings in `{}` (set AFFEKT_TEST_CORPORA)", folder.display());
    None
}

#[test]
fn oddities_of_the_corpora_decode() {
    let Some(folder) = originals() else { return };
    // The rates, channels and lengths that libsndfile gives.
    for (file, rate, channels, frames) in [
        ("TESS/YAF_angry/YAF_germ_angry.wav", 24_414, 1, 53_847), // AIFF data
        ("TESS/YAF_fear/YAF_neat_fear.wav", 24_414, 1, 40_156),   // AIFF data
        ("TESS/OAF_Fear/OAF_food_fear.wav", 96_000, 1, 145_172),
        ("RAVDESS/Actor_05/03-01-02-01-02-02-05.wav", 48_000, 2, 203_403),
        ("SAVEE/DC_a01.wav", 44_100, 1, 160_868),
        ("URDU/Angry/SM1_F10_A010.wav", 44_100, 1, 132_456),
    ] {
        let path = folder.join(file);
        let decoded = decode(&path).unwrap();
        assert_eq!(
            (decoded.rate(), decoded.channels(), decoded.frames()),
            (rate, channels, frames),
            "{file}"
        );
        assert_eq!(decoded.truncated(), None, "{file}");
        let samples = load(&path, 16_000).unwrap();
        assert_eq!(samples.len(), (frames * 16_000).div_ceil(rate as usize), "{file}");
    }
}

#[test]
fn identical_recordings_have_one_digest() {
    let Some(folder) = originals() else { return };
    let of = |name: &str| digest(&decode(&folder.join("RAVDESS/Actor_07").join(name)).unwrap());
    assert_eq!(of("03-01-03-01-02-01-07.wav"), of("03-01-03-01-02-02-07.wav"));
}
