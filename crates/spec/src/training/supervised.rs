//! Training with labels: what the section `training` of `train` says.

use affekt_config::{Diagnostic, Section};
use affekt_domain::Monitor;

use super::augment::{self, Augment};
use super::optimisation::Optimisation;
use crate::{Spec, Words};

/// A network is fitted to labelled examples, epoch by epoch. The defaults suit networks trained from scratch.
#[derive(Debug, Clone, PartialEq, Spec)]
#[spec(check = check)]
pub struct TrainConfig {
    /// The steps.
    #[spec(flatten)]
    pub optimisation: Optimisation,
    /// What is minimised.
    #[spec(default = Loss::CrossEntropy)]
    pub loss: Loss,
    /// With `cross-entropy`, the share of every label that is spread over all classes (Szegedy et al., arXiv 1512.00567).
    #[spec(default = 0.0, range = 0.0..1.0, omit, free)]
    pub label_smoothing: f64,
    /// With `focal`, how much less those rows count that are right already: the exponent γ.
    #[spec(default = 2.0, range = 0.0..=10.0, omit, free)]
    pub focal_gamma: f64,
    /// What becomes of training images, where they are not taken as they are.
    #[spec(none = "none", read = augment::read, omit)]
    pub augment: Option<Augment>,
    /// Epochs at the most.
    #[spec(default = 100, range = 1..=100_000, unit = "epochs", free)]
    pub max_epochs: u32,
    /// When to stop before that, and which epoch's weights to keep.
    #[spec(default = Stopping::default())]
    pub stopping: Stopping,
    /// How much the examples of each class weigh in the loss.
    #[spec(default = ClassWeights::None, free)]
    pub class_weights: ClassWeights,
    /// With `class_weights: effective-number`, how much of what a class has one more row of it repeats: β.
    #[spec(default = 0.999, range = 0.0..1.0, omit, free)]
    pub class_balance_beta: f64,
    /// What follows early stopping.
    #[spec(default = Refit::None)]
    pub refit: Refit,
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Loss {
    /// Cross-entropy of classes.
    CrossEntropy,
    /// Cross-entropy of classes in which rows that are right already count less, by (1 − p)^γ (Lin et al., arXiv 1708.02002).
    Focal,
    /// The squared earth mover's distance between the predicted distribution and the class, for classes that have an order, which
    /// is that of the label scheme (Hou et al., arXiv 1611.05916).
    Ordinal,
    /// 1 − the concordance correlation coefficient (Lin, 1989) of each output over the batch, averaged over outputs.
    Ccc,
    /// The mean squared error of all outputs.
    Mse,
}

/// When training ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
#[spec(tag = "kind", default = "early")]
pub enum Stopping {
    /// After `patience` epochs without a better figure on the dev part. The best epoch's weights are kept.
    Early {
        /// The figure on the dev part.
        #[spec(default = Monitor::DevLoss)]
        monitor: Monitor,
        /// Epochs that may pass without a better figure.
        #[spec(default = 10, range = 1..=100_000, unit = "epochs")]
        patience: u32,
    },
    /// After `max_epochs`. The last epoch's weights are kept, whatever a dev part says.
    Fixed,
}

impl Default for Stopping {
    fn default() -> Self {
        Self::Early { monitor: Monitor::DevLoss, patience: 10 }
    }
}

/// Weights of the classes. The loss of a batch is `Σ w(class) · cross-entropy / Σ w(class)` over its rows, as that of
/// PyTorch's `CrossEntropyLoss(weight)`; so is the dev loss, with the same weights, so that early stopping watches what
/// is being minimised.
#[derive(Debug, Clone, PartialEq, Spec)]
pub enum ClassWeights {
    /// All alike.
    None,
    /// `n / (k · n_c)` for the n_c of n training rows (augmented copies count) in one of k classes: scikit-learn's
    /// `class_weight="balanced"`.
    Balanced,
    /// `1 / n_c`, scaled so that the weights add up to 1: the inverse-frequency weights of V-FT (arXiv 2110.06309).
    InverseFrequency,
    /// `(1 − β) / (1 − β^n_c)`, scaled so that the mean weight is 1: the inverse of a class's effective number of rows (Cui et al.,
    /// arXiv 1901.05555). β is `class_balance_beta`.
    EffectiveNumber,
    /// These, in the order of the classes.
    #[spec(value, range = 1e-6..=1e6)]
    Given(Vec<f64>),
}

/// Training again, once early stopping has found how many epochs are best: from the seed, for exactly that many, with
/// nothing chosen any more. It is the training that `stopping: fixed` with so many `max_epochs` would be, so a schedule
/// is laid over these epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Refit {
    /// The best epoch's weights are kept as they are.
    None,
    /// On the training part. Under a constant or stepped learning rate this is the search's own path to the best epoch,
    /// and gives its weights once more.
    BestEpochs,
    /// On the training and dev parts together.
    BestEpochsWithDev,
}

fn check(read: &mut TrainConfig, section: &mut Section<'_>) {
    check_loss(read, section);
    check_refit(read, section);
}

/// Refuses settings of another loss than the one that is minimised.
fn check_loss(read: &mut TrainConfig, section: &mut Section<'_>) {
    let others = [
        ("label_smoothing", read.loss == Loss::CrossEntropy, "loss: cross-entropy"),
        ("focal_gamma", read.loss == Loss::Focal, "loss: focal"),
        (
            "class_balance_beta",
            read.class_weights == ClassWeights::EffectiveNumber,
            "class_weights: effective-number",
        ),
    ];
    for (name, _, owner) in others.into_iter().filter(|(_, is_used, _)| !is_used) {
        let Some(node) = section.node(name) else { continue };
        let message = format!("`{name}` is a setting of `{owner}`, which is not what is asked for");
        let error = Diagnostic::error(&node.span, message).hint("leave it out, or ask for that");
        section.diagnostics().push(error);
    }
}

fn check_refit(read: &mut TrainConfig, section: &mut Section<'_>) {
    if read.refit == Refit::None || matches!(read.stopping, Stopping::Early { .. }) {
        return;
    }
    let refit = read.refit.word();
    let message = format!("`refit: {refit}` repeats what early stopping found, and nothing is searched for");
    let span = section.node("refit").map_or_else(|| section.span(), |node| &node.span);
    let hint = "train with `stopping: { kind: early }`, or leave out `refit`";
    section.diagnostics().push(Diagnostic::error(span, message).hint(hint));
}
