//! A synthetic corpus in IEMOCAP's format, with evaluations and transcriptions: for tests, and to try what needs
//! sessions.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use affekt_audio::voice::{Delivery, Emotion, Speaker, synthesise};
use affekt_audio::write_wav_i16;
use affekt_domain::SplitMix64;
use rayon::prelude::*;

use crate::SyntheticError;
use crate::synthetic::whole_or_not_at_all;

/// The contents of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticDialogues {
    /// The utterances.
    pub turns: Vec<Turn>,
    /// The seed of the voices.
    pub seed: u64,
    /// Sampling rate of the files in Hz, 8000 to 48 000. IEMOCAP has 16 000.
    pub rate_hz: u32,
}

/// An utterance that IEMOCAP could contain: see [`Turn::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    dialogue: String,
    /// The session, from 1.
    session: u32,
    is_female: bool,
    number: u32,
    manner: &'static Manner,
    samples: usize,
}

/// An error for an invalid list of utterances.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} of the list: expected {expected}, found `{found}`")]
pub struct BadList {
    /// The line, from 1.
    pub line: usize,
    /// The expected contents.
    pub expected: &'static str,
    /// The contents found.
    pub found: String,
}

/// The acoustic and rated expression of a label.
#[derive(Debug, PartialEq, Eq)]
struct Manner {
    label: &'static str,
    /// The raters' word for it.
    word: &'static str,
    voice: Emotion,
    strong: bool,
    /// Valence, activation and dominance by most raters, from 1 to 5.
    ratings: [u32; 3],
}

const MANNERS: [Manner; 11] = [
    manner("neu", "Neutral", Emotion::Neutral, false, [3, 2, 3]),
    manner("ang", "Anger", Emotion::Angry, true, [1, 4, 4]),
    manner("sad", "Sadness", Emotion::Sad, false, [2, 2, 2]),
    manner("hap", "Happiness", Emotion::Happy, false, [4, 3, 3]),
    manner("exc", "Excited", Emotion::Happy, true, [4, 4, 3]),
    manner("fru", "Frustration", Emotion::Angry, false, [2, 3, 3]),
    manner("xxx", "Other", Emotion::Calm, false, [3, 3, 3]),
    manner("sur", "Surprise", Emotion::Surprised, true, [3, 4, 3]),
    manner("fea", "Fear", Emotion::Fearful, true, [2, 4, 2]),
    manner("oth", "Other", Emotion::Calm, true, [3, 2, 2]),
    manner("dis", "Disgust", Emotion::Disgust, true, [2, 3, 4]),
];

const fn manner(
    label: &'static str,
    word: &'static str,
    voice: Emotion,
    strong: bool,
    ratings: [u32; 3],
) -> Manner {
    Manner { label, word, voice, strong, ratings }
}

/// The dialogues of a session of [`SyntheticDialogues::few`]: who wears the markers, and the scene.
const SCENES: [&str; 4] = ["F_impro01", "F_script01_1", "M_impro05a", "M_script01_1b"];

impl SyntheticDialogues {
    /// Creates five sessions of two improvised and two scripted dialogues with `turns` utterances each, from 1 to 999
    /// of one to two seconds. From six on, both speakers of every session have all eleven labels.
    #[must_use]
    pub fn few(turns: u32, seed: u64, rate_hz: u32) -> Self {
        let turns = turns.clamp(1, 999);
        let mut made = Vec::new();
        for session in 1..=5 {
            for (at, scene) in (0..).zip(SCENES) {
                for nth in 0..turns {
                    let of_session: u32 = at * turns + nth;
                    made.push(Turn {
                        dialogue: format!("Ses{session:02}{scene}"),
                        session,
                        is_female: of_session.is_multiple_of(2),
                        number: nth / 2,
                        manner: &MANNERS[of_session as usize % MANNERS.len()],
                        samples: rate_hz as usize + (of_session as usize * 997) % rate_hz as usize,
                    });
                }
            }
        }
        Self { turns: made, seed, rate_hz }
    }

    /// Creates the utterances of a CSV list with the columns `path`, `sample_rate`, `num_frames` and `label`, each as
    /// long as listed, or `longest_s` seconds if that is less.
    ///
    /// # Errors
    /// Fails at the first line that is not an utterance of IEMOCAP, or has another rate than the first.
    pub fn of_list(text: &str, longest_s: f64, seed: u64) -> Result<Self, BadList> {
        let mut rows = (1..).zip(text.lines());
        let columns = "the columns path,sample_rate,num_frames,label";
        let bad = |line, expected, found: &str| BadList { line, expected, found: found.to_owned() };
        let header = rows.next().map_or("", |(_, header)| header.trim_end());
        if header != "path,sample_rate,num_frames,label" {
            return Err(bad(1, columns, header));
        }
        let mut turns = Vec::new();
        let mut rate_hz = None;
        for (line, row) in rows {
            let [path, rate, samples, label] = row.split(',').collect::<Vec<_>>()[..] else {
                return Err(bad(line, columns, row));
            };
            let name = path.rsplit('/').next().and_then(|name| name.strip_suffix(".wav"));
            let rate: u32 = rate.parse().map_err(|_| bad(line, "a rate in Hz", rate))?;
            if *rate_hz.get_or_insert(rate) != rate {
                return Err(bad(line, "the rate of the lines before", row));
            }
            let samples: usize = samples.parse().map_err(|_| bad(line, "a number of samples", samples))?;
            let longest = (longest_s * f64::from(rate)) as usize;
            let turn = name.and_then(|name| Turn::new(name, label, samples.min(longest)));
            turns.push(turn.ok_or_else(|| bad(line, "an utterance and a label of IEMOCAP", row))?);
        }
        Ok(Self { turns, seed, rate_hz: rate_hz.unwrap_or(16_000) })
    }
}

impl Turn {
    /// Creates the utterance called `name` (`Ses01F_impro01_M005`) of `samples` samples with one of the corpus'
    /// eleven labels. `None` for an invalid name, an unknown label, or no samples.
    #[must_use]
    pub fn new(name: &str, label: &str, samples: usize) -> Option<Self> {
        let (dialogue, turn) = name.rsplit_once('_')?;
        let session: u32 = dialogue.strip_prefix("Ses")?.get(..2)?.parse().ok()?;
        let number: u32 = turn.get(1..).filter(|digits| digits.len() == 3)?.parse().ok()?;
        let is_female = match turn.as_bytes().first()? {
            b'F' => true,
            b'M' => false,
            _ => return None,
        };
        let is_scene = dialogue.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
        let manner = MANNERS.iter().find(|manner| manner.label == label)?;
        let is_one = (1..=99).contains(&session) && is_scene && samples > 0;
        is_one.then(|| Self { dialogue: dialogue.to_owned(), session, is_female, number, manner, samples })
    }

    fn name(&self) -> String {
        format!("{}_{}{:03}", self.dialogue, self.sex(), self.number)
    }

    fn sex(&self) -> char {
        if self.is_female { 'F' } else { 'M' }
    }

    fn sentence(&self, random: &mut SplitMix64) -> &'static str {
        let nth = if self.dialogue.contains("script") {
            2 * self.number as usize + usize::from(self.is_female)
        } else {
            random.below(SENTENCES.len())
        };
        SENTENCES[nth % SENTENCES.len()]
    }

    /// Returns the random stream of this utterance.
    fn random(&self, seed: u64) -> SplitMix64 {
        let letters = self.name().bytes().fold(seed, |state, letter| {
            SplitMix64::mix(state.wrapping_mul(257).wrapping_add(u64::from(letter)))
        });
        SplitMix64(letters)
    }

    fn sound(&self, seed: u64, rate_hz: u32) -> Vec<f32> {
        let mut random = self.random(seed);
        // Odd voices are male.
        let speaker = Speaker::new(2 * self.session - u32::from(!self.is_female), seed);
        let mut sentence = || Delivery {
            emotion: self.manner.voice,
            strong: self.manner.strong,
            sentence: 1 + random.below(90) as u32,
            repetition: 1 + random.below(90) as u32,
        };
        let mut samples = Vec::with_capacity(self.samples);
        while samples.len() < self.samples {
            samples.extend(synthesise(&speaker, &sentence(), rate_hz));
        }
        samples.truncate(self.samples);
        samples
    }
}

/// Writes `folder/IEMOCAP`, completely or not at all: utterances, and for each dialogue its evaluation, with lines of
/// single raters, and its transcription, with some lines that belong to no utterance. Some of the files `._*` of the
/// release are included. The same arguments give the same bytes.
///
/// # Errors
/// Fails if the corpus exists already, or cannot be written, or the rate is out of range.
pub fn generate_dialogues(folder: &Path, config: &SyntheticDialogues) -> Result<PathBuf, SyntheticError> {
    if !(8_000..=48_000).contains(&config.rate_hz) {
        return Err(SyntheticError::Rate(config.rate_hz));
    }
    whole_or_not_at_all(folder, "IEMOCAP", |whole| {
        let write = |path: PathBuf, bytes: &[u8]| fs::write(&path, bytes).map_err(SyntheticError::at(&path));

        let mut dialogues: BTreeMap<(u32, &str), Vec<&Turn>> = BTreeMap::new();
        for turn in &config.turns {
            dialogues.entry((turn.session, &turn.dialogue)).or_default().push(turn);
        }
        for ((session, name), turns) in &dialogues {
            let session = whole.join(format!("Session{session}"));
            let [evaluations, transcriptions] =
                ["EmoEvaluation", "transcriptions"].map(|part| session.join("dialog").join(part));
            let audio = session.join("sentences/wav").join(name);
            for part in [&evaluations, &transcriptions, &audio] {
                fs::create_dir_all(part).map_err(SyntheticError::at(part))?;
            }
            let texts = texts(turns, config);
            write(evaluations.join(format!("{name}.txt")), texts.evaluation.as_bytes())?;
            write(evaluations.join(format!("._{name}.txt")), APPLE_DOUBLE)?;
            write(transcriptions.join(format!("{name}.txt")), texts.transcription.as_bytes())?;
            write(audio.join(format!("._{}.wav", turns[0].name())), APPLE_DOUBLE)?;
            turns.par_iter().try_for_each(|turn| {
                let path = audio.join(format!("{}.wav", turn.name()));
                write_wav_i16(&path, &turn.sound(config.seed, config.rate_hz), config.rate_hz)
            })?;
        }
        Ok(())
    })
}

/// The first bytes of a file `._*`: magic number and version of AppleDouble.
const APPLE_DOUBLE: &[u8] = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ";

/// The texts of a dialogue.
struct Texts {
    evaluation: String,
    transcription: String,
}

/// The sentences. All sessions have the same ones in the same scene.
const SENTENCES: [&str; 16] = [
    "I thought you had the tickets.",
    "No. Not this time.",
    "Well, we could still take the later train, couldn't we?",
    "You never told me about the letter.",
    "It's fine. Really, it's fine.",
    "And then he just walked out, and nobody said a word.",
    "I don't know what you want me to say.",
    "Wait, they said yes? [LAUGHTER]",
    "I have been standing in this line for two hours.",
    "Okay.",
    "She would have liked it here, I think.",
    "Could you please look at the form again?",
    "Since when do you care about the house?",
    "That is the best news I have heard all year!",
    "Maybe. I mean, who knows.",
    "[BREATHING] Give me a minute.",
];

/// The comments of raters.
const REMARKS: [&str; 3] = ["a little", "at the end", "ironic (?)"];

fn texts(turns: &[&Turn], config: &SyntheticDialogues) -> Texts {
    let mut evaluation = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n".to_owned();
    let mut transcription = String::new();
    let mut start_s = 1.5;
    for turn in turns {
        let end_s = start_s + turn.samples as f64 / f64::from(config.rate_hz);
        let mut random = turn.random(config.seed);
        let _ = write!(evaluation, "[{start_s:.4} - {end_s:.4}]\t{}", judgements(turn, &mut random));
        let (name, sentence) = (turn.name(), turn.sentence(&mut random));
        let _ = writeln!(transcription, "{name} [{start_s:08.4}-{end_s:08.4}]: {sentence}");
        start_s = end_s + 0.25;
    }
    // Lines without an utterance, and without times.
    let (dialogue, end_s) = (&turns[0].dialogue, start_s + 0.5);
    let _ = writeln!(transcription, "{dialogue}_MXX0 [{start_s:08.4}-{end_s:08.4}]: Mm-hm.\nM: Right.");
    Texts { evaluation, transcription }
}

/// Formats an utterance's lines in an evaluation: the aggregate, then the raters'.
fn judgements(turn: &Turn, random: &mut SplitMix64) -> String {
    let Manner { label, word, ratings, .. } = turn.manner;
    // Two raters, who differ by one step at most.
    let second = ratings.map(|rating| (rating + random.below(3) as u32).saturating_sub(1).clamp(1, 5));
    let [v, a, d] = [0, 1, 2].map(|of| f64::from(ratings[of] + second[of]) / 2.0);
    let mut lines = format!("{}\t{label}\t[{v:.4}, {a:.4}, {d:.4}]\n", turn.name());
    // If no label has most of the votes, all three differ.
    let [e2, e3, e4] = if *label == "xxx" { ["Neutral", "Surprise", *word] } else { [*word; 3] };
    let also = if random.below(4) == 0 { " Frustration;" } else { "" };
    let remark = if random.below(8) == 0 { REMARKS[random.below(REMARKS.len())] } else { "" };
    // The actors rate themselves: `F1` is the woman of session 1.
    let actor = format!("{}{}", turn.sex(), turn.session);
    for (person, votes, remark) in
        [("E2", e2, ""), ("E3", &format!("{e3};{also}"), remark), ("E4", e4, ""), (&actor, word, "")]
    {
        let votes = votes.trim_end_matches(';');
        let _ = writeln!(lines, "C-{person}:\t{votes};\t({remark})");
    }
    for (person, [v, a, d], remark) in [("E3", *ratings, ""), ("E4", second, remark)] {
        let _ = writeln!(lines, "A-{person}:\tval {v}; act {a}; dom  {d};\t({remark})");
    }
    // The release lacks the dominance of some.
    let [v, a, _] = ratings;
    let _ = writeln!(lines, "A-{actor}:\tval {v}; act {a}; dom  ;\t()\n");
    lines
}
