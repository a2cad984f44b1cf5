//! Downloads checkpoints and exported models from the Hugging Face Hub, into the folders where `transformers` looks for them too.
//!
//! A file is asked for at `<endpoint>/<repository>/resolve/<revision>/<file>`. The answer's headers tell the commit
//! (`X-Repo-Commit`), the content (`X-Linked-ETag`: SHA-256, else `ETag`: git's SHA-1) and the size.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use affekt_atomic::{link_atomically, write_atomically};
use affekt_config::is_contained;
use affekt_encoders::hub::{self, CONFIG, PREPROCESSOR, WEIGHTS};
use affekt_encoders::{EncoderCard, Hub, Repository};
use affekt_ops::exported::{self, Exported};

use super::checksum::Checksum;
use super::download::{Request, download, size};
use super::http::{Client, HttpError, Token, host};
use super::progress::DownloadProgress;
use super::{lock, space};
use crate::exit::Stop;
use crate::out::{out, say};

const ENDPOINT: &str = "https://huggingface.co";

/// A configuration or an index is text; what is larger is something else. Read as JSON it takes some ten times as much memory.
const LARGEST_TEXT: u64 = 16 << 20;

/// What to fetch from the Hub.
pub struct Checkpoint<'c> {
    /// What the user called it.
    pub name: &'c str,
    /// Where it is.
    pub repository: &'c Repository,
    /// A branch, tag or commit.
    pub revision: &'c str,
    /// Its card, if it has one.
    pub card: Option<&'c EncoderCard>,
}

/// A file of a repository.
struct RemoteFile {
    name: String,
    url: String,
    etag: String,
    checksum: Checksum,
    /// Its size, where the server tells.
    bytes: Option<u64>,
}

/// Downloads a checkpoint, or says that it is there.
pub fn fetch(client: &Client, hub: &Hub, checkpoint: &Checkpoint) -> Result<(), Stop> {
    let Checkpoint { name, repository, revision, card } = checkpoint;
    let present = hub.snapshot(repository, revision).filter(|folder| is_whole(folder));
    // A commit never changes; a branch may have moved on.
    if let Some(folder) = present.as_ref().filter(|folder| folder.ends_with(revision) || is_offline()) {
        out!("{name} is there: {}", folder.display());
        return Ok(());
    }
    if is_offline() {
        return Err(Stop::failed(format!(
            "error: {name} is not in {}, and HF_HUB_OFFLINE is set\nhint: unset HF_HUB_OFFLINE",
            hub.folder(repository).display()
        )));
    }
    let server = Server::of_environment(client, hub, repository, name)?;
    let (commit, files) = server.files(revision)?;
    let snapshot = hub.folder(repository).join("snapshots").join(&commit);
    if files.iter().all(|file| snapshot.join(&file.name).is_file()) {
        write_reference(hub, repository, revision, &commit).map_err(|error| cannot_write(hub, &error))?;
        out!("{name} is there: {}", snapshot.display());
        return Ok(());
    }
    match card {
        Some(card) => super::introduce(&card.title, &card.licence, &card.citation),
        None => say!("{repository}: its licence stands at {}/{repository}", server.endpoint),
    }
    let missing = files.iter().filter(|file| !hub.has(repository, file));
    let missing: u64 = missing.filter_map(|file| file.bytes).sum();
    space::check(&hub.folder(repository), missing).map_err(|text| Stop::failed(format!("error: {text}")))?;
    for file in &files {
        server.fetch(hub, file)?;
    }
    link(hub, repository, &commit, &files).map_err(|error| cannot_write(hub, &error))?;
    server.write_references(hub, revision, &commit)?;
    let blobs = files.iter().filter_map(|file| fs::metadata(hub.blob(repository, file)).ok());
    let total = blobs.map(|blob| blob.len()).sum();
    say!("{name}: {} in {} files, all checksums verified", size(total), files.len());
    out!("{}", snapshot.display());
    Ok(())
}

/// The Hub, or a mirror of it, as one repository's visitor sees it.
struct Server<'s> {
    client: &'s Client,
    endpoint: String,
    token: Option<Token>,
    repository: &'s Repository,
    /// What the person called it.
    name: &'s str,
}

impl<'s> Server<'s> {
    fn of_environment(
        client: &'s Client,
        hub: &Hub,
        repository: &'s Repository,
        name: &'s str,
    ) -> Result<Self, Stop> {
        let endpoint = env::var("HF_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty());
        let endpoint = endpoint.unwrap_or_else(|| ENDPOINT.to_owned()).trim_end_matches('/').to_owned();
        if !endpoint.starts_with("https://") && !endpoint.starts_with("http://") {
            let text = format!("error: HF_ENDPOINT is `{endpoint}`, which is no address\nhint: {ENDPOINT}");
            return Err(Stop::wrong(text));
        }
        let token = secret(hub).and_then(|secret| Token::new(&endpoint, &secret));
        Ok(Self { client, endpoint, token, repository, name })
    }

    /// The commit that a revision is, and the files there: of a model that was exported, all that it names; of a checkpoint, the
    /// best form of its weights, its configuration, and how it prepares waveforms where it says so.
    fn files(&self, revision: &str) -> Result<(String, Vec<RemoteFile>), Stop> {
        let config = self.find(revision, CONFIG)?;
        let exported = self.find(config.as_ref().map_or(revision, |(commit, _)| commit), exported::FILE)?;
        let commit = [&exported, &config].into_iter().flatten().map(|(commit, _)| commit.clone()).next();
        let commit = commit.ok_or_else(|| {
            let why = format!(
                "neither `{CONFIG}` nor `{}`: no checkpoint in transformers' layout and no export",
                exported::FILE
            );
            self.refused(&why)
        })?;
        let find = |name: &str| Ok::<_, Stop>(self.find(&commit, name)?.map(|(_, file)| file));
        let mut files: Vec<RemoteFile> = Vec::new();
        if let Some((_, exported)) = exported {
            let named = self.named_by(&exported)?;
            files.push(exported);
            files.extend(config.map(|(_, config)| config));
            files.extend(find(PREPROCESSOR)?);
            for name in named {
                let missing =
                    || self.refused(&format!("its `{}` names `{name}`, which is not there", exported::FILE));
                files.push(find(&name)?.ok_or_else(missing)?);
            }
            return Ok((commit, files));
        }
        files.extend(config.map(|(_, config)| config));
        files.extend(find(PREPROCESSOR)?);
        for name in WEIGHTS {
            let Some(weights) = find(name)? else { continue };
            if hub::is_index(name) {
                let wrong = |why: String| self.refused(&format!("its `{name}` {why}"));
                for shard in hub::shards(&self.text(&weights)?).map_err(wrong)? {
                    let missing = || wrong(format!("names `{shard}`, which is not there"));
                    files.push(find(&shard)?.ok_or_else(missing)?);
                }
            }
            files.push(weights);
            return Ok((commit, files));
        }
        Err(self.refused(&format!("no weights: neither `{}` nor `{}`", WEIGHTS[0], WEIGHTS[2])))
    }

    /// The files that an export names beside its own.
    fn named_by(&self, file: &RemoteFile) -> Result<BTreeSet<String>, Stop> {
        let wrong = |why: &dyn std::fmt::Display| self.refused(&format!("its `{}`: {why}", exported::FILE));
        let exported: Exported = serde_json::from_str(&self.text(file)?).map_err(|error| wrong(&error))?;
        let names: BTreeSet<String> = exported.files().map(str::to_owned).collect();
        match names.iter().find(|name| !is_contained(name) || name.contains('/')) {
            Some(name) => Err(wrong(&format!("it names a file outside its folder: `{name}`"))),
            None => Ok(names),
        }
    }

    /// A file at a revision, and that revision's commit. `None` where the repository has no such file.
    fn find(&self, revision: &str, name: &str) -> Result<Option<(String, RemoteFile)>, Stop> {
        let url = self.url(revision, name);
        let say = |text: &str| say!("{text}");
        let metadata =
            match self.client.with_retries(&say, || self.client.metadata(&url, self.token.as_ref())) {
                Ok(metadata) => metadata,
                Err(error) if error.status == Some(404) && error.code.as_deref() != Some("RepoNotFound") => {
                    return match error.code.as_deref() {
                        Some("RevisionNotFound") => Err(self.failure(&error)),
                        _ => Ok(None),
                    };
                }
                Err(error) => return Err(self.failure(&error)),
            };
        let strange =
            |what: &str| self.refused(&format!("{} sent no {what} for `{name}`", host(&self.endpoint)));
        // It names a folder.
        let is_plain =
            |commit: &String| !commit.is_empty() && commit.bytes().all(|c| c.is_ascii_alphanumeric());
        let commit = metadata.commit.filter(is_plain).ok_or_else(|| strange("commit"))?;
        let etag = metadata.etag.ok_or_else(|| strange("ETag"))?;
        let file = RemoteFile {
            name: name.to_owned(),
            // Of the commit: a branch may move on before the download begins.
            url: self.url(&commit, name),
            checksum: Checksum::of_etag(&etag).ok_or_else(|| strange("checksum"))?,
            etag,
            bytes: metadata.bytes,
        };
        Ok(Some((commit, file)))
    }

    fn url(&self, revision: &str, name: &str) -> String {
        format!("{}/{}/resolve/{revision}/{name}", self.endpoint, self.repository)
    }

    fn text(&self, file: &RemoteFile) -> Result<String, Stop> {
        let say = |text: &str| say!("{text}");
        let get = || self.client.get(&file.url, &[], self.token.as_ref())?.read_text(LARGEST_TEXT);
        self.client.with_retries(&say, get).map_err(|error| self.failure(&error))
    }

    /// Downloads a file's content among the blobs.
    fn fetch(&self, hub: &Hub, file: &RemoteFile) -> Result<(), Stop> {
        let locked = hub.locks(self.repository).join(format!("{}.lock", file.etag));
        let _lock = lock::take(&locked, &|text| say!("{}: {text}", file.name))
            .map_err(|error| cannot_write(hub, &error))?;
        if hub.has(self.repository, file) {
            return Ok(());
        }
        let progress = DownloadProgress::new(&file.name, file.bytes);
        let request = Request {
            name: &file.name,
            url: &file.url,
            bytes: file.bytes,
            // Of large files the Hub says how long they are.
            limit: file.bytes.unwrap_or(LARGEST_TEXT),
            checksum: Some(&file.checksum),
            token: self.token.as_ref(),
        };
        let blob = hub.blob(self.repository, file);
        download(self.client, &request, &blob, &|bytes| progress.set(bytes), &|text| progress.warn(text))
            .map_err(|text| Stop::failed(format!("error: {}: {text}", self.name)))
    }

    /// Writes down which commit the revision is. A commit needs no reference, but whoever asks transformers for the
    /// repository asks for `main`: that is written where it is the same commit.
    fn write_references(&self, hub: &Hub, revision: &str, commit: &str) -> Result<(), Stop> {
        let write = |reference: &str| {
            write_reference(hub, self.repository, reference, commit)
                .map_err(|error| cannot_write(hub, &error))
        };
        if revision != commit {
            return write(revision);
        }
        match self.find("main", CONFIG) {
            Ok(Some((main, _))) if main == commit => write("main"),
            _ => {
                say!("the repository has moved on: in Python, ask for revision=\"{commit}\"");
                Ok(())
            }
        }
    }

    fn failure(&self, error: &HttpError) -> Stop {
        let hint = match (error.code.as_deref(), error.status) {
            (Some("GatedRepo"), _) => {
                let page = format!("{}/{}", self.endpoint, self.repository);
                format!("accept its conditions at {page}, then set HF_TOKEN")
            }
            (Some("RevisionNotFound"), _) => format!("`{}@main` is the newest there is", self.repository),
            (_, Some(401 | 403 | 404)) if self.token.is_some() => {
                "check the name, and that the token may read the repository".to_owned()
            }
            (_, Some(401 | 403 | 404)) => "check the name; for a private repository, set HF_TOKEN".to_owned(),
            _ => "check the network; a proxy is taken from HTTPS_PROXY, a mirror of the Hub from HF_ENDPOINT"
                .to_owned(),
        };
        Stop::failed(format!("error: failed to fetch {}: {}\nhint: {hint}", self.name, error.text))
    }

    fn refused(&self, why: &str) -> Stop {
        Stop::failed(format!(
            "error: failed to fetch {}: {why}\nhint: {}/{} shows what is there",
            self.name, self.endpoint, self.repository
        ))
    }
}

/// Whether a folder has all files of the export that it is, or of a checkpoint.
fn is_whole(folder: &Path) -> bool {
    match Exported::read(folder) {
        Ok(exported) => exported.files().all(|file| folder.join(file).is_file()),
        Err(_) => hub::weights(folder).is_ok(),
    }
}

/// Where blobs of a repository lie.
trait Blobs {
    fn blob(&self, repository: &Repository, file: &RemoteFile) -> PathBuf;
    /// Whether a file's content is there. It was verified when it got its name.
    fn has(&self, repository: &Repository, file: &RemoteFile) -> bool;
}

impl Blobs for Hub {
    fn blob(&self, repository: &Repository, file: &RemoteFile) -> PathBuf {
        self.folder(repository).join("blobs").join(&file.etag)
    }

    fn has(&self, repository: &Repository, file: &RemoteFile) -> bool {
        let blob = fs::metadata(self.blob(repository, file));
        blob.is_ok_and(|blob| file.bytes.is_none_or(|bytes| bytes == blob.len()))
    }
}

/// Gives the files their names at a commit, the first last: without it a folder is no checkpoint, and no export.
fn link(hub: &Hub, repository: &Repository, commit: &str, files: &[RemoteFile]) -> io::Result<()> {
    let folder = hub.folder(repository).join("snapshots").join(commit);
    fs::create_dir_all(&folder)?;
    for file in files.iter().rev() {
        let name = folder.join(&file.name);
        let blob = Path::new("../../blobs").join(&file.etag);
        link_atomically(&blob, &name)?;
    }
    Ok(())
}

fn write_reference(hub: &Hub, repository: &Repository, name: &str, commit: &str) -> io::Result<()> {
    if name == commit {
        return Ok(());
    }
    let folder = hub.folder(repository).join("refs");
    fs::create_dir_all(&folder)?;
    write_atomically(&folder.join(name), |unfinished| fs::write(unfinished, commit))
}

fn cannot_write(hub: &Hub, error: &io::Error) -> Stop {
    let hint = "name another folder by HF_HOME";
    Stop::failed(format!("error: failed to write in {}: {error}\nhint: {hint}", hub.cache().display()))
}

/// Tells whether the person has a token.
pub fn has_token(hub: &Hub) -> bool {
    secret(hub).is_some()
}

/// The person's token: `HF_TOKEN`, else the file that `HF_TOKEN_PATH` names, else `HF_HOME/token`.
fn secret(hub: &Hub) -> Option<String> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    variable("HF_TOKEN").or_else(|| variable("HUGGING_FACE_HUB_TOKEN")).or_else(|| {
        let path = variable("HF_TOKEN_PATH").map_or_else(|| hub.home().join("token"), PathBuf::from);
        fs::read_to_string(path).ok()
    })
}

/// Whether the environment forbids to ask the Hub.
fn is_offline() -> bool {
    let is_on = |name: &str| {
        env::var(name).is_ok_and(|value| ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str()))
    };
    is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE")
}
