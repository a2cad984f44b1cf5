//! `path`: where a node's finished artefact lies.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use affekt_atomic::make_folder_atomically;
use affekt_graph::{Node, NodeIndex, Work, hash_bytes};

use crate::context::{ExperimentArguments, ExperimentContext, Viewed};
use crate::exit::{Exit, Stop, error};
use crate::out::out;
use crate::place;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    experiment: ExperimentArguments,
    /// The node, or one of its outputs: `mfcc`, `train[fold=1,seed=1]`, `train[fold=1,seed=1].history`
    node: String,
}

/// Prints the path. For a node in shards it is a folder with one link a shard.
pub fn path(arguments: &Arguments) -> Result<Exit, Stop> {
    let context = ExperimentContext::open(&arguments.experiment)?;
    let viewed = context.view(None)?;
    let (name, output) = split_output(&arguments.node);
    let at = viewed.position(name)?;
    let node = &viewed.walk.graph().nodes()[at];
    let output = output.unwrap_or_else(|| node.outputs[0].clone());
    if !node.outputs.contains(&output) {
        let outputs = affekt_config::list_names(&node.outputs);
        return Err(Stop::wrong(format!("error: `{name}` has no output `{output}`\nhint: it has {outputs}")));
    }
    let path = match (&node.work, viewed.walk.yielded(at)) {
        (Work::Grow(_), Some(yielded)) if node.id.is_pattern() => {
            let nodes = viewed.walk.graph().nodes();
            let ids: Vec<&str> = yielded.iter().map(|at| nodes[*at].id.as_str()).collect();
            let shown = affekt_config::list_names(&ids);
            return Err(Stop::wrong(format!("error: `{name}` is many nodes\nhint: ask for one of {shown}")));
        }
        (Work::Grow(_), Some(_)) => shards(&context, &viewed, node, &output)?,
        (Work::Grow(_), None) => None,
        _ => viewed.finished(at, &output).and_then(|object| object.path().canonicalize().ok()),
    };
    match path {
        Some(path) => {
            out!("{}", path.display());
            Ok(Exit::Done)
        }
        None => Err(Stop::failed(format!(
            "error: `{name}` is not finished\nhint: run `{} run {}` first",
            place::program(),
            arguments.experiment.file.display()
        ))),
    }
}

/// A folder of links to all shards, in the store and named for them.
fn shards(
    context: &ExperimentContext,
    viewed: &Viewed<'_>,
    node: &Node,
    output: &str,
) -> Result<Option<PathBuf>, Stop> {
    let shard = |(at, output): &(NodeIndex, &str)| viewed.finished(*at, output)?.path().canonicalize().ok();
    let outputs = viewed.walk.outputs(&node.source(output)).unwrap_or_default();
    let shards: Option<Vec<PathBuf>> = outputs.iter().map(shard).collect();
    let Some(shards) = shards.filter(|shards| !shards.is_empty()) else { return Ok(None) };
    let digest = hash_bytes(format!("{shards:?}").as_bytes());
    let folder = context.store.root().join("folders").join(digest.short());
    let fill = |unfinished: &Path| {
        let link = |(number, shard)| symlink(shard, unfinished.join(format!("{number:04}.arrow")));
        shards.iter().enumerate().try_for_each(link)
    };
    let made = || -> std::io::Result<PathBuf> {
        if !folder.is_dir() {
            fs::create_dir_all(folder.parent().unwrap_or(Path::new(".")))?;
            make_folder_atomically(&folder, fill)?;
        }
        folder.canonicalize()
    };
    made().map(Some).map_err(|cause| error("failed to make the folder of shards", &cause))
}

/// `train[fold=1].history` → the node and the output.
fn split_output(name: &str) -> (&str, Option<String>) {
    match name.rsplit_once('.') {
        Some((node, output)) if !output.contains(']') => (node, Some(output.to_owned())),
        _ => (name, None),
    }
}
