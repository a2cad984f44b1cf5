//! A file of a few hundred bytes that decodes to many megabytes is refused, and read where that is meant.

use std::process::Command;

/// Eight channels of silence: see `silent_flac` of the fuzz targets, which made it. 8 frames of 65 535 samples.
const SILENCE: &[u8] = include_bytes!("silence.flac");

/// The variable is read once a process: the test starts itself, with a file to decode.
#[test]
fn silence_without_end_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silence.flac");
    std::fs::write(&path, SILENCE).unwrap();
    if let Some(expected) = std::env::var_os("EXPECTED") {
        let decoded = affekt_audio::decode(&path).map(|decoded| decoded.frames());
        let told = decoded.map_or_else(|error| error.fault.to_string(), |frames| frames.to_string());
        assert_eq!(told, expected.into_string().unwrap());
        return;
    }
    let refused = "decodes to more than 15 MiB and 256 times its size; where that is meant, set AFFEKT_DECODED_MIB to more MiB";
    // Sixteen MiB less some bytes.
    for (mib, expected) in [("15", refused), ("16", "524280"), ("", "524280")] {
        let itself = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "silence_without_end_is_refused"])
            .env("EXPECTED", expected)
            .env("AFFEKT_DECODED_MIB", mib)
            .output()
            .unwrap();
        assert!(itself.status.success(), "{mib}: {}", String::from_utf8_lossy(&itself.stdout));
    }
}
