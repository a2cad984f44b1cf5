//! `cache gc`: what nobody needs goes, and with `--max-size` what is cheapest to compute again.

use std::collections::BTreeMap;
use std::time::Duration;

use affekt_graph::{Eviction, Keep, Retention, Store};
use affekt_ops::Kind;
use serde::Serialize;

use crate::context::print_json;
use crate::exit::{Exit, Stop};
use crate::out::{out, say};
use crate::size::{self, size};

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Drop results until the store holds no more than this, as in `20G`. What is pinned, recent, made on a GPU (it would not
    /// be the same bytes again), or part of a finished run stays
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_size: Option<u64>,
    /// For how many days a result that was made or used counts as recent
    #[arg(long, value_name = "DAYS", default_value_t = 7, requires = "max_size")]
    recent: u64,
    /// Drop these, too, if it takes that
    #[arg(long, value_name = "WHAT", value_delimiter = ',', requires = "max_size")]
    also: Vec<Also>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Also {
    /// What finished runs are made of: their folders stay
    Runs,
    /// What is recent
    Recent,
    /// What would not be the same bytes again
    Irreproducible,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Freed {
    version: u32,
    dry_run: bool,
    /// What nobody needs, in bytes.
    leftovers: u64,
    #[serde(flatten)]
    eviction: Option<Eviction>,
}

/// Frees space.
pub fn gc(store: &Store, arguments: &Arguments, json: bool) -> Result<Exit, Stop> {
    let dry_run = arguments.dry_run;
    let leftovers = store.gc(is_passing, dry_run)?;
    let eviction = match arguments.max_size {
        None => None,
        Some(max_bytes) => {
            let retention = Retention {
                max_bytes,
                recent: Duration::from_secs(arguments.recent * 24 * 3600),
                disregarded: arguments.also.iter().map(|also| also.keep()).collect(),
            };
            let eviction = store.plan_eviction(&retention, if dry_run { leftovers } else { 0 })?;
            if !dry_run {
                store.evict(&eviction)?;
            }
            Some(eviction)
        }
    };
    if json {
        return print_json(&Freed { version: 1, dry_run, leftovers, eviction });
    }
    let dropped = eviction.as_ref().map_or(0, |eviction| eviction.dropped.iter().map(|it| it.bytes).sum());
    if let Some(eviction) = &eviction {
        tell(eviction, arguments.max_size.unwrap_or(u64::MAX));
    }
    out!("{} {}", size(leftovers + dropped), if dry_run { "would be freed" } else { "freed" });
    Ok(Exit::Done)
}

/// Says what results go, what it costs to get them back, and why the others stay.
fn tell(eviction: &Eviction, max_bytes: u64) {
    let mut by_op: BTreeMap<&str, (usize, u64, f64)> = BTreeMap::new();
    for dropped in &eviction.dropped {
        let sum = by_op.entry(&dropped.op).or_default();
        *sum = (sum.0 + 1, sum.1 + dropped.bytes, sum.2 + dropped.seconds);
    }
    for (op, (results, bytes, seconds)) in &by_op {
        out!("{op:<16} {results:>7} results {:>12}, {} to compute again", size(*bytes), time(*seconds));
    }
    if by_op.len() > 1 {
        let seconds = eviction.dropped.iter().map(|dropped| dropped.seconds).sum();
        out!("{} of computation to get all of it back", time(seconds));
    }
    let kept = eviction.kept.iter().map(|(keep, (results, bytes))| {
        let why = match keep {
            Keep::Pinned => "pinned",
            Keep::Irreproducible => "not reproducible",
            Keep::Run => "of finished runs",
            Keep::Recent => "recent",
        };
        format!("{results} {why} ({})", size(*bytes))
    });
    let kept: Vec<String> = kept.collect();
    if !kept.is_empty() {
        out!("kept: {}", kept.join(", "));
    }
    if eviction.bytes_after > max_bytes {
        say!(
            "warning: what is kept is more than {}: {} (`--also runs,recent,irreproducible` drops what is not pinned)",
            size(max_bytes),
            size(eviction.bytes_after)
        );
    }
}

impl Also {
    const fn keep(self) -> Keep {
        match self {
            Self::Runs => Keep::Run,
            Self::Recent => Keep::Recent,
            Self::Irreproducible => Keep::Irreproducible,
        }
    }
}

fn time(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    indicatif::HumanDuration(Duration::from_secs_f64(seconds)).to_string()
}

/// What only a search in progress reads: states of trainings, of which there are many and which are large.
fn is_passing(op: &str, output: &str) -> bool {
    let outputs = affekt_ops::find(op).map_or(&[][..], |definition| definition.outputs);
    outputs.iter().any(|known| known.name == output && known.kind == Kind::TrainingState)
}
