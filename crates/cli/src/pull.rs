//! `pull`: results from a place elsewhere.

use std::path::{Path, PathBuf};

use affekt_graph::Store;
use affekt_remote::{Access, Location, pull as fetch};
use serde::Serialize;

use crate::context::print_json;
use crate::exit::{Exit, Stop};
use crate::out::{out, say};
use crate::place;
use crate::progress::MovingBar;
use crate::size::size;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where from: a folder, ssh://[USER@]HOST[:PORT]/FOLDER or s3://BUCKET[/PREFIX]
    #[arg(value_name = "SRC")]
    from: Location,
    /// Experiments (`quickstart`, or their files) for all runs that were pushed, or runs (`quickstart/20260131-120000`);
    /// without any, all results
    #[arg(value_name = "EXPERIMENT[/RUN]")]
    what: Vec<String>,
    /// The store of results [default: $AFFEKT_CACHE, else .affekt]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Fetched {
    version: u32,
    results: u64,
    fetched: u64,
    objects: u64,
    bytes: u64,
    missing: u64,
    refused: Vec<String>,
}

/// Fetches results.
pub fn pull(arguments: &Arguments) -> Result<Exit, Stop> {
    let remote = affekt_remote::open(&arguments.from, Access::Read)?;
    let store = Store::open(&place::cache(arguments.cache.as_deref())?)?;
    let runs: Vec<String> = arguments.what.iter().map(|what| run_name(what)).collect();
    let bar = MovingBar::new();
    let pulled = fetch(&store, &*remote, &runs, &mut |progress| bar.show(progress))?;
    bar.finish();
    let exit = if pulled.refused.is_empty() { Exit::Done } else { Exit::Failed };
    let refused: Vec<String> = pulled.refused.iter().map(affekt_remote::Item::path).collect();
    for item in &refused {
        say!("error: {item} at {} is damaged and was refused", arguments.from);
    }
    if arguments.json {
        let affekt_remote::Pulled { results, fetched, objects, bytes, missing, .. } = pulled;
        print_json(&Fetched { version: 1, results, fetched, objects, bytes, missing, refused })?;
        return Ok(exit);
    }
    if pulled.missing > 0 {
        say!("note: {} objects are not there; they are computed again when needed", pulled.missing);
    }
    out!(
        "{} results of {}: {} fetched now, with {} objects ({})",
        pulled.results,
        arguments.from,
        pulled.fetched,
        pulled.objects,
        size(pulled.bytes)
    );
    Ok(exit)
}

/// `experiments/quickstart.yaml` and `quickstart` name the same.
fn run_name(what: &str) -> String {
    let path = Path::new(what);
    let is_experiment = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    match path.file_stem() {
        Some(stem) if is_experiment => stem.to_string_lossy().into_owned(),
        _ => what.to_owned(),
    }
}
