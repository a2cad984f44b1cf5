//! `push`: results to a place elsewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use affekt_graph::{Key, Listed, Listing};
use affekt_remote::{Access, Location, push as send};
use serde::Serialize;

use crate::cache::existing;
use crate::context::print_json;
use crate::exit::{Exit, Stop};
use crate::finished::FinishedRun;
use crate::out::{out, say};
use crate::progress::MovingBar;
use crate::size::size;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where to: a folder, ssh://[USER@]HOST[:PORT]/FOLDER or s3://BUCKET[/PREFIX]
    #[arg(value_name = "DEST")]
    to: Location,
    /// Run folders, or experiments (`experiments/quickstart.yaml`) for their latest run; without any, all results
    #[arg(value_name = "FILE|RUN")]
    what: Vec<PathBuf>,
    /// The store of results [default: $AFFEKT_CACHE, else .affekt]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Where run folders are
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Sent {
    version: u32,
    results: u64,
    sent: u64,
    objects: u64,
    bytes: u64,
    unknown: u64,
}

/// Sends results.
pub fn push(arguments: &Arguments) -> Result<Exit, Stop> {
    let store = existing(arguments.cache.as_deref())?;
    let (mut keys, mut runs): (BTreeSet<Key>, Vec<Listing>) = Default::default();
    for what in &arguments.what {
        let run = FinishedRun::read(&run_folder(what, &arguments.runs))?;
        let of_run = run.keys(None)?;
        keys.extend(of_run.iter().copied());
        runs.push(Listing::new(run.name, None, of_run));
    }
    if arguments.what.is_empty() {
        keys = store.keys()?;
        runs = store.listings(Listed::Run)?;
    }
    let remote = affekt_remote::open(&arguments.to, Access::Write)?;
    let bar = MovingBar::new();
    let pushed = send(&store, &*remote, &keys, &runs, &mut |progress| bar.show(progress))?;
    bar.finish();
    if arguments.json {
        let affekt_remote::Pushed { results, sent, objects, bytes, unknown } = pushed;
        return print_json(&Sent { version: 1, results, sent, objects, bytes, unknown });
    }
    if pushed.unknown > 0 {
        say!("warning: {} results of these runs are no longer in {}", pushed.unknown, store.root().display());
    }
    out!(
        "{} results at {}: {} sent now, with {} objects ({})",
        pushed.results,
        arguments.to,
        pushed.sent,
        pushed.objects,
        size(pushed.bytes)
    );
    Ok(Exit::Done)
}

/// The folder of a run, or of an experiment's latest.
fn run_folder(what: &Path, runs: &Path) -> PathBuf {
    let is_experiment = what.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    match what.file_stem() {
        Some(stem) if is_experiment => runs.join(stem).join("latest"),
        _ => what.to_owned(),
    }
}
