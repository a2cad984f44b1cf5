//! Measures how fast files become features on one core, by stage.
//!
//! ```text
//! cargo run -p affekt-features --example files_per_second -- FOLDER [--feature mfcc|logmel] [--files N]
//!     [--passes N] [--write FILE]
//! ```
//! Every file is decoded, averaged to mono, brought to 16 kHz, fitted to 3 s and turned into 128 MFCC or mel bands.
//! The pass of median speed is printed. `--write` puts the features, `[128, 94]` or `[128, 188]` little-endian f32 a
//! file, into FILE and the names into FILE.txt, for `tests/goldens/features/compare_librosa.py`.
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, iter};

use affekt_audio::{decode, fit, resample};
use affekt_features::{Feature, LogMel, LogMelConfig, Mfcc, MfccConfig};
use walkdir::WalkDir;

const STAGES: [&str; 4] = ["decode", "resample", "fit", "feature"];
const RATE_HZ: u32 = 16_000;
const SECONDS: usize = 3;
const USAGE: &str =
    "usage: files_per_second FOLDER [--feature mfcc|logmel] [--files N] [--passes N] [--write FILE]";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let option =
        |name: &str| arguments.iter().position(|word| word == name).and_then(|at| arguments.get(at + 1));
    let folder = arguments.first().ok_or(USAGE)?;
    let feature: Box<dyn Feature> = match option("--feature").map_or("mfcc", String::as_str) {
        "mfcc" => Box::new(Mfcc::new(&MfccConfig { rate_hz: RATE_HZ, ..MfccConfig::default() })?),
        "logmel" => Box::new(LogMel::new(&LogMelConfig { rate_hz: RATE_HZ, ..LogMelConfig::default() })?),
        _ => return Err(USAGE.into()),
    };
    let limit = option("--files").map_or(Ok(200), |n| n.parse())?;
    let passes: usize = option("--passes").map_or(Ok(5), |n| n.parse())?;

    let files = audio_files(Path::new(folder), limit);
    if files.is_empty() {
        return Err(format!("no .wav or .flac file in `{folder}`").into());
    }
    extract(&files[0], &*feature)?; // plans and caches
    let mut timings = iter::repeat_with(|| {
        files.iter().try_fold([Duration::ZERO; STAGES.len()], |mut total, file| {
            let (_, times) = extract(file, &*feature)?;
            total.iter_mut().zip(times).for_each(|(total, time)| *total += time);
            Ok::<_, Box<dyn Error>>(total)
        })
    })
    .take(passes)
    .collect::<Result<Vec<_>, _>>()?;
    timings.sort_by_key(|times| times.iter().sum::<Duration>());
    let median = timings[timings.len() / 2];

    let per_file = |time: Duration| time.as_secs_f64() * 1e3 / files.len() as f64;
    let total: Duration = median.iter().sum();
    println!(
        "affekt: {:.1} files/s on one thread ({:.3} ms a file, {} files, median of {passes} passes)",
        files.len() as f64 / total.as_secs_f64(),
        per_file(total),
        files.len()
    );
    for (stage, time) in STAGES.iter().zip(median) {
        println!("  {stage:<9}{:.3} ms", per_file(time));
    }
    if let Some(path) = option("--write") {
        write_features(Path::new(path), &files, &*feature)?;
    }
    Ok(())
}

/// Computes the features of a file, and the time of each stage.
fn extract(
    file: &Path,
    feature: &dyn Feature,
) -> Result<(Vec<f32>, [Duration; STAGES.len()]), Box<dyn Error>> {
    let start = Instant::now();
    let decoded = decode(file)?;
    let after_decode = Instant::now();
    let waveform = resample(&decoded.mono(), decoded.rate(), RATE_HZ)?;
    let after_resample = Instant::now();
    let waveform = fit(waveform, SECONDS * RATE_HZ as usize);
    let after_fit = Instant::now();
    let features = feature.compute(&waveform);
    let end = Instant::now();
    let times =
        [after_decode - start, after_resample - after_decode, after_fit - after_resample, end - after_fit];
    Ok((features, times))
}

fn write_features(path: &Path, files: &[PathBuf], feature: &dyn Feature) -> Result<(), Box<dyn Error>> {
    let mut bytes = Vec::new();
    let mut names = String::new();
    for file in files {
        let (features, _) = extract(file, feature)?;
        bytes.extend(features.iter().flat_map(|value| value.to_le_bytes()));
        names.push_str(&format!("{}\n", file.display()));
    }
    fs::write(path, bytes)?;
    fs::write(path.with_added_extension("txt"), names)?;
    Ok(())
}

/// Returns `limit` audio files below `folder`, spread evenly over all of them in the order of their names.
fn audio_files(folder: &Path, limit: usize) -> Vec<PathBuf> {
    let files: Vec<PathBuf> = WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "wav" || extension == "flac"))
        .collect();
    let count = limit.min(files.len());
    (0..count).map(|i| files[i * files.len() / count].clone()).collect()
}
