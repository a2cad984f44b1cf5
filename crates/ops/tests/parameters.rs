//! Parameters as people write them: defaults, settings and mistakes of training, networks and pretraining.

use affekt_config::{Diagnostics, Section, parse};
use affekt_domain::Monitor;
use affekt_ops::Operation;
use affekt_ops::kmeans::Kmeans;
use affekt_ops::pretrain::{self, Pretrain};
use affekt_ops::state_model::FrameTeacher;
use affekt_ops::train::{self, Train};
use affekt_spec::network::*;
use affekt_spec::training::*;
use affekt_spec::{LibraryDefaults, Spec, View};

fn planned<O: Operation>(text: &str) -> (Option<O::Params>, String) {
    let diagnostics = Diagnostics::new();
    let node = parse("node.yaml", text, &diagnostics).unwrap();
    let mut section = Section::open(&node, &diagnostics, "the node").unwrap();
    let params = (O::DEFINITION.read)(&mut section);
    section.close();
    let params = params.map(|params| params.of::<O>().unwrap().clone());
    if let Some(params) = &params {
        // What is in a key says all of it, and serde reads it back.
        let key = params.view(View::Key);
        assert_eq!(serde_json::from_value::<O::Params>(key.clone()).unwrap().view(View::Key), key);
    }
    (params, diagnostics.to_string())
}

fn read(text: &str) -> train::Params {
    let (params, complaints) = planned::<Train>(text);
    assert_eq!(complaints, "");
    params.unwrap()
}

fn network(text: &str) -> NetworkConfig {
    read(&format!("network: {text}\ntraining: {{}}\n")).network
}

fn training(text: &str) -> TrainConfig {
    read(&format!("{{ network: {{ kind: cnn }}, training: {{ {text} }} }}")).training
}

#[test]
fn defaults_and_settings_of_training() {
    let plain = read("{ network: { kind: cnn }, training: {} }");
    assert_eq!(plain.network, NetworkConfig::Cnn(CnnConfig::default()));
    assert_eq!(plain.training, TrainConfig::default());
    assert!(!plain.select_on_test);

    let other = read(
        "network: { kind: cnn, channels: [8], pools: [2], dropout: 0, norm_axis: channel }\n\
         training: { lr: 1e-2, weight_decay: 0.1, batch_size: 8, max_epochs: 3, clip_norm: 2,\n\
         \x20           stopping: { kind: fixed }, class_weights: [2, 0.5],\n\
         \x20           schedule: { kind: linear, warmup: 100, hold: 0.05, floor: 0.1 } }\n",
    );
    let stages = Stages { warmup: Steps::Count(100), hold: Steps::Share(0.05), floor: 0.1 };
    let expected = TrainConfig {
        max_epochs: 3,
        stopping: Stopping::Fixed,
        class_weights: ClassWeights::Given(vec![2.0, 0.5]),
        optimisation: Optimisation {
            lr: 1e-2,
            weight_decay: 0.1,
            batch_size: 8,
            clip_norm: Some(2.0),
            schedule: Schedule::Linear(stages),
            ..Optimisation::default()
        },
        ..TrainConfig::default()
    };
    assert_eq!(other.training, expected);
    let monitored =
        read("{ network: { kind: cnn }, training: { stopping: { monitor: dev-uar, patience: 3 } } }");
    let monitor = Monitor::DevUar;
    assert_eq!(monitored.training.stopping, Stopping::Early { monitor, patience: 3 });

    let cosine = Stages { warmup: Steps::Share(0.5), hold: Steps::Count(0), floor: 0.0 };
    let schedules = [
        ("constant", Schedule::Constant),
        ("cosine, warmup: 0.5", Schedule::Cosine(cosine)),
        ("step, every: 5", Schedule::Step { every: 5, factor: 0.1 }),
    ];
    for (text, expected) in schedules {
        assert_eq!(training(&format!("schedule: {{ kind: {text} }}")).optimisation.schedule, expected);
    }
    for (text, expected) in [
        ("none", ClassWeights::None),
        ("balanced", ClassWeights::Balanced),
        ("inverse-frequency", ClassWeights::InverseFrequency),
    ] {
        assert_eq!(training(&format!("class_weights: {text}")).class_weights, expected);
    }
    for (text, expected) in [
        ("none", Refit::None),
        ("best-epochs", Refit::BestEpochs),
        ("best-epochs-with-dev", Refit::BestEpochsWithDev),
    ] {
        assert_eq!(training(&format!("refit: {text}")).refit, expected);
    }
}

#[test]
fn settings_of_training_that_make_no_sense_are_said() {
    for (training, complaint) in [
        (
            "refit: best-epochs, stopping: { kind: fixed }",
            "`refit: best-epochs` repeats what early stopping found",
        ),
        (
            "schedule: { kind: linear, warmup: 1.5 }",
            "expected a whole number of steps, or a share of all steps below 1",
        ),
        ("schedule: { warmup: 5 }", "needs `kind`"),
        ("schedule: { kind: step }", "needs `every`"),
        ("schedule: { kind: constant, warmup: 5 }", "unknown key `warmup`"),
        ("class_weights: [1, 0]", "expected a number between 1e-6 and 1000000"),
        ("class_weights: balance", "did you mean `balanced`?"),
        ("clip_norm: 0", "expected a number between 1e-6 and 1000000"),
        ("select_on_test: true", "unknown key `select_on_test`"),
    ] {
        let (_, found) =
            planned::<Train>(&format!("{{ network: {{ kind: cnn }}, training: {{ {training} }} }}"));
        assert!(found.contains(complaint), "{training}: {found}");
    }
    // Only the compiler of an experiment may say so, never a pipeline.
    let (_, found) = planned::<Train>("{ network: { kind: cnn }, training: {}, select_on_test: true }");
    assert!(found.contains("unknown key `select_on_test`"), "{found}");
}

#[test]
fn parameters_of_training_at_size() {
    let all = training(
        "optimiser: adamw, loss: ccc, drop_last: true, accumulate: 4, precision: bf16, gradient_checkpointing: true, \
         batching: { kind: bucketed, seconds: 250 }, crop: { seconds: 10, at: random }",
    );
    let expected = TrainConfig {
        loss: Loss::Ccc,
        optimisation: Optimisation {
            optimiser: Optimiser::AdamW,
            drop_last: true,
            gradient_accumulation_steps: 4,
            precision: Precision::Bf16,
            gradient_checkpointing: true,
            batching: Batching::Bucketed { seconds: Some(250.0), counted: Counted::Padded, noise: 0.1 },
            crop: Some(Crop { seconds: 10.0, at: CropAt::Random }),
            ..Optimisation::default()
        },
        ..TrainConfig::default()
    };
    assert_eq!(all, expected);
    assert_eq!(training("batching: shuffled, crop: none"), TrainConfig::default());
    assert_eq!(training("batching: { kind: shuffled }"), TrainConfig::default());
    assert_eq!(
        training("batching: { kind: bucketed }").optimisation.batching,
        Batching::Bucketed { seconds: None, counted: Counted::Padded, noise: 0.1 }
    );
    assert_eq!(
        training("crop: { seconds: 3 }").optimisation.crop,
        Some(Crop { seconds: 3.0, at: CropAt::Start })
    );
    assert_eq!(training("loss: mse").loss, Loss::Mse);
    let of_pictures = training("augment: { flip: horizontal, rotation: 18, zoom: 0.1 }").augment;
    assert_eq!(of_pictures, Some(Augment { flip: Flip::Horizontal, rotation: 18.0, zoom: 0.1 }));
    let turned = Augment { rotation: 5.0, ..Augment::default() };
    assert_eq!(training("augment: { rotation: 5 }").augment, Some(turned));
    for nothing in ["none", "{}", "{ flip: none, rotation: 0, zoom: 0 }"] {
        assert_eq!(training(&format!("augment: {nothing}")), TrainConfig::default());
    }
    let ccc = training("stopping: { monitor: dev-ccc }").stopping;
    assert_eq!(ccc, Stopping::Early { monitor: Monitor::DevCcc, patience: 10 });
    for (text, complaint) in [
        ("batching: buckets", "`shuffled`"),
        ("crop: some", "`none`"),
        ("crop: {}", "needs `seconds`"),
        ("augment: some", "`none`"),
        ("augment: { flip: vertical }", "`horizontal`"),
        ("augment: { rotation: 181 }", "expected a number between 0 and 180"),
        ("augment: { zoom: 1 }", "expected a number"),
        ("accumulate: 0", "expected"),
        ("precision: f16", "`fp16`"),
    ] {
        let (_, found) = planned::<Train>(&format!("{{ network: {{ kind: cnn }}, training: {{ {text} }} }}"));
        assert!(found.contains(complaint), "{text}: {found}");
    }
}

#[test]
fn parameters_of_networks() {
    assert_eq!(network("{ kind: two-cnns }"), NetworkConfig::TwoCnns(CnnConfig::default()));
    let published = NetworkConfig::ParallelCnn(ParallelCnnConfig::default());
    assert_eq!(network("{ kind: parallel-cnn }"), published);
    // A section that is left out and an empty one are the same node.
    let node = |network: &str| planned::<Train>(&format!("{{ network: {network}, training: {{}} }}"));
    assert_eq!(node("{ kind: parallel-cnn }"), node("{ kind: parallel-cnn, transformer: {} }"));

    let shared = "channels: [8], pools: [2], dropout: 0.1, norm_axis: channel, defaults: keras";
    let cnn = CnnConfig {
        channels: vec![8],
        pools: vec![2],
        dropout: 0.1,
        norm_axis: NormAxis::Channel,
        defaults: LibraryDefaults::Keras,
    };
    assert_eq!(network(&format!("{{ kind: cnn, {shared} }}")), NetworkConfig::Cnn(cnn.clone()));
    let text = "layers: 2, heads: 8, feed_forward: 64, dropout: 0.2, positions: sinusoidal";
    let positions = Positions::Sinusoidal;
    let transformer = TransformerConfig { layers: 2, heads: 8, feed_forward: 64, dropout: 0.2, positions };
    assert_eq!(
        network(&format!("{{ kind: parallel-cnn, {shared}, transformer: {{ {text} }} }}")),
        NetworkConfig::ParallelCnn(ParallelCnnConfig { cnn, transformer })
    );
    let (_, complaints) = planned::<Train>("{ network: { kind: two-cnns, transformer: {} }, training: {} }");
    assert!(complaints.contains("unknown key `transformer`"), "{complaints}");
}

#[test]
fn parameters_of_networks_of_embeddings_and_functionals() {
    assert_eq!(
        network("{ kind: embedding-cnn }"),
        NetworkConfig::EmbeddingCnn(EmbeddingCnnConfig::default())
    );
    let text = "{ kind: embedding-cnn, channels: [4, 8], pool_every: 1, pool: 3, dropout: 0, hidden: 16 }";
    let config =
        EmbeddingCnnConfig { channels: vec![4, 8], pool_every: 1, pool: 3, dropout: 0.0, hidden: 16 };
    assert_eq!(network(text), NetworkConfig::EmbeddingCnn(config));

    assert_eq!(network("{ kind: mlp }"), NetworkConfig::Mlp(MlpConfig::default()));
    let text = "{ kind: mlp, hidden: [8], norm: batch, dropout: 0.5, output_activation: sigmoid }";
    let (norm, output_activation) = (MlpNorm::Batch, OutputActivation::Sigmoid);
    let config = MlpConfig { hidden: vec![8], norm, dropout: 0.5, output_activation };
    assert_eq!(network(text), NetworkConfig::Mlp(config));
}

#[test]
fn parameters_of_networks_of_waveforms() {
    assert_eq!(network("{ kind: wav2vec2 }"), NetworkConfig::Wav2Vec2(Box::default()));
    let text = "{ kind: wav2vec2, layer: 12, freeze: feature-encoder-and-projection, freeze_mask_embedding: true, spans_over: rows, \
                frame_activation: relu, projector: { width: 8 }, lstm: { hidden: 4 }, output_activation: sigmoid, \
                pooling: mean-but-last, padding: reference, overrides: { layerdrop: 0, mask_time_prob: 0.08, \
                mask_time_length: 15, apply_spec_augment: false } }";
    let expected = FineTunedConfig {
        layer: EncoderLayer::Nth(12),
        freeze: Freeze::FeatureEncoderAndProjection,
        freeze_mask_embedding: true,
        spans_over: SpansOver::Rows,
        frame_activation: FrameActivation::Relu,
        projector: Some(ProjectorConfig { width: 8 }),
        lstm: Some(LstmConfig { layers: 2, hidden: 4 }),
        output_activation: OutputActivation::Sigmoid,
        pooling: Pooling::MeanButLast,
        padding: Padding::Reference,
        overrides: Overrides {
            layerdrop: Some(0.0),
            mask_time_prob: Some(0.08),
            mask_time_length: Some(15),
            apply_spec_augment: Some(false),
            ..Overrides::default()
        },
        ..FineTunedConfig::default()
    };
    assert_eq!(network(text), NetworkConfig::Wav2Vec2(Box::new(expected)));
    let (_, found) =
        planned::<Train>("{ network: { kind: wav2vec2, layer: first, encoder: {} }, training: {} }");
    assert!(found.contains("`last`") && found.contains("unknown key `encoder`"), "{found}");

    assert_eq!(network("{ kind: end2you }"), NetworkConfig::End2You(End2YouConfig::default()));
    let text = "{ kind: end2you, chunk: 80, channels: [4], kernels: [3], pools: [2], lstm: { layers: 1, hidden: 5 }, \
                pooling: max }";
    let config = End2YouConfig {
        chunk: 80,
        channels: vec![4],
        kernels: vec![3],
        pools: vec![2],
        lstm: LstmConfig { layers: 1, hidden: 5 },
        pooling: Pooling::Max,
        attention: PoolingAttention::default(),
    };
    assert_eq!(network(text), NetworkConfig::End2You(config));
}

#[test]
fn parameters_of_networks_of_pictures() {
    assert_eq!(network("{ kind: vgg16 }"), NetworkConfig::Vgg16(Vgg16NetworkConfig::default()));
    let text = "{ kind: vgg16, hidden: [64, 32, 16], dropout: 0.2, freeze: base, unfreeze: { blocks: 2 } }";
    let config = Vgg16NetworkConfig {
        hidden: vec![64, 32, 16],
        dropout: 0.2,
        unfreeze: Some(Unfreeze::Blocks(2)),
        ..Vgg16NetworkConfig::default()
    };
    assert_eq!(network(text), NetworkConfig::Vgg16(config));
    let freeze = FreezeBase::None;
    let config = Vgg16NetworkConfig { freeze, ..Vgg16NetworkConfig::default() };
    assert_eq!(network("{ kind: vgg16, freeze: none, unfreeze: none }"), NetworkConfig::Vgg16(config));
    let layers = |text: &str| match network(&format!("{{ kind: vgg16, unfreeze: {text} }}")) {
        NetworkConfig::Vgg16(config) => config.unfreeze,
        other => panic!("{other:?}"),
    };
    assert_eq!(layers("{ layers: 3 }"), Some(Unfreeze::Layers(3)));
    for (text, complaint) in [
        ("unfreeze: { layers: 0 }", "expected"),
        ("unfreeze: {}", "expected the last `layers` or the last `blocks`, one of them"),
        ("unfreeze: { layer: 1 }", "did you mean `layers`"),
        ("encoder: {}", "unknown key `encoder`"),
    ] {
        let (_, found) =
            planned::<Train>(&format!("{{ network: {{ kind: vgg16, {text} }}, training: {{}} }}"));
        assert!(found.contains(complaint), "{text}: {found}");
    }
}

#[test]
fn defaults_and_settings_of_pretraining() {
    let read = |text: &str| -> pretrain::Params {
        let (params, complaints) = planned::<Pretrain>(text);
        assert_eq!(complaints, "");
        params.unwrap()
    };
    let plain = read("{ objective: { kind: contrastive }, training: { steps: 9 } }");
    assert_eq!(plain.seed, 0);
    let expected = PretrainConfig {
        steps: 9,
        held_out: 0.0,
        optimisation: Optimisation {
            lr: 1e-4,
            optimiser: Optimiser::Adam,
            weight_decay: 0.0,
            batch_size: 64,
            drop_last: false,
            batching: Batching::Shuffled,
            crop: None,
            precision: Precision::Fp32,
            gradient_checkpointing: false,
            schedule: Schedule::Constant,
            ..Optimisation::default()
        },
    };
    assert_eq!(plain.training, expected);
    let Objective::Contrastive(asked) = plain.objective else { panic!("not what was asked for") };
    assert_eq!((asked.negatives, asked.temperature, asked.padding), (100, 2.0, PaddedClips::Unmasked));
    assert_eq!((asked.spans_over, asked.freeze_feature_encoder), (SpansOver::Clips, false));

    let other = read(
        "objective: { kind: pseudo-labels, spans_over: clips, freeze_feature_encoder: false, overrides: { layerdrop: 0 } }\n\
         training: { steps: 9, lr: 1e-3, batching: { kind: bucketed, seconds: 250 }, crop: { seconds: 10, at: random },\n\
         \x20           schedule: { kind: linear, warmup: 100, hold: 0.05 }, precision: bf16, held_out: 0.2,\n\
         \x20           gradient_checkpointing: true, optimiser: adamw, weight_decay: 0.1, drop_last: true, batch_size: 8 }\n\
         seed: 4\n",
    );
    assert_eq!(other.seed, 4);
    let stages = Stages { warmup: Steps::Count(100), hold: Steps::Share(0.05), floor: 0.0 };
    let expected = PretrainConfig {
        held_out: 0.2,
        optimisation: Optimisation {
            lr: 1e-3,
            batch_size: 8,
            batching: Batching::Bucketed { seconds: Some(250.0), counted: Counted::Padded, noise: 0.1 },
            crop: Some(Crop { seconds: 10.0, at: CropAt::Random }),
            schedule: Schedule::Linear(stages),
            precision: Precision::Bf16,
            gradient_checkpointing: true,
            optimiser: Optimiser::AdamW,
            weight_decay: 0.1,
            drop_last: true,
            ..expected.optimisation
        },
        ..expected
    };
    assert_eq!(other.training, expected);
    let Objective::PseudoLabels(asked) = other.objective else { panic!("not what was asked for") };
    assert_eq!(
        (asked.hidden, asked.spans_over, asked.freeze_feature_encoder),
        (256, SpansOver::Clips, false)
    );
    assert_eq!(asked.overrides, Overrides { layerdrop: Some(0.0), ..Overrides::default() });

    let (params, complaints) = planned::<FrameTeacher>("training: { steps: 9 }");
    assert_eq!(complaints, "");
    let plain = params.unwrap();
    assert_eq!((plain.class_weights, plain.training.held_out), (ClassWeights::InverseFrequency, 0.1));
    assert_eq!((plain.network.head, plain.network.lstm), (128, 256));

    let (_, complaints) = planned::<Kmeans>("{ clusters: [64, 64] }");
    assert!(complaints.contains("64 clusters are asked for twice"), "{complaints}");
    let (_, complaints) = planned::<Pretrain>("{ objective: { kind: contrastve }, training: { stps: 9 } }");
    assert!(complaints.contains("did you mean `contrastive`"), "{complaints}");
    assert!(complaints.contains("did you mean `steps`"), "{complaints}");
}

/// What reads an encoder, and how it and the head are trained; nothing of it stands in keys at its default.
#[test]
fn readers_of_encoders() {
    let read = |text: &str| match network(&format!("{{ kind: wav2vec2, {text} }}")) {
        NetworkConfig::Wav2Vec2(config) => *config,
        other => panic!("{other:?}"),
    };
    let layer = |text: &str| read(&format!("layers: {text}")).layer;
    assert_eq!(layer("weighted"), EncoderLayer::Weighted);
    assert_eq!(layer("[0, 6, 12]"), EncoderLayer::Several(vec![0, 6, 12]));
    assert_eq!((layer("7"), layer("last")), (EncoderLayer::Nth(7), EncoderLayer::Last));
    assert_eq!(read("layer: 7").layer, EncoderLayer::Nth(7), "the older name");
    let attention = read("pooling: self-attention, attention: { heads: 4 }").attention;
    assert_eq!(attention, PoolingAttention { heads: 4, channels: 128, global_context: true });
    let targets = vec![LoraTarget::QProj, LoraTarget::VProj];
    assert_eq!(
        read("adapt: { kind: lora }").adapt,
        Some(Adapt::Lora { rank: 8, alpha: 16.0, dropout: 0.0, targets })
    );
    assert_eq!(read("adapt: biases").adapt, Some(Adapt::Biases));
    assert_eq!(read("adapt: none").adapt, None);

    let key = |config: FineTunedConfig| NetworkConfig::Wav2Vec2(Box::new(config)).view(View::Key);
    let plain = key(FineTunedConfig::default());
    assert!(
        plain["layer"] == "last" && plain.get("adapt").is_none() && plain.get("attention").is_none(),
        "{plain}"
    );
    let changed = key(read("layers: [1, 2], adapt: { kind: top-layers, layers: 2 }"));
    assert_eq!(changed["layer"], serde_json::json!([1, 2]));
    assert_eq!(changed["adapt"], serde_json::json!({ "kind": "top-layers", "layers": 2 }));

    let focal =
        training("loss: focal, focal_gamma: 1, class_weights: effective-number, class_balance_beta: 0.9");
    assert_eq!((focal.loss, focal.focal_gamma), (Loss::Focal, 1.0));
    assert_eq!((focal.class_weights, focal.class_balance_beta), (ClassWeights::EffectiveNumber, 0.9));
    assert_eq!(training("label_smoothing: 0.1").label_smoothing, 0.1);
    let balanced = Batching::Balanced { balance: Balance::Corpus };
    assert_eq!(training("batching: { balance: corpus }").optimisation.batching, balanced);
    let rates = training("lr_factors: { classifier: 10 }, layer_decay: 0.9, unfreeze_every: 2").optimisation;
    assert_eq!((rates.layer_decay, rates.unfreeze_every), (0.9, Some(2)));
    assert_eq!(rates.lr_factors, [("classifier".to_owned(), 10.0)].into());
    let plain = TrainConfig::default().view(View::Key);
    for name in [
        "label_smoothing",
        "focal_gamma",
        "class_balance_beta",
        "lr_factors",
        "layer_decay",
        "unfreeze_every",
    ] {
        assert!(plain.get(name).is_none(), "{name}");
    }
}
