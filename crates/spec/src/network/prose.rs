//! Networks in sentences that a publication can print.

use super::{
    Adapt, CnnConfig, EmbeddingCnnConfig, EncoderLayer, End2YouConfig, FineTunedConfig, FrameActivation,
    FrameTeacherConfig, Freeze, FreezeBase, LstmConfig, MlpConfig, MlpNorm, NetworkConfig, NormAxis,
    NormaliseOver, OutputActivation, Overrides, Padding, ParallelCnnConfig, Pooling, PoolingAttention,
    Positions, SpansOver, Unfreeze, Vgg16NetworkConfig,
};
use crate::prose::{clause, listed, number, percent, plural};
use crate::{LibraryDefaults, Words};

impl NetworkConfig {
    /// Says what the network consists of, in whole sentences.
    #[must_use]
    pub fn prose(&self) -> Vec<String> {
        match self {
            Self::Cnn(config) => {
                cnn("The network was a CNN", "A linear layer over its flattened output", config)
            }
            Self::TwoCnns(config) => cnn(
                "The network was two CNNs in parallel, each",
                "A linear layer over the flattened outputs of both",
                config,
            ),
            Self::ParallelCnn(config) => parallel_cnn(config),
            Self::EmbeddingCnn(config) => embedding_cnn(config),
            Self::Mlp(config) => mlp(config),
            Self::End2You(config) => end2you(config),
            Self::Wav2Vec2(config) => fine_tuned(config),
            Self::Vgg16(config) => vgg16(config),
        }
    }
}

fn cnn(subject: &str, output: &str, config: &CnnConfig) -> Vec<String> {
    vec![blocks(subject, config), format!("{output} gave the outputs.")]
        .into_iter()
        .chain(keras(config.defaults, "weights, biases and batch norm"))
        .collect()
}

fn blocks(subject: &str, config: &CnnConfig) -> String {
    let CnnConfig { channels, pools, dropout, norm_axis, .. } = config;
    let axis = match norm_axis {
        NormAxis::Time => "time frame",
        NormAxis::Channel => "channel",
    };
    format!(
        "{subject} of {}, each a 3×3 convolution, batch norm with statistics for each {axis}, ReLU, a max pool and dropout \
         of {}; the convolutions had {} channels, the pools sides of {}.",
        plural(channels.len(), "block"),
        number(*dropout),
        listed(channels),
        listed(pools),
    )
}

fn keras(defaults: LibraryDefaults, what: &str) -> Option<String> {
    (defaults == LibraryDefaults::Keras).then(|| format!("First {what} followed the defaults of Keras."))
}

fn parallel_cnn(ParallelCnnConfig { cnn, transformer }: &ParallelCnnConfig) -> Vec<String> {
    let positions = match transformer.positions {
        Positions::None => "no positional encoding",
        Positions::Sinusoidal => "sinusoidal positional encoding",
    };
    let encoder = format!(
        "Beside them, a transformer encoder of {} ({}, {} feed-forward units, dropout {}, {positions}) read the frames, and its \
         output was averaged over time.",
        plural(transformer.layers, "layer"),
        plural(transformer.heads, "head"),
        transformer.feed_forward,
        number(transformer.dropout),
    );
    let output = "A linear layer over all three, concatenated, gave the outputs.".to_owned();
    let subject = "The network was two CNNs and a transformer in parallel, each CNN";
    [blocks(subject, cnn), encoder, output]
        .into_iter()
        .chain(keras(cnn.defaults, "weights, biases, batch norm and the transformer's layers"))
        .collect()
}

fn embedding_cnn(config: &EmbeddingCnnConfig) -> Vec<String> {
    let EmbeddingCnnConfig { channels, pool_every, pool, dropout, hidden } = config;
    vec![format!(
        "The network was a CNN of {} with {} channels, each with batch norm and ReLU, a max pool of side {pool} behind every \
         {}, and dropout of {} behind the last; a hidden layer of {hidden} units and a linear layer gave the outputs.",
        plural(channels.len(), "convolution"),
        listed(channels),
        if *pool_every == 1 { "one of them".to_owned() } else { format!("{pool_every} of them") },
        number(*dropout),
    )]
}

fn mlp(config: &MlpConfig) -> Vec<String> {
    let norm = match config.norm {
        MlpNorm::None => "",
        MlpNorm::Layer => ", with layer norm in all but the last",
        MlpNorm::Batch => ", with batch norm in all but the last",
    };
    vec![format!(
        "The network was fully connected, with hidden layers of {} units and leaky ReLU{norm}{}{}.",
        listed(&config.hidden),
        clause(config.dropout > 0.0, || format!(", dropout of {}", number(config.dropout))),
        sigmoid(config.output_activation),
    )]
}

fn sigmoid(activation: OutputActivation) -> &'static str {
    match activation {
        OutputActivation::None => "",
        OutputActivation::Sigmoid => ", and a sigmoid at the outputs",
    }
}

fn lstm(config: &LstmConfig) -> String {
    format!("an LSTM of {} with {} units", plural(config.layers, "layer"), config.hidden)
}

fn pooled(pooling: Pooling, attention: PoolingAttention) -> String {
    let context = if attention.global_context { " that also read those of the whole clip" } else { "" };
    match pooling {
        Pooling::First => "the first step was taken".to_owned(),
        Pooling::Last => "the last step was taken".to_owned(),
        Pooling::Max => "the maximum over the steps was taken".to_owned(),
        Pooling::Mean => "the mean over the steps was taken".to_owned(),
        Pooling::MeanButLast => "the mean over all steps but the last was taken".to_owned(),
        Pooling::Statistics => "it read the mean of the steps and their deviation".to_owned(),
        Pooling::AttentiveStatistics => format!(
            "it read mean and deviation of the steps, weighted by attention of {} units{context}",
            attention.channels
        ),
        Pooling::SelfAttention => format!(
            "it read the mean of the steps, weighted by self-attention of {}",
            plural(attention.heads, "head")
        ),
    }
}

fn end2you(config: &End2YouConfig) -> Vec<String> {
    let End2YouConfig { chunk, channels, kernels, pools, .. } = config;
    vec![format!(
        "The network read the samples in chunks of {chunk}: {} with {} channels, kernels of {}, batch norm, leaky ReLU and max pools \
         of {}, then {} over the chunks and a linear layer; of its outputs, {}.",
        plural(channels.len(), "convolution"),
        listed(channels),
        listed(kernels),
        listed(pools),
        lstm(&config.lstm),
        pooled(config.pooling, config.attention),
    )]
}

fn fine_tuned(config: &FineTunedConfig) -> Vec<String> {
    let layer = match &config.layer {
        EncoderLayer::Last => "the output of the last layer".to_owned(),
        EncoderLayer::Nth(layer) => format!("the output of transformer layer {layer}"),
        EncoderLayer::Weighted => {
            "a sum of what entered the first layer and of the outputs of all, under learnt weights (a softmax),".to_owned()
        }
        EncoderLayer::Several(layers) => {
            format!("a sum of the outputs of transformer layers {} under learnt weights (a softmax),", listed(layers))
        }
    };
    let frozen = match (&config.adapt, config.freeze) {
        (Some(adapt), _) => adapted(adapt),
        (None, freeze) => frozen(freeze).to_owned(),
    };
    let mut behind = Vec::new();
    if config.frame_activation == FrameActivation::Relu {
        behind.push("ReLU".to_owned());
    }
    behind.extend(config.projector.map(|projector| format!("a linear map to {} units", projector.width)));
    behind.extend(config.lstm.as_ref().map(lstm));
    if config.dropout > 0.0 {
        behind.push(format!("dropout of {}", number(config.dropout)));
    }
    let behind = if behind.is_empty() {
        String::new()
    } else {
        format!("Its frames went through {}. ", listed(&behind))
    };
    let relu = match config.frame_activation {
        FrameActivation::ReluAfterPooling => "with ReLU of what was pooled ",
        FrameActivation::None | FrameActivation::Relu => "",
    };
    let mut all = vec![
        format!("The network read {layer} of a wav2vec 2.0 encoder."),
        format!(
            "{frozen}{}.",
            if config.freeze_mask_embedding { "; the mask embedding was not trained" } else { "" }
        ),
        format!(
            "{behind}A linear layer {relu}gave the outputs{}: over a clip, {}.",
            sigmoid(config.output_activation),
            pooled(config.pooling, config.attention),
        ),
        padding(config.padding).to_owned(),
    ];
    all.extend((config.normalise_over == NormaliseOver::BatchInTraining).then(|| {
        "In training the waveforms of a batch were normalised as one, the silence behind them included; in prediction each by \
         itself."
            .to_owned()
    }));
    all.extend(config.padded_to.map(|samples| format!("Batches were padded to {samples} samples at least.")));
    all.extend(overrides(&config.overrides));
    let masks = config.overrides.apply_spec_augment != Some(false);
    if masks && config.spans_over == SpansOver::Rows {
        all.push("Spans of masked frames, where there were any, were drawn over padded rows.".to_owned());
    }
    all.extend(keras(config.defaults, "weights of the linear layer"));
    all
}

const fn frozen(freeze: Freeze) -> &'static str {
    match freeze {
        Freeze::None => "All of it was trained",
        Freeze::FeatureEncoder => "Its convolutions stayed as they were, the rest was trained",
        Freeze::FeatureEncoderAndProjection => {
            "Its convolutions and feature projection stayed as they were, the transformer was trained"
        }
        Freeze::All => "It stayed as it was",
    }
}

fn adapted(adapt: &Adapt) -> String {
    match adapt {
        Adapt::Lora { rank, alpha, dropout, targets } => format!(
            "It stayed as it was but for low-rank maps (LoRA) of rank {rank} with an alpha of {}{} beside {} of every layer",
            number(*alpha),
            clause(*dropout > 0.0, || format!(", dropout of {}", number(*dropout))),
            listed(&targets.iter().map(|target| format!("`{}`", target.word())).collect::<Vec<_>>()),
        ),
        Adapt::Bottleneck { width } => {
            format!(
                "It stayed as it was but for adapters of {width} units behind attention and feed-forward of every layer"
            )
        }
        Adapt::Biases => "Of it the biases of the transformer’s layers were trained".to_owned(),
        Adapt::TopLayers { layers } => format!("Of it the last {} trained", were(*layers, "layer")),
    }
}

const fn padding(padding: Padding) -> &'static str {
    match padding {
        Padding::Ignored => "Padding was excluded from attention and from group norm.",
        Padding::Reference => "Padding was excluded from attention, and included in group norm.",
        Padding::Unmasked => "Padding was attended to; only pooling left it out.",
        Padding::InTraining => "Group norm included padding in training and excluded it in prediction.",
    }
}

/// Says what of an encoder's own settings was changed, if anything.
pub(crate) fn overrides(overrides: &Overrides) -> Option<String> {
    let share = |name: &str, value: Option<f64>| Some(format!("{name} {}", number(value?)));
    let whole = |name: &str, value: Option<usize>| Some(format!("{name} {}", value?));
    let spec_augment = overrides.apply_spec_augment.map(|is_on| match is_on {
        true => "masks in training".to_owned(),
        false => "no masks in training".to_owned(),
    });
    let all = [
        spec_augment,
        share("hidden dropout", overrides.hidden_dropout),
        share("activation dropout", overrides.activation_dropout),
        share("attention dropout", overrides.attention_dropout),
        share("dropout of projected features", overrides.feat_proj_dropout),
        share("layer drop", overrides.layerdrop),
        overrides.mask_time_prob.map(|share| format!("time masks over {}", percent(share))),
        whole("time mask length", overrides.mask_time_length),
        whole("least time masks", overrides.mask_time_min_masks),
        overrides.mask_feature_prob.map(|share| format!("feature masks over {}", percent(share))),
        whole("feature mask length", overrides.mask_feature_length),
        whole("least feature masks", overrides.mask_feature_min_masks),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| {
        format!(
            "Of the encoder’s own settings these were set: {}; others are its checkpoint’s.",
            listed(&all)
        )
    })
}

fn vgg16(config: &Vgg16NetworkConfig) -> Vec<String> {
    let trained = match (config.freeze, config.unfreeze) {
        (FreezeBase::None, _) => "All convolutions were trained.".to_owned(),
        (FreezeBase::Base, None) => "The convolutions stayed as they were.".to_owned(),
        (FreezeBase::Base, Some(Unfreeze::Layers(layers))) => {
            format!("Of the convolutions the last {} trained.", were(layers, "layer"))
        }
        (FreezeBase::Base, Some(Unfreeze::Blocks(blocks))) => {
            format!("Of the convolutions the last {} trained.", were(blocks, "block"))
        }
    };
    vec![
        format!(
            "The network was the convolutions of a VGG16 and a classifier with hidden layers of {} units, ReLU, and dropout \
             of {} behind the first.",
            listed(&config.hidden),
            number(config.dropout),
        ),
        trained,
    ]
    .into_iter()
    .chain(keras(config.defaults, "weights and biases of the classifier"))
    .collect()
}

fn were(number: usize, noun: &str) -> String {
    if number == 1 { format!("{noun} was") } else { format!("{} were", plural(number, noun)) }
}

impl FrameTeacherConfig {
    /// Says what is built around the encoder, in whole sentences.
    #[must_use]
    pub fn prose(&self) -> Vec<String> {
        let heads = format!(
            "Two heads predicted the label: one of every frame, with {} units; one of the clip, with a bidirectional LSTM of \
             {} units each way, averaged over time, and {0} units.",
            self.head, self.lstm,
        );
        [heads].into_iter().chain(overrides(&self.overrides)).collect()
    }
}
