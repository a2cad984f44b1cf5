//! Training in sentences that a publication can print.

use affekt_domain::Monitor;

use super::{
    Augment, Balance, Batching, ClassWeights, ContrastiveObjective, Counted, Crop, CropAt, Diversity, Flip,
    LackingHead, Loss, NegativesFrom, Objective, Optimisation, Optimiser, PaddedClips, Precision,
    PretrainConfig, PseudoLabelsObjective, Reduction, Refit, Schedule, Stages, Steps, Stopping, TrainConfig,
};
use crate::LibraryDefaults;
use crate::network::overrides_prose;
use crate::prose::{clause, listed, number, percent, plural};

impl TrainConfig {
    /// Says how a network is fitted, in whole sentences.
    #[must_use]
    pub fn prose(&self) -> Vec<String> {
        let mut all = vec![format!(
            "{} was minimised{}.",
            loss(self),
            weighted(&self.class_weights, self.class_balance_beta)
        )];
        all.extend(self.optimisation.prose());
        all.extend(self.augment.map(augmented));
        all.extend(self.stopping());
        all
    }

    fn stopping(&self) -> Vec<String> {
        let epochs = plural(self.max_epochs as usize, "epoch");
        let refit = match self.refit {
            Refit::None => None,
            Refit::BestEpochs => Some("on the training part"),
            Refit::BestEpochsWithDev => Some("on the training and dev parts together"),
        };
        let refit = refit.map(|on| {
            format!("Then the network was trained anew from its seed, {on}, for the best epoch’s number of epochs.")
        });
        let stopping = match self.stopping {
            Stopping::Fixed => format!("Training took {epochs}, and the weights of the last were kept."),
            Stopping::Early { monitor, patience } => format!(
                "Training took at most {epochs} and stopped once {} had not improved for {}; {}.",
                monitored(monitor),
                plural(patience as usize, "epoch"),
                if refit.is_some() {
                    "the best epoch was noted"
                } else {
                    "the weights of the best epoch were kept"
                },
            ),
        };
        [Some(stopping), refit].into_iter().flatten().collect()
    }
}

fn loss(config: &TrainConfig) -> String {
    match config.loss {
        Loss::CrossEntropy if config.label_smoothing > 0.0 => {
            format!("Cross-entropy with labels smoothed by {}", number(config.label_smoothing))
        }
        Loss::CrossEntropy => "Cross-entropy".to_owned(),
        Loss::Focal => format!("The focal loss with a γ of {}", number(config.focal_gamma)),
        Loss::Ordinal => {
            "The squared earth mover’s distance between predicted and true classes, in their order,"
                .to_owned()
        }
        Loss::Ccc => {
            "One minus the concordance correlation coefficient over the batch, averaged over outputs,"
                .to_owned()
        }
        Loss::Mse => "The mean squared error".to_owned(),
    }
}

fn weighted(weights: &ClassWeights, beta: f64) -> String {
    match weights {
        ClassWeights::None => String::new(),
        ClassWeights::Balanced => {
            ", each class weighted by n / (k · n_c), of n training rows, n_c of them in one of k classes"
                .to_owned()
        }
        ClassWeights::InverseFrequency => {
            ", each class weighted by its inverse frequency in the training part, scaled to a sum of 1"
                .to_owned()
        }
        ClassWeights::EffectiveNumber => {
            format!(
                ", each class weighted by the inverse of its effective number of rows with a β of {}",
                number(beta)
            )
        }
        ClassWeights::Given(weights) => {
            let weights: Vec<String> = weights.iter().map(|weight| number(*weight)).collect();
            format!(", classes weighted by {} in their order", listed(&weights))
        }
    }
}

const fn monitored(monitor: Monitor) -> &'static str {
    match monitor {
        Monitor::DevLoss => "the loss on the dev part",
        Monitor::DevAccuracy => "the accuracy on the dev part",
        Monitor::DevUar => "the UAR on the dev part",
        Monitor::DevCcc => "the CCC on the dev part",
    }
}

fn augmented(augment: Augment) -> String {
    let Augment { flip, rotation, zoom } = augment;
    let mut how = Vec::new();
    if flip == Flip::Horizontal {
        how.push("mirrored in time at random".to_owned());
    }
    if rotation > 0.0 {
        how.push(format!("turned by up to {}° either way", number(rotation)));
    }
    if zoom > 0.0 {
        how.push(format!("zoomed by up to {} either way", percent(zoom)));
    }
    format!("Training images were {}.", listed(&how))
}

impl Optimisation {
    /// Says what the steps of the optimiser are, in whole sentences.
    #[must_use]
    pub fn prose(&self) -> Vec<String> {
        [
            Some(self.optimiser()),
            Some(self.learning_rate()),
            Some(self.batches()),
            self.cropped(),
            self.numerics(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn optimiser(&self) -> String {
        let name = match self.optimiser {
            Optimiser::Adam => "Adam",
            Optimiser::AdamW => "AdamW",
        };
        let epsilon = match self.defaults {
            LibraryDefaults::PyTorch => "an epsilon of 1e-8",
            LibraryDefaults::Keras => "Keras’ epsilon of 1e-7",
        };
        let clip =
            self.clip_norm.map(|norm| format!("; the norm of gradients was clipped at {}", number(norm)));
        format!(
            "The optimiser was {name} with {epsilon} and {}{}.",
            if self.weight_decay > 0.0 {
                format!("a weight decay of {}", number(self.weight_decay))
            } else {
                "no weight decay".to_owned()
            },
            clip.unwrap_or_default(),
        )
    }

    fn learning_rate(&self) -> String {
        let lr = number(self.lr);
        match self.schedule {
            Schedule::Constant => format!("The learning rate was {lr} throughout."),
            Schedule::Linear(stages) => staged(&lr, stages, "in a straight line"),
            Schedule::Cosine(stages) => staged(&lr, stages, "along half a cosine"),
            Schedule::Step { every, factor } => format!(
                "The learning rate began at {lr} and was multiplied by {} every {}.",
                number(factor),
                plural(every as usize, "epoch")
            ),
        }
    }

    fn batches(&self) -> String {
        let examples = plural(self.batch_size, "example");
        let size = match self.batching {
            Batching::Shuffled => format!("{examples} in random order"),
            Batching::Balanced { balance } => format!(
                "{examples} in random order, as many of each {}",
                match balance {
                    Balance::Class => "class",
                    Balance::Speaker => "speaker",
                    Balance::Corpus => "corpus",
                }
            ),
            Batching::Bucketed { seconds: None, .. } => format!("{examples} of similar length"),
            Batching::Bucketed { seconds: Some(seconds), counted, .. } => format!(
                "examples of similar length, {} s of audio {}",
                number(seconds),
                match counted {
                    Counted::Padded => "at most with padding",
                    Counted::Unpadded => "without padding",
                }
            ),
        };
        let steps = self.gradient_accumulation_steps;
        format!(
            "Batches held {size}{}{}.",
            clause(steps > 1, || format!(", computed in {steps} micro-batches")),
            clause(self.drop_last, || "; an incomplete one was left out of every epoch".to_owned()),
        )
    }

    fn cropped(&self) -> Option<String> {
        self.crop.map(|Crop { seconds, at }| {
            let piece = match at {
                CropAt::Start => "the beginning",
                CropAt::Random => "a piece at random, another in each epoch",
            };
            let seconds = number(seconds);
            format!("Of training recordings longer than {seconds} s so much was taken ({piece}); others were whole.")
        })
    }

    fn numerics(&self) -> Option<String> {
        let mut how = vec![match self.precision {
            Precision::Fp32 => "single precision",
            Precision::Tf32 => "single precision, on a GPU with the inputs of products rounded to TF32",
            Precision::Fp16 => {
                "half precision where autocast holds it for safe, else in single precision, with scaled losses"
            }
            Precision::Bf16 => "bfloat16 where autocast holds it for safe, else in single precision",
        }];
        if self.gradient_checkpointing {
            how.push("with gradient checkpointing");
        }
        Some(format!("Training computed in {}.", how.join(", ")))
    }
}

fn staged(lr: &str, Stages { warmup, hold, floor }: Stages, shape: &str) -> String {
    let rise = stretch(warmup).map_or_else(
        || format!("The learning rate began at {lr}"),
        |steps| format!("The learning rate rose to {lr} over {steps}"),
    );
    let hold = stretch(hold).map_or_else(String::new, |steps| format!(", stayed there for {steps}"));
    let floor = if floor > 0.0 { format!("{} of that", percent(floor)) } else { "0".to_owned() };
    format!("{rise}{hold} and fell to {floor} {shape}.")
}

/// Describes a stretch of training, if it has any steps.
fn stretch(steps: Steps) -> Option<String> {
    match steps {
        Steps::Count(0) => None,
        Steps::Count(steps) => Some(plural(usize::try_from(steps).unwrap_or(usize::MAX), "step")),
        Steps::Share(0.0) => None,
        Steps::Share(share) => Some(format!("{} of all steps", percent(share))),
    }
}

impl PretrainConfig {
    /// Says how an encoder is trained, in whole sentences.
    #[must_use]
    pub fn prose(&self) -> Vec<String> {
        let steps = plural(usize::try_from(self.steps).unwrap_or(usize::MAX), "step");
        let kept = if self.held_out > 0.0 {
            format!(
                "and the weights of the smallest loss on {} of the training part, held out at random, were kept",
                percent(self.held_out)
            )
        } else {
            "and the last weights were kept".to_owned()
        };
        self.optimisation.prose().into_iter().chain([format!("It took {steps}, {kept}.")]).collect()
    }
}

impl Objective {
    /// Says what an encoder was asked, in whole sentences.
    #[must_use]
    pub fn prose(&self) -> Vec<String> {
        match self {
            Self::Contrastive(objective) => contrastive(objective),
            Self::PseudoLabels(objective) => pseudo_labels(objective),
        }
    }
}

fn contrastive(objective: &ContrastiveObjective) -> Vec<String> {
    let from = match objective.negatives_from {
        NegativesFrom::Masked => "the clip’s other masked frames",
        NegativesFrom::Row => "all other frames of the padded row",
    };
    let diversity = match objective.diversity {
        Diversity::PerMaskedFrame => "once for every masked frame",
        Diversity::PerBatch => "once a batch",
    };
    let reduction = match objective.reduction {
        Reduction::Mean => "averaged",
        Reduction::Sum => "added up",
    };
    let padding = match objective.padding {
        PaddedClips::Unmasked => "without an attention mask",
        PaddedClips::Masked => "with an attention mask over padding",
    };
    let mut all = vec![format!(
        "wav2vec 2.0’s own pretraining was continued on the training recordings of each fold, without labels: {} for each masked \
         frame from {from}, a Gumbel temperature of {}, losses of masked frames {reduction}, the diversity term counted \
         {diversity}, {padding}.",
        plural(objective.negatives, "negative"),
        number(objective.temperature),
    )];
    if objective.freeze_feature_encoder {
        all.push("The convolutions stayed as they were.".to_owned());
    }
    if objective.lacking_head == LackingHead::Drawn {
        all.push("Where the checkpoint had no quantiser, it began at random.".to_owned());
    }
    all.extend(overrides_prose(&objective.overrides));
    all
}

fn pseudo_labels(objective: &PseudoLabelsObjective) -> Vec<String> {
    let mut all = vec![format!(
        "The encoder predicted the clusters of masked frames of the training recordings of each fold, with a head of {} units for \
         each clustering.",
        objective.hidden,
    )];
    if objective.freeze_feature_encoder {
        all.push("The convolutions and the feature projection stayed as they were.".to_owned());
    }
    all.extend(overrides_prose(&objective.overrides));
    all
}

/// Says how classes weigh in the loss of a network that is no end in itself.
#[must_use]
pub fn class_weights_prose(weights: &ClassWeights) -> String {
    format!(
        "Cross-entropies of both were added{}.",
        weighted(weights, TrainConfig::default().class_balance_beta)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_of_a_training_is_another_sentence() {
        let default = TrainConfig::default();
        assert_eq!(
            default.prose(),
            [
                "Cross-entropy was minimised.",
                "The optimiser was Adam with an epsilon of 1e-8 and no weight decay.",
                "The learning rate was 0.001 throughout.",
                "Batches held 32 examples in random order.",
                "Training computed in single precision.",
                "Training took at most 100 epochs and stopped once the loss on the dev part had not improved for 10 epochs; the \
                 weights of the best epoch were kept.",
            ]
        );
        let optimisation = Optimisation {
            optimiser: Optimiser::AdamW,
            weight_decay: 0.0625,
            clip_norm: Some(1.0),
            lr: 1e-4,
            schedule: Schedule::Linear(Stages {
                warmup: Steps::Count(100),
                hold: Steps::Share(0.05),
                floor: 0.0,
            }),
            batching: Batching::Bucketed { seconds: Some(250.0), counted: Counted::Unpadded, noise: 0.1 },
            drop_last: true,
            gradient_accumulation_steps: 2,
            crop: Some(Crop { seconds: 10.0, at: CropAt::Random }),
            precision: Precision::Bf16,
            gradient_checkpointing: true,
            ..Optimisation::default()
        };
        let config = TrainConfig {
            optimisation,
            loss: Loss::Ccc,
            augment: Some(Augment { flip: Flip::Horizontal, rotation: 10.0, zoom: 0.1 }),
            max_epochs: 67,
            stopping: Stopping::Fixed,
            ..default
        };
        assert_eq!(
            config.prose(),
            [
                "One minus the concordance correlation coefficient over the batch, averaged over outputs, was minimised.",
                "The optimiser was AdamW with an epsilon of 1e-8 and a weight decay of 0.0625; the norm of gradients was clipped \
                 at 1.",
                "The learning rate rose to 1e-4 over 100 steps, stayed there for 5 % of all steps and fell to 0 in a straight \
                 line.",
                "Batches held examples of similar length, 250 s of audio without padding, computed in 2 micro-batches; an \
                 incomplete one was left out of every epoch.",
                "Of training recordings longer than 10 s so much was taken (a piece at random, another in each epoch); others were \
                 whole.",
                "Training computed in bfloat16 where autocast holds it for safe, else in single precision, with gradient \
                 checkpointing.",
                "Training images were mirrored in time at random, turned by up to 10° either way and zoomed by up to 10 % either \
                 way.",
                "Training took 67 epochs, and the weights of the last were kept.",
            ]
        );
    }
}
