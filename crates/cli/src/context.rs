//! What every command starts from: an experiment compiled, with its corpora, its store and its device.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use affekt_config::{Diagnostic, Diagnostics};
use affekt_encoders::Hub;
use affekt_graph::{LastRun, NodeIndex, Object, State, Store, Upstream, Walk};
use affekt_pipeline::{Compiled, Environment, Variant, compile};
use affekt_remote::Tier;
use affekt_runner::{CorpusFolder, EncoderPlaces, RunnerOps, check_pretraining_head};
use affekt_spec::protocol::Protocol;

use crate::device::{self, Device};
use crate::exit::{Exit, Stop, error};
use crate::out::{out, rendered, say};
use crate::timing::Timings;
use crate::{libtorch, place, synthetic, tier};

/// Arguments of every command that reads an experiment.
#[derive(clap::Args, Clone)]
pub struct ExperimentArguments {
    /// The experiment: a YAML file
    pub file: PathBuf,
    /// Change a setting: `--set protocol.seeds=[1,2]`
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub settings: Vec<String>,
    /// The folder that holds one folder a corpus [default: $AFFEKT_DATA]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The store of results [default: $AFFEKT_CACHE, else .affekt]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Where run folders go
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// Do without corpora that are missing
    #[arg(long)]
    pub partial: bool,
    /// What networks compute on: auto, cpu, cuda (all GPUs), cuda:N or cuda:N,M
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Decode every recording and hash every checkpoint again instead of trusting size and time of its file
    #[arg(long)]
    pub paranoid: bool,
    /// Whether recordings and checkpoints may lie where only jobs can read them.
    #[arg(skip)]
    pub files_elsewhere: bool,
}

/// An experiment with all that its nodes need.
pub struct ExperimentContext {
    pub experiment: Compiled,
    pub ops: RunnerOps,
    pub store: Store,
    /// Who is asked for what the store lacks.
    pub tier: Option<Arc<Tier>>,
    pub device: Device,
    /// Variants that failed, where the others are reported.
    pub without_variants: BTreeSet<String>,
    runs: PathBuf,
}

/// A walk as far as the store reaches.
pub struct Viewed<'c> {
    pub walk: Walk<'c>,
    pub last: LastRun,
}

impl ExperimentContext {
    /// Opens an experiment.
    pub fn open(arguments: &ExperimentArguments) -> Result<Self, Stop> {
        Self::open_without(arguments, BTreeSet::new())
    }

    /// Opens what an experiment is without some of its variants.
    pub fn open_without(
        arguments: &ExperimentArguments,
        without_variants: BTreeSet<String>,
    ) -> Result<Self, Stop> {
        place::check_name(&arguments.runs)?;
        let device = device::parse(&arguments.device)?;
        let mut environment = Environment {
            folders: place::folders(),
            settings: arguments.settings.clone(),
            device: device.kind().to_owned(),
            libtorch: libtorch::version(),
            without: BTreeSet::new(),
            without_variants,
            hub: Hub::of_environment(),
        };
        let mut experiment = compiled(&arguments.file, &environment)?;
        let mut store = Store::open(&place::cache(arguments.cache.as_deref())?)?;
        let tier = tier::tier(experiment.remote.as_deref())?;
        if let Some(tier) = &tier {
            store = store.with_upstream(Arc::clone(tier) as Arc<dyn Upstream>);
        }
        let data = place::data(arguments.data.as_deref());
        let mut folders = Vec::new();
        let mut missing = Vec::new();
        let mut left_out = Vec::new();
        for (name, corpus) in &experiment.corpora {
            let folder = match &corpus.synthetic {
                Some(config) => Some(synthetic::folder(&store, name, config, arguments.paranoid)?),
                None => data.as_deref().and_then(|data| {
                    let assumed = || data.join(corpus.card.folder_name());
                    let found = place::corpus_folder(data, &corpus.card);
                    found.or_else(|| arguments.files_elsewhere.then(assumed))
                }),
            };
            match folder {
                Some(folder) => folders.push(CorpusFolder { card: corpus.card.clone(), folder }),
                None if arguments.partial => {
                    environment.without.insert(corpus.key.clone());
                    left_out.push(name.clone());
                }
                None => missing.push(&corpus.card),
            }
        }
        if !missing.is_empty() {
            return Err(place::missing(&missing, data.as_deref()));
        }
        if !environment.without.is_empty() {
            say!("warning: without {}: not found", left_out.join(", "));
            experiment = compiled(&arguments.file, &environment)?;
        }
        let encoders = EncoderPlaces {
            datasets: experiment.card_folders.clone(),
            hub: environment.hub.clone(),
            folder: Some(experiment.folder.clone()),
        };
        check_heads(&experiment, &encoders)?;
        let mut ops = RunnerOps::new(folders, store.root(), arguments.paranoid).with_encoders(encoders);
        if arguments.files_elsewhere {
            ops = ops.with_files_elsewhere();
        }
        let runs = arguments.runs.join(&experiment.name);
        let without_variants = environment.without_variants;
        Ok(Self { experiment, ops, store, tier, device, without_variants, runs })
    }

    /// What must stand at every table where variants failed and the others are reported.
    pub fn left_out(&self) -> Option<String> {
        let names: Vec<&str> = self.without_variants.iter().map(String::as_str).collect();
        let shown = affekt_config::list_names(&names[..names.len().min(6)]);
        let more = if names.len() > 6 { format!(" and {} more", names.len() - 6) } else { String::new() };
        let all = names.len() + self.experiment.variants.len();
        (!names.is_empty()).then(|| format!("{} of {all} variants failed: {shown}{more}", names.len()))
    }

    /// What is to be said where no step gives figures.
    pub fn nothing_evaluated(&self) -> Option<String> {
        let variants = &self.experiment.variants;
        let gives_none = |variant: &Variant| variant.evaluate.is_none() && variant.protocol != Protocol::None;
        variants.iter().all(gives_none).then(|| {
            "the pipeline has no step `evaluate`: there will be no figures and no report; `--only NODE` runs one step"
                .to_owned()
        })
    }

    /// The folder that holds this experiment's runs.
    pub fn runs(&self) -> &Path {
        &self.runs
    }

    /// The journal of the last run.
    pub fn last_run(&self) -> LastRun {
        LastRun::read(&self.runs.join("latest").join("journal.jsonl"))
    }

    /// Reads how long nodes took in earlier runs.
    pub fn timings(&self) -> Timings {
        Timings::open(self)
    }

    /// A walk to all that the report reads, or `only` to one node, or to the nodes of one name.
    pub fn walk(&self, only: Option<&str>) -> Result<Walk<'_>, Stop> {
        let variants = &self.experiment.variants;
        let read = variants.iter().flat_map(Variant::reported).cloned();
        let graph = self.experiment.graph.clone();
        let mut walk = Walk::new(graph, &self.store, &self.ops, only.map(str::to_owned)).keeping(read);
        if let Some(only) = only {
            walk.advance()?;
            if !is_there(only, &walk) && !may_come(only, &walk) {
                return Err(unknown_node(only, &walk));
            }
        }
        Ok(walk)
    }

    /// A walk resolved as far as the store reaches, without running anything.
    pub fn view(&self, only: Option<&str>) -> Result<Viewed<'_>, Stop> {
        let mut walk = self.walk(only)?;
        walk.advance()?;
        Ok(Viewed { walk, last: self.last_run() })
    }
}

impl Viewed<'_> {
    /// The position of the node that the user names.
    pub fn position(&self, name: &str) -> Result<NodeIndex, Stop> {
        let position = self.walk.graph().find(name);
        position.ok_or_else(|| unknown_node(name, &self.walk))
    }

    /// A finished node's output.
    pub fn finished(&self, at: NodeIndex, output: &str) -> Option<Object> {
        let State::Done { record: Some(record), .. } = &self.walk.states()[at] else { return None };
        self.walk.store().object(record.output(output)?.digest).ok()
    }
}

/// Whether there are nodes of this name, in full or without the bracket.
pub fn is_there(name: &str, walk: &Walk<'_>) -> bool {
    walk.graph().nodes().values().any(|node| node.id.as_str() == name || node.id.name() == name)
}

/// Whether there may be such nodes once more is known.
fn may_come(name: &str, walk: &Walk<'_>) -> bool {
    walk.states().indices().any(|at| walk.may_yield(at, name))
}

/// What is said of a node that is not there, or not yet.
pub fn unknown_node(name: &str, walk: &Walk<'_>) -> Stop {
    let nodes = walk.graph().nodes();
    for (at, state) in walk.states().iter() {
        if let State::Waiting { on } = state
            && walk.may_yield(at, name)
        {
            let on = &nodes[*on].id;
            return Stop::wrong(format!(
                "error: whether there is a node `{name}` is not known yet: `{}` awaits `{on}`\n\
                 hint: run the experiment, or `--only {on}` of it, and ask again",
                nodes[at].id
            ));
        }
    }
    // What a step a fold has become is found under the names of its nodes.
    let is_whole = |at: &NodeIndex| !nodes[*at].id.is_pattern();
    let ids: Vec<&str> = walk.order().into_iter().filter(is_whole).map(|at| nodes[at].id.as_str()).collect();
    let near = affekt_config::nearest(name, ids.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    let shown = affekt_config::list_names(&ids[..ids.len().min(12)]);
    let more = if ids.len() > 12 { format!(" and {} more", ids.len() - 12) } else { String::new() };
    Stop::wrong(format!("error: unknown node `{name}`\nhint: {near}there are {shown}{more}"))
}

fn compiled(file: &Path, environment: &Environment) -> Result<Compiled, Stop> {
    let diagnostics = Diagnostics::new();
    let compiled = compile(file, environment, &diagnostics);
    let text = diagnostics.render(std::io::stderr().is_terminal());
    match compiled {
        Some(compiled) => {
            if !diagnostics.is_empty() {
                rendered(text.trim_end());
            }
            Ok(compiled)
        }
        None => Err(Stop::diagnosed(text)),
    }
}

/// Refuses checkpoints that are here and cannot go on with their own pretraining, before anything is run.
fn check_heads(experiment: &Compiled, places: &EncoderPlaces) -> Result<(), Stop> {
    let diagnostics = Diagnostics::new();
    for head in &experiment.heads {
        if let Err(why) = check_pretraining_head(places, &head.checkpoint) {
            let message = format!("`{}` cannot begin: {why}", head.step);
            diagnostics.push(Diagnostic::error(&head.span, message));
        }
    }
    let text = diagnostics.render(std::io::stderr().is_terminal());
    if diagnostics.has_errors() { Err(Stop::diagnosed(text)) } else { Ok(()) }
}

/// Prints one JSON document.
pub fn print_json(value: &impl serde::Serialize) -> Result<Exit, Stop> {
    let text = serde_json::to_string_pretty(value).map_err(|cause| error("failed to write JSON", &cause))?;
    out!("{text}");
    Ok(Exit::Done)
}
