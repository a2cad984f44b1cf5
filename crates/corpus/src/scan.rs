//! The files of a corpus and the information in their names. Reads no audio.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use affekt_config::list_names;
use affekt_domain::{Problem, Rating};
use rayon::prelude::*;

use crate::segments::Segment;
use crate::speaker_table::SpeakerFacts;
use crate::tables::{Annotations, RowKey};
use crate::{Card, Fields, ProblemKind, Tables, spelling};

/// The files of a corpus, sorted by path.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The audio files whose names match the card's grammar.
    pub found: Vec<Found>,
    /// The problems with other files.
    pub problems: Vec<Problem>,
    /// Number of audio files that the card ignores.
    pub ignored: usize,
    /// Number of files that are no audio, nor label files, nor ignored.
    pub others: usize,
}

/// An audio file whose name matches the card's grammar, or a segment of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The utterance's id after the corpus' name: the path without the extension, and the name of the segment.
    pub name: String,
    /// What of the file it is; `None` for all.
    pub segment: Option<Segment>,
    /// The path.
    pub path: PathBuf,
    /// The path in the corpus' folder, with forward slashes.
    pub relative: String,
    /// The size in bytes.
    pub size: u64,
    /// The time of the last change, in nanoseconds since 1970.
    pub mtime_ns: i128,
    /// The time at which the file system last noted a change of the file, in nanoseconds since 1970: nobody can set it back.
    pub ctime_ns: i128,
    /// The inode: with size and times, a hint that the content is unchanged.
    pub inode: u64,
    /// The information in its path and in the label files.
    pub fields: Fields,
    /// The emotion to which the card maps its label, if it has one.
    pub emotion: Option<String>,
    /// The spoken text, word for word, if label files have it.
    pub transcript: Option<String>,
    /// Numeric annotations in label files.
    pub values: BTreeMap<String, f32>,
    /// Ratings of single raters in label files.
    pub ratings: Vec<Rating>,
}

/// An error for a corpus that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// The folder does not exist.
    #[error("no folder {} for the corpus {corpus}: {obtain}", folder.display())]
    Missing {
        /// The corpus.
        corpus: String,
        /// The folder.
        folder: PathBuf,
        /// Instructions for obtaining the corpus.
        obtain: String,
    },
    /// A folder cannot be listed.
    #[error("failed to read {} of the corpus {corpus}: check that it is a folder, and its permissions", path.display())]
    Unreadable {
        /// The corpus.
        corpus: String,
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A label file does not match the card.
    #[error(
        "the label file {path} of the corpus {corpus}{}: {what}",
        line.map_or_else(String::new, |line| format!(", line {line}"))
    )]
    Table {
        /// The corpus.
        corpus: String,
        /// The file's path in the corpus' folder.
        path: String,
        /// The line.
        line: Option<u64>,
        /// What is wrong and what to do.
        what: String,
    },
    /// No file matches the card.
    #[error(
        "no recording of {corpus} in {}: {}; check that this is the corpus' folder",
        folder.display(), example.as_deref().map_or_else(|| format!("it has no audio files{}", among(others)),
            |(path, message)| format!("{}; `{path}`, for example: {message}", unusable(*audio_files)))
    )]
    NoRecordings {
        /// The corpus.
        corpus: String,
        /// Its folder.
        folder: PathBuf,
        /// An audio file that is present but cannot be used, and why.
        example: Option<Box<(String, String)>>,
        /// Number of audio files.
        audio_files: usize,
        /// The kinds of the files that are no audio, with their numbers.
        others: Vec<(String, usize)>,
    },
}

/// Says that none of so many audio files can be used.
fn unusable(audio_files: usize) -> String {
    match audio_files {
        1 => "its only audio file cannot be used".to_owned(),
        more => format!("none of its {more} audio files can be used"),
    }
}

/// Formats ``, only 3 `.txt` and 1 without extension``.
fn among(others: &[(String, usize)]) -> String {
    let kinds: Vec<String> = others.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    if kinds.is_empty() { String::new() } else { format!(", only {}", kinds.join(", ")) }
}

/// Lists `folder`, following links, and reads the names of its audio files. Hidden files (such as the `._*` that
/// macOS leaves on other file systems) are skipped. A file is audio by its extension or, without one, by its first
/// bytes. Every audio file is found, or ignored as the card says, or has one problem for which it is left out; the other files
/// are counted, by extension.
///
/// # Errors
/// Fails if the folder is missing or unreadable, or has no recording, or a label file does not match the card.
pub fn scan(card: &Card, folder: &Path) -> Result<Scan, CorpusError> {
    if !folder.exists() {
        let (corpus, folder, obtain) = (card.name.clone(), folder.to_owned(), card.obtain.trim().to_owned());
        return Err(CorpusError::Missing { corpus, folder, obtain });
    }
    let unreadable =
        |source| CorpusError::Unreadable { corpus: card.name.clone(), path: folder.to_owned(), source };
    let mut walk = Walk::default();
    walk.list(folder, "").map_err(unreadable)?;
    walk.follow_links(card, &folder.canonicalize().map_err(unreadable)?);
    let mut files = walk.files;
    files.sort_unstable_by(|a, b| a.relative.cmp(&b.relative));

    let mut found = Vec::with_capacity(files.len());
    let mut problems: Vec<Problem> = walk
        .unreadable
        .into_iter()
        .map(|(path, error)| {
            let message =
                format!("cannot be looked into ({error}): all in it is left out; check its permissions");
            ProblemKind::Unreadable.of(&card.name, &path, message)
        })
        .collect();
    problems.extend(walk.foreign.iter().map(|path| {
        let message = "a link to a folder outside the corpus, with nothing in it that fits the corpus' card: \
                       all in it is left out";
        ProblemKind::Unreadable.of(&card.name, path, message)
    }));
    let mut ignored = 0;
    let read: Vec<Reading> = files.into_par_iter().with_min_len(512).map(|file| read(card, file)).collect();
    for reading in read {
        match reading {
            Reading::Found(file) => found.push(*file),
            Reading::Problem(problem) => problems.push(problem),
            Reading::Ignored => ignored += 1,
        }
    }
    let others = walk.others.summary(card);
    if let Some(tables) = card.tables.as_ref().filter(|_| !found.is_empty()) {
        if let Some(table) = &tables.segments {
            let (segments, odd) = table.read(tables, &card.name, folder)?;
            problems.extend(odd);
            (found, problems) = divide(card, found, segments, problems);
        }
        let listed = tables.read(&card.name, folder)?;
        problems.extend(listed.problems);
        problems.extend(join(card, tables, listed.recordings, &mut found));
        if let Some(table) = &tables.speakers {
            let (speakers, odd) = table.read(tables, &card.name, folder)?;
            problems.extend(odd);
            problems.extend(join_speakers(card, &speakers, &mut found));
        }
    }
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    if found.is_empty() {
        let (corpus, folder) = (card.name.clone(), folder.to_owned());
        let audio_files = ignored + problems.iter().filter(|problem| problem.dropped).count();
        let unusable = problems.into_iter().next();
        let example = unusable.map(|problem| {
            let only_with_extension = card.grammar.read(&problem.path).is_some();
            let message = match extension(&problem.path).filter(|_| only_with_extension) {
                Some(extension) => {
                    format!("`path` of the card matches names without their extension: leave `\\.{extension}` out of it")
                }
                None => problem.message,
            };
            Box::new((problem.path, message))
        });
        let others = others.into_iter().map(|kind| (kind.name, kind.files)).collect();
        return Err(CorpusError::NoRecordings { corpus, folder, example, audio_files, others });
    }
    let number_of_others = others.iter().map(|kind| kind.files).sum();
    problems.extend(others.into_iter().map(|kind| kind.problem(card)));
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Scan { found, problems, ignored, others: number_of_others })
}

/// Extensions of files with sound: those that can be decoded, and those that cannot (videos among them) and are reported
/// with how to convert them.
const AUDIO: [&str; 51] = [
    "3ga", "3gp", "aac", "ac3", "adts", "aif", "aifc", "aiff", "amr", "ape", "asf", "au", "avi", "awb",
    "bw64", "caf", "dff", "dsf", "dss", "eac3", "flac", "flv", "m4a", "m4b", "m4v", "mka", "mkv", "mov",
    "mp3", "mp4", "mpeg", "mpg", "mts", "oga", "ogg", "ogv", "opus", "ra", "rf64", "rm", "snd", "sph", "vob",
    "w64", "wav", "wave", "webm", "weba", "wma", "wmv", "wv",
];

/// Extensions of audio files that hold less than what was recorded.
const LOSSY: [&str; 31] = [
    "3ga", "3gp", "aac", "ac3", "adts", "amr", "asf", "awb", "dss", "eac3", "flv", "m4a", "m4b", "m4v",
    "mka", "mkv", "mov", "mp3", "mp4", "mpeg", "mpg", "mts", "oga", "ogg", "ogv", "opus", "ra", "rm", "webm",
    "wma", "wmv",
];

/// Files that operating systems leave everywhere.
const CLUTTER: [&str; 2] = ["desktop.ini", "thumbs.db"];

struct File {
    path: PathBuf,
    relative: String,
    /// The file's metadata: an error for a broken link.
    metadata: io::Result<fs::Metadata>,
}

/// The files that are no audio, by extension: how many, and the first.
#[derive(Default, Clone)]
struct Others(BTreeMap<String, Vec<String>>);

/// The files of one extension that are no audio.
struct OtherKind {
    /// The extension, in words.
    name: String,
    files: usize,
    first: String,
}

impl Others {
    fn add(&mut self, relative: String) {
        let extension = extension(&relative).unwrap_or_default().to_lowercase();
        self.0.entry(extension).or_default().push(relative);
    }

    /// Returns the kinds, without files that the card ignores or that are its label files.
    fn summary(&self, card: &Card) -> Vec<OtherKind> {
        let label_files = card.tables.as_ref().map(Tables::paths).unwrap_or_default();
        let is_known =
            |path: &String| card.ignore.iter().chain(&label_files).any(|pattern| pattern.is_match(path));
        let kind = |(extension, paths): (&String, &Vec<String>)| {
            let mut unknown: Vec<&String> = paths.iter().filter(|path| !is_known(path)).collect();
            unknown.sort_unstable();
            let name =
                if extension.is_empty() { "without extension".to_owned() } else { format!("`.{extension}`") };
            Some(OtherKind { name, files: unknown.len(), first: (*unknown.first()?).clone() })
        };
        self.0.iter().filter_map(kind).collect()
    }
}

impl OtherKind {
    fn problem(self, card: &Card) -> Problem {
        let others = match self.files - 1 {
            0 => String::new(),
            1 => format!(", and neither is another file {}", self.name),
            more => format!(", and neither are {more} other files {}", self.name),
        };
        let message = format!("it is no audio{others}");
        ProblemKind::NoAudio.of(&card.name, &self.first, message)
    }
}

#[derive(Default)]
struct Walk {
    files: Vec<File>,
    others: Others,
    /// Folders that cannot be listed.
    unreadable: Vec<(String, io::Error)>,
    /// Folders already listed, so that links upwards do not cause a loop.
    listed: HashSet<(u64, u64)>,
    /// Links to folders. They are followed last, so that what lies in the corpus itself goes by its own path in
    /// whichever order the file system lists.
    links: VecDeque<(PathBuf, String)>,
    /// Links out of the corpus that were not followed.
    foreign: Vec<String>,
    /// How many more files and folders are looked at behind a link out of the corpus.
    budget: Option<usize>,
}

/// More than the largest corpora have.
const LARGEST_BEHIND_LINK: usize = 200_000;

impl Walk {
    fn list(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        let own = fs::metadata(folder)?;
        if !self.listed.insert((own.dev(), own.ino())) {
            return Ok(());
        }
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable_by_key(fs::DirEntry::file_name);
        for entry in entries {
            match &mut self.budget {
                Some(0) => return Err(io::Error::other("it holds too much for a corpus")),
                Some(budget) => *budget -= 1,
                None => {}
            }
            let name = spelling::file_name(&entry.file_name());
            if name.starts_with('.') || is_one_of(&CLUTTER, &name) {
                continue;
            }
            let kind = entry.file_type()?;
            let path = entry.path();
            let relative = format!("{prefix}{name}");
            if kind.is_file() && !holds_audio(&path, &name) {
                self.others.add(relative);
                continue;
            }
            let metadata = fs::metadata(&path);
            if metadata.as_ref().is_ok_and(fs::Metadata::is_dir) {
                if kind.is_symlink() {
                    self.links.push_back((path, relative));
                } else {
                    self.enter(&path, relative);
                }
            } else if holds_audio(&path, &name) {
                self.files.push(File { path, relative, metadata });
            } else {
                self.others.add(relative);
            }
        }
        Ok(())
    }

    fn enter(&mut self, folder: &Path, relative: String) {
        if let Err(error) = self.list(folder, &format!("{relative}/")) {
            self.unreadable.push((relative, error));
        }
    }

    /// Follows links to folders. One that leads out of the corpus, whose folder is `home`, is followed where recordings that fit the
    /// card lie behind it, as on another disc: not to what the corpus itself lies in, nor to what has nothing to do with it.
    fn follow_links(&mut self, card: &Card, home: &Path) {
        while let Some((folder, relative)) = self.links.pop_front() {
            if fs::metadata(&folder).is_ok_and(|folder| self.listed.contains(&(folder.dev(), folder.ino()))) {
                continue;
            }
            let target = folder.canonicalize();
            if target.as_ref().is_ok_and(|target| target.starts_with(home)) {
                self.enter(&folder, relative);
                continue;
            }
            if target.is_ok_and(|target| home.starts_with(target)) {
                self.foreign.push(relative);
                continue;
            }
            let before = (self.files.len(), self.unreadable.len(), self.links.len(), self.others.clone());
            self.budget = Some(LARGEST_BEHIND_LINK);
            self.enter(&folder, relative.clone());
            let is_exhausted = self.budget.take() == Some(0);
            let fits = |file: &File| card.grammar.read(without_extension(&file.relative)).is_some();
            if is_exhausted || !self.files[before.0..].iter().any(fits) {
                self.files.truncate(before.0);
                self.unreadable.truncate(before.1);
                self.links.truncate(before.2);
                self.others = before.3;
                self.foreign.push(relative);
            }
        }
    }
}

enum Reading {
    Found(Box<Found>),
    Problem(Problem),
    Ignored,
}

fn read(card: &Card, file: File) -> Reading {
    let File { path, relative, metadata } = file;
    let problem =
        |kind: ProblemKind, message: String| Reading::Problem(kind.of(&card.name, &relative, message));
    if card.ignore.iter().any(|pattern| pattern.is_match(&relative)) {
        return Reading::Ignored;
    }
    let Some(fields) = card.grammar.read(without_extension(&relative)) else {
        return problem(
            ProblemKind::UnparsedName,
            "its name does not fit the corpus' card: left out; if it is no recording, name it under `ignore`"
                .to_owned(),
        );
    };
    let label = fields.label.as_ref().map(|label| (label, card.labels.get(label)));
    let emotion = match label {
        Some((label, None)) => {
            let message = format!("{}: left out", unknown_label(card, label));
            return problem(ProblemKind::UnknownLabel, message);
        }
        Some((_, Some(known))) => Some(known.emotion.clone()),
        None => None,
    };
    let metadata = match metadata {
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => return problem(ProblemKind::Unreadable, "it is no regular file: left out".to_owned()),
        Err(error) => {
            return problem(ProblemKind::Unreadable, format!("cannot be looked at ({error}): left out"));
        }
    };
    if metadata.len() == 0 {
        return problem(ProblemKind::EmptyFile, "it has no bytes: left out; copy it again".to_owned());
    }
    Reading::Found(Box::new(Found {
        name: without_extension(&relative).to_owned(),
        segment: None,
        path,
        size: metadata.len(),
        mtime_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
        ctime_ns: i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec()),
        inode: metadata.ino(),
        fields,
        emotion,
        transcript: None,
        values: BTreeMap::new(),
        ratings: Vec::new(),
        relative,
    }))
}

fn without_zeros(name: &str) -> &str {
    name.trim_start_matches('0')
}

/// Divides recordings into the segments that a table lists.
fn divide(
    card: &Card,
    found: Vec<Found>,
    mut segments: HashMap<String, Vec<Segment>>,
    mut problems: Vec<Problem>,
) -> (Vec<Found>, Vec<Problem>) {
    let mut divided = Vec::new();
    let mut seen = HashSet::new();
    for file in found {
        let Some(of_file) = file.fields.rows.first().and_then(|row| segments.get(row)) else {
            let message = "the table of segments has no row for it: left out";
            problems.push(ProblemKind::NoSegments.of(&card.name, &file.relative, message));
            continue;
        };
        seen.extend(file.fields.rows.first().cloned());
        for segment in of_file {
            let mut part = file.clone();
            part.name = format!("{}/{}", file.name, segment.name);
            part.fields.recording = format!("{}/{}", file.fields.recording, segment.name);
            part.fields.rows[0].clone_from(&segment.name);
            part.segment = Some(segment.clone());
            divided.push(part);
        }
    }
    segments.retain(|recording, _| !seen.contains(recording));
    if let Some(first) = segments.keys().min() {
        let others = and_others(segments.len() - 1, "and another", "and {} others");
        let message =
            format!("the table of segments tells of a recording `{first}`{others} that is not here");
        problems.push(ProblemKind::MissingRecording.of(&card.name, "", message));
    }
    (divided, problems)
}

/// Adds what a table says of speakers, and reports those of whom it says nothing.
fn join_speakers(card: &Card, speakers: &HashMap<String, SpeakerFacts>, found: &mut [Found]) -> Vec<Problem> {
    let mut unlisted: BTreeMap<String, &str> = BTreeMap::new();
    for Found { fields, relative, .. } in found {
        let Some(speaker) = &fields.speaker else { continue };
        let Some(facts) = speakers.get(speaker) else {
            unlisted.entry(speaker.clone()).or_insert(relative);
            continue;
        };
        fields.sex = fields.sex.or(facts.sex);
        for (name, value) in &facts.metadata {
            fields.metadata.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    let Some((speaker, path)) = unlisted.first_key_value() else { return Vec::new() };
    let others = and_others(unlisted.len() - 1, "and for another", "and for {} others");
    let message = format!(
        "the file of speakers has no row for the speaker `{speaker}`{others}: what it tells is unknown"
    );
    vec![ProblemKind::Unlisted.of(&card.name, path, message)]
}

/// Says how many more there are, if any.
fn and_others(others: usize, one: &str, more: &str) -> String {
    match others {
        0 => String::new(),
        1 => format!(" {one}"),
        _ => format!(" {}", more.replace("{}", &others.to_string())),
    }
}

/// Adds the annotations of label files to those of paths, and reports rows and recordings without a counterpart.
fn join(
    card: &Card,
    tables: &Tables,
    mut recordings: HashMap<RowKey, Annotations>,
    found: &mut [Found],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut unlisted: Vec<(&str, String)> = Vec::new();
    let mut listed = HashSet::new();
    for file in found.iter_mut() {
        let mut annotations = Annotations::default();
        for key in (0..).zip(file.fields.rows.iter().cloned()) {
            // A duplicate of a recording has the same row.
            annotations.add(recordings.get(&key).cloned().unwrap_or_default());
            listed.insert(key);
        }
        if tables.list_recordings() && !annotations.is_listed {
            unlisted.push((&file.relative, file.fields.rows.first().cloned().unwrap_or_default()));
        }
        let Annotations { part, speaker, label, transcript, sex, facts, values, metadata, ratings, .. } =
            annotations;
        let of_corpus = |name: &str| format!("{}/{name}", card.name);
        let utterance = of_corpus(&file.name);
        let own = |it: Rating| Rating { utterance: utterance.clone(), rater: of_corpus(&it.rater), ..it };
        file.ratings = ratings.into_iter().map(own).collect();
        let fields = &mut file.fields;
        fields.part = part.or(fields.part);
        fields.sex = fields.sex.or(sex);
        let texts = [
            (&mut fields.speaker, speaker),
            (&mut fields.text, facts.text),
            (&mut fields.intensity, facts.intensity),
            (&mut fields.style, facts.style),
            (&mut fields.session, facts.session),
        ];
        for (of_path, of_table) in texts {
            *of_path = of_path.take().or(of_table);
        }
        for (name, value) in metadata {
            fields.metadata.entry(name).or_insert(value);
        }
        file.transcript = transcript;
        file.values = values;
        if let Some(label) = label {
            match card.labels.get(&label) {
                Some(known) => file.emotion = Some(known.emotion.clone()),
                None => {
                    let message = format!("{}: it counts as withheld", unknown_label(card, &label));
                    problems.push(ProblemKind::OddCell.of(&card.name, &file.relative, message));
                }
            }
            file.fields.label = Some(label).filter(|_| file.emotion.is_some());
        }
    }
    if let [(first, row), others @ ..] = &unlisted[..] {
        let others = and_others(others.len(), "and for another file", "and for {} other files");
        let message = format!("the label files have no row for it{others}: what they tell is unknown{}", {
            let is_it = |name: &&String| *name != row && without_zeros(name) == without_zeros(row);
            recordings.keys().map(|(_, name)| name).filter(is_it).min().map_or_else(String::new, |name| {
                format!("; they have a row `{name}`: `0*` before the group in `path` leaves out the zeros of `{row}`")
            })
        });
        problems.push(ProblemKind::Unlisted.of(&card.name, first, message));
    }
    recordings.retain(|row, annotations| annotations.is_listed && !listed.contains(row));
    if let Some(first) = recordings.keys().map(|(_, name)| name).min() {
        let others = and_others(recordings.len() - 1, "and another", "and {} others");
        let message = format!("the label files tell of a recording `{first}`{others} that is not here");
        problems.push(ProblemKind::MissingRecording.of(&card.name, "", message));
    }
    problems
}

fn unknown_label(card: &Card, label: &str) -> String {
    let labels: Vec<&str> = card.labels.keys().map(String::as_str).collect();
    format!("its label `{label}` is not in the corpus' card, which has {}", list_names(&labels))
}

/// Returns whether a name is that of an audio file.
pub(crate) fn is_audio(name: &str) -> bool {
    extension(name).is_some_and(|extension| is_one_of(&AUDIO, extension))
}

/// Returns whether a name is that of a file which holds less than what was recorded.
pub(crate) fn is_lossy(name: &str) -> bool {
    extension(name).is_some_and(|extension| is_one_of(&LOSSY, extension))
}

/// Returns whether a file is audio: by its extension or, without one, by its first bytes.
fn holds_audio(path: &Path, name: &str) -> bool {
    match extension(name) {
        Some(extension) => is_one_of(&AUDIO, extension),
        None => {
            let mut beginning = Vec::with_capacity(16);
            let read = fs::File::open(path).and_then(|file| file.take(16).read_to_end(&mut beginning));
            read.is_ok() && affekt_audio::is_audio(&beginning)
        }
    }
}

fn is_one_of(known: &[&str], extension: &str) -> bool {
    known.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Returns what follows the last dot of a name, but for spaces.
fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    name.rsplit_once('.').map(|(_, extension)| extension.trim_end())
}

pub(crate) fn without_extension(path: &str) -> &str {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    path[name..].rfind('.').map_or(path, |dot| &path[..name + dot])
}
