//! A folder on a host that the user's own `sftp` reaches: with their configuration, keys and agent.
//!
//! Each call is one connection, or a few at a time where there is much to move, each with a list of commands. A file is sent under
//! another name and renamed. That it arrives as it was sent is SSH's own promise; whoever fetches it verifies it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{RemoteError, local};
use crate::item::Item;
use crate::location::Host;
use crate::parallel::in_parallel;
use crate::remote::{Listable, Remote, Transfer};

/// How many files one connection moves before another one takes over, where several are under way.
const FILES_A_CONNECTION: usize = 64;

/// How long a host may take to answer, in seconds.
const CONNECT_TIMEOUT_S: u32 = 20;

/// A folder on a host.
#[derive(Debug)]
pub struct SshRemote {
    host: Host,
}

impl SshRemote {
    /// Names one; nothing is asked yet.
    #[must_use]
    pub const fn new(host: Host) -> Self {
        Self { host }
    }

    fn quoted(&self, path: &str) -> String {
        quoted(&format!("{}/{path}", self.host.folder))
    }

    /// Runs commands in one connection; what they print. Those that begin with `-` may fail.
    fn session(&self, action: &'static str, commands: &str) -> Result<String, RemoteError> {
        let failed = |cause: String| RemoteError::Remote { action, remote: self.name(), cause };
        let batch = tempfile::NamedTempFile::new().map_err(|error| failed(error.to_string()))?;
        fs::write(batch.path(), commands).map_err(local("write", batch.path()))?;
        let mut sftp = Command::new("sftp");
        sftp.arg("-b").arg(batch.path());
        sftp.arg("-o").arg(format!("ConnectTimeout={CONNECT_TIMEOUT_S}"));
        if let Some(port) = self.host.port {
            sftp.arg("-P").arg(port.to_string());
        }
        sftp.arg("--").arg(&self.host.destination).stdin(Stdio::null());
        let output = sftp.output().map_err(|error| failed(format!("`sftp` cannot be started ({error})")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let told = String::from_utf8_lossy(&output.stderr);
        let told = told.lines().map(str::trim).rfind(|line| !line.is_empty());
        Err(failed(told.unwrap_or("`sftp` failed without a word").to_owned()))
    }
}

impl Remote for SshRemote {
    fn name(&self) -> String {
        self.host.to_string()
    }

    fn sizes(&self, items: &[Item]) -> Result<Vec<Option<u64>>, RemoteError> {
        let commands: String =
            items.iter().map(|item| format!("-ls -ln {}\n", self.quoted(&item.path()))).collect();
        let told = self.session("ask", &commands)?;
        // `-rw-r--r--  1 1000 1000 2048 Nov 29 03:00 /srv/affekt/objects/ab/abcd…`
        let mut sizes = BTreeMap::new();
        for line in told.lines().filter(|line| line.starts_with('-')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let (Some(size), Some(name)) = (words.get(4).and_then(|size| size.parse().ok()), words.last())
            {
                sizes.insert(name.rsplit('/').next().unwrap_or(name).to_owned(), size);
            }
        }
        let name = |item: &Item| item.path().rsplit('/').next().unwrap_or_default().to_owned();
        Ok(items.iter().map(|item| sizes.get(&name(item)).copied()).collect())
    }

    fn get(&self, transfers: &[Transfer]) -> Result<Vec<bool>, RemoteError> {
        let chunks: Vec<&[Transfer]> = transfers.chunks(FILES_A_CONNECTION).collect();
        in_parallel(&chunks, |chunk| {
            let mut commands = String::new();
            for Transfer { item, file, .. } in *chunk {
                // Writing to a string does not fail.
                let _ = writeln!(commands, "-get {} {}", self.quoted(&item.path()), quoted_file(file));
            }
            self.session("fetch from", &commands)
        })?;
        Ok(transfers.iter().map(|transfer| transfer.file.is_file()).collect())
    }

    fn put(&self, transfers: &[Transfer]) -> Result<(), RemoteError> {
        let folders: BTreeSet<String> = transfers
            .iter()
            .flat_map(|transfer| {
                let path = transfer.item.path();
                let ends: Vec<usize> = path.match_indices('/').map(|(end, _)| end).collect();
                ends.into_iter().map(|end| path[..end].to_owned()).collect::<Vec<_>>()
            })
            .collect();
        let above = self.host.folder.match_indices('/').map(|(end, _)| &self.host.folder[..end]);
        let above = above.filter(|folder| !folder.is_empty()).chain([self.host.folder.as_str()]);
        let mut commands: String = above.map(|folder| format!("-mkdir {}\n", quoted(folder))).collect();
        commands.extend(folders.iter().map(|folder| format!("-mkdir {}\n", self.quoted(folder))));
        self.session("make folders at", &commands)?;
        let chunks: Vec<&[Transfer]> = transfers.chunks(FILES_A_CONNECTION).collect();
        in_parallel(&chunks, |chunk| {
            let mut commands = String::new();
            for Transfer { item, file, .. } in *chunk {
                let path = item.path();
                let aside = self.quoted(&format!("{path}.writing-{}", std::process::id()));
                let _ = writeln!(
                    commands,
                    "put {} {aside}\nrename {aside} {}",
                    quoted_file(file),
                    self.quoted(&path)
                );
            }
            self.session("send to", &commands)
        })
        .map(drop)
    }

    fn list(&self, what: Listable) -> Result<Vec<Item>, RemoteError> {
        let told = self.session("list", &format!("-ls -1 {}/*/*\n", self.quoted(what.folder())))?;
        let start = format!("/{}/", what.folder());
        let item = |line: &str| {
            let at = line.find(&start)?;
            Item::parse(&line[at + 1..])
        };
        let mut items: Vec<Item> =
            told.lines().filter(|line| !line.starts_with("sftp>")).filter_map(item).collect();
        items.sort();
        Ok(items)
    }
}

/// A path as `sftp` reads it. Quotes and backslashes are in no location; names in a store have none.
fn quoted(path: &str) -> String {
    format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
}

fn quoted_file(file: &Path) -> String {
    quoted(&file.to_string_lossy())
}
