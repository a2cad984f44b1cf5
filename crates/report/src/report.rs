//! The contents of a report, as plain data filled in by the runner.

use affekt_domain::{Digest, Epoch, Problem, Role, Trials};
use affekt_eval::{Comparison, Measure, Printed, Summary, VariantMetrics};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// A finished experiment.
#[derive(Debug, Clone)]
pub struct Report {
    /// The name.
    pub experiment: String,
    /// The comment at the start of its file: the question it asks. May be empty; line breaks are kept.
    pub question: String,
    /// The primary measure. Variants of a task without it use their task's default primary measure.
    pub primary: Measure,
    /// The run that made it.
    pub run: Run,
    /// The variants, in the order of the experiment.
    pub variants: Vec<Variant>,
    /// Two settings as rows and columns of a matrix of figures.
    pub matrix: Option<Matrix>,
    /// The settings of a sweep, if the variants are one: they are then shown the best first.
    pub sweep: Option<Sweep>,
    /// The tests of differences between variants, if there are several.
    pub comparison: Option<Comparison>,
    /// Published figures of systems that are not variants.
    pub cited: Vec<Cited>,
    /// Example input images of networks.
    pub images: Vec<Image>,
    /// The lengths of the recordings that networks were shown, by corpus and length kept.
    pub lengths: Vec<ClipLengths>,
    /// The corpora used.
    pub corpora: Vec<Corpus>,
    /// The problems of these corpora.
    pub problems: Vec<Problem>,
    /// The computing time by op, in the order to show.
    pub costs: Vec<Cost>,
    /// The computing time by variant.
    pub variant_costs: Option<VariantCosts>,
    /// The environment, as names and values in the order to show: versions, device, threads, digests.
    pub provenance: Vec<(String, String)>,
}

/// One run of an experiment.
#[derive(Debug, Clone)]
pub struct Run {
    /// The id: the name of its folder.
    pub id: String,
    /// The start.
    pub started: DateTime<Utc>,
    /// The duration in seconds.
    pub seconds: f64,
    /// The command that started it.
    pub command: String,
}

/// One variant: its description, training and figures.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The description and all figures.
    pub metrics: VariantMetrics,
    /// Limitations of its figures, in sentences: `its encoder was not pretrained`.
    pub caveats: Vec<String>,
    /// The corpora that it asks for and does without: its figures are of other data than those it is compared with.
    pub left_out: Vec<String>,
    /// The protocol in words: `stratified random split 80/10/10`.
    pub protocol: String,
    /// The name of the label scheme.
    pub labels: String,
    /// The scheme's remark, which must be shown with the figures.
    pub labels_note: Option<String>,
    /// The steps that made its figures, with every setting.
    pub method: Vec<MethodStep>,
    /// The size of the network.
    pub parameters: Option<Parameters>,
    /// The layers of the network that was trained first, in the order of its file.
    pub layers: Vec<Layer>,
    /// The weights that its training runs learnt for their encoder's layers, if they did.
    pub layer_weights: Vec<LayerWeights>,
    /// The hyper-parameter searches, ordered by fold.
    pub tunings: Vec<Tuning>,
    /// The histories of the training runs, ordered by fold, then seed.
    pub histories: Vec<History>,
    /// Mean cross-entropy, or squared error, of the scored part over all runs.
    pub test_loss: Option<f64>,
    /// Published figures for it.
    pub published: Vec<Published>,
    /// Published figures of another part than the one that is scored.
    pub published_elsewhere: Vec<(Role, Published)>,
    /// What publications print beside these, each with its source.
    pub printed: Vec<(Printed, String)>,
    /// Whether its test parts are of the same corpora as its training parts and differ from them in speakers at most.
    /// Figures on other corpora or texts measure more than the effect of shared speakers.
    pub differs_at_most_in_speakers: bool,
    /// The audit of its split.
    pub audit: Option<Audit>,
    /// Class counts by corpus and role, in its first fold.
    pub parts: Vec<ClassCounts>,
}

/// A step of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodStep {
    /// The name: `mfcc`.
    pub name: String,
    /// The operation.
    pub op: String,
    /// What the operation does.
    pub about: String,
    /// The steps that it reads.
    pub reads: Vec<String>,
    /// The settings, in the order to show.
    pub settings: Vec<MethodSetting>,
    /// What it does with them, in the order to print.
    pub prose: Vec<MethodSentence>,
}

/// A sentence about a step, made of its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodSentence {
    /// The heading of its paragraph: `Features`.
    pub topic: String,
    /// The place of that among the headings.
    pub rank: usize,
    /// The whole sentence; what stands between backticks is code.
    pub text: String,
}

/// A setting of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodSetting {
    /// The path in the step: `training.lr`.
    pub path: String,
    /// The value with its unit.
    pub value: String,
    /// The values among which a search chose in every fold; empty if it was not tuned.
    pub tuned_among: Vec<String>,
    /// What it is.
    pub about: String,
}

/// A layer of a network: tensors whose names begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The beginning of their names: `blocks.0.conv`.
    pub name: String,
    /// The rest of their names, and their shapes.
    pub tensors: Vec<(String, Vec<u64>)>,
}

/// What training runs learnt to weigh a layer of their encoder by.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerWeights {
    /// The number of the layer; 0 is what enters the first.
    pub layer: usize,
    /// Its weight in each training run, in `0..=1`.
    pub weights: Vec<f64>,
}

/// How long the labelled recordings of a corpus are, beside what is kept of each.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipLengths {
    /// The corpus.
    pub corpus: String,
    /// The length in seconds to which all are brought; `None` if they stay whole.
    pub kept: Option<f64>,
    /// Number of recordings.
    pub clips: usize,
    /// The median length in seconds.
    pub median: f64,
    /// The greatest length in seconds.
    pub longest: f64,
    /// Number of recordings that are longer than what is kept.
    pub cut: usize,
    /// Number of recordings that are shorter.
    pub filled: usize,
}

/// A matrix of figures: a row for each value of one setting, a column for each of another.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// The setting of the rows.
    pub rows: Axis,
    /// The setting of the columns.
    pub columns: Axis,
}

/// The settings whose combinations are the variants.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// The settings, in the order to show.
    pub axes: Vec<Axis>,
}

/// A setting by which figures are arranged.
#[derive(Debug, Clone)]
pub struct Axis {
    /// The path in the file: `with.encoder`.
    pub path: String,
    /// The value for each variant, in the order of the variants; `None` if a variant has none.
    pub values: Vec<Option<Value>>,
}

impl Axis {
    /// Creates the axis of the setting at `path` from the parameters of `variants`.
    #[must_use]
    pub fn of(path: &str, variants: &[Variant]) -> Self {
        let value = |variant: &Variant| variant.metrics.about.params.get(path).cloned();
        Self { path: path.to_owned(), values: variants.iter().map(value).collect() }
    }

    /// Returns the value for a variant by index.
    pub(crate) fn value(&self, variant: usize) -> Option<&Value> {
        self.values.get(variant)?.as_ref()
    }
}

impl Report {
    /// Returns the primary measure of a variant.
    #[must_use]
    pub fn primary_of(&self, variant: &Variant) -> Measure {
        self.primary.or_of(&variant.metrics.about.task)
    }

    /// Returns a variant with its primary measure. Metrics made by [`evaluate`](affekt_eval::evaluate) always have it.
    pub(crate) fn judged<'a>(&self, variant: &'a Variant) -> Option<Judged<'a>> {
        let measure = self.primary_of(variant);
        Some(Judged { variant, measure, summary: variant.metrics.aggregate.get(measure)? })
    }

    /// Returns the primary measures of all variants, each once.
    pub(crate) fn primaries(&self) -> Vec<Measure> {
        let mut measures = Vec::new();
        for measure in self.variants.iter().map(|variant| self.primary_of(variant)) {
            if !measures.contains(&measure) {
                measures.push(measure);
            }
        }
        measures
    }
}

/// A variant with its primary measure.
#[derive(Clone, Copy)]
pub(crate) struct Judged<'a> {
    pub variant: &'a Variant,
    pub measure: Measure,
    pub summary: &'a Summary,
}

impl Judged<'_> {
    pub fn id(&self) -> &str {
        &self.variant.metrics.about.id
    }
}

/// The number of parameters of a network.
#[derive(Debug, Clone, Copy)]
pub struct Parameters {
    /// All, including running statistics.
    pub total: u64,
    /// Those that are trained.
    pub trainable: u64,
}

/// The hyper-parameter search of one fold.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// The number of the fold, from 1.
    pub fold: u32,
    /// The trials and the choice.
    pub trials: Trials,
}

/// An image with its caption.
#[derive(Debug, Clone)]
pub struct Image {
    caption: String,
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Image {
    /// Creates an image of `height` rows from the top, each of `width` pixels, each of three bytes: red, green, blue.
    /// `None` if the number of bytes does not match, or is 0.
    #[must_use]
    pub fn new(caption: String, width: u32, height: u32, rgb: Vec<u8>) -> Option<Self> {
        let bytes = (width as usize).checked_mul(height as usize)?.checked_mul(3)?;
        (bytes == rgb.len() && bytes > 0).then_some(Self { caption, width, height, rgb })
    }

    pub(crate) fn caption(&self) -> &str {
        &self.caption
    }

    /// Returns width and height in pixels.
    pub(crate) const fn size(&self) -> [u32; 2] {
        [self.width, self.height]
    }

    pub(crate) fn rgb(&self) -> &[u8] {
        &self.rgb
    }
}

/// The history of one training run.
#[derive(Debug, Clone)]
pub struct History {
    /// The number of the fold, from 1.
    pub fold: u32,
    /// The seed.
    pub seed: u64,
    /// The epochs, in order.
    pub epochs: Vec<Epoch>,
}

/// A published figure.
#[derive(Debug, Clone)]
pub struct Published {
    /// The measure.
    pub measure: Measure,
    /// The figure, in `0..=1`.
    pub value: f64,
    /// The standard deviation over seeds, as a fraction.
    pub std: Option<f64>,
    /// The figures of single sessions.
    pub sessions: Vec<PublishedSession>,
    /// The source.
    pub source: String,
    /// Why it is not directly comparable.
    pub caveat: Option<String>,
}

/// A published figure for a session.
#[derive(Debug, Clone)]
pub struct PublishedSession {
    /// The session's name, with or without its corpus before it.
    pub session: String,
    /// The figure, in `0..=1`.
    pub value: f64,
    /// The standard deviation over seeds, as a fraction.
    pub std: Option<f64>,
}

/// A published figure of a system that is not a variant.
#[derive(Debug, Clone)]
pub struct Cited {
    /// The name of the system.
    pub name: String,
    /// The figure.
    pub figure: Published,
}

/// The audit of a variant's split: the sizes of its parts, and what they share.
#[derive(Debug, Clone)]
pub struct Audit {
    /// The digest of all folds: experiments with the same digest used the same split.
    pub split: Digest,
    /// The properties that two roles of a fold must not share unless permitted: `speaker`, `audio`, `text`.
    pub disjoint: Vec<String>,
    /// The unsafe permissions, as written in the experiment: `shared-speakers`.
    pub permitted: Vec<String>,
    /// Each fold.
    pub folds: Vec<FoldAudit>,
    /// Everything that is in two roles of a fold, permitted or not.
    pub overlaps: Vec<Overlap>,
    /// Number of utterances that no fold tests.
    pub never_tested: usize,
    /// Number of utterances that more than one fold tests.
    pub tested_again: usize,
    /// Further remarks necessary to interpret the figures: `TESS has 2 speakers: it is tested in 2 of 5 folds`.
    pub remarks: Vec<String>,
}

/// The sizes of a fold's parts, and what each two of them share.
#[derive(Debug, Clone, Copy)]
pub struct FoldAudit {
    /// The number of the fold, from 1.
    pub fold: u32,
    /// Train, dev and test.
    pub parts: [FoldPart; 3],
    /// What the test part shares with train or dev.
    pub test_and_others: Sharing,
    /// What train and dev share.
    pub train_and_dev: Sharing,
}

/// The size of a part.
#[derive(Debug, Clone, Copy, Default)]
pub struct FoldPart {
    /// Number of utterances.
    pub utterances: usize,
    /// Number of speakers; `None` if they are unknown.
    pub speakers: Option<usize>,
}

/// How much two parts share; `None` of what is unknown of all utterances.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sharing {
    /// Number of speakers.
    pub speakers: Option<usize>,
    /// Number of recordings with identical audio.
    pub audio: Option<usize>,
    /// Number of texts.
    pub texts: Option<usize>,
}

/// Something that is in two roles of a fold.
#[derive(Debug, Clone)]
pub struct Overlap {
    /// The property: `speaker`, `audio` or `text`.
    pub what: String,
    /// The value and its rows.
    pub description: String,
}

/// The number of utterances of each class in one role of one corpus; a total if numbers are predicted.
#[derive(Debug, Clone)]
pub struct ClassCounts {
    /// The corpus.
    pub corpus: String,
    /// The role.
    pub role: Role,
    /// Utterances, in the order of the variant's classes; a single number if there are none.
    pub counts: Vec<usize>,
}

/// A corpus on this machine.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// The name.
    pub name: String,
    /// Number of utterances found.
    pub found: usize,
    /// Number of utterances of the complete corpus, if its card states it.
    pub expected: Option<usize>,
    /// Number of speakers found; `None` if they are unknown.
    pub speakers: Option<usize>,
    /// Number of speakers of the complete corpus, if its card states it.
    pub expected_speakers: Option<usize>,
    /// The licence.
    pub licence: String,
    /// The publication to cite.
    pub citation: Option<String>,
    /// Remarks for readers of the figures, in sentences.
    pub remarks: Vec<String>,
}

/// The computing time of the nodes of one op.
#[derive(Debug, Clone, Default)]
pub struct Cost {
    /// The name of the op.
    pub op: String,
    /// Number of nodes that ran.
    pub run: usize,
    /// Number of nodes whose results were cached.
    pub cached: usize,
    /// Time in seconds of the nodes that ran.
    pub seconds: f64,
    /// Time in seconds of all nodes, including that of cached ones when they ran.
    pub all_seconds: f64,
    /// Time in seconds of all nodes, multiplied by the processor cores that each requests.
    pub core_seconds: f64,
    /// Time in seconds of all nodes, multiplied by the GPUs that each requests.
    pub gpu_seconds: f64,
}

/// The computing time of the nodes that lead to each variant's figures, including cached ones.
#[derive(Debug, Clone)]
pub struct VariantCosts {
    /// In the order of the variants.
    pub variants: Vec<VariantCost>,
    /// The nodes that several variants share, each once.
    pub shared: Spent,
}

/// The computing time of one variant.
#[derive(Debug, Clone, Copy, Default)]
pub struct VariantCost {
    /// The nodes that lead to no other variant.
    pub own: Spent,
    /// The nodes that lead to others too.
    pub shared: Spent,
}

/// The computing time of some nodes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Number of nodes.
    pub nodes: usize,
    /// Time in seconds.
    pub seconds: f64,
    /// Time in seconds, multiplied by the processor cores that each node requests.
    pub core_seconds: f64,
    /// Time in seconds, multiplied by the GPUs that each node requests.
    pub gpu_seconds: f64,
}

impl std::ops::Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            nodes: self.nodes + other.nodes,
            seconds: self.seconds + other.seconds,
            core_seconds: self.core_seconds + other.core_seconds,
            gpu_seconds: self.gpu_seconds + other.gpu_seconds,
        }
    }
}

impl std::iter::Sum for Spent {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| sum + one)
    }
}
