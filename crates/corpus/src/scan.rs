//! The files of a corpus and the information in their names. Reads no audio.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use affekt_config::list_names;
use affekt_domain::{Problem, Rating};
use rayon::prelude::*;

use crate::tables::Annotations;
use crate::{Card, Fields, ProblemKind, Tables};

/// The files of a corpus, sorted by path.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The audio files whose names match the card's grammar.
    pub found: Vec<Found>,
    /// The problems with other files.
    pub problems: Vec<Problem>,
    /// Number of files that the card ignores.
    pub ignored: usize,
}

/// An audio file whose name matches the card's grammar.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The path.
    pub path: PathBuf,
    /// The path in the corpus' folder, with forward slashes.
    pub relative: String,
    /// The size in bytes.
    pub size: u64,
    /// The time of the last change, in nanoseconds since 1970.
    pub mtime_ns: i128,
    /// The inode: with size and time, a hint that the content is unchanged.
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

impl Found {
    /// Returns the path without the extension: an utterance's id after the corpus' name.
    #[must_use]
    pub fn stem(&self) -> &str {
        without_extension(&self.relative)
    }
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
        folder.display(), example.as_ref().map_or("it has no audio files".to_owned(),
            |path| format!("`{path}`, for example, does not match the card"))
    )]
    NoRecordings {
        /// The corpus.
        corpus: String,
        /// Its folder.
        folder: PathBuf,
        /// A file that is present but does not match.
        example: Option<String>,
    },
}

/// Lists `folder`, following links, and reads the names of its audio files. Hidden files (such as the `._*` that
/// macOS leaves on other file systems) and files whose extension is not one of audio are skipped. Every other file is
/// found, or ignored as the card says, or has one problem for which it is left out.
///
/// # Errors
/// Fails if the folder is missing or unreadable, or has no recording, or a label file does not match the card.
pub fn scan(card: &Card, folder: &Path) -> Result<Scan, CorpusError> {
    if !folder.exists() {
        let (corpus, folder, obtain) = (card.name.clone(), folder.to_owned(), card.obtain.trim().to_owned());
        return Err(CorpusError::Missing { corpus, folder, obtain });
    }
    let mut walk = Walk::default();
    walk.list(folder, "").map_err(|source| CorpusError::Unreadable {
        corpus: card.name.clone(),
        path: folder.to_owned(),
        source,
    })?;
    walk.follow_links();
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
    let mut ignored = 0;
    let read: Vec<Reading> = files.into_par_iter().with_min_len(512).map(|file| read(card, file)).collect();
    for reading in read {
        match reading {
            Reading::Found(file) => found.push(*file),
            Reading::Problem(problem) => problems.push(problem),
            Reading::Ignored => ignored += 1,
        }
    }
    if let Some(tables) = card.tables.as_ref().filter(|_| !found.is_empty()) {
        let listed = tables.read(&card.name, folder)?;
        problems.extend(listed.problems);
        problems.extend(join(card, tables, listed.recordings, &mut found));
    }
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    if found.is_empty() {
        let (corpus, folder) = (card.name.clone(), folder.to_owned());
        let example = problems.into_iter().next().map(|problem| problem.path);
        return Err(CorpusError::NoRecordings { corpus, folder, example });
    }
    Ok(Scan { found, problems, ignored })
}

/// Extensions of audio files: those that can be decoded, and those that cannot and are reported.
const AUDIO: [&str; 13] =
    ["aac", "aif", "aifc", "aiff", "flac", "m4a", "mp3", "oga", "ogg", "opus", "wav", "wave", "wma"];

struct File {
    path: PathBuf,
    relative: String,
    /// The file's metadata: an error for a broken link.
    metadata: io::Result<fs::Metadata>,
}

#[derive(Default)]
struct Walk {
    files: Vec<File>,
    /// Folders that cannot be listed.
    unreadable: Vec<(String, io::Error)>,
    /// Folders already listed, so that links upwards do not cause a loop.
    listed: HashSet<(u64, u64)>,
    /// Links to folders. They are followed last, so that what lies in the corpus itself goes by its own path in
    /// whichever order the file system lists.
    links: VecDeque<(PathBuf, String)>,
}

impl Walk {
    fn list(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        let own = fs::metadata(folder)?;
        if !self.listed.insert((own.dev(), own.ino())) {
            return Ok(());
        }
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_file() && !is_audio(&name) {
                continue;
            }
            let path = entry.path();
            let relative = format!("{prefix}{name}");
            let metadata = fs::metadata(&path);
            if metadata.as_ref().is_ok_and(fs::Metadata::is_dir) {
                if kind.is_symlink() {
                    self.links.push_back((path, relative));
                } else {
                    self.enter(&path, relative);
                }
            } else if is_audio(&name) {
                self.files.push(File { path, relative, metadata });
            }
        }
        Ok(())
    }

    fn enter(&mut self, folder: &Path, relative: String) {
        if let Err(error) = self.list(folder, &format!("{relative}/")) {
            self.unreadable.push((relative, error));
        }
    }

    fn follow_links(&mut self) {
        while let Some((folder, relative)) = self.links.pop_front() {
            self.enter(&folder, relative);
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
        path,
        size: metadata.len(),
        mtime_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
        inode: metadata.ino(),
        fields,
        emotion,
        transcript: None,
        values: BTreeMap::new(),
        ratings: Vec::new(),
        relative,
    }))
}

/// Adds the annotations of label files to those of paths, and reports rows and recordings without a counterpart.
fn join(
    card: &Card,
    tables: &Tables,
    mut recordings: HashMap<String, Annotations>,
    found: &mut [Found],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut unlisted: Vec<&str> = Vec::new();
    let mut listed = HashSet::new();
    for file in found.iter_mut() {
        let Some(row) = file.fields.row.as_deref() else { continue };
        // A duplicate of a recording has the same row.
        let annotations = recordings.get(row).cloned().unwrap_or_default();
        if tables.list_recordings() && !annotations.is_listed {
            unlisted.push(&file.relative);
        }
        listed.insert(row.to_owned());
        let Annotations { part, speaker, label, transcript, values, ratings, .. } = annotations;
        let of_corpus = |name: &str| format!("{}/{name}", card.name);
        let utterance = of_corpus(without_extension(&file.relative));
        let own = |it: Rating| Rating { utterance: utterance.clone(), rater: of_corpus(&it.rater), ..it };
        file.ratings = ratings.into_iter().map(own).collect();
        file.fields.part = part.or(file.fields.part);
        file.fields.speaker = file.fields.speaker.take().or(speaker);
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
    let many = |others: usize, one: &str, more: &str| match others {
        0 => String::new(),
        1 => format!(" {one}"),
        _ => format!(" {}", more.replace("{}", &others.to_string())),
    };
    if let [first, others @ ..] = &unlisted[..] {
        let others = many(others.len(), "and for another file", "and for {} other files");
        let message = format!("the label files have no row for it{others}: what they tell is unknown");
        problems.push(ProblemKind::Unlisted.of(&card.name, first, message));
    }
    recordings.retain(|row, annotations| annotations.is_listed && !listed.contains(row));
    if let Some(first) = recordings.keys().min() {
        let others = many(recordings.len() - 1, "and another", "and {} others");
        let message = format!("the label files tell of a recording `{first}`{others} that is not here");
        problems.push(ProblemKind::MissingRecording.of(&card.name, "", message));
    }
    problems
}

fn unknown_label(card: &Card, label: &str) -> String {
    let labels: Vec<&str> = card.labels.keys().map(String::as_str).collect();
    format!("its label `{label}` is not in the corpus' card, which has {}", list_names(&labels))
}

pub(crate) fn is_audio(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    AUDIO.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

pub(crate) fn without_extension(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(stem, _)| stem)
}
