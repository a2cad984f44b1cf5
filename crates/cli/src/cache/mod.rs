//! `cache`: the store's size, health and waste, and what is kept in it.

mod gc;
mod pins;

use std::path::PathBuf;

use affekt_graph::Store;

use crate::context::print_json;
use crate::exit::{Exit, Stop};
use crate::out::out;
use crate::place;
use crate::size::size;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The store of results [default: $AFFEKT_CACHE, else .affekt]
    #[arg(long, value_name = "DIR", global = true)]
    cache: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum What {
    /// How large it is, by op
    Du,
    /// Verify every byte; what is damaged is quarantined and computed again when needed
    Fsck,
    /// Remove what no result names, the quarantine, leftovers of killed runs, and states of trials; with `--max-size` also
    /// results, those first that are cheapest to compute again, byte for byte
    Gc(gc::Arguments),
    /// Keep results, whatever is removed
    Pin(pins::Arguments),
    /// Take pins back
    Unpin(pins::Arguments),
    /// List what is pinned
    Pins,
}

/// Looks after the store.
pub fn cache(arguments: &Arguments) -> Result<Exit, Stop> {
    let store = existing(arguments.cache.as_deref())?;
    match &arguments.what {
        What::Du => du(&store, arguments.json),
        What::Fsck => fsck(&store, arguments.json),
        What::Gc(rest) => gc::gc(&store, rest, arguments.json),
        What::Pin(rest) => pins::pin(&store, rest),
        What::Unpin(rest) => pins::unpin(&store, rest),
        What::Pins => pins::pins(&store, arguments.json),
    }
}

/// Opens a store that is there.
pub fn existing(given: Option<&std::path::Path>) -> Result<Store, Stop> {
    let root = place::cache(given)?;
    if !Store::is_in(&root) {
        return Err(Stop::wrong(format!("error: there is no store in {}", root.display())));
    }
    Ok(Store::open(&root)?)
}

fn du(store: &Store, json: bool) -> Result<Exit, Stop> {
    let usage = store.usage()?;
    if json {
        return print_json(&usage);
    }
    let total: u64 = usage.by_op.values().map(|(_, bytes)| bytes).sum();
    for (op, (objects, bytes)) in &usage.by_op {
        out!("{op:<12} {objects:>7} objects {:>12}", size(*bytes));
    }
    let (objects, bytes) = usage.unnamed;
    out!("{:<12} {objects:>7} objects {:>12}", "unnamed", size(bytes));
    out!("unfinished work {}, other {}", size(usage.work_bytes), size(usage.other_bytes));
    if usage.pinned.0 > 0 {
        out!("pinned: {} objects {} (`cache pins` lists why)", usage.pinned.0, size(usage.pinned.1));
    }
    let all = total + bytes + usage.work_bytes + usage.other_bytes;
    out!("{} results, {} in {}", usage.results, size(all), store.root().display());
    Ok(Exit::Done)
}

fn fsck(store: &Store, json: bool) -> Result<Exit, Stop> {
    let found = store.fsck()?;
    if json {
        return print_json(&found);
    }
    for digest in &found.damaged {
        out!("damaged: {digest} (quarantined; computed again when needed)");
    }
    for digest in &found.mended {
        out!("mended: {digest} (its digest tree was damaged)");
    }
    for path in &found.bad_records {
        out!("damaged record removed: {}", path.display());
    }
    for path in &found.bad_lists {
        out!("damaged list of results quarantined: {}", path.display());
    }
    out!(
        "{} objects verified, {} damaged, {} outputs not stored",
        found.verified,
        found.damaged.len(),
        found.missing
    );
    Ok(Exit::Done)
}
