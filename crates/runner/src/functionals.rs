//! Body of `functionals`: reading openSMILE's files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use affekt_config::is_contained;
use affekt_domain::{Digest, Utterance};
use affekt_graph::{Failure, Job, hash_bytes};
use affekt_table::features::FeatureWriter;
use csv::{ReaderBuilder, Trim};

use affekt_ops::functionals::Params;

use crate::CorpusFolder;

/// The longest list of recordings that a message gives.
const NAMED: usize = 200;
/// Columns that tell when a row is, or whose it is.
const NO_FEATURES: [&str; 5] = ["name", "frametime", "frameindex", "frameend", "class"];

/// The digest of the files of all corpora that have some.
pub fn fingerprint(params: &Params, corpora: &[CorpusFolder]) -> Result<Digest, Failure> {
    let mut told = Vec::new();
    for place in corpora {
        for path in files(&files_of(place, params)?)? {
            told.extend(place.card.name.as_bytes());
            told.extend(stem(&path).as_bytes());
            told.extend(hash_bytes(&read(&path)?).as_bytes());
        }
    }
    Ok(hash_bytes(&told))
}

/// Where the files of a corpus lie.
fn files_of(place: &CorpusFolder, params: &Params) -> Result<PathBuf, Failure> {
    let path = params.path.trim_start_matches("./").trim_end_matches('/');
    match is_contained(path) {
        true => Ok(place.folder.join(path)),
        false => Err(failed(format!("`{}` leads out of the corpora's folders", params.path))),
    }
}

pub fn run(job: &Job, corpora: &[CorpusFolder]) -> Result<(), Failure> {
    let params: Params = affekt_ops::params(job)?;
    let examples = affekt_ops::table::read_port(job, "examples", affekt_table::examples::read)?.examples;
    let mut by_corpus = BTreeMap::<&str, Vec<&Utterance>>::new();
    for example in &examples {
        by_corpus.entry(&example.utterance.corpus).or_default().push(&example.utterance);
    }
    let mut rows: Vec<(&str, Vec<f32>)> = Vec::new();
    let mut missing = Vec::new();
    for (corpus, utterances) in by_corpus {
        let place = corpora.iter().find(|place| place.card.name == corpus);
        let place = place.ok_or_else(|| failed(format!("no folder for {corpus}")))?;
        let mut known = functionals(&files_of(place, &params)?)?;
        let mut called = HashSet::new();
        for utterance in utterances {
            let name = stem(Path::new(&utterance.id));
            if !called.insert(name.clone()) {
                let message =
                    format!("two recordings of {corpus} are called `{name}`: rows cannot be told apart");
                return Err(failed(message));
            }
            match known.remove(&name) {
                Some(values) => rows.push((&utterance.id, values)),
                None => missing.push(utterance.id.as_str()),
            }
        }
    }
    if !missing.is_empty() {
        let more = missing.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("\n  … and {more} more") } else { String::new() };
        let names = missing.iter().take(NAMED).map(|name| format!("\n  {name}")).collect::<String>();
        return Err(failed(format!(
            "`{}` has no functionals of {} recordings: extract them as well, or leave the recordings out{names}{more}",
            params.path,
            missing.len()
        )));
    }
    rows.sort_unstable_by_key(|(utterance, _)| *utterance);
    let width = rows.first().map_or(0, |(_, values)| values.len());
    if let Some((utterance, values)) = rows.iter().find(|(_, values)| values.len() != width) {
        let message = format!("`{utterance}` has {} functionals, others {width}: use one set", values.len());
        return Err(failed(message));
    }
    let mut writer =
        FeatureWriter::create(job.output("features")?, &[width, 1]).map_err(affekt_ops::table::unwritten)?;
    for (utterance, values) in rows {
        writer.push(utterance, 0, &values).map_err(affekt_ops::table::unwritten)?;
    }
    writer.finish().map_err(affekt_ops::table::unwritten)
}

/// Recording → its functionals, from a file or a folder of files.
fn functionals(path: &Path) -> Result<HashMap<String, Vec<f32>>, Failure> {
    let files = files(path)?;
    if files.is_empty() {
        let message =
            format!("there is no {}: extract functionals with openSMILE, and lay them there", path.display());
        return Err(failed(message));
    }
    let mut known = HashMap::new();
    for file in files {
        let rows = rows(&file)?;
        if path.is_dir() {
            known.extend(rows.into_iter().next_back().map(|(_, values)| (stem(&file), values)));
            continue;
        }
        for (name, values) in rows {
            if known.insert(name.clone(), values).is_some() {
                return Err(failed(format!("{}: `{name}` has two rows", file.display())));
            }
        }
    }
    Ok(known)
}

/// The files at a path, in order: the file itself, or the CSV and ARFF files of a folder; none where there is nothing.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(if path.exists() { vec![path.to_owned()] } else { Vec::new() });
    }
    let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| unread(path, &error))?;
    let is_table = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|it| ["csv", "arff"].iter().any(|known| it.eq_ignore_ascii_case(known)))
    };
    let mut files: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).filter(is_table).collect();
    files.sort();
    Ok(files)
}

/// The rows of a file: the recording's name without folders and extension, and its numbers.
fn rows(path: &Path) -> Result<Vec<(String, Vec<f32>)>, Failure> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    let is_arff = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("arff"));
    let (columns, delimiter, data) = if is_arff {
        let (head, data) = text.split_once("@data").ok_or_else(|| wrong(path, "it has no `@data`"))?;
        let attributes = head.lines().filter_map(|line| line.trim().strip_prefix("@attribute"));
        let name = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
        (attributes.map(name).collect::<Vec<_>>(), b',', data)
    } else {
        let (head, data) = text.split_once('\n').ok_or_else(|| wrong(path, "it has no rows"))?;
        let delimiter = if head.contains(';') { ';' } else { ',' };
        let columns = head.trim().split(delimiter).map(|name| name.trim_matches('"').to_owned());
        (columns.collect(), delimiter as u8, data)
    };
    let name = columns.iter().position(|column| column.eq_ignore_ascii_case("name"));
    let is_feature = |column: &String| !NO_FEATURES.iter().any(|known| column.eq_ignore_ascii_case(known));
    let features: Vec<usize> = (0..columns.len()).filter(|at| is_feature(&columns[*at])).collect();
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .quote(b'\'')
        .trim(Trim::All)
        .from_reader(data.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(path, &error.to_string()))?;
        let name = name.and_then(|at| record.get(at)).unwrap_or_default().trim_matches('"');
        let number = |at: &usize| {
            let cell = record.get(*at).unwrap_or_default();
            let number = cell.parse::<f32>().ok().filter(|number| number.is_finite());
            let what = || format!("`{cell}` under `{}` of `{name}` is no finite number", columns[*at]);
            number.ok_or_else(|| wrong(path, &what()))
        };
        let values = features.iter().map(number).collect::<Result<Vec<f32>, _>>()?;
        rows.push((stem(Path::new(name)), values));
    }
    Ok(rows)
}

/// The last part of a path without its extension: what recordings are called.
fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| unread(path, &error))
}

fn failed(message: String) -> Failure {
    Failure::Failed { message }
}

fn wrong(path: &Path, what: &str) -> Failure {
    failed(format!("{}: {what}", path.display()))
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    failed(format!("cannot read {}: {error}", path.display()))
}
