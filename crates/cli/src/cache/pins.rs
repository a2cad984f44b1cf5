//! `cache pin`, `unpin`, `pins`: results that stay, whatever is removed.

use std::collections::BTreeSet;
use std::path::Path;

use affekt_graph::{Key, Listed, Listing, Store};

use crate::context::print_json;
use crate::exit::{Exit, Stop};
use crate::finished::FinishedRun;
use crate::out::out;

/// The commands' arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Run folders (`runs/NAME/latest`), or keys as `explain` prints them
    #[arg(required = true)]
    what: Vec<String>,
    /// Of the runs only these nodes: `train`, `train[fold=1,seed=1]`
    #[arg(long, value_name = "NODE")]
    node: Vec<String>,
}

/// Pins results.
pub fn pin(store: &Store, arguments: &Arguments) -> Result<Exit, Stop> {
    for listing in listings(arguments)? {
        let is_here = |key: &&Key| store.lookup(**key).is_some();
        let here = listing.keys.iter().filter(is_here).count();
        if here == 0 {
            let (name, root) = (&listing.name, store.root().display());
            return Err(Stop::wrong(format!("error: no result of {name} is in {root}")));
        }
        store.list(Listed::Pin, &listing)?;
        out!("{} pinned: {}", count(here), listing.name);
    }
    Ok(Exit::Done)
}

/// Takes pins back.
pub fn unpin(store: &Store, arguments: &Arguments) -> Result<Exit, Stop> {
    for listing in listings(arguments)? {
        if !store.unlist(Listed::Pin, &listing)? {
            let name = &listing.name;
            return Err(Stop::wrong(format!(
                "error: {name} is not pinned\nhint: `cache pins` lists what is, as it was pinned"
            )));
        }
        out!("no longer pinned: {}", listing.name);
    }
    Ok(Exit::Done)
}

/// Lists what is pinned.
pub fn pins(store: &Store, json: bool) -> Result<Exit, Stop> {
    let pins = store.listings(Listed::Pin)?;
    if json {
        return print_json(&pins);
    }
    for pin in &pins {
        out!("{} ({})", pin.name, count(pin.keys.len()));
    }
    if pins.is_empty() {
        out!("nothing is pinned");
    }
    Ok(Exit::Done)
}

/// One list for each thing that is named, and each node of it.
fn listings(arguments: &Arguments) -> Result<Vec<Listing>, Stop> {
    let mut listings = Vec::new();
    for what in &arguments.what {
        if let Ok(key) = what.parse::<Key>() {
            listings.push(Listing::new(format!("key {key}"), None, BTreeSet::from([key])));
            continue;
        }
        let run = FinishedRun::read(Path::new(what))?;
        if arguments.node.is_empty() {
            listings.push(Listing::new(run.name.clone(), None, run.keys(None)?));
        }
        for node in &arguments.node {
            let name = format!("{} {node}", run.name);
            listings.push(Listing::new(name, None, run.keys(Some(node))?));
        }
    }
    Ok(listings)
}

fn count(results: usize) -> String {
    format!("{results} result{}", if results == 1 { "" } else { "s" })
}
