//! A folder in transformers' layout: `config.json`, the weights in one or several files, and the feature extractor's
//! settings.

use std::path::{Path, PathBuf};

use affekt_config::is_contained;
use serde_json::{Map, Value};

use crate::hub::{CONFIG, PREPROCESSOR, WEIGHTS, is_index, shards};
use crate::pt::Pt;
use crate::read::{NamedTensors, RawCheckpoint};
use affekt_spec::encoder::SpeechConfig;

use crate::{EncoderError, Format, safe};

/// More than any configuration or index has, in bytes. Read, it takes some ten times as much memory.
const MAX_JSON_BYTES: u64 = 16 << 20;

/// Reads everything except the elements of tensors.
pub(crate) fn read(folder: &Path) -> Result<RawCheckpoint, EncoderError> {
    let path = config(folder)?;
    let fields = fields(&path)?;
    let known_fields =
        SpeechConfig::known_fields(&fields).map_err(|cause| EncoderError::Config { path, cause })?;

    // transformers' default, of the family.
    let normalises = SpeechConfig::of(&known_fields).is_ok_and(|config| config.normalises());
    let mut named = NamedTensors::default();
    for file in weights(folder)? {
        let is_safe = file.extension().is_some_and(|extension| extension == "safetensors");
        let part = if is_safe { safe::read(&file)? } else { Pt::open(&file)?.state_dict()? };
        named.tensors.extend(part.tensors);
        named.left_out.extend(part.left_out);
    }
    let (normalise, notes) = match inside(folder, PREPROCESSOR, folder)? {
        Some(path) => (is_normalising(&path)?.unwrap_or(normalises), Vec::new()),
        None => {
            let are = if normalises { "are" } else { "are not" };
            (
                normalises,
                vec![format!("no `{PREPROCESSOR}`: waveforms {are} normalised, transformers' default")],
            )
        }
    };
    Ok(RawCheckpoint {
        path: folder.to_owned(),
        format: Format::Transformers,
        known_fields,
        normalise,
        named,
        notes,
    })
}

/// Refuses what is no encoder of a known family, by its configuration alone.
pub(crate) fn check(folder: &Path) -> Result<(), EncoderError> {
    let path = config(folder)?;
    let known = SpeechConfig::known_fields(&fields(&path)?);
    known.map(|_| ()).map_err(|cause| EncoderError::Config { path, cause })
}

/// Lists the files that [`read`] reads, with their kinds, except the index of shards, which only names other files.
pub(crate) fn files_read(folder: &Path) -> Result<Vec<(&'static str, PathBuf)>, EncoderError> {
    let mut files = vec![("config", config(folder)?)];
    files.extend(inside(folder, PREPROCESSOR, folder)?.map(|path| ("preprocessor", path)));
    files.extend(weights(folder)?.into_iter().map(|path| ("weights", path)));
    Ok(files)
}

fn config(folder: &Path) -> Result<PathBuf, EncoderError> {
    inside(folder, CONFIG, folder)?.ok_or_else(|| {
        let why = format!("a folder without `{CONFIG}`: expected one that transformers saved");
        EncoderError::NoCheckpoint { path: folder.to_owned(), why }
    })
}

/// What a feature extractor's settings say of normalising, if anything.
fn is_normalising(path: &Path) -> Result<Option<bool>, EncoderError> {
    match fields(path)?.get("do_normalize") {
        None => Ok(None),
        Some(Value::Bool(normalise)) => Ok(Some(*normalise)),
        Some(other) => {
            let why = format!("`do_normalize` is {other}: expected true or false");
            Err(EncoderError::Json { path: path.to_owned(), why })
        }
    }
}

/// Returns the files with the weights.
fn weights(folder: &Path) -> Result<Vec<PathBuf>, EncoderError> {
    for name in WEIGHTS {
        let Some(path) = inside(folder, name, folder)? else { continue };
        if !is_index(name) {
            return Ok(vec![path]);
        }
        let wrong = |why| EncoderError::Json { path: path.clone(), why };
        let shards = shards(&json(&path)?).map_err(|why| wrong(format!("it {why}")))?;
        let found = shards.into_iter().map(|shard| {
            let found = inside(folder, &shard, &path)?;
            found.ok_or_else(|| {
                wrong(format!("it names `{shard}`, which is missing: download the checkpoint again"))
            })
        });
        return found.collect();
    }
    let why = format!("no weights: expected one of {}", WEIGHTS.join(", "));
    Err(EncoderError::NoCheckpoint { path: folder.to_owned(), why })
}

/// Returns the file called `name` in `folder`, if present. `says` is the file that refers to it.
///
/// Links must lead to files of the folder, or in a hub's cache (`snapshots/<revision>/`, which has only links) to the
/// `blobs/` beside `snapshots/`.
fn inside(folder: &Path, name: &str, says: &Path) -> Result<Option<PathBuf>, EncoderError> {
    let outside = || EncoderError::Outside { path: says.to_owned(), name: name.to_owned() };
    if !is_contained(name) || name.contains('/') {
        return Err(outside());
    }
    let path = folder.join(name);
    if !path.try_exists().map_err(EncoderError::io(&path))? {
        return Ok(None);
    }
    let real = path.canonicalize().map_err(EncoderError::io(&path))?;
    let home = folder.canonicalize().map_err(EncoderError::io(folder))?;
    let snapshots = home.parent().filter(|parent| parent.ends_with("snapshots"));
    let blobs = snapshots.and_then(Path::parent).map(|cache| cache.join("blobs"));
    if real.starts_with(&home) || blobs.is_some_and(|blobs| real.starts_with(blobs)) {
        Ok(Some(path))
    } else {
        Err(outside())
    }
}

fn fields(path: &Path) -> Result<Map<String, Value>, EncoderError> {
    let wrong = |error| format!("unexpected settings: {error}");
    serde_json::from_str(&json(path)?)
        .map_err(|error| EncoderError::Json { path: path.to_owned(), why: wrong(error) })
}

fn json(path: &Path) -> Result<String, EncoderError> {
    let bytes = std::fs::metadata(path).map_err(EncoderError::io(path))?.len();
    if bytes > MAX_JSON_BYTES {
        let why = format!("{bytes} bytes of JSON are too large for a checkpoint's settings");
        return Err(EncoderError::Json { path: path.to_owned(), why });
    }
    std::fs::read_to_string(path).map_err(EncoderError::io(path))
}
