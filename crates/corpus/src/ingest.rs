//! From scanned files to utterances: audio is measured once; defective and duplicate files are reported, and skipped
//! if unusable.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use affekt_audio::{AudioFault, Decoded};
use affekt_domain::{Digest, Problem, Rating, Utterance, unknown_speaker};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Card, Fields, Found, ProblemKind, Scan, scan};

/// The properties of a decoded file, small enough to keep for every file.
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
    /// Whether the file ends early.
    pub truncated: bool,
    /// Declared number of samples per channel, if the file ends early and declares one.
    pub promised: Option<u64>,
}

/// The result of ingesting a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Ingested {
    /// The manifest, in the order of the files.
    pub utterances: Vec<Utterance>,
    /// The ratings of single raters, in the order of the utterances.
    pub ratings: Vec<Rating>,
    /// For each utterance, the index of its file among those found.
    pub sources: Vec<usize>,
    /// For each file found, its properties; `None` if it could not be decoded.
    pub facts: Vec<Option<AudioFacts>>,
    /// All problems, including those of the scan, sorted by path.
    pub problems: Vec<Problem>,
}

/// Measures the audio of all files, except those that `known` remembers, and builds the manifest. Decodes on rayon's
/// threads, one file per thread, and keeps no audio in memory. `progress` is called with the number of files done.
pub fn ingest(
    card: &Card,
    scan: &Scan,
    known: &dyn Fn(&Found) -> Option<AudioFacts>,
    progress: &(dyn Fn(usize) + Sync),
) -> Ingested {
    let remembered: Vec<Option<AudioFacts>> = scan.found.iter().map(known).collect();
    let done = AtomicUsize::new(remembered.iter().flatten().count());
    progress(done.load(Ordering::Relaxed));
    let all: Vec<(Option<AudioFacts>, &Found)> = remembered.into_iter().zip(&scan.found).collect();
    // The segments of a file lie side by side, and are decoded at once.
    let files: Vec<_> = all.chunk_by(|(_, a), (_, b)| a.path == b.path).collect();
    let measured = files.into_par_iter().flat_map_iter(|segments| {
        let unknown = segments.iter().filter(|(remembered, _)| remembered.is_none()).count();
        let decoded = segments
            .first()
            .filter(|_| unknown > 0)
            .map(|(_, found)| affekt_audio::decode(&found.path).map_err(|error| explain(&error.fault)));
        let facts: Vec<Result<AudioFacts, String>> = segments
            .iter()
            .filter_map(|(remembered, found)| match (remembered, &decoded) {
                (Some(facts), _) => Some(Ok(facts.clone())),
                (None, Some(Ok(decoded))) => Some(measure(found, decoded)),
                (None, Some(Err(message))) => Some(Err(message.clone())),
                // A file of which something is unknown is decoded.
                (None, None) => None,
            })
            .collect();
        if unknown > 0 {
            progress(done.fetch_add(unknown, Ordering::Relaxed) + unknown);
        }
        facts
    });
    assemble(card, scan, measured.collect())
}

/// Measures what is found of a file.
fn measure(found: &Found, whole: &Decoded) -> Result<AudioFacts, String> {
    let part = found.segment.as_ref().map(|segment| {
        segment.excerpt.of(whole).ok_or_else(|| {
            let seconds = whole.frames() as f64 / f64::from(whole.rate());
            let (start, end) = (segment.excerpt.start(), segment.excerpt.end());
            let channels = whole.channels();
            format!("its segment `{}` from {start} to {end} s is not in it, which has {seconds:.3} s of {channels} channels", segment.name)
        })
    });
    let part = part.transpose()?;
    let decoded = part.as_ref().unwrap_or(whole);
    if let Some((frame, sample)) = decoded.first_not_finite() {
        return Err(format!("sample {frame} is {sample}, expected a finite number"));
    }
    Ok(AudioFacts {
        digest: affekt_audio::digest(decoded),
        samples: decoded.frames() as u64,
        rate: decoded.rate(),
        channels: decoded.channels(),
        silent: decoded.is_silent(),
        truncated: decoded.truncated().is_some(),
        promised: decoded.truncated().and_then(|truncated| truncated.expected_frames),
    })
}

/// Describes what is wrong with a file, and how to get it if it was never downloaded.
fn explain(fault: &AudioFault) -> String {
    match fault {
        AudioFault::NotAudio(beginning) if beginning.starts_with("`version http") => {
            "a stand-in of Git LFS for the audio; run `git lfs pull` where it was cloned".to_owned()
        }
        fault => fault.to_string(),
    }
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
            Some(Measured { index, found, stem: &found.name, facts: facts.as_ref()? })
        })
        .collect();
    let files = without_copies(card, files, &mut report);
    for file in &files {
        remark(card, file, &mut report);
    }
    remark_twins(&files, &mut report);
    remark_formats(&files, &mut report);
    if card.tells_sex() {
        remark_unknown_sex(&files, &mut report);
    }
    if card.tells_part() {
        remark_unknown_parts(&files, &mut report);
    }
    problems.sort_by(|a, b| (&a.path, &a.kind).cmp(&(&b.path, &b.kind)));

    let utterances = files.iter().map(|file| utterance(card, file)).collect();
    let ratings = files.iter().flat_map(|file| file.found.ratings.iter().cloned()).collect();
    let sources = files.iter().map(|file| file.index).collect();
    Ingested { utterances, ratings, sources, facts, problems }
}

/// A file that was decoded, now or before.
#[derive(Clone, Copy)]
struct Measured<'a> {
    index: usize,
    found: &'a Found,
    /// The utterance's id after the corpus' name.
    stem: &'a str,
    facts: &'a AudioFacts,
}

/// Removes duplicates, which agree in everything that their paths state and in the audio; and conflicting files,
/// which claim an utterance of another file, or are by the card's grammar the same recording as another file, with
/// different audio. Of several copies, complete ones take precedence over truncated ones, sound over silence, what is
/// stored without loss over what is not, then the shortest and first path. Those that lose for silence or loss are
/// reported together.
fn without_copies<'a>(
    card: &Card,
    mut files: Vec<Measured<'a>>,
    report: &mut impl FnMut(ProblemKind, &Found, String),
) -> Vec<Measured<'a>> {
    let is_lossy = |found: &Found| scan::is_lossy(&found.relative);
    files.sort_by_key(|file| {
        let Measured { found, stem, facts, .. } = file;
        (facts.truncated, facts.silent, is_lossy(found), stem.len(), &found.relative)
    });
    let silent: HashSet<usize> =
        files.iter().filter(|file| file.facts.silent).map(|file| file.index).collect();
    let mut worse: BTreeMap<&str, Vec<(&Found, &Found)>> = BTreeMap::new();
    let mut recordings: HashMap<&Fields, (usize, &Found)> = HashMap::new();
    let mut contents: HashMap<(&Fields, Digest), &Found> = HashMap::new();
    let mut utterances: HashMap<&str, (usize, &Found)> = HashMap::new();
    files.retain(|file| {
        let Measured { index, found, stem, facts } = *file;
        if let Some(used) = contents.get(&(&found.fields, facts.digest)) {
            let message = format!("a second copy of `{}`, which is used: left out", used.relative);
            report(ProblemKind::SecondCopy, found, message);
            return false;
        }
        let namesake = recordings.get(&found.fields).filter(|_| card.grammar.names_recordings());
        if let Some((at, used)) = utterances.get(stem).or(namesake) {
            let is_silent = silent.contains(&index) && !silent.contains(at);
            if is_silent || (is_lossy(found) && !is_lossy(used) && !facts.truncated) {
                worse.entry(if is_silent { "silent" } else { "compressed" }).or_default().push((found, used));
                return false;
            }
            let message = format!(
                "goes by the same name as `{}`, which is used, and holds other audio: left out; remove the wrong one",
                used.relative
            );
            report(ProblemKind::ConflictingCopy, found, message);
            return false;
        }
        recordings.insert(&found.fields, (index, found));
        contents.insert((&found.fields, facts.digest), found);
        utterances.insert(stem, (index, found));
        true
    });
    for (how, mut copies) in worse {
        copies.sort_unstable_by_key(|(found, _)| &found.relative);
        let (first, used) = copies[0];
        let others = match copies.len() - 1 {
            0 => String::new(),
            1 => ", and another file is such a copy".to_owned(),
            more => format!(", and {more} other files are such copies"),
        };
        let message = format!("a {how} copy of `{}`, which is used{others}: left out", used.relative);
        report(ProblemKind::WorseCopy, first, message);
    }
    files.sort_by_key(|file| file.index);
    files
}

/// Reports what is peculiar about one file.
fn remark(card: &Card, file: &Measured, report: &mut impl FnMut(ProblemKind, &Found, String)) {
    let Measured { found, facts, .. } = file;
    if facts.truncated {
        let samples = facts.samples;
        let kept = match facts.promised {
            Some(promised) => format!("{samples} of the {promised} samples that it promises"),
            None => format!("{samples} samples"),
        };
        report(ProblemKind::Truncated, found, format!("ends early: {kept} are used; fetch it again"));
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

/// Reports each unusual format once, at its first file: a corpus of mixed rates is not a thousand problems.
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
            2 => ", as another file".to_owned(),
            more => format!(", as {} other files", more - 1),
        };
        let message = format!("{}{others}; most files are {}", name(format), name(usual));
        report(ProblemKind::UnusualFormat, files[0], message);
    }
}

/// Reports one problem per speaker, at the first file.
fn remark_unknown_sex(files: &[Measured], report: &mut impl FnMut(ProblemKind, &Found, String)) {
    let mut speakers: BTreeMap<&str, &Found> = BTreeMap::new();
    for file in files.iter().filter(|file| file.found.fields.sex.is_none()) {
        if let Some(speaker) = &file.found.fields.speaker {
            speakers.entry(speaker).or_insert(file.found);
        }
    }
    for (speaker, found) in speakers {
        let message = format!("the card does not tell the sex of speaker `{speaker}`; it counts as unknown");
        report(ProblemKind::UnknownSex, found, message);
    }
}

/// Reports one problem at the first file, as a part missing in the card is usually missing many times.
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
        speaker: fields.speaker.as_deref().map_or_else(|| unknown_speaker(&card.name, stem), of_corpus),
        sex: fields.sex,
        text: fields.text.clone(),
        transcript: found.transcript.clone(),
        intensity: fields.intensity.clone(),
        style: fields.style.clone(),
        session: fields.session.as_deref().map(of_corpus),
        part: fields.part,
        label: fields.label.clone(),
        emotion: found.emotion.clone(),
        values: found.values.clone(),
        metadata: fields.metadata.clone(),
        samples: facts.samples,
        rate: facts.rate,
        channels: facts.channels,
        audio: facts.digest,
    }
}
