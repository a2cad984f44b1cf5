//! A synthetic corpus in HUME-VB's format, with label files: for tests, and to try what needs numeric targets.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use affekt_audio::voice::{Delivery, Emotion, Speaker, synthesise};
use affekt_audio::write_wav_i16;
use affekt_domain::SplitMix64;

use crate::SyntheticError;
use crate::synthetic::whole_or_not_at_all;

/// The size of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticBursts {
    /// Numbers of recordings in the parts train, dev and test.
    pub parts: [u32; 3],
    /// The seed of the voices.
    pub seed: u64,
    /// Sampling rate of the files in Hz, 8000 to 48 000. HUME-VB has 16 000.
    pub rate_hz: u32,
    /// Whether the labels of the test part are there, as few have them.
    pub test_labels: bool,
}

/// Returns a size that is enough to see that it works.
impl Default for SyntheticBursts {
    fn default() -> Self {
        Self { parts: [48, 24, 24], seed: 0, rate_hz: 16_000, test_labels: false }
    }
}

/// The weights by which a recording's values derive from the voice's eight emotions.
const HIGH: [(&str, [f32; 8]); 10] = [
    ("Awe", [0.1, 0.3, 0.5, 0.1, 0.0, 0.1, 0.0, 0.8]),
    ("Excitement", [0.0, 0.0, 0.9, 0.0, 0.3, 0.2, 0.0, 0.7]),
    ("Amusement", [0.1, 0.2, 0.9, 0.0, 0.0, 0.0, 0.1, 0.3]),
    ("Awkwardness", [0.4, 0.1, 0.0, 0.3, 0.1, 0.3, 0.4, 0.1]),
    ("Fear", [0.0, 0.0, 0.0, 0.2, 0.1, 0.9, 0.2, 0.3]),
    ("Horror", [0.0, 0.0, 0.0, 0.1, 0.3, 0.8, 0.5, 0.2]),
    ("Distress", [0.0, 0.0, 0.0, 0.7, 0.5, 0.6, 0.3, 0.1]),
    ("Triumph", [0.0, 0.1, 0.7, 0.0, 0.5, 0.0, 0.0, 0.3]),
    ("Sadness", [0.2, 0.1, 0.0, 0.9, 0.0, 0.2, 0.1, 0.0]),
    ("Surprise", [0.1, 0.0, 0.3, 0.0, 0.1, 0.4, 0.2, 0.9]),
];
const TWO: [(&str, [f32; 8]); 2] = [
    ("Valence", [0.5, 0.6, 0.9, 0.2, 0.1, 0.2, 0.2, 0.6]),
    ("Arousal", [0.3, 0.1, 0.8, 0.2, 0.9, 0.8, 0.4, 0.7]),
];
const TYPES: [&str; 8] = ["Groan", "Other", "Laugh", "Cry", "Grunt", "Scream", "Pant", "Gasp"];
const COUNTRIES: [&str; 4] = ["China", "United States", "South Africa", "Venezuela"];
/// The deviations of the countries' raters from the mean.
const LEANINGS: [f32; 4] = [0.06, -0.04, 0.03, -0.05];

/// Generates `folder/HUME-VB`: recordings in `audio/wav`, and the four label files in `labels`. The labels of the
/// test part are withheld, unless asked for (left empty in one file, -1 or 0 in others), one of the columns is misspelt, and the
/// columns of one file have another order. Speakers are not identified. The same arguments give the same bytes.
///
/// # Errors
/// Fails if the corpus exists already, or cannot be written, or the rate is out of range.
pub fn generate_bursts(folder: &Path, config: &SyntheticBursts) -> Result<PathBuf, SyntheticError> {
    if !(8_000..=48_000).contains(&config.rate_hz) {
        return Err(SyntheticError::Rate(config.rate_hz));
    }
    whole_or_not_at_all(folder, "HUME-VB", |whole| {
        let (audio, labels) = (whole.join("audio/wav"), whole.join("labels"));
        for part in [&audio, &labels] {
            fs::create_dir_all(part).map_err(SyntheticError::at(part))?;
        }
        let bursts = bursts(config);
        for burst in &bursts {
            let samples = synthesise(&burst.speaker, &burst.delivery, config.rate_hz);
            // Bursts are short: half a second to one and a half.
            let length = (config.rate_hz as usize / 2) + burst.id as usize * 37 % config.rate_hz as usize;
            let samples = &samples[..samples.len().min(length)];
            write_wav_i16(&audio.join(format!("{}.wav", burst.id)), samples, config.rate_hz)?;
        }
        for (name, text) in label_files(&bursts, config.test_labels) {
            let path = labels.join(name);
            fs::write(&path, text).map_err(SyntheticError::at(&path))?;
        }
        Ok(())
    })
}

struct Burst {
    id: u32,
    split: &'static str,
    speaker: Speaker,
    delivery: Delivery,
}

fn bursts(config: &SyntheticBursts) -> Vec<Burst> {
    let mut bursts = Vec::new();
    for (part, (split, count)) in ["Train", "Val", "Test"].into_iter().zip(config.parts).enumerate() {
        for nth in 0..count {
            let emotion = Emotion::ALL[nth as usize % Emotion::ALL.len()];
            // Every part has four speakers of its own.
            let speaker = 1 + 4 * part as u32 + nth / 8 % 4;
            bursts.push(Burst {
                id: 10_000 + bursts.len() as u32 * 7,
                split,
                speaker: Speaker::new(speaker, config.seed),
                delivery: Delivery {
                    emotion,
                    strong: nth % 3 == 0,
                    sentence: 1 + nth % 5,
                    repetition: 1 + nth / 40,
                },
            });
        }
    }
    bursts
}

/// Returns the names and texts of the label files.
fn label_files(bursts: &[Burst], test_labels: bool) -> [(&'static str, String); 4] {
    let culture: Vec<(String, [f32; 8], f32)> = COUNTRIES
        .iter()
        .zip(LEANINGS)
        .flat_map(|(country, leaning)| {
            HIGH.iter().map(move |(name, of)| (format!("{country}_{name}"), *of, leaning))
        })
        // As the organisers spell it in one place.
        .map(|(name, of, leaning)| (name.replace("South Africa_Sadness", "SouthAfrica_Sadness"), of, leaning))
        .collect();
    let own = |columns: &[(&'static str, [f32; 8])]| -> Vec<(String, [f32; 8], f32)> {
        columns.iter().map(|(name, of)| ((*name).to_owned(), *of, 0.0)).collect()
    };
    let mut shuffled = own(&HIGH);
    shuffled.reverse();
    let placeholder = |text| (!test_labels).then_some(text);
    let mut types = "File_ID,Split,Voc_Type\n".to_owned();
    for burst in bursts {
        let is_withheld = burst.split == "Test" && !test_labels;
        let kind = if is_withheld { "" } else { TYPES[burst.delivery.emotion as usize] };
        let _ = writeln!(types, "[{}],{},{kind}", burst.id, burst.split);
    }
    [
        ("high_info.csv", numbers(bursts, &shuffled, placeholder(""))),
        ("two_info.csv", numbers(bursts, &own(&TWO), placeholder("-1"))),
        ("culture_info.csv", numbers(bursts, &culture, placeholder("0.0"))),
        ("type_info.csv", types),
    ]
}

/// Formats a file of numbers, with those of the test part replaced by a placeholder, if there is one.
fn numbers(bursts: &[Burst], columns: &[(String, [f32; 8], f32)], placeholder: Option<&str>) -> String {
    let mut text = "File_ID,Split".to_owned();
    columns.iter().for_each(|(name, ..)| {
        let _ = write!(text, ",{name}");
    });
    for burst in bursts {
        let _ = write!(text, "\n[{}],{}", burst.id, burst.split);
        let mut random = SplitMix64(u64::from(burst.id));
        for (_, of, leaning) in columns {
            let spread = random.below(1000) as f32 / 1000.0 - 0.5;
            let value = of[burst.delivery.emotion as usize] + leaning + 0.1 * spread;
            let _ = match placeholder.filter(|_| burst.split == "Test") {
                Some(placeholder) => write!(text, ",{placeholder}"),
                None => write!(text, ",{:.4}", value.clamp(0.0, 1.0)),
            };
        }
    }
    text.push('\n');
    text
}
