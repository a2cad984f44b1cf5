//! From an experiment's file to its graph.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use affekt_config::{
    Diagnostic, Diagnostics, Folder, Key, Node as Yaml, Span, TextFile, parse, parse_setting,
};
use affekt_domain::LabelScheme;
use affekt_encoders::Hub;
use affekt_eval::Measure;
use affekt_graph::{AxisValue, Graph, Node, NodeId, Place, Walk};
use affekt_ops::compare::Compare;
use affekt_ops::evaluate::Evaluate;
use affekt_ops::examples::{Examples, Schemes};
use affekt_ops::folds::Folds;
use affekt_ops::ingest::Ingest;
use affekt_ops::pretrain::DRAWN_HEAD;
use affekt_ops::split::Split;
use affekt_ops::train::Train;
use affekt_ops::trial::Trial;
use affekt_ops::{Definition, Grain, Operation, Params, Purpose};
use affekt_spec::Settings;
use affekt_spec::protocol::{Permission, Protocol, Rules};
use affekt_spec::training::{LackingHead, Refit, Stopping, TrainConfig};
use serde_json::Value;

use crate::axes;
use crate::card_index::CardIndex;
use crate::draft::{Draft, DraftOutput, Drafts, Grows, Ports, Rule, plain_node};
use crate::epochs::FinalEpochs;
use crate::exported_steps;
use crate::method::{self, MethodStep};
use crate::profiles::{Profiles, read_section};
use crate::protocol::{SplitSettings, sharing_permitted};
use crate::published::{Cited, Published};
use crate::recipe;
use crate::resolved_file::{self, ResolvedFiles};
use crate::settings::{self, CorpusUse, REMOTE, Settings as ExperimentSettings};
use crate::step::{self, Axis};
use crate::tuning::{self, Search};
use crate::variants::{Overlaid, lay, resolve};
use crate::wiring::{self, Goal, Wired};

/// What an experiment's meaning depends on beside its files.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Folders that hold `pipelines/`, `datasets/` and `experiments/`, the first first. Those of the experiment come
    /// before.
    pub folders: Vec<Folder>,
    /// `path=value` settings from the command line.
    pub settings: Vec<String>,
    /// The device kind that workers compute on: `cpu` or `cuda`.
    pub device: String,
    /// The libtorch version that workers are linked to.
    pub libtorch: String,
    /// Corpora to leave out, by their keys in the file: those missing in a partial run.
    pub without: BTreeSet<String>,
    /// Variants to leave out: those that failed, where the others are reported.
    pub without_variants: BTreeSet<String>,
    /// The Hub's files on this machine, among which models can be.
    pub hub: Hub,
}

/// An experiment, ready to be planned.
pub struct Compiled {
    /// Its name.
    pub name: String,
    /// The comment that its file opens with, and what the command line changed.
    pub header: Option<String>,
    /// What was resolved, as files that give the same graph again.
    pub resolved: ResolvedFiles,
    /// The profile that it is made with, where it chooses one: whoever reads figures must know.
    pub profile: Option<String>,
    /// The folders that cards are looked for in, the first first.
    pub card_folders: Vec<Folder>,
    /// All corpora that any variant uses, by folder name.
    pub corpora: BTreeMap<String, CorpusUse>,
    /// The folder names of corpora that are asked for and left out.
    pub left_out: BTreeSet<String>,
    /// Where relative paths of encoders begin.
    pub folder: PathBuf,
    /// The place that is asked for results before they are computed, where it names one.
    pub remote: Option<String>,
    /// Its variants.
    pub variants: Vec<Variant>,
    /// `compare`, where several variants are evaluated.
    pub compare: Option<NodeId>,
    /// Checkpoints that must have the head of their own pretraining, each once.
    pub heads: Vec<NeededHead>,
    /// The graph.
    pub graph: Graph,
}

/// A checkpoint whose own pretraining is gone on with, and must not be without the head that this needs.
#[derive(Debug, Clone)]
pub struct NeededHead {
    /// Its name.
    pub checkpoint: String,
    /// The step that goes on with it.
    pub step: String,
    /// Where that stands.
    pub span: Span,
}

/// One variant and its nodes.
pub struct Variant {
    /// Its id; `default` where there is only one.
    pub id: String,
    /// What tells it from the others.
    pub params: BTreeMap<String, Value>,
    /// Its protocol.
    pub protocol: Protocol,
    /// For how long its final model is trained, where the protocol says it.
    pub epochs: Option<FinalEpochs>,
    /// What the roles of its folds may share.
    pub rules: Rules,
    /// The corpora it uses, each with its label scheme, by folder name.
    pub corpora: BTreeMap<String, LabelScheme>,
    /// The checkpoints that its encoders are made from, as the experiment calls them.
    pub checkpoints: BTreeSet<String>,
    /// The measure that ranks variants.
    pub primary: Measure,
    /// Figures to set beside.
    pub published: Vec<Published>,
    /// In what it is otherwise than the document behind its pipeline, a line each, from the settings that it is run with.
    pub differences: Vec<String>,
    /// Figures of other systems.
    pub cited: Vec<Cited>,
    /// The settings that rows and columns of a table of all variants stand for.
    pub table: Option<[String; 2]>,
    /// `ingest` of each corpus.
    pub ingests: BTreeMap<String, NodeId>,
    /// `examples`.
    pub examples: NodeId,
    /// `folds`.
    pub folds: NodeId,
    /// `evaluate`, where the pipeline has one.
    pub evaluate: Option<NodeId>,
    /// The growing node that yields what its searches choose.
    tune: Option<NodeId>,
    /// The paths among its parameters that a sweep goes through.
    pub swept: Vec<String>,
    /// The steps that its figures are made by, with all their settings.
    pub method: Vec<MethodStep>,
    /// How its recordings are prepared, where they are.
    pub audio: Option<affekt_ops::audio::Params>,
    /// The folder names of corpora that it asks for and does without.
    pub left_out: BTreeSet<String>,
    /// The variant before it that computes the very same, where there is one.
    pub same_as: Option<String>,
    /// The growing nodes that yield its training runs, each with its seed.
    trainings: Vec<(NodeId, u64)>,
}

impl Variant {
    /// Returns its training runs, as far as they have grown, by fold and seed.
    #[must_use]
    pub fn trainings(&self, walk: &Walk<'_>) -> Vec<RunPart> {
        let mut parts = Vec::new();
        for (step, seed) in &self.trainings {
            let of_step = yielded(walk, step).filter_map(|node| Some((fold(node)?, node)));
            parts.extend(of_step.map(|(fold, node)| RunPart { node: node.id.clone(), fold, seed: *seed }));
        }
        parts.sort_by_key(|part| (part.fold, part.seed));
        parts
    }

    /// Returns the nodes that tell what its searches choose, by fold, as far as they have come to it.
    #[must_use]
    pub fn choices(&self, walk: &Walk<'_>) -> Vec<(u32, NodeId)> {
        let searches = self.tune.iter().flat_map(|tune| yielded(walk, tune));
        let choice = |search: &Node| {
            let chosen = walk.outputs(&search.source(CHOSEN))?;
            let (at, _) = chosen.first()?;
            Some((fold(search)?, walk.graph().nodes()[*at].id.clone()))
        };
        let mut choices: Vec<_> = searches.filter_map(choice).collect();
        choices.sort();
        choices
    }

    /// The nodes whose results a report is made of. Growing ones stand for what they yield.
    pub fn reported(&self) -> impl Iterator<Item = &NodeId> {
        let trainings = self.trainings.iter().map(|(step, _)| step);
        let made = self.ingests.values().chain([&self.examples, &self.folds]).chain(&self.tune);
        made.chain(&self.evaluate).chain(trainings)
    }
}

/// The nodes that a growing one yielded, as far as it has grown.
fn yielded<'w>(walk: &'w Walk<'_>, step: &NodeId) -> impl Iterator<Item = &'w Node> {
    let yielded = walk.graph().find(step).and_then(|at| walk.yielded(at));
    yielded.unwrap_or_default().iter().map(|at| &walk.graph().nodes()[*at])
}

/// The fold that a node is of.
fn fold(node: &Node) -> Option<u32> {
    u32::try_from(node.id.number(axes::FOLD)?).ok()
}

/// A node of one fold and seed.
#[derive(Debug, Clone)]
pub struct RunPart {
    /// The node.
    pub node: NodeId,
    /// The fold.
    pub fold: u32,
    /// The seed.
    pub seed: u64,
}

/// Reads an experiment and everything it refers to. `None` when anything is wrong: `diagnostics` then holds all
/// of it.
#[must_use]
pub fn compile(path: &Path, environment: &Environment, diagnostics: &Diagnostics) -> Option<Compiled> {
    let (text, root) = read_yaml(&experiment_file(path, &environment.folders), diagnostics)?;
    let given: Vec<_> =
        environment.settings.iter().filter_map(|setting| parse_setting(setting, diagnostics)).collect();
    let mut file = root;
    for (path, value) in &given {
        lay(&mut file, path, value.clone(), diagnostics);
    }
    if diagnostics.has_errors() {
        return None;
    }
    let profiles = Profiles::read(&file, diagnostics);
    let profile = profiles.chosen_name();
    let without = &environment.without;
    let mut resolved = resolve(&file, profiles.settings(profile), &given, without, diagnostics);
    resolved.variants.retain(|variant| !environment.without_variants.contains(&variant.id));
    let ids: Vec<String> = resolved.variants.iter().map(|variant| variant.id.clone()).collect();
    let base = resolved_file::folder(&resolved.common, path);
    let remote = resolved.common.get(REMOTE).and_then(|node| node.as_text()).map(str::to_owned);
    let folders = folders_of(path, &base, &environment.folders);
    let cards = CardIndex::of(&folders);
    let mut compiler = Compiler { environment, drafts: Drafts::default() };
    let mut pipelines = Pipelines::default();
    let mut drafted = Vec::new();
    let mut corpora = BTreeMap::new();
    let mut heads = Vec::new();
    let mut left_out = BTreeSet::new();
    for (number, variant) in resolved.variants.iter_mut().enumerate() {
        let Some(mut settings) =
            settings::read((&variant.id, &variant.root), path, &folders, &cards, diagnostics)
        else {
            continue;
        };
        left_out.extend(settings.left_out.iter().cloned());
        if let Some(epochs) =
            settings.split.epochs.as_ref().and_then(|epochs| epochs.noted(&variant.root.span))
        {
            let path = Key { span: epochs.span.clone(), name: "protocol.epochs".to_owned() };
            match resolved.has_variants {
                true => {
                    variant.own.retain(|(known, _)| known.name != path.name);
                    variant.own.push((path, epochs));
                }
                false => lay(&mut resolved.common, &path, epochs, diagnostics),
            }
        }
        settings.baseline = settings.baseline.filter(|(id, _)| !environment.without_variants.contains(id));
        let pipeline = pipelines.read(&settings.pipeline, diagnostics);
        let steps = pipeline.map(|pipeline| {
            let shown = settings.pipeline.path().file_name().unwrap_or_default().to_string_lossy();
            profiles.check_chosen(&shown, &read_section(pipeline, diagnostics), diagnostics);
            let recipe: Vec<_> = settings.published.iter().flat_map(|it| it.recipe.iter().cloned()).collect();
            step::read(pipeline, &settings.with, profile, &recipe, diagnostics)
        });
        let mut differences = Vec::new();
        if let Some(steps) = &steps {
            forget_unread(variant, &steps.unread_variables, &given, diagnostics);
            differences = recipe::differences_of_settings(&steps.published, &variant.root, diagnostics);
        }
        let goal = match settings.split.protocol {
            Protocol::None => Goal::Model,
            _ => Goal::Figures,
        };
        let wired = steps.and_then(|mut steps| {
            exported_steps::add(&mut steps, &base, &environment.hub, diagnostics);
            wiring::wire(steps, &settings.permitted, goal, diagnostics)
        });
        let Some(mut wired) = wired else { continue };
        differences.extend(wired.iter().flat_map(|wired| wired.step.differences.iter().cloned()));
        check_whole(&settings, &wired, variant, diagnostics);
        if let Some(FinalEpochs { epochs, .. }) = settings.split.epochs {
            wired.iter_mut().for_each(|wired| train_for(wired, epochs));
        }
        check_settings(&settings, variant, diagnostics);
        check_dev(&settings, &wired, diagnostics);
        check_permissions(&settings, &wired, diagnostics);
        let search = match (&settings.tune, pipelines.read(&settings.pipeline, diagnostics)) {
            (Some(tune), Some(pipeline)) if !diagnostics.has_errors() => {
                let reading = tuning::Reading { pipeline, with: &settings.with, profile };
                let search = tuning::lay_out(tune, &reading, &wired, diagnostics);
                if let Some(search) = &search {
                    check_search(tune, search, &settings, &wired, diagnostics);
                }
                search
            }
            _ => None,
        };
        for (corpus, _) in &settings.corpora {
            corpora.insert(corpus.card.folder_name().to_owned(), corpus.clone());
        }
        for head in needed_heads(&wired) {
            if !heads.iter().any(|known: &NeededHead| known.checkpoint == head.checkpoint) {
                heads.push(head);
            }
        }
        let mut of_variant = compiler.draft(number, variant, settings, &wired, search.map(Arc::new).as_ref());
        of_variant.variant.differences = differences;
        drafted.push(of_variant);
    }
    // A profile that is not chosen is laid over the file too, to see whether it fits.
    for other in profiles.own.iter().filter(|own| Some(own.name.name.as_str()) != profile) {
        for variant in resolve(&file, &other.settings, &given, without, &Diagnostics::new()).variants {
            let used = settings::used_pipeline(&variant.root, &folders);
            if let Some((pipeline, with)) = used
                && let Some(pipeline) = pipelines.read(&pipeline, diagnostics)
            {
                step::check_names(pipeline, &with, diagnostics);
            }
        }
    }
    if diagnostics.has_errors() {
        return None;
    }
    let compare = compiler.draft_compare(&drafted, diagnostics);
    if diagnostics.has_errors() {
        return None;
    }
    let (graph, names) = match compiler.drafts.name(&ids) {
        Ok(named) => named,
        Err(error) => {
            diagnostics.push(Diagnostic::error_without_place(error.to_string()));
            return None;
        }
    };
    let variants: Vec<Variant> = {
        let same = same_as(&drafted);
        let named = drafted.into_iter().zip(same);
        named.map(|(variant, same_as)| Variant { same_as, ..variant.named(&names) }).collect()
    };
    for variant in &variants {
        if let Some(other) = &variant.same_as {
            let message = format!("variant `{}` computes the very same as `{other}`", variant.id);
            let span = given.first().map_or(&file.span, |(path, _)| &path.span);
            diagnostics.push(Diagnostic::warning(span, message));
        }
    }
    let header = with_changes(affekt_config::header_comment(&text), &environment.settings);
    let files = resolved_file::Made {
        resolved,
        profile: profile.map(|name| (name, profiles.own.iter().any(|own| own.name.name == name))),
        header: header.as_deref(),
        experiment: path,
        base: &base,
        folders: &folders,
        cards: &cards,
        graph: &graph,
    };
    Some(Compiled {
        name: file.get("name")?.as_text()?.to_owned(),
        resolved: files.write(diagnostics)?,
        header,
        profile: profile.map(str::to_owned),
        card_folders: cards.folders().to_vec(),
        corpora,
        left_out,
        folder: base,
        remote,
        variants,
        compare: compare.map(|number| names[number].clone()),
        heads,
        graph,
    })
}

/// A file's header comment with what the command line changed.
fn with_changes(header: Option<String>, settings: &[String]) -> Option<String> {
    if settings.is_empty() {
        return header;
    }
    let changes = format!("Changed: {}", affekt_config::list_names(settings));
    Some(header.into_iter().chain([changes]).collect::<Vec<_>>().join("\n"))
}

/// Drops a variant's settings of variables that no step reads any more, since the command line sets what read them.
fn forget_unread(
    variant: &mut Overlaid,
    unread: &BTreeSet<String>,
    given: &[(Key, Yaml)],
    diagnostics: &Diagnostics,
) {
    let id = variant.id.clone();
    variant.own.retain(|(path, _)| {
        let is_read = path.name.strip_prefix("with.").is_none_or(|name| !unread.contains(name));
        if !is_read {
            let message = format!("`{}` of variant `{id}` has no effect: no step reads it", path.name);
            let span = given.first().map_or(&path.span, |(path, _)| &path.span);
            diagnostics.push(Diagnostic::warning(span, message));
        }
        is_read
    });
}

/// Of each variant the first before it whose figures are made of the same nodes.
fn same_as(drafted: &[Drafted]) -> Vec<Option<String>> {
    let mut known: HashMap<&Ports, &str> = HashMap::new();
    let mut all = Vec::with_capacity(drafted.len());
    for Drafted { variant, evaluated, .. } in drafted {
        let other = evaluated.as_ref().and_then(|ports| known.get(ports)).map(|id| (*id).to_owned());
        if let (Some(ports), None) = (evaluated, &other) {
            known.insert(ports, &variant.id);
        }
        all.push(other);
    }
    all
}

/// Finds the experiment: on disk, else at that path in one of the folders.
fn experiment_file(path: &Path, folders: &[Folder]) -> TextFile {
    let found = || folders.iter().find_map(|folder| folder.file(path.to_str()?));
    let on_disk = TextFile::Disk(path.to_owned());
    if path.exists() { on_disk } else { found().unwrap_or(on_disk) }
}

/// Lists the folders whose `pipelines/` and `datasets/` an experiment can name: its own, where its relative paths begin, the one
/// above that, then `others`.
fn folders_of(experiment: &Path, base: &Path, others: &[Folder]) -> Vec<Folder> {
    let own = experiment.parent().unwrap_or(Path::new(""));
    let mut near = vec![own];
    near.extend([Some(base), base.parent()].into_iter().flatten().filter(|folder| *folder != own));
    near.into_iter().map(|folder| folder.to_owned().into()).chain(others.iter().cloned()).collect()
}

fn read_yaml(file: &TextFile, diagnostics: &Diagnostics) -> Option<(String, Yaml)> {
    let shown = file.to_string();
    match file.read() {
        Ok(text) => {
            let node = parse(&shown, &text, diagnostics)?;
            Some((text.into_owned(), node))
        }
        Err(error) => {
            let message = format!("failed to read {shown}: {error}");
            diagnostics.push(Diagnostic::error_without_place(message));
            None
        }
    }
}

/// Pipelines by their files, each read once however many variants use it; `None` where that failed, which has then been
/// reported.
#[derive(Default)]
struct Pipelines(HashMap<TextFile, Option<Yaml>>);

impl Pipelines {
    fn read(&mut self, file: &TextFile, diagnostics: &Diagnostics) -> Option<&Yaml> {
        let read = || read_yaml(file, diagnostics).map(|(_, pipeline)| pipeline);
        self.0.entry(file.clone()).or_insert_with(read).as_ref()
    }
}

fn check_settings(settings: &ExperimentSettings, variant: &Overlaid, diagnostics: &Diagnostics) {
    // Where none could be read, that has been said.
    if settings.corpora.is_empty() && !diagnostics.has_errors() {
        diagnostics.error(&variant.root.span, "no corpus is left to use");
    }
}

/// Where everything trains there is a training; where everything tests there is none.
fn check_whole(
    settings: &ExperimentSettings,
    wired: &[Wired],
    variant: &Overlaid,
    diagnostics: &Diagnostics,
) {
    let training = wired.iter().find(|wired| wired.step.definition.purpose == Purpose::Train);
    match (&settings.split.protocol, training) {
        (Protocol::None, None) => {
            let message = "the protocol trains one model on everything, and the pipeline has no training";
            diagnostics.error(&variant.root.span, message);
        }
        (Protocol::TestOnly, Some(training)) => {
            let message =
                format!("`{}` has nothing to train on: the protocol only tests", training.step.name);
            let hint = "use a pipeline with `op: model` or `op: predictions-file`, or another protocol";
            diagnostics.push(Diagnostic::error(&training.step.span, message).hint(hint));
        }
        _ => {}
    }
}

/// Trains the network of a step for so many epochs, of which the last is kept.
fn train_for(wired: &mut Wired, epochs: u32) {
    let Some(params) = wired.step.params.of::<Train>() else { return };
    let training = TrainConfig {
        max_epochs: epochs,
        stopping: Stopping::Fixed,
        refit: Refit::None,
        ..params.training.clone()
    };
    let params = affekt_ops::train::Params { training, ..params.clone() };
    wired.step.params = affekt_ops::with::<Train>(params);
}

/// The checkpoints that steps go on pretraining and that must have the head for it.
fn needed_heads(wired: &[Wired]) -> impl Iterator<Item = NeededHead> {
    let needing = wired.iter().filter(|it| it.step.params.facts().lacking_head == Some(LackingHead::Refused));
    needing.flat_map(|needing| {
        let sources = needing.inputs.iter().flatten();
        let made = sources.filter_map(|wire| wired.iter().find(|other| other.step.name == wire.node));
        made.filter_map(|encoder| {
            let checkpoint = encoder.step.params.facts().checkpoint?.to_owned();
            let (step, span) = (needing.step.name.clone(), needing.step.span.clone());
            Some(NeededHead { checkpoint, step, span })
        })
    })
}

/// What chooses by a dev part needs one.
fn check_dev(settings: &ExperimentSettings, wired: &[Wired], diagnostics: &Diagnostics) {
    for wired in wired {
        let Wired { step, relies_on, .. } = wired;
        let Some(training) = step.params.facts().training else { continue };
        if training.stopping == Stopping::Fixed {
            continue;
        }
        if wired.port("dev").is_empty() {
            let message = format!("`{}` stops early by a dev part, and reads none", step.name);
            diagnostics.push(
                Diagnostic::error(&step.span, message)
                    .hint("add `dev: split.dev` to its `in`, or train with `stopping: { kind: fixed }`"),
            );
        } else if !settings.split.protocol.has_dev() && !relies_on.contains(&Permission::SelectionOnTest) {
            let message = format!("`{}` stops early by the dev part, and the protocol has none", step.name);
            let hint = match settings.split.protocol {
                Protocol::None => {
                    "say for how long in the protocol: `epochs: 12`, or `epochs: { from: RUN }` of a finished run"
                }
                _ => "give the protocol a dev part, or train with `stopping: { kind: fixed }`",
            };
            diagnostics.push(Diagnostic::error(&step.span, message).hint(hint));
        }
        let chooses_on_test = relies_on.contains(&Permission::SelectionOnTest);
        if chooses_on_test && training.refit == Refit::BestEpochsWithDev {
            let message = format!("`{}` would train anew on the test rows that chose its epoch", step.name);
            diagnostics.push(Diagnostic::error(&step.span, message).hint(
                "say `refit: best-epochs`, which trains on training rows alone, or choose on a dev part",
            ));
        }
    }
}

/// A search chooses on a dev part.
fn check_search(
    tune: &tuning::Tune,
    search: &Search,
    settings: &ExperimentSettings,
    wired: &[Wired],
    diagnostics: &Diagnostics,
) {
    let Some(tuned) = wired.iter().find(|wired| wired.step.name == search.step) else { return };
    let on_test = tuned.relies_on.contains(&Permission::SelectionOnTest);
    if tuned.port("dev").is_empty() {
        let message = format!("`tune` chooses on a dev part, and `{}` reads none", search.step);
        let hint = format!("add `dev: split.dev` to the `in` of `{}`", search.step);
        diagnostics.push(Diagnostic::error(&tune.span, message).hint(hint));
    } else if !settings.split.protocol.has_dev() && !on_test {
        let message = "`tune` chooses on the dev part, and the protocol has none";
        diagnostics.push(Diagnostic::error(&tune.span, message).hint("give the protocol a dev part"));
    }
}

/// A permission is a confession: one that is not needed would be a false one. Whether speakers or audio are shared is
/// for the data to say.
fn check_permissions(settings: &ExperimentSettings, wired: &[Wired], diagnostics: &Diagnostics) {
    for permission in [Permission::SelectionOnTest, Permission::TestSpeakerStatistics] {
        let Some(span) = settings.permitted.get(&permission) else { continue };
        if !wired.iter().any(|wired| wired.relies_on.contains(&permission)) {
            let message = format!("nothing here needs `{}`", permission.name());
            let hint = "leave it out, or say it in the variants that need it";
            diagnostics.push(Diagnostic::error(span, message).hint(hint));
        }
    }
}

struct Compiler<'e> {
    environment: &'e Environment,
    drafts: Drafts,
}

/// A variant whose nodes are numbers.
struct Drafted {
    variant: Variant,
    ingests: BTreeMap<String, usize>,
    examples: usize,
    folds: usize,
    evaluate: Option<usize>,
    tune: Option<usize>,
    trainings: Vec<(usize, u64)>,
    /// What its figures are made of.
    evaluated: Option<Ports>,
    baseline: Option<(String, Span)>,
}

impl Drafted {
    fn named(self, names: &[NodeId]) -> Variant {
        Variant {
            ingests: self
                .ingests
                .into_iter()
                .map(|(corpus, number)| (corpus, names[number].clone()))
                .collect(),
            examples: names[self.examples].clone(),
            folds: names[self.folds].clone(),
            evaluate: self.evaluate.map(|number| names[number].clone()),
            tune: self.tune.map(|number| names[number].clone()),
            trainings: self
                .trainings
                .into_iter()
                .map(|(number, seed)| (names[number].clone(), seed))
                .collect(),
            ..self.variant
        }
    }
}

/// The drafts of one step: one a seed, where it has that axis.
struct Points {
    all: Vec<(Option<u64>, usize)>,
    by_seed: HashMap<Option<u64>, usize>,
}

impl Points {
    fn new(all: Vec<(Option<u64>, usize)>) -> Self {
        let by_seed = all.iter().copied().collect();
        Self { all, by_seed }
    }

    /// Those that a node of this seed reads: its own seed's where there is one a seed, else the only one. What has no seed
    /// itself reads all.
    fn for_seed(&self, seed: Option<u64>) -> Vec<usize> {
        match seed.and_then(|_| self.by_seed.get(&seed).or_else(|| self.by_seed.get(&None))) {
            Some(own) => vec![*own],
            None if seed.is_some() => Vec::new(),
            None => self.all.iter().map(|(_, draft)| *draft).collect(),
        }
    }
}

/// The port through which a training reads what a search chose for it.
const CHOSEN: &str = tuning::OUTPUTS[0];

/// What a step's nodes are drafted among.
struct Among<'a> {
    /// The number of the variant.
    variant: usize,
    seeds: &'a [u64],
    multiplicity: &'a Multiplicity,
    /// The drafts of the steps before, by name.
    points: &'a HashMap<String, Points>,
}

impl Among<'_> {
    /// What flows into the ports of a step's node.
    fn inputs(&self, wired: &Wired, seed: Option<u64>) -> Ports {
        let ports = wired.step.definition.inputs.iter().zip(&wired.inputs);
        let read = ports.map(|(port, wires)| {
            let sources = wires.iter().flat_map(|wire| {
                let drafts = self.points[&wire.node].for_seed(seed);
                drafts.into_iter().map(|draft| output(draft, &wire.output))
            });
            (port.name.to_owned(), sources.collect())
        });
        read.collect()
    }
}

/// What decides how many nodes a step becomes.
struct Multiplicity {
    examples: DraftOutput,
    folds: DraftOutput,
    /// The folds, where the protocol alone says which there are.
    numbers: Option<Vec<u32>>,
}

impl Multiplicity {
    fn per_shard(&self, params: Arc<dyn Params>) -> Grows {
        let looks_at = vec![("examples".into(), vec![self.examples.clone()])];
        Grows { rule: Rule::PerShard(params), looks_at }
    }

    fn per_fold(&self, params: Option<Arc<dyn Params>>, search: Option<Arc<Search>>) -> Grows {
        let looks_at = match self.numbers {
            Some(_) => Vec::new(),
            None => vec![("folds".into(), vec![self.folds.clone()])],
        };
        Grows { rule: Rule::PerFold { numbers: self.numbers.clone(), params, search }, looks_at }
    }
}

impl Compiler<'_> {
    fn draft(
        &mut self,
        number: usize,
        overlaid: &Overlaid,
        settings: ExperimentSettings,
        all_wired: &[Wired],
        search: Option<&Arc<Search>>,
    ) -> Drafted {
        let mut ingests = BTreeMap::new();
        for (corpus, _) in &settings.corpora {
            let name = corpus.card.folder_name();
            let params = affekt_ops::ingest::Params { corpus: name.to_owned() };
            let mut draft = plain::<Ingest>("ingest", params);
            draft.axes = vec![(axes::CORPUS, name.into())];
            ingests.insert(name.to_owned(), self.drafts.add(number, draft));
        }
        let schemes: BTreeMap<String, LabelScheme> = settings
            .corpora
            .iter()
            .map(|(corpus, scheme)| (corpus.card.folder_name().to_owned(), scheme.clone()))
            .collect();
        let params = affekt_ops::examples::Params { schemes: Schemes(schemes.clone()) };
        let mut draft = plain::<Examples>("examples", params);
        let manifests = ingests.values().map(|ingest| output(*ingest, "manifest")).collect();
        draft.inputs = vec![("manifests".into(), manifests)];
        let examples = self.drafts.add(number, draft);

        let mut draft = plain::<Folds>("folds", folds_params(&settings.split));
        draft.inputs = vec![("examples".into(), vec![output(examples, "examples")])];
        let folds = self.drafts.add(number, draft);

        let multiplicity = Multiplicity {
            examples: output(examples, "examples"),
            folds: output(folds, "folds"),
            numbers: settings.split.protocol.fold_numbers(),
        };
        // Each fold's node gets its own number.
        let mut draft = plain_draft(&Split::DEFINITION, "split");
        draft.inputs = vec![
            ("examples".into(), vec![output(examples, "examples")]),
            ("folds".into(), vec![output(folds, "folds")]),
        ];
        let of_folds: Arc<dyn Params> = affekt_ops::with::<Split>(affekt_ops::split::Params { fold: 0 });
        draft.grows = Some(multiplicity.per_fold(Some(of_folds), None));
        let split = self.drafts.add(number, draft);

        let given = [("examples", examples), ("folds", folds), ("split", split)];
        let mut points: HashMap<String, Points> = given
            .into_iter()
            .map(|(name, draft)| (name.to_owned(), Points::new(vec![(None, draft)])))
            .collect();
        let (mut evaluate, mut evaluated, mut tune) = (None, None, None);
        let mut trainings = Vec::new();
        for wired in all_wired {
            let definition = wired.step.definition;
            let mut params = Arc::clone(&wired.step.params);
            for permission in &wired.relies_on {
                params = params.relying_on(*permission);
            }
            if definition.purpose == Purpose::Evaluate {
                let protocol = &settings.split.protocol;
                params = affekt_ops::with::<Evaluate>(evaluate_params(
                    overlaid,
                    protocol,
                    all_wired,
                    search.is_some(),
                ));
            }
            let seeds = &settings.split.seeds;
            let among = Among { variant: number, seeds, multiplicity: &multiplicity, points: &points };
            if definition.purpose == Purpose::Evaluate {
                let mut ports = among.inputs(wired, None);
                ports.push(("folds".into(), vec![multiplicity.folds.clone()]));
                evaluated = Some(ports);
            }
            let search = search.filter(|search| search.step == wired.step.name);
            let search = search.map(|search| self.draft_search(search, &params, wired, &among));
            tune = tune.or(search);
            let of_step = self.draft_step(&params, wired, search, &among);
            for (seed, draft) in &of_step {
                match (definition.purpose, seed) {
                    (Purpose::Evaluate, _) => evaluate = Some(*draft),
                    (Purpose::Train, Some(seed)) => trainings.push((*draft, *seed)),
                    _ => {}
                }
            }
            points.insert(wired.step.name.clone(), Points::new(of_step));
        }
        let variant = Variant {
            id: overlaid.id.clone(),
            params: overlaid.params().collect(),
            protocol: settings.split.protocol,
            epochs: settings.split.epochs,
            rules: settings.split.rules,
            corpora: schemes,
            checkpoints: all_wired.iter().filter_map(checkpoint).collect(),
            primary: settings.primary,
            published: settings.published,
            differences: Vec::new(),
            cited: settings.cited,
            table: settings.table,
            ingests: BTreeMap::new(),
            examples: NodeId::from(""),
            folds: NodeId::from(""),
            evaluate: None,
            tune: None,
            swept: settings.swept,
            method: method::method(all_wired, search.map(Arc::as_ref)),
            audio: all_wired.iter().find_map(|wired| wired.step.params.as_any().downcast_ref().cloned()),
            left_out: settings.left_out,
            same_as: None,
            trainings: Vec::new(),
        };
        let baseline = settings.baseline;
        Drafted { variant, ingests, examples, folds, evaluate, tune, trainings, evaluated, baseline }
    }

    fn draft_step(
        &mut self,
        params: &Arc<dyn Params>,
        wired: &Wired,
        search: Option<usize>,
        among: &Among<'_>,
    ) -> Vec<(Option<u64>, usize)> {
        let step = &wired.step;
        let definition = step.definition;
        let seeds = match step.axes.contains(&Axis::Seed) {
            true => among.seeds.iter().copied().map(Some).collect(),
            false => vec![None],
        };
        let mut node = plain_node(definition, &step.name);
        affekt_ops::set_params(&mut node, &**params);
        let mut drafted = Vec::new();
        for seed in seeds {
            let mut draft = draft_of(node.clone(), &step.name);
            draft.axes = seed.iter().map(|seed| (axes::SEED, AxisValue::Number(*seed))).collect();
            draft.node.seed = seed.filter(|_| definition.seeded);
            draft.node.resources = step.resources;
            self.place(&mut draft.node);
            draft.inputs = among.inputs(wired, seed);
            if definition.purpose == Purpose::Evaluate {
                draft.inputs.retain(|(port, _)| port != "folds");
                draft.inputs.push(("folds".into(), vec![among.multiplicity.folds.clone()]));
            }
            if let Some(search) = search {
                draft.inputs.retain(|(port, _)| port != CHOSEN);
                draft.inputs.push((CHOSEN.into(), vec![output(search, CHOSEN)]));
            }
            if definition.grain == Grain::Shard {
                draft.grows = Some(among.multiplicity.per_shard(Arc::clone(params)));
            } else if step.axes.contains(&Axis::Fold) {
                draft.grows = Some(among.multiplicity.per_fold(None, None));
            }
            drafted.push((seed, self.drafts.add(among.variant, draft)));
        }
        drafted
    }

    /// A search over settings of a training: once a fold, whatever the seed.
    fn draft_search(
        &mut self,
        search: &Arc<Search>,
        params: &Arc<dyn Params>,
        wired: &Wired,
        among: &Among<'_>,
    ) -> usize {
        let mut draft = plain_draft(&Trial::DEFINITION, tuning::TUNE);
        affekt_ops::set_params(&mut draft.node, &**params);
        draft.node.seed = Some(search.seed);
        draft.node.resources = wired.step.resources;
        self.place(&mut draft.node);
        draft.inputs = among.inputs(wired, among.seeds.first().copied());
        draft.inputs.retain(|(port, _)| port != CHOSEN);
        draft.grows = Some(among.multiplicity.per_fold(None, Some(Arc::clone(search))));
        self.drafts.add(among.variant, draft)
    }

    /// The node that compares all variants that are evaluated, if there are several.
    fn draft_compare(&mut self, drafted: &[Drafted], diagnostics: &Diagnostics) -> Option<usize> {
        let first = drafted.first()?;
        let evaluated: Vec<(usize, usize, &str)> = drafted
            .iter()
            .enumerate()
            .filter_map(|(number, drafted)| Some((number, drafted.evaluate?, drafted.variant.id.as_str())))
            .collect();
        if let Some((baseline, span)) = &first.baseline {
            let ids: Vec<&str> = evaluated.iter().map(|(.., id)| *id).collect();
            if !ids.contains(&baseline.as_str()) {
                let unknown = Diagnostic::unknown(span, "variant", baseline, "there are", &ids);
                diagnostics.push(unknown);
            }
        }
        if evaluated.len() < 2 {
            return None;
        }
        let params = affekt_ops::compare::Params {
            primary: first.variant.primary.name().to_owned(),
            baseline: first.baseline.as_ref().map(|(baseline, _)| baseline.clone()),
        };
        let predictions: Vec<DraftOutput> =
            evaluated.iter().map(|(_, evaluate, _)| output(*evaluate, "predictions")).collect();
        let mut added = None;
        for (number, ..) in &evaluated {
            let mut draft = plain::<Compare>("compare", params.clone());
            draft.inputs = vec![("predictions".into(), predictions.clone())];
            added = Some(self.drafts.add(*number, draft));
        }
        added
    }

    /// What a worker computes depends on what it computes with.
    fn place(&self, node: &mut Node) {
        if node.place != Place::Worker {
            return;
        }
        let device = &self.environment.device;
        if device == "cpu" {
            node.resources.gpu = 0;
            node.numerics.insert("threads".into(), node.resources.cpu.to_string());
        } else {
            node.resources.gpu = node.resources.gpu.max(1);
            node.reproducible = false;
        }
        node.numerics.insert("device".into(), device.clone());
        node.numerics.insert("libtorch".into(), self.environment.libtorch.clone());
        // Of all that does not say its own. What is called f32 on a GPU was made where cuDNN rounded to TF32.
        let precision = if device == "cpu" { "f32" } else { "ieee" };
        node.numerics.insert("precision".into(), precision.into());
    }
}

/// The checkpoint that a step reads.
fn checkpoint(wired: &Wired) -> Option<String> {
    wired.step.params.facts().checkpoint.map(str::to_owned)
}

/// A draft of an operation's node with these parameters.
fn plain<O: Operation>(name: &str, params: O::Params) -> Draft {
    let mut draft = plain_draft(&O::DEFINITION, name);
    affekt_ops::set_params(&mut draft.node, &*affekt_ops::with::<O>(params));
    draft
}

/// A draft of an operation's node, without parameters.
fn plain_draft(definition: &'static Definition, name: &str) -> Draft {
    draft_of(plain_node(definition, name), name)
}

/// A draft of a node, without inputs.
fn draft_of(node: Node, name: &str) -> Draft {
    Draft { name: name.to_owned(), axes: Vec::new(), node, inputs: Vec::new(), grows: None }
}

fn output(draft: usize, output: &str) -> DraftOutput {
    DraftOutput { draft, output: output.to_owned() }
}

/// What a node of folds depends on: of all that is permitted, only what its rows may share.
fn folds_params(split: &SplitSettings) -> affekt_ops::folds::Params {
    affekt_ops::folds::Params {
        protocol: split.protocol.clone(),
        disjoint: split.rules.disjoint().clone(),
        permitted: sharing_permitted(&split.rules),
    }
}

/// The stamps are those that are known now; the folds tell the others.
fn evaluate_params(
    overlaid: &Overlaid,
    protocol: &Protocol,
    wired: &[Wired],
    is_tuned: bool,
) -> affekt_ops::evaluate::Params {
    let relied_on: BTreeSet<Permission> = wired.iter().flat_map(|wired| &wired.relies_on).copied().collect();
    let mut stamps = protocol.stamps();
    stamps.extend(relied_on.iter().map(|permission| permission.stamp().to_owned()));
    if wired.iter().any(|wired| wired.step.params.facts().lacking_head == Some(LackingHead::Drawn)) {
        stamps.push(DRAWN_HEAD.to_owned());
    }
    let stops_early = |wired: &Wired| {
        let training = wired.step.params.facts().training;
        training.is_some_and(|training| training.stopping != Stopping::Fixed)
    };
    affekt_ops::evaluate::Params {
        variant: overlaid.id.clone(),
        params: Settings(overlaid.params().collect()),
        protocol: protocol.kind().to_owned(),
        stamps,
        selected_on_dev: is_tuned || wired.iter().any(stops_early),
    }
}
