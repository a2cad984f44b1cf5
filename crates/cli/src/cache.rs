//! `cache`: the store's size, health and waste.

use std::path::PathBuf;

use affekt_graph::Store;
use affekt_ops::Kind;

use crate::context::print_json;
use crate::exit::{Exit, Stop};
use crate::out::out;
use crate::place;

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
    /// Remove what no result names, the quarantine, leftovers of killed runs, and states of trials
    Gc,
}

/// Looks after the store.
pub fn cache(arguments: &Arguments) -> Result<Exit, Stop> {
    let root = place::cache(arguments.cache.as_deref())?;
    if !Store::is_in(&root) {
        return Err(Stop::wrong(format!("error: there is no store in {}", root.display())));
    }
    let store = Store::open(&root)?;
    match arguments.what {
        What::Du => {
            let usage = store.usage()?;
            if arguments.json {
                return print_json(&usage);
            }
            let total: u64 = usage.by_op.values().map(|(_, bytes)| bytes).sum();
            for (op, (objects, bytes)) in &usage.by_op {
                out!("{op:<12} {objects:>7} objects {:>12}", size(*bytes));
            }
            let (objects, bytes) = usage.unnamed;
            out!("{:<12} {objects:>7} objects {:>12}", "unnamed", size(bytes));
            out!("unfinished work {}, other {}", size(usage.work_bytes), size(usage.other_bytes));
            let all = total + bytes + usage.work_bytes + usage.other_bytes;
            out!("{} results, {} in {}", usage.results, size(all), root.display());
            Ok(Exit::Done)
        }
        What::Fsck => {
            let found = store.fsck()?;
            if arguments.json {
                return print_json(&found);
            }
            for digest in &found.damaged {
                out!("damaged: {digest} (quarantined; computed again when needed)");
            }
            for path in &found.bad_records {
                out!("damaged record removed: {}", path.display());
            }
            out!(
                "{} objects verified, {} damaged, {} outputs not stored",
                found.verified,
                found.damaged.len(),
                found.missing
            );
            Ok(Exit::Done)
        }
        What::Gc => {
            out!("{} freed", size(store.gc(is_passing)?));
            Ok(Exit::Done)
        }
    }
}

/// What only a search in progress reads: states of trainings, of which there are many and which are large.
fn is_passing(op: &str, output: &str) -> bool {
    let outputs = affekt_ops::find(op).map_or(&[][..], |definition| definition.outputs);
    outputs.iter().any(|known| known.name == output && known.kind == Kind::TrainingState)
}

fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
