//! What the rest of the program knows of an operation without running it.
//!
//! An operation is one unit: its parameters, ports, version, where it runs and what it may be given stand in one file. Its body is
//! registered under its name: in `affekt-runner`, or where it needs libtorch in `affekt-worker`.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use affekt_domain::Digest;
use affekt_graph::Place;
use affekt_spec::network::{NetworkConfig, Unfreeze};
use affekt_spec::protocol::Permission;
use affekt_spec::training::{LackingHead, TrainConfig};
use affekt_spec::{FieldSchema, JsonError, Section, Spec, SpecFields, View, Word, from_json};
use serde_json::Value;

use crate::{Kind, Sentence};

/// An operation.
pub trait Operation: Sized + 'static {
    /// Its parameters.
    type Params: Spec + SpecFields + Debug + Clone + Send + Sync + 'static;

    /// Name in pipelines and keys.
    const NAME: &'static str;
    /// Names that pipelines may say instead, the current one first.
    const ALIASES: &'static [&'static str] = &[];
    /// Raised whenever the same inputs and parameters give other bytes than before.
    const VERSION: u32;
    /// What it does, in one line.
    const ABOUT: &'static str;
    /// What it reads.
    const INPUTS: &'static [InputPort];
    /// What it writes; the first is what a node's bare name stands for.
    const OUTPUTS: &'static [OutputPort];
    /// How finely its work is keyed.
    const GRAIN: Grain = Grain::Whole;
    /// Where it runs.
    const PLACE: Place = Place::Runner;
    /// Whether it draws random numbers from a node's seed.
    const SEEDED: bool = false;
    /// Whether it reads something outside the graph, whose fingerprint enters its nodes' keys. (`audio` does not: which
    /// recordings it reads stands in its parameters, by their digests.)
    const SOURCE: bool = false;
    /// Who puts it into a graph.
    const AUTHOR: Author = Author::Pipeline;
    /// What it is for.
    const PURPOSE: Purpose = Purpose::Prepare;

    /// Returns what others ask of its parameters.
    fn facts(_: &Self::Params) -> Facts<'_> {
        Facts::default()
    }

    /// Says what it does with these parameters, in whole sentences that a publication can print; none of what its readers
    /// need not know.
    fn prose(_: &Self::Params) -> Vec<Sentence> {
        Vec::new()
    }

    /// Returns what is wrong with a node of these parameters, called `node`, that reads something on these ports.
    fn check_ports(_: &Self::Params, _node: &str, _ports: &[&str]) -> Option<PortMistake> {
        None
    }

    /// Returns the parameters of a node that relies on a permission of the experiment.
    fn relying_on(params: &Self::Params, _: Permission) -> Self::Params {
        params.clone()
    }

    /// Returns the parameters of the node of one fold.
    fn of_fold(params: &Self::Params, _fold: u32) -> Self::Params {
        params.clone()
    }

    /// Returns the parameters of the node of one shard with these recordings.
    fn of_shard(params: &Self::Params, _recordings: &[(String, Digest)]) -> Self::Params {
        params.clone()
    }

    /// Everything of it as data.
    const DEFINITION: Definition = Definition {
        name: Self::NAME,
        aliases: Self::ALIASES,
        version: Self::VERSION,
        about: Self::ABOUT,
        inputs: Self::INPUTS,
        outputs: Self::OUTPUTS,
        grain: Self::GRAIN,
        place: Self::PLACE,
        seeded: Self::SEEDED,
        source: Self::SOURCE,
        author: Self::AUTHOR,
        purpose: Self::PURPOSE,
        fields: <Self::Params as SpecFields>::fields,
        read: read::<Self>,
        parse: parse::<Self>,
    };
}

/// An operation as data: what the registry lists.
#[derive(Debug)]
pub struct Definition {
    /// Its name in pipelines.
    pub name: &'static str,
    /// Names that pipelines may say instead.
    pub aliases: &'static [&'static str],
    /// Raised whenever the same inputs and parameters give other bytes than before.
    pub version: u32,
    /// What it does, in one line.
    pub about: &'static str,
    /// What it reads.
    pub inputs: &'static [InputPort],
    /// What it writes; the first is what a node's bare name stands for.
    pub outputs: &'static [OutputPort],
    /// How finely its work is keyed.
    pub grain: Grain,
    /// Where it runs.
    pub place: Place,
    /// Whether it draws random numbers from a node's seed.
    pub seeded: bool,
    /// Whether it reads something outside the graph.
    pub source: bool,
    /// Who puts it into a graph.
    pub author: Author,
    /// What it is for.
    pub purpose: Purpose,
    /// Documents its parameters.
    pub fields: fn() -> Vec<FieldSchema>,
    /// Reads its parameters from YAML; mistakes go to the section's diagnostics.
    pub read: fn(&mut Section<'_>) -> Option<Arc<dyn Params>>,
    /// Reads its parameters from the JSON of a node.
    pub parse: fn(&Value) -> Result<Arc<dyn Params>, JsonError>,
}

impl Definition {
    /// Returns the name that pipelines say today.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.aliases.first().copied().unwrap_or(self.name)
    }

    /// Documents that name, with the one that stands in keys where it is another.
    #[must_use]
    pub fn documented(&'static self) -> Word {
        let word = self.word();
        let aliases = if word == self.name { &[] } else { std::slice::from_ref(&self.name) };
        Word { name: word, aliases, about: self.about }
    }
}

/// The parameters of some operation.
pub trait Params: Any + Debug + Send + Sync {
    /// Returns them as JSON.
    fn view(&self, view: View) -> Value;

    /// Returns what others ask of them.
    fn facts(&self) -> Facts<'_>;

    /// Says what their operation does with them, in whole sentences.
    fn prose(&self) -> Vec<Sentence>;

    /// Returns what is wrong with a node of them, called `node`, that reads something on these ports.
    fn check_ports(&self, node: &str, ports: &[&str]) -> Option<PortMistake>;

    /// Returns those of a node that relies on a permission of the experiment.
    fn relying_on(&self, permission: Permission) -> Arc<dyn Params>;

    /// Returns those of the node of one fold.
    fn of_fold(&self, fold: u32) -> Arc<dyn Params>;

    /// Returns those of the node of one shard.
    fn of_shard(&self, recordings: &[(String, Digest)]) -> Arc<dyn Params>;

    /// Returns them to be taken for those of one operation.
    fn as_any(&self) -> &dyn Any;
}

/// Parameters that know their operation.
struct Typed<O: Operation>(O::Params);

impl<O: Operation> Debug for Typed<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<O: Operation> Params for Typed<O> {
    fn view(&self, view: View) -> Value {
        Spec::view(&self.0, view)
    }

    fn facts(&self) -> Facts<'_> {
        O::facts(&self.0)
    }

    fn prose(&self) -> Vec<Sentence> {
        O::prose(&self.0)
    }

    fn check_ports(&self, node: &str, ports: &[&str]) -> Option<PortMistake> {
        O::check_ports(&self.0, node, ports)
    }

    fn relying_on(&self, permission: Permission) -> Arc<dyn Params> {
        Arc::new(Self(O::relying_on(&self.0, permission)))
    }

    fn of_fold(&self, fold: u32) -> Arc<dyn Params> {
        Arc::new(Self(O::of_fold(&self.0, fold)))
    }

    fn of_shard(&self, recordings: &[(String, Digest)]) -> Arc<dyn Params> {
        Arc::new(Self(O::of_shard(&self.0, recordings)))
    }

    fn as_any(&self) -> &dyn Any {
        &self.0
    }
}

fn read<O: Operation>(section: &mut Section<'_>) -> Option<Arc<dyn Params>> {
    O::Params::read_fields(section).map(with::<O>)
}

fn parse<O: Operation>(json: &Value) -> Result<Arc<dyn Params>, JsonError> {
    from_json::<O::Params>(json.clone()).map(with::<O>)
}

/// Returns the parameters of an operation as those of some operation.
#[must_use]
pub fn with<O: Operation>(params: O::Params) -> Arc<dyn Params> {
    Arc::new(Typed::<O>(params))
}

/// Parameters that could not be read, which has been reported: the node's other mistakes are still to be found.
#[derive(Debug)]
struct Unread;

impl Params for Unread {
    fn view(&self, _: View) -> Value {
        Value::Null
    }

    fn facts(&self) -> Facts<'_> {
        Facts::default()
    }

    fn prose(&self) -> Vec<Sentence> {
        Vec::new()
    }

    fn check_ports(&self, _: &str, _: &[&str]) -> Option<PortMistake> {
        None
    }

    fn relying_on(&self, _: Permission) -> Arc<dyn Params> {
        Arc::new(Self)
    }

    fn of_fold(&self, _: u32) -> Arc<dyn Params> {
        Arc::new(Self)
    }

    fn of_shard(&self, _: &[(String, Digest)]) -> Arc<dyn Params> {
        Arc::new(Self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Returns what stands for parameters that could not be read.
#[must_use]
pub fn unread() -> Arc<dyn Params> {
    Arc::new(Unread)
}

impl dyn Params {
    /// Returns them as the parameters of one operation, where they are.
    #[must_use]
    pub fn of<O: Operation>(&self) -> Option<&O::Params> {
        self.as_any().downcast_ref()
    }
}

/// What others ask of parameters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'p> {
    /// The network that is trained.
    pub network: Option<&'p NetworkConfig>,
    /// How it is trained with labels.
    pub training: Option<&'p TrainConfig>,
    /// How many units of work they ask for, epochs or steps, of those that report them one by one.
    pub steps: Option<u64>,
    /// Of an operation that computes the frozen part of a network: what is not frozen.
    pub bottleneck: Option<Option<Unfreeze>>,
    /// The corpus whose recordings are read.
    pub corpus: Option<&'p str>,
    /// The checkpoint that is read, as the experiment calls it.
    pub checkpoint: Option<&'p str>,
    /// The fold that it is about.
    pub fold: Option<u32>,
    /// Of what goes on with an encoder's own pretraining: what becomes of one that lacks the head for it.
    pub lacking_head: Option<LackingHead>,
}

/// What is wrong with the ports of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortMistake {
    /// What the message points at.
    pub at: MistakeAt,
    /// What is wrong.
    pub message: String,
    /// What to try.
    pub hint: &'static str,
}

/// What a message points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MistakeAt {
    /// A parameter, or the node where it is not written.
    Parameter(&'static str),
    /// A port.
    Port(&'static str),
}

/// How finely an operation's work is keyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// One node a shard of a few hundred utterances of what flows into its first port; all nodes read the same of the
    /// others.
    Shard,
    /// One node.
    Whole,
}

/// Who puts an operation into a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// A pipeline.
    Pipeline,
    /// The experiment, by its own settings or by an export that it names: no pipeline writes it.
    Experiment,
    /// A command, outside any experiment.
    Command,
}

/// What an operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Brings data into the shape in which it is learnt from.
    Prepare,
    /// Adds copies of recordings that only training rows use.
    Augment,
    /// Fits something that is no network.
    Fit,
    /// Trains an encoder without labels, or what that needs.
    Pretrain,
    /// Trains the network that is evaluated.
    Train,
    /// Predicts.
    Predict,
    /// Computes the figures of a variant: an end of a pipeline.
    Evaluate,
    /// Makes something for others: an end of a pipeline.
    Submit,
}

impl Purpose {
    /// Returns whether a pipeline is made for it.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Evaluate | Self::Submit)
    }
}

/// Something an operation reads.
#[derive(Debug)]
pub struct InputPort {
    /// Its name.
    pub name: &'static str,
    /// The kinds it takes.
    pub kinds: &'static [Kind],
    /// How many artefacts it takes.
    pub arity: Arity,
    /// What it takes for test rows to flow in, where they change what is fitted or how features are scaled. Every other port
    /// either takes them because it predicts or evaluates, or refuses them by their kind.
    pub test_rows: Option<Permission>,
}

/// How many artefacts a port takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// Exactly one.
    One,
    /// One or none.
    Optional,
    /// Any number, at least one: shards, folds, seeds.
    Many,
    /// Any number or none.
    Any,
}

/// Something an operation writes.
#[derive(Debug)]
pub struct OutputPort {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

impl InputPort {
    pub(crate) const fn one(name: &'static str, kinds: &'static [Kind]) -> Self {
        Self { name, kinds, arity: Arity::One, test_rows: None }
    }

    pub(crate) const fn optional(name: &'static str, kinds: &'static [Kind]) -> Self {
        Self { name, kinds, arity: Arity::Optional, test_rows: None }
    }

    pub(crate) const fn many(name: &'static str, kinds: &'static [Kind]) -> Self {
        Self { name, kinds, arity: Arity::Many, test_rows: None }
    }

    pub(crate) const fn any(name: &'static str, kinds: &'static [Kind]) -> Self {
        Self { name, kinds, arity: Arity::Any, test_rows: None }
    }

    /// The same, taking test rows where the experiment permits it.
    pub(crate) const fn test_rows_by(self, permission: Permission) -> Self {
        Self { test_rows: Some(permission), ..self }
    }

    /// Returns whether a node works without it.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        matches!(self.arity, Arity::Optional | Arity::Any)
    }

    /// Returns whether it takes several artefacts.
    #[must_use]
    pub const fn takes_many(&self) -> bool {
        matches!(self.arity, Arity::Many | Arity::Any)
    }
}

impl OutputPort {
    pub(crate) const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind }
    }
}
