//! From scanned files to utterances: audio is measured once, and what is wrong with it is survived and listed.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use affekt_domain::{Digest, Problem, Utterance};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Card, Found, ProblemKind, Scan};

/// What decoding a file tells about it, small enough to keep for every file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioFacts {
    /// The digest of the decoded audio.
    pub digest: Digest,
    /// Samples per channel.
    pub samples: u64,
    /// Sampling rate in Hz.
    pub rate: u32,
    /// Number of channels.
    pub channels: u16,
    /// Whether every sample is zero.
    pub silent: bool,
    /// Whether the file ends before it should.
    pub truncated: bool,
    /// Samples per channel that the file promises, where it ends early and promises any.
    pub promised: Option<u64>,
}

/// What became of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// The manifest, in the order of the files.
    pub utterances: Vec<Utterance>,
    /// For each utterance, the index of its file among those found.
    pub sources: Vec<usize>,
    /// For each file found, what decoding told; `None` where it could not be decoded.
    pub facts: Vec<Option<AudioFacts>>,
    /// What is wrong, with those of the scan, sorted by path.
    pub problems: Vec<Problem>,
}

/// Measures the audio of all files found, except where `known` remembers it, and makes the manifest. Decodes on
/// rayon's threads, one file a thread, and keeps no audio. `progress` hears how many files are done.
pub fn ingest(
    card: &Card,
    scan: &Scan,
    known: &dyn Fn(&Found) -> Option<AudioFacts>,
    progress: &(dyn Fn(usize) + Sync),
) -> Ingested {
    let remembered: Vec<Option<AudioFacts>> = scan.found.iter().map(known).collect();
    let done = AtomicUsize::new(remembered.iter().flatten().count());
    progress(done.load(Ordering::Relaxed));
    let measured: Vec<Result<AudioFacts, String>> = remembered
        .into_par_iter()
        .zip(&scan.found)
        .map(|(remembered, found)| {
            if let Some(facts) = remembered {
                return Ok(facts);
            }
            let facts = measure(found);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            facts
        })
        .collect();
    assemble(card, scan, measured)
}

fn measure(found: &Found) -> Result<AudioFacts, String> {
    let decoded = affekt_audio::decode(&found.path).map_err(|error| error.fault.to_string())?;
    Ok(AudioFacts {
        digest: affekt_audio::digest(&decoded),
        samples: decoded.frames() as u64,
        rate: decoded.rate(),
        channels: decoded.channels(),
        silent: decoded.samples().iter().all(|sample| *sample == 0.0),
        truncated: decoded.truncated().is_some(),
        promised: decoded.truncated().and_then(|truncated| truncated.expected_frames),
    })
}

fn assemble(card: &Card, scan: &Scan, measured: Vec<Result<AudioFacts, String>>) -> Ingested {
    let mut problems = scan.problems.clone();
    let mut report = |kind: ProblemKind, found: &Found, message: String| {
        problems.push(kind.of(&card.name, &found.relative, message));
    };

    let mut facts = Vec::with_capacity(measured.len());
    for (measured, found) in measured.into_iter().zip(&scan.found) {
        facts.push(match measured {
            Ok(facts) => Some(facts),
            Err(message) => {
                report(ProblemKind::Unreadable, found, format!("{message}: left out"));
                None
            }
        });
    }
    let files: Vec<Measured> = scan
        .found
        .iter()
        .zip(&facts)
        .enumerate()
        .filter_map(|(index, (found, facts))| {
            Some(Measured { index, found, stem: found.stem(), facts: facts.as_ref()? })
        })
        .collect();
    let files = without_copies(files, &mut report);
    for file in &files {
        remark(card, file, &mut report);
    }
    remark_twins(&files, &mut report);
    remark_formats(&files, &mut report);
    if card.grammar.tells_sex() {
        remark_unknown_sex(&files, &mut report);
    }
    if card.grammar.tells_part() {
        remark_unknown_parts(&files, &mut report);
    }
    problems.sort_by(|a, b| (&a.path, &a.kind).cmp(&(&b.path, &b.kind)));

    let utterances = files.iter().map(|file| utterance(card, file)).collect();
    let sources = files.iter().map(|file| file.index).collect();
    Ingested { utterances, sources, facts, problems }
}

/// A file that was decoded, now or before.
#[derive(Clone, Copy)]
struct Measured<'a> {
    index: usize,
    found: &'a Found,
    /// Its path without the extension.
    stem: &'a str,
    facts: &'a AudioFacts,
}

/// Leaves out second copies, which agree in all that their paths say and in the audio, and of which the file with
/// the shortest and then first path stays; and files that claim an utterance which another file already is.
fn without_copies<'a>(
    mut files: Vec<Measured<'a>>,
    report: &mut impl FnMut(ProblemKind, &Found, String),
) -> Vec<Measured<'a>> {
    // Copies come to stand side by side, the preferred first.
    files.sort_by_key(|file| (file.facts.digest, file.stem.len(), &file.found.relative));
    let mut unique: Vec<Measured> = Vec::with_capacity(files.len());
    for file in files {
        let same_audio = unique.iter().rev().take_while(|known| known.facts.digest == file.facts.digest);
        match same_audio.into_iter().find(|known| known.found.fields == file.found.fields) {
            Some(known) => report(
                ProblemKind::SecondCopy,
                file.found,
                format!("a second copy of `{}`, which is used", known.found.relative),
            ),
            None => unique.push(file),
        }
    }
    unique.sort_by_key(|file| file.index);

    let mut owners: HashMap<&str, &Found> = HashMap::with_capacity(unique.len());
    unique.retain(|file| match owners.entry(file.stem) {
        Entry::Vacant(nobody) => {
            nobody.insert(file.found);
            true
        }
        Entry::Occupied(owner) => {
            let message =
                format!("holds other audio than `{}`, which is used: left out", owner.get().relative);
            report(ProblemKind::ConflictingCopy, file.found, message);
            false
        }
    });
    unique
}

/// What is odd about one file.
fn remark(card: &Card, file: &Measured, report: &mut impl FnMut(ProblemKind, &Found, String)) {
    let Measured { found, facts, .. } = file;
    if facts.truncated {
        let promised =
            facts.promised.map_or(String::new(), |promised| format!(" of the {promised} it promises"));
        report(
            ProblemKind::Truncated,
            found,
            format!("ends early: {}{promised} samples are used", facts.samples),
        );
    }
    if facts.silent {
        report(ProblemKind::Silent, found, "holds nothing but silence; it is kept".to_owned());
    }
    for oddity in &card.oddities {
        if oddity.files.as_ref().is_some_and(|files| files.is_match(&found.relative)) {
            report(ProblemKind::KnownOddity, found, oddity.remark.trim().to_owned());
        }
    }
}

fn remark_twins(files: &[Measured], report: &mut impl FnMut(ProblemKind, &Found, String)) {
    let mut first: HashMap<Digest, &Found> = HashMap::new();
    for file in files {
        match first.get(&file.facts.digest) {
            Some(first) => report(
                ProblemKind::IdenticalAudio,
                file.found,
                format!("holds the very same audio as `{}`; both are kept", first.relative),
            ),
            None => {
                first.insert(file.facts.digest, file.found);
            }
        }
    }
}

/// One problem for each unusual format, at its first file: a corpus of mixed rates is no thousand problems.
fn remark_formats(files: &[Measured], report: &mut impl FnMut(ProblemKind, &Found, String)) {
    let mut formats: BTreeMap<(u32, u16), Vec<&Found>> = BTreeMap::new();
    for file in files {
        formats.entry((file.facts.rate, file.facts.channels)).or_default().push(file.found);
    }
    let name = |(rate, channels): (u32, u16)| match channels {
        1 => format!("{rate} Hz mono"),
        2 => format!("{rate} Hz stereo"),
        more => format!("{rate} Hz with {more} channels"),
    };
    let Some(usual) = formats.iter().max_by_key(|(_, files)| files.len()).map(|(format, _)| *format) else {
        return;
    };
    for (format, files) in formats.into_iter().filter(|(format, _)| *format != usual) {
        let others = match files.len() {
            1 => String::new(),
            more => format!(", as {} other files", more - 1),
        };
        let message = format!("{}{others}; most files are {}", name(format), name(usual));
        report(ProblemKind::UnusualFormat, files[0], message);
    }
}

/// One problem for each speaker, at the first file.
fn remark_unknown_sex(files: &[Measured], report: &mut impl FnMut(ProblemKind, &Found, String)) {
    let mut speakers: BTreeMap<&str, &Found> = BTreeMap::new();
    for file in files.iter().filter(|file| file.found.fields.sex.is_none()) {
        speakers.entry(&file.found.fields.speaker).or_insert(file.found);
    }
    for (speaker, found) in speakers {
        let message = format!("the card does not tell the sex of speaker `{speaker}`; it counts as unknown");
        report(ProblemKind::UnknownSex, found, message);
    }
}

/// One problem at the first file: a part that the card forgot is missing many times over.
fn remark_unknown_parts(files: &[Measured], report: &mut impl FnMut(ProblemKind, &Found, String)) {
    let mut unknown = files.iter().filter(|file| file.found.fields.part.is_none());
    let Some(first) = unknown.next() else { return };
    let others = match unknown.count() {
        0 => String::new(),
        1 => " nor that of another file".to_owned(),
        more => format!(" nor those of {more} other files"),
    };
    let message = format!("the card does not tell its part{others}; without one, it has no official role");
    report(ProblemKind::UnknownPart, first.found, message);
}

fn utterance(card: &Card, file: &Measured) -> Utterance {
    let Measured { found, stem, facts, .. } = file;
    let fields = &found.fields;
    let of_corpus = |name: &str| format!("{}/{name}", card.name);
    Utterance {
        id: of_corpus(stem),
        corpus: card.name.clone(),
        speaker: of_corpus(&fields.speaker),
        sex: fields.sex,
        text: fields.text.clone(),
        intensity: fields.intensity.clone(),
        session: fields.session.as_deref().map(of_corpus),
        part: fields.part,
        label: fields.label.clone(),
        emotion: found.emotion.clone(),
        samples: facts.samples,
        rate: facts.rate,
        channels: facts.channels,
        audio: facts.digest,
    }
}
