//! Local checkpoints of the Hugging Face Hub, in the layout of Python's `huggingface_hub`: what it or `transformers`
//! has downloaded is found here, and vice versa.
//!
//! ```text
//! <HF_HOME>/hub/models--<owner>--<name>/
//!   blobs/<ETag>                      a file, named by its SHA-256 or by git's SHA-1
//!   refs/main                         the commit of `main` at the last query
//!   snapshots/<commit>/config.json    a relative link to a blob
//! ```
//!
//! A checkpoint that is a single file is stored where PyTorch's `torch.hub.load_state_dict_from_url` keeps such files,
//! `<TORCH_HOME>/hub/checkpoints/<name>`.
//!
//! This module does not use the network; `affekt fetch` does.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use affekt_config::lookup::LookupError;
use affekt_config::{Diagnostics, Folder, is_contained, nearest};

use crate::{CheckpointOrigin, EncoderCard};

/// The model's configuration, which every checkpoint has.
pub const CONFIG: &str = "config.json";

/// The preparation of waveforms; some checkpoints do not have it.
pub const PREPROCESSOR: &str = "preprocessor_config.json";

/// The possible names of the weights, in order of preference. The second and fourth are indices of shards.
pub const WEIGHTS: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];

/// A repository of the Hub: `facebook/wav2vec2-base`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository {
    owner: String,
    name: String,
}

impl Repository {
    /// Parses `owner/name`. Returns `None` for names that the Hub does not allow, such as those with `..` or `--`,
    /// which would also be unsafe as folder names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (owner, name) = text.split_once('/')?;
        let is_plain = |part: &str| {
            let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !part.is_empty()
                && part.len() <= 96
                && part.chars().all(inner)
                && !part.starts_with(['-', '.'])
                && !part.ends_with(['-', '.'])
                && !part.contains("--")
                && !part.contains("..")
        };
        (is_plain(owner) && is_plain(name)).then(|| Self { owner: owner.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// The local cache of the Hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hub {
    cache: PathBuf,
    home: PathBuf,
    files: PathBuf,
}

impl Hub {
    /// Locates the cache by the environment: `HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`; for
    /// single files `TORCH_HOME/hub/checkpoints`, else `~/.cache/torch/hub/checkpoints`.
    #[must_use]
    pub fn of_environment() -> Self {
        Self::of(|name| std::env::var_os(name))
    }

    /// Locates the cache like [`Hub::of_environment`] with the variables that `variable` returns.
    #[must_use]
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let user = variable("HOME").map(PathBuf::from).unwrap_or_default();
        let path = |name: &str| {
            let value = variable(name).filter(|value| !value.is_empty()).map(PathBuf::from)?;
            Some(value.strip_prefix("~").map(|rest| user.join(rest)).unwrap_or(value))
        };
        let caches = || path("XDG_CACHE_HOME").unwrap_or_else(|| user.join(".cache"));
        let home = path("HF_HOME").unwrap_or_else(|| caches().join("huggingface"));
        let torch = path("TORCH_HOME").unwrap_or_else(|| caches().join("torch"));
        let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE"));
        let files = torch.join("hub").join("checkpoints");
        Self { cache: cache.unwrap_or_else(|| home.join("hub")), home, files }
    }

    /// Returns the folder that has one folder per repository.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Returns the folder of the user's settings, such as the token.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Returns the folder of a repository.
    #[must_use]
    pub fn folder(&self, repository: &Repository) -> PathBuf {
        self.cache.join(folder_name(repository))
    }

    /// Returns the folder of the locks held while files of a repository are downloaded.
    #[must_use]
    pub fn locks(&self, repository: &Repository) -> PathBuf {
        self.cache.join(".locks").join(folder_name(repository))
    }

    /// Returns the path of a checkpoint that is a single file, named by the end of its URL. It may not exist.
    #[must_use]
    pub fn file(&self, url: &str) -> PathBuf {
        let name = url.rsplit('/').next().unwrap_or_default();
        self.files.join(name)
    }

    /// Returns the folder of a repository's files at a revision: a commit, or a branch or tag queried before. It may
    /// not exist; `None` if the commit of a branch is unknown.
    #[must_use]
    pub fn snapshot(&self, repository: &Repository, revision: &str) -> Option<PathBuf> {
        let folder = self.folder(repository);
        let snapshot = |commit: &str| folder.join("snapshots").join(commit);
        if !is_contained(revision) {
            return None;
        }
        let at_commit = snapshot(revision);
        if at_commit.is_dir() {
            return Some(at_commit);
        }
        let commit = fs::read_to_string(folder.join("refs").join(revision)).ok()?;
        let commit = commit.trim();
        let is_plain = !commit.is_empty() && commit.chars().all(|c| c.is_ascii_alphanumeric());
        is_plain.then(|| snapshot(commit))
    }
}

fn folder_name(repository: &Repository) -> String {
    format!("models--{}--{}", repository.owner, repository.name)
}

/// Returns the files with the weights of a checkpoint: one file, or the shards that its index names.
///
/// # Errors
/// Describes what is missing: the configuration, all weights, or a shard.
pub fn weights(folder: &Path) -> Result<Vec<PathBuf>, String> {
    if !folder.join(CONFIG).is_file() {
        return Err(format!("it has no `{CONFIG}`"));
    }
    let Some(name) = WEIGHTS.into_iter().find(|name| folder.join(name).is_file()) else {
        return Err(format!("it has no weights: neither `{}` nor `{}`", WEIGHTS[0], WEIGHTS[2]));
    };
    let path = folder.join(name);
    if !is_index(name) {
        return Ok(vec![path]);
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("failed to read its `{name}`: {error}"))?;
    let shards = shards(&text).map_err(|error| format!("its `{name}` {error}"))?;
    let paths: Vec<PathBuf> = shards.iter().map(|shard| folder.join(shard)).collect();
    match paths.iter().find(|path| !path.is_file()) {
        None => Ok(paths),
        Some(missing) => Err(format!("the shard `{}` is missing", missing.display())),
    }
}

/// Returns whether a file of weights is an index of shards.
#[must_use]
pub fn is_index(name: &str) -> bool {
    name.ends_with(".index.json")
}

/// Returns the files that an index of shards names, sorted.
///
/// # Errors
/// Describes what is wrong with it, as "…" in "the index …".
pub fn shards(index: &str) -> Result<BTreeSet<String>, String> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: std::collections::BTreeMap<String, String>,
    }
    let index: Index =
        serde_json::from_str(index).map_err(|error| format!("is not an index of shards: {error}"))?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    match shards.iter().find(|name| !is_contained(name) || name.contains('/')) {
        Some(name) => Err(format!("names a shard outside its folder: `{name}`")),
        None if shards.is_empty() => Err("names no shards".to_owned()),
        None => Ok(shards),
    }
}

/// A checkpoint that was located on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The path of its folder or file.
    pub path: PathBuf,
    /// Its card, if it was located by name.
    pub card: Option<EncoderCard>,
}

/// An error for a checkpoint that cannot be located on this machine.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// The name is unknown.
    #[error("unknown encoder `{name}`: {}", valid(name, names))]
    Unknown {
        /// The name.
        name: String,
        /// The known names.
        names: Vec<String>,
    },
    /// The card has errors.
    #[error("failed to read the card of encoder `{name}`: {source}{}", in_detail(mistakes))]
    Card {
        /// The name.
        name: String,
        /// The cause.
        source: Box<LookupError>,
        /// The diagnostics, one per mistake.
        mistakes: String,
    },
    /// The checkpoint is not, or not completely, on this machine.
    #[error("encoder `{name}` is not on this machine: looked in {}{}; `fetch {name}` downloads it", looked.display(), because(reason))]
    Missing {
        /// The name.
        name: String,
        /// The path that was searched.
        looked: PathBuf,
        /// What is missing, if a part is present.
        reason: Option<String>,
    },
    /// The path does not exist.
    #[error("there is no file or folder `{}`; for a repository of the Hub, write `owner/name`", path.display())]
    NoPath {
        /// The path.
        path: PathBuf,
    },
    /// The folder of a model does not exist.
    #[error("there is no folder `{}`; for a repository of the Hub, write `owner/name`", path.display())]
    NoModel {
        /// The path.
        path: PathBuf,
    },
    /// The repository of a model is not on this machine, nor is there a folder of that name.
    #[error("model `{name}` is not on this machine: looked in {} and {}; `fetch {name}` downloads it from the Hub", looked[0].display(), looked[1].display())]
    MissingModel {
        /// The name.
        name: String,
        /// The paths that were searched.
        looked: [PathBuf; 2],
    },
    /// The folder is not a checkpoint.
    #[error("`{}` is not a checkpoint: {reason}", path.display())]
    NoCheckpoint {
        /// The folder.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// A file operation failed.
    #[error("failed to access `{}`", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Locates a checkpoint by the name of its card in one of the folders `datasets`, by a path (of a folder in
/// transformers' layout, or of a file), or as a repository of the Hub, `owner/name` or `owner/name@revision`.
///
/// # Errors
/// Fails with a [`LocateError`], which says what was searched and how to download the checkpoint.
pub fn locate(wanted: &str, datasets: &[Folder], hub: &Hub) -> Result<Located, LocateError> {
    let names = EncoderCard::names(datasets);
    if names.contains(&wanted.to_lowercase()) {
        let diagnostics = Diagnostics::new();
        let card = EncoderCard::find(datasets, wanted, &diagnostics).map_err(|source| LocateError::Card {
            name: wanted.to_owned(),
            source: Box::new(source),
            mistakes: diagnostics.to_string(),
        })?;
        let path = match &card.origin {
            CheckpointOrigin::Hub { repository, revision } => {
                whole_snapshot(wanted, hub, repository, revision)?
            }
            CheckpointOrigin::File { url } => whole_file(wanted, hub, url)?,
        };
        return Ok(Located { path, card: Some(card) });
    }
    let path = Path::new(wanted);
    match path.try_exists() {
        Err(source) => return Err(LocateError::Unreadable { path: path.to_owned(), source }),
        Ok(true) => {
            if path.is_dir() {
                weights(path)
                    .map_err(|reason| LocateError::NoCheckpoint { path: path.to_owned(), reason })?;
            }
            return Ok(Located { path: path.to_owned(), card: None });
        }
        Ok(false) => {}
    }
    if let Some((repository, revision)) = parse_repository(wanted) {
        return Ok(Located { path: whole_snapshot(wanted, hub, &repository, revision)?, card: None });
    }
    if wanted.contains(['/', '\\']) || path.extension().is_some() {
        return Err(LocateError::NoPath { path: path.to_owned() });
    }
    Err(LocateError::Unknown { name: wanted.to_owned(), names })
}

/// Locates the folder of an exported model: from the folder `base`, from where the program was started, or as a repository of the
/// Hub. What it holds is for whoever reads it to say.
///
/// # Errors
/// Fails if the repository is not on this machine, or if there is no such folder.
pub fn locate_model(wanted: &str, base: Option<&Path>, hub: &Hub) -> Result<PathBuf, LocateError> {
    let beside = base.map(|base| base.join(wanted)).filter(|path| path.exists());
    let path = beside.unwrap_or_else(|| PathBuf::from(wanted));
    if path.exists() {
        return Ok(path);
    }
    let Some((repository, revision)) = parse_repository(wanted) else {
        return Err(LocateError::NoModel { path });
    };
    let snapshot = hub.snapshot(&repository, revision).filter(|folder| folder.is_dir());
    snapshot.ok_or_else(|| LocateError::MissingModel {
        name: wanted.to_owned(),
        looked: [path, hub.folder(&repository)],
    })
}

/// Parses `owner/name` or `owner/name@revision`; the revision defaults to `main`.
#[must_use]
pub fn parse_repository(text: &str) -> Option<(Repository, &str)> {
    let (repository, revision) = text.split_once('@').unwrap_or((text, "main"));
    let is_plain = !revision.is_empty()
        && revision.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && !revision.starts_with('.');
    Repository::parse(repository).filter(|_| is_plain).map(|repository| (repository, revision))
}

fn whole_snapshot(
    name: &str,
    hub: &Hub,
    repository: &Repository,
    revision: &str,
) -> Result<PathBuf, LocateError> {
    let missing = |looked, reason| LocateError::Missing { name: name.to_owned(), looked, reason };
    let Some(snapshot) = hub.snapshot(repository, revision) else {
        return Err(missing(hub.folder(repository), None));
    };
    match weights(&snapshot) {
        Ok(_) => Ok(snapshot),
        Err(reason) => Err(missing(snapshot, Some(reason))),
    }
}

/// Returns the downloaded file; downloads are renamed to their final name when complete.
fn whole_file(name: &str, hub: &Hub, url: &str) -> Result<PathBuf, LocateError> {
    let looked = hub.file(url);
    if looked.is_file() {
        return Ok(looked);
    }
    Err(LocateError::Missing { name: name.to_owned(), looked, reason: None })
}

fn valid(name: &str, names: &[String]) -> String {
    let all = affekt_config::list_names(names);
    match nearest(name, names.iter().map(String::as_str)) {
        _ if names.is_empty() => "there are no cards; a path or `owner/name` is possible too".to_owned(),
        Some(near) => {
            format!("did you mean `{near}`? there are {all}; a path or `owner/name` is possible too")
        }
        None => format!("there are {all}; a path or `owner/name` is possible too"),
    }
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(", and {reason}")).unwrap_or_default()
}

fn in_detail(mistakes: &str) -> String {
    if mistakes.is_empty() { String::new() } else { format!("\n{mistakes}") }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::card::tests::CARD;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    /// A folder with a card, and a cache with its checkpoint in huggingface_hub's layout.
    struct World(tempfile::TempDir);

    impl World {
        fn new() -> Self {
            let world = Self(tempfile::tempdir().unwrap());
            world.write("datasets/encoders/tiny.yaml", CARD);
            world
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn link(&self, name: &str, blob: &str) {
            let folder = "home/hub/models--somebody--tiny";
            self.write(&format!("{folder}/blobs/{blob}"), "{}");
            let path = self.0.path().join(folder).join("snapshots").join(COMMIT).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(format!("../../blobs/{blob}"), path).unwrap();
        }

        fn hub(&self) -> Hub {
            let folder = |name| Some(self.0.path().join(name).into_os_string());
            Hub::of(|variable| match variable {
                "HF_HOME" => folder("home"),
                "TORCH_HOME" => folder("torch"),
                _ => None,
            })
        }

        fn locate(&self, wanted: &str) -> Result<PathBuf, String> {
            let found = locate(wanted, &[self.0.path().join("datasets").into()], &self.hub());
            let short = |text: String| text.replace(self.0.path().to_str().unwrap(), "W");
            found.map(|located| located.path).map_err(|error| short(error.to_string()))
        }
    }

    #[test]
    fn what_transformers_fetched_is_found_by_card_and_by_repository() {
        let world = World::new();
        world.link(CONFIG, "aa");
        world.link(WEIGHTS[2], "bb");
        let folder = world.0.path().join("home/hub/models--somebody--tiny");
        let snapshot = folder.join("snapshots").join(COMMIT);
        assert_eq!(world.locate("tiny"), Ok(snapshot.clone()));
        assert_eq!(world.locate("Tiny"), Ok(snapshot.clone()));
        assert_eq!(world.locate(&format!("somebody/tiny@{COMMIT}")), Ok(snapshot.clone()));
        // Without a reference the commit of `main` is unknown.
        let told = world.locate("somebody/tiny").unwrap_err();
        let expected = "encoder `somebody/tiny` is not on this machine: looked in W/home/hub/models--somebody--tiny; \
                        `fetch somebody/tiny` downloads it";
        assert_eq!(told, expected);
        world.write("home/hub/models--somebody--tiny/refs/main", COMMIT);
        assert_eq!(world.locate("somebody/tiny"), Ok(snapshot));
    }

    #[test]
    fn what_pytorch_fetched_is_found_by_card() {
        let world = World::new();
        let card: Vec<_> = CARD.lines().filter(|line| !line.starts_with("re")).collect();
        let card = format!("{}\nurl: https://example.org/tiny.pt\n", card.join("\n"));
        world.write("datasets/encoders/tiny.yaml", &card);
        let told = world.locate("tiny").unwrap_err();
        let expected = "encoder `tiny` is not on this machine: looked in W/torch/hub/checkpoints/tiny.pt; \
                        `fetch tiny` downloads it";
        assert_eq!(told, expected);
        world.write("torch/hub/checkpoints/tiny.pt", "");
        assert_eq!(world.locate("tiny"), Ok(world.0.path().join("torch/hub/checkpoints/tiny.pt")));
    }

    #[test]
    fn what_is_half_there_is_not_there() {
        let world = World::new();
        world.link(CONFIG, "aa");
        let told = world.locate("tiny").unwrap_err();
        assert!(told.ends_with("`fetch tiny` downloads it"), "{told}");
        assert!(told.contains("it has no weights: neither `model.safetensors` nor"), "{told}");
        world.link(WEIGHTS[1], "bb");
        world
            .write("home/hub/models--somebody--tiny/blobs/bb", r#"{"weight_map": {"a": "one", "b": "two"}}"#);
        world.link("one", "cc");
        assert!(world.locate("tiny").unwrap_err().contains("the shard"));
        world.link("two", "dd");
        assert!(world.locate("tiny").is_ok());
        // A link to a blob that is not there is no file.
        fs::remove_file(world.0.path().join("home/hub/models--somebody--tiny/blobs/cc")).unwrap();
        assert!(world.locate("tiny").unwrap_err().contains("the shard"));
    }

    #[test]
    fn paths_and_wrong_names() {
        let world = World::new();
        world.write("own/model.pt", "");
        let file = world.0.path().join("own/model.pt");
        assert_eq!(world.locate(file.to_str().unwrap()), Ok(file.clone()));
        let told = world.locate(file.parent().unwrap().to_str().unwrap()).unwrap_err();
        assert_eq!(told, "`W/own` is not a checkpoint: it has no `config.json`");
        let told = world.locate("nowhere/at/all.pt").unwrap_err();
        assert!(told.starts_with("there is no file or folder `nowhere/at/all.pt`"), "{told}");
        let told = world.locate("tini").unwrap_err();
        assert!(told.starts_with("unknown encoder `tini`: did you mean `tiny`?"), "{told}");
        world.write("datasets/encoders/tiny.yaml", "name: tiny");
        let told = world.locate("tiny").unwrap_err();
        assert!(told.contains("the card needs `licence`"), "{told}");
    }

    #[test]
    fn repositories_are_plain_names() {
        assert!(Repository::parse("facebook/wav2vec2-large-xlsr-53").is_some());
        for bad in
            ["wav2vec2", "a/b/c", "../b", "a/..", "a/", "/b", "a/b--c", "a/b c", "-a/b", "a/.b", "a/b?c"]
        {
            assert_eq!(Repository::parse(bad), None, "{bad}");
        }
        assert_eq!(parse_repository("a/b").unwrap().1, "main");
        assert_eq!(parse_repository("a/b@v1.0").unwrap().1, "v1.0");
        assert_eq!(parse_repository("a/b@../c"), None);
    }

    #[test]
    fn shards_stay_in_their_folder() {
        let told = shards(r#"{"weight_map": {"a": "../../token"}}"#).unwrap_err();
        assert_eq!(told, "names a shard outside its folder: `../../token`");
        assert_eq!(shards(r#"{"weight_map": {}}"#).unwrap_err(), "names no shards");
        assert!(shards("[]").unwrap_err().starts_with("is not an index of shards"));
    }

    #[test]
    fn the_environment_says_where() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, OsString)> =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
            Hub::of(|wanted| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone()))
                .cache
        };
        assert_eq!(of(&[("HOME", "/me")]), Path::new("/me/.cache/huggingface/hub"));
        assert_eq!(of(&[("HOME", "/me"), ("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
        assert_eq!(of(&[("HOME", "/me"), ("HF_HOME", "~/hf")]), Path::new("/me/hf/hub"));
        assert_eq!(of(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/c")]), Path::new("/c"));
        assert_eq!(of(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "")]), Path::new("/hf/hub"));
    }
}
