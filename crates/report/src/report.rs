//! All that a report says, as plain data that the runner fills in.

use affekt_domain::{Digest, Epoch, Problem, Role, Trials};
use affekt_eval::{Comparison, Measure, Summary, VariantMetrics};
use jiff::Timestamp;
use serde_json::Value;

/// A finished experiment.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its name.
    pub experiment: String,
    /// The comment that heads its file: the question it asks. May be empty; line breaks are kept.
    pub question: String,
    /// The measure it is judged by. Variants of a task that does not have it are judged by what their task is judged by
    /// where nothing else is asked for.
    pub primary: Measure,
    /// The run that made it.
    pub run: Run,
    /// Its variants, in the order of the experiment.
    pub variants: Vec<Variant>,
    /// Two settings by which the variants' figures are laid out, as papers do.
    pub matrix: Option<Matrix>,
    /// The settings that the variants were made of, where they are a sweep: they are then shown the best first.
    pub sweep: Option<Sweep>,
    /// How the variants differ, where there are several.
    pub comparison: Option<Comparison>,
    /// Figures of other systems, which are no variants.
    pub cited: Vec<Cited>,
    /// What networks were shown, to be looked at.
    pub pictures: Vec<Picture>,
    /// The corpora it used.
    pub corpora: Vec<Corpus>,
    /// What was not as it should be in them.
    pub problems: Vec<Problem>,
    /// What it cost, by op, in the order to show.
    pub costs: Vec<Cost>,
    /// What it cost, by variant.
    pub variant_costs: Option<VariantCosts>,
    /// What it ran on, as name and value in the order to show: versions, device, threads, digests.
    pub provenance: Vec<(String, String)>,
}

/// One run of an experiment.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id: the name of its folder.
    pub id: String,
    /// When it began.
    pub started: Timestamp,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The command that started it.
    pub command: String,
}

/// One variant: what it is, how it was trained, how well it does.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Its id, parameters, stamps, classes or outputs, and all figures.
    pub metrics: VariantMetrics,
    /// What else limits what its figures say, in sentences: `its encoder was not pretrained`.
    pub reservations: Vec<String>,
    /// Its protocol in words: `stratified random split 80/10/10`.
    pub protocol: String,
    /// The name of its label scheme.
    pub labels: String,
    /// The scheme's remark, which must stand beside its figures.
    pub labels_note: Option<String>,
    /// The size of its network.
    pub parameters: Option<Parameters>,
    /// How its settings were searched for, ordered by fold.
    pub tunings: Vec<Tuning>,
    /// How its training runs went, ordered by fold, then seed.
    pub histories: Vec<History>,
    /// Figures that others printed for it.
    pub published: Vec<Published>,
    /// Whether its test parts are of the same corpora as its training parts and differ from them in their speakers alone,
    /// if in anything. Figures on other corpora or texts say more than what shared speakers are worth.
    pub parted_by_speaker: bool,
    /// How its examples were parted, and what the parts share.
    pub audit: Option<Audit>,
    /// How often each class comes, by corpus and role, in its first fold.
    pub parts: Vec<Part>,
}

/// Figures laid out by two settings: a row for each value of the one, a column for each of the other.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// What rows are.
    pub rows: Axis,
    /// What columns are.
    pub columns: Axis,
}

/// Settings whose combinations are the variants.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// The settings, in the order to show.
    pub axes: Vec<Axis>,
}

/// A setting that figures are laid out by.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Where it stands in the file: `with.encoder`.
    pub path: String,
    /// Its value for each variant, in the order of the variants; `None` where a variant has none.
    pub values: Vec<Option<Value>>,
}

impl Axis {
    /// The setting at `path`, as the parameters of `variants` say.
    #[must_use]
    pub fn of(path: &str, variants: &[Variant]) -> Self {
        let value = |variant: &Variant| variant.metrics.about.params.get(path).cloned();
        Self { path: path.to_owned(), values: variants.iter().map(value).collect() }
    }

    /// Its value for the variant of that number.
    pub(crate) fn value(&self, variant: usize) -> Option<&Value> {
        self.values.get(variant)?.as_ref()
    }
}

impl Report {
    /// The measure that a variant is judged by.
    #[must_use]
    pub fn primary_of(&self, variant: &Variant) -> Measure {
        self.primary.or_of(&variant.metrics.about.task)
    }

    /// The figures that a variant is judged by. Metrics that were made by [`evaluate`](affekt_eval::evaluate) have them.
    pub(crate) fn judged<'a>(&self, variant: &'a Variant) -> Option<Judged<'a>> {
        let measure = self.primary_of(variant);
        Some(Judged { variant, measure, summary: variant.metrics.aggregate.get(measure)? })
    }

    /// What variants are judged by, each measure once.
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

/// A variant and what it is judged by.
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

/// How many numbers a network has.
#[derive(Debug, Clone, Copy)]
pub struct Parameters {
    /// All, running statistics included.
    pub total: u64,
    /// Those that training changes.
    pub trainable: u64,
}

/// How a variant's settings were searched for in one fold.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// The fold, from 1.
    pub fold: u32,
    /// What was tried and chosen.
    pub trials: Trials,
}

/// A picture with what is said under it.
#[derive(Debug, Clone)]
pub struct Picture {
    caption: String,
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Picture {
    /// A picture of `height` rows, the top first, each of `width` pixels, each of three bytes: red, green, blue. `None`
    /// where these are not so many bytes, or none.
    #[must_use]
    pub fn new(caption: String, width: u32, height: u32, rgb: Vec<u8>) -> Option<Self> {
        let bytes = (width as usize).checked_mul(height as usize)?.checked_mul(3)?;
        (bytes == rgb.len() && bytes > 0).then_some(Self { caption, width, height, rgb })
    }

    pub(crate) fn caption(&self) -> &str {
        &self.caption
    }

    /// Width and height in pixels.
    pub(crate) const fn size(&self) -> [u32; 2] {
        [self.width, self.height]
    }

    pub(crate) fn rgb(&self) -> &[u8] {
        &self.rgb
    }
}

/// How one training run went.
#[derive(Debug, Clone)]
pub struct History {
    /// The fold, from 1.
    pub fold: u32,
    /// The seed.
    pub seed: u64,
    /// Its epochs, in order.
    pub epochs: Vec<Epoch>,
}

/// A figure that others printed.
#[derive(Debug, Clone)]
pub struct Published {
    /// What it measures.
    pub measure: Measure,
    /// The figure, in `0..=1`.
    pub value: f64,
    /// Its spread over seeds, as a fraction.
    pub std: Option<f64>,
    /// The same of single sessions.
    pub sessions: Vec<PublishedSession>,
    /// Where it stands.
    pub source: String,
    /// Why it is not quite comparable.
    pub caveat: Option<String>,
}

/// A figure that others printed for a session.
#[derive(Debug, Clone)]
pub struct PublishedSession {
    /// The session's name, with or without its corpus before it.
    pub session: String,
    /// The figure, in `0..=1`.
    pub value: f64,
    /// Its spread over seeds, as a fraction.
    pub std: Option<f64>,
}

/// A figure that others printed for a system that is no variant.
#[derive(Debug, Clone)]
pub struct Cited {
    /// What the system is called.
    pub name: String,
    /// Its figure.
    pub figure: Published,
}

/// How a variant's examples were parted, and what its parts share.
#[derive(Debug, Clone)]
pub struct Audit {
    /// The digest of all folds: two experiments with the same one used the same split.
    pub split: Digest,
    /// What no two roles of a fold may share unless it is permitted: `speaker`, `audio`, `text`.
    pub disjoint: Vec<String>,
    /// What the experiment permitted all the same, in the words of its file: `shared-speakers`.
    pub permitted: Vec<String>,
    /// Each fold.
    pub folds: Vec<FoldAudit>,
    /// Everything that stands in two roles of a fold, permitted or not.
    pub crossings: Vec<Crossing>,
    /// Utterances that no fold tests.
    pub never_tested: usize,
    /// Utterances that more than one fold tests.
    pub tested_again: usize,
    /// What else must be known to read the figures: `TESS has 2 speakers: it is tested in 2 of 5 folds`.
    pub remarks: Vec<String>,
}

/// The size of a fold's parts, and what two of them share.
#[derive(Debug, Clone, Copy)]
pub struct FoldAudit {
    /// The fold, from 1.
    pub fold: u32,
    /// Train, dev and test.
    pub parts: [FoldPart; 3],
    /// What of the test part stands in train or dev too.
    pub test_and_others: Sharing,
    /// What stands in train and in dev.
    pub train_and_dev: Sharing,
}

/// The size of a role in a fold.
#[derive(Debug, Clone, Copy, Default)]
pub struct FoldPart {
    /// How many utterances.
    pub utterances: usize,
    /// Of how many speakers.
    pub speakers: usize,
}

/// How much two parts share.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sharing {
    /// Speakers.
    pub speakers: usize,
    /// Recordings: identical audio.
    pub audio: usize,
    /// Texts.
    pub texts: usize,
}

/// Something that stands in two roles of a fold.
#[derive(Debug, Clone)]
pub struct Crossing {
    /// What kind of thing: `speaker`, `audio` or `text`.
    pub what: String,
    /// Which, and in what rows.
    pub description: String,
}

/// How often each class comes in one role of one corpus; where numbers are predicted, how many utterances there are.
#[derive(Debug, Clone)]
pub struct Part {
    /// The corpus.
    pub corpus: String,
    /// The role.
    pub role: Role,
    /// Utterances, in the order of the variant's classes; a single number where there are none.
    pub counts: Vec<usize>,
}

/// A corpus as it was found.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// Its name.
    pub name: String,
    /// Utterances found.
    pub found: usize,
    /// Utterances of the complete corpus, where its card tells.
    pub expected: Option<usize>,
    /// Speakers found.
    pub speakers: usize,
    /// Its licence.
    pub licence: String,
    /// What to cite.
    pub citation: Option<String>,
    /// What a reader of its figures should know, in sentences.
    pub remarks: Vec<String>,
}

/// What the nodes of one op cost.
#[derive(Debug, Clone, Default)]
pub struct Cost {
    /// The op.
    pub op: String,
    /// Nodes that ran.
    pub run: usize,
    /// Nodes whose result was there.
    pub cached: usize,
    /// Seconds, of the nodes that ran.
    pub seconds: f64,
    /// Seconds of all nodes: those whose result was there when they ran.
    pub all_seconds: f64,
    /// Seconds of all nodes, each times the processor cores that it asks for.
    pub core_seconds: f64,
    /// Seconds of all nodes, each times the GPUs that it asks for.
    pub gpu_seconds: f64,
}

/// What the nodes cost that lead to each variant's figures, those whose result was there included.
#[derive(Debug, Clone)]
pub struct VariantCosts {
    /// In the order of the variants.
    pub variants: Vec<VariantCost>,
    /// The nodes that several variants share, each once.
    pub shared: Spent,
}

/// What one variant cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct VariantCost {
    /// The nodes that lead to no other variant.
    pub own: Spent,
    /// Those that lead to others too.
    pub shared: Spent,
}

/// What some nodes cost when they ran.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// How many there are.
    pub nodes: usize,
    /// Seconds.
    pub seconds: f64,
    /// Seconds, each node's times the processor cores that it asks for.
    pub core_seconds: f64,
    /// Seconds, each node's times the GPUs that it asks for.
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
