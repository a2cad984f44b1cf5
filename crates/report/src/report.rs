//! All that a report says, as plain data that the runner fills in.

use affekt_domain::{Digest, Epoch, Problem, Role};
use affekt_eval::{Measure, VariantMetrics};
use jiff::Timestamp;

/// A finished experiment.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its name.
    pub experiment: String,
    /// The comment that heads its file: the question it asks. May be empty; line breaks are kept.
    pub question: String,
    /// The measure it is judged by.
    pub primary: Measure,
    /// The run that made it.
    pub run: Run,
    /// Its variants, in the order of the experiment.
    pub variants: Vec<Variant>,
    /// The corpora it used.
    pub corpora: Vec<Corpus>,
    /// What was not as it should be in them.
    pub problems: Vec<Problem>,
    /// What it cost, by op, in the order to show.
    pub costs: Vec<Cost>,
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
    /// Its id, parameters, stamps, classes and all figures.
    pub metrics: VariantMetrics,
    /// Its protocol in words: `stratified random split 80/10/10`.
    pub protocol: String,
    /// The name of its label scheme.
    pub labels: String,
    /// The scheme's remark, which must stand beside its figures.
    pub labels_note: Option<String>,
    /// The size of its network.
    pub parameters: Option<Parameters>,
    /// How its training runs went, ordered by fold, then seed.
    pub histories: Vec<History>,
    /// Figures that others printed for it.
    pub published: Vec<Published>,
    /// How its examples were parted, and what the parts share.
    pub audit: Option<Audit>,
    /// How often each class comes, by corpus and role, in its first fold.
    pub parts: Vec<Part>,
}

/// How many numbers a network has.
#[derive(Debug, Clone, Copy)]
pub struct Parameters {
    /// All, running statistics included.
    pub total: u64,
    /// Those that training changes.
    pub trainable: u64,
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
    /// Where it stands.
    pub source: String,
    /// Why it is not quite comparable.
    pub caveat: Option<String>,
}

/// What the parts of a variant's folds share.
#[derive(Debug, Clone)]
pub struct Audit {
    /// The digest of all folds: two experiments with the same one used the same split.
    pub split: Digest,
    /// Each fold.
    pub folds: Vec<FoldAudit>,
}

/// The size of a fold's parts, and how much of the test part is known from the others.
#[derive(Debug, Clone, Copy)]
pub struct FoldAudit {
    /// The fold, from 1.
    pub fold: u32,
    /// Utterances to train on.
    pub train: usize,
    /// Utterances to choose by.
    pub dev: usize,
    /// Utterances that figures come from.
    pub test: usize,
    /// Speakers of the test part that are in train or dev too.
    pub shared_speakers: usize,
    /// Texts of the test part that are in train or dev too.
    pub shared_texts: usize,
    /// Recordings of the test part whose very audio is in train or dev too.
    pub shared_audio: usize,
}

/// How often each class comes in one role of one corpus.
#[derive(Debug, Clone)]
pub struct Part {
    /// The corpus.
    pub corpus: String,
    /// The role.
    pub role: Role,
    /// Utterances, in the order of the variant's classes.
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
}

/// What the nodes of one op cost in this run.
#[derive(Debug, Clone)]
pub struct Cost {
    /// The op.
    pub op: String,
    /// Nodes that ran.
    pub run: usize,
    /// Nodes whose result was there.
    pub cached: usize,
    /// Seconds, of the nodes that ran.
    pub seconds: f64,
}
