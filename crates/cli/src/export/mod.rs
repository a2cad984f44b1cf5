//! `export`: a trained network as a folder that works by itself, wherever it is copied to.

mod card;
mod steps;
mod trained_on;
mod weights;

use std::fs;
use std::path::{Path, PathBuf};

use affekt_atomic::make_folder_atomically;
use affekt_domain::Task;
use affekt_graph::{Node, NodeIndex, Work};
use affekt_ops::Purpose;
use affekt_ops::exported::{self, Exported};
use affekt_pipeline::Variant;
use affekt_spec::protocol::Protocol;

use crate::context::{ExperimentArguments, ExperimentContext, Viewed};
use crate::exit::{Exit, Stop, error};
use crate::out::out;
use crate::place;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    experiment: ExperimentArguments,
    /// The training: `train[fold=1,seed=1]`
    node: String,
    /// The folder to make
    folder: PathBuf,
}

/// Makes the folder: whole or not at all.
pub fn export(arguments: &Arguments) -> Result<Exit, Stop> {
    let Arguments { experiment, node: name, folder } = arguments;
    let context = ExperimentContext::open(experiment)?;
    let viewed = context.view(None)?;
    let at = viewed.position(name)?;
    if !is_training(&viewed.walk.graph().nodes()[at]) {
        let node = &viewed.walk.graph().nodes()[at];
        return Err(Stop::wrong(format!(
            "error: `{name}` is no training but `{}`\nhint: {}",
            node.op,
            trainings(&viewed)
        )));
    }
    let unfinished = || {
        let file = experiment.file.display();
        Stop::failed(format!(
            "error: `{name}` is not finished\nhint: run `{} run {file}` first",
            place::program()
        ))
    };
    if viewed.finished(at, "model").is_none() {
        return Err(unfinished());
    }
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let folder = folder.display();
        return Err(Stop::wrong(format!(
            "error: {folder} is there already, and not empty\nhint: name another"
        )));
    }
    write(&context, &viewed, at, folder)?;
    out!("{}", folder.display());
    Ok(Exit::Done)
}

/// Exports the model of every variant that trains one on everything into `run`, the folder of its run. Returns their folders.
pub fn final_models(context: &ExperimentContext, run: &Path) -> Result<Vec<PathBuf>, Stop> {
    let is_final = |variant: &&Variant| variant.protocol == Protocol::None;
    let variants: Vec<&Variant> = context.experiment.variants.iter().filter(is_final).collect();
    if variants.is_empty() {
        return Ok(Vec::new());
    }
    let viewed = context.view(None)?;
    let mut folders = Vec::new();
    for variant in &variants {
        for training in variant.trainings(&viewed.walk) {
            let name = if variants.len() == 1 { "model".to_owned() } else { format!("model-{}", variant.id) };
            let folder = run.join(name);
            write(context, &viewed, viewed.position(training.node.as_str())?, &folder)?;
            folders.push(folder);
        }
    }
    Ok(folders)
}

/// Writes the finished training at `at` into `folder`.
fn write(context: &ExperimentContext, viewed: &Viewed<'_>, at: NodeIndex, folder: &Path) -> Result<(), Stop> {
    let name = viewed.walk.graph().nodes()[at].id.as_str();
    let model = viewed.finished(at, "model");
    let model = model.ok_or_else(|| Stop::failed(format!("error: `{name}` is not finished")))?;
    let (steps, files) = steps::steps(viewed, at)?;
    let failed = |cause: &std::io::Error| error(&format!("failed to write {}", folder.display()), cause);
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|cause| failed(&cause))?;
    let card = affekt_ops::train::card(&model)?;
    let task: Task = serde_json::from_value(card["task"].clone())
        .map_err(|cause| error("failed to read the model's card", &cause))?;
    let audio = steps.first().map(|step| serde_json::from_value(step.params.clone()));
    let audio: affekt_ops::audio::Params = audio
        .transpose()
        .map_err(|cause| error("failed to read how recordings are prepared", &cause))?
        .ok_or_else(|| Stop::failed("error: nothing says how recordings are prepared"))?;
    let about = card::about(context, viewed, name, &steps, &card, &task)?;
    let trained_on = trained_on::trained_on(context, viewed, at)?;
    let epochs_from = card::epochs(context, viewed, name).and_then(|epochs| epochs.run.clone());
    // Over a folder that is there and empty, too.
    make_folder_atomically(folder, |made| {
        for read in files {
            fs::copy(read.object.path(), made.join(read.file)).map_err(|cause| failed(&cause))?;
        }
        let page = (format!("{}: {name}", context.experiment.name), about);
        let weights = weights::write(&card, &task, &audio, &model, page, made)?;
        let exported = Exported {
            version: exported::VERSION,
            experiment: context.experiment.name.clone(),
            node: name.to_owned(),
            steps,
            card: weights::merged_card(card),
            weights,
            trained_on: Some(trained_on),
            epochs_from,
        };
        let json =
            serde_json::to_string_pretty(&exported).map_err(|cause| error("failed to write JSON", &cause))?;
        fs::write(made.join(exported::FILE), json).map_err(|cause| failed(&cause))
    })
}

/// The experiment's trainings, as far as they are known.
fn trainings(viewed: &Viewed<'_>) -> String {
    let is_one = |node: &&Node| is_training(node) && matches!(node.work, Work::Op);
    let nodes = viewed.walk.graph().nodes().values().filter(is_one);
    let ids: Vec<&str> = nodes.map(|node| node.id.as_str()).take(8).collect();
    if ids.is_empty() {
        "run the experiment first".to_owned()
    } else {
        format!("trainings are {}", affekt_config::list_names(&ids))
    }
}

/// Whether a node trains the network that is evaluated.
fn is_training(node: &Node) -> bool {
    affekt_ops::find(&node.op).is_some_and(|definition| definition.purpose == Purpose::Train)
}
