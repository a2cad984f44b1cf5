//! wav2vec 2.0: what must hold whatever the weights.

mod turn;

use affekt_models::{Encoded, SpeechEncoder as _};
use std::collections::BTreeMap;

use affekt_models::wav2vec2::{
    Choice, CtcHead, InputError, PretrainingHead, SequenceClassifier, Spans, Wav2Vec2, sample_negatives,
};
use affekt_spec::encoder::{Activation, ConfigError, EncoderConfig, FeatureNorm};
use affekt_spec::network::{Padding, SpansOver};
use affekt_spec::training::{Diversity, NegativesFrom};
use affekt_torch::init::Vars;
use affekt_torch::{Adam, AdamConfig, Autocast, Random};
use tch::{Device, Kind, Tensor, nn};

use crate::turn::turn;

/// BASE's architecture, quick to compute. Even and odd kernels of the positions' convolution pad differently.
fn post_norm() -> EncoderConfig {
    EncoderConfig {
        vocab_size: 5,
        hidden_size: 16,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 24,
        conv_dim: vec![8, 8, 12],
        conv_stride: vec![5, 2, 2],
        conv_kernel: vec![10, 3, 2],
        num_conv_pos_embeddings: 6,
        num_conv_pos_embedding_groups: 4,
        classifier_proj_size: 10,
        initializer_range: 0.2,
        ..EncoderConfig::default()
    }
}

/// XLSR-53's.
fn pre_norm() -> EncoderConfig {
    EncoderConfig {
        feat_extract_norm: FeatureNorm::Layer,
        conv_bias: true,
        do_stable_layer_norm: true,
        num_conv_pos_embeddings: 7,
        ..post_norm()
    }
}

/// Encoder and heads, and the store that holds their parameters.
struct Built {
    store: nn::VarStore,
    encoder: Wav2Vec2,
    ctc: CtcHead,
    classifier: SequenceClassifier,
}

fn build(config: &EncoderConfig) -> Built {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let store = nn::VarStore::new(Device::Cpu);
    let vars = Vars::new(&store, 3);
    let encoder = Wav2Vec2::new(&vars, config).unwrap();
    let ctc = CtcHead::new(&vars, config).unwrap();
    let classifier = SequenceClassifier::new(&vars, config, /* projector */ true, 3).unwrap();
    Built { store, encoder, ctc, classifier }
}

/// Numbers like noise in −1..1, the same every time.
fn noise(shape: &[i64]) -> Tensor {
    let count = shape.iter().product::<i64>();
    let values: Vec<f32> = (1..=count).map(|i| (1.7 * (i * i % 7919) as f64).sin() as f32).collect();
    Tensor::from_slice(&values).view(shape)
}

fn encode(encoder: &Wav2Vec2, waveforms: &Tensor, lengths: &[usize], padding: Padding) -> Encoded {
    tch::no_grad(|| encoder.forward_t(waveforms, lengths, padding, false)).unwrap()
}

/// The largest difference.
fn difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

#[test]
fn fine_tuned_base_has_its_published_parameters() {
    let store = nn::VarStore::new(Device::Cpu);
    let vars = Vars::new(&store, 1);
    let config = EncoderConfig::default();
    let _encoder = Wav2Vec2::new(&vars, &config).unwrap();
    let count = || store.variables().values().map(Tensor::numel).sum::<usize>();
    assert_eq!(count(), 94_371_712);
    let _head = SequenceClassifier::new(&vars, &config, /* projector */ false, 7).unwrap();
    assert_eq!(count(), 94_377_095);
}

#[test]
fn a_clip_gives_in_a_padded_batch_what_it_gives_alone() {
    // From one frame to eleven. The last samples of most make no whole frame.
    let lengths = [240, 170, 154, 30, 31, 239, 62, 118, 90, 210, 49, 50, 199, 75, 133, 228];
    let biased = EncoderConfig { conv_bias: true, ..post_norm() };
    let relu = EncoderConfig { hidden_act: Activation::Relu, num_attention_heads: 4, ..pre_norm() };
    for config in [post_norm(), biased, pre_norm(), relu] {
        let Built { encoder, ctc, classifier, .. } = build(&config);
        // Loud noise stands behind the clips, and where a number is none.
        let waveforms = noise(&[16, 240]) * 3.0;
        let _ = waveforms.get(1).narrow(0, 200, 40).fill_(f64::NAN);
        let batch = encode(&encoder, &waveforms, &lengths, Padding::Ignored);
        assert_eq!(batch.frames, [11, 8, 7, 1, 1, 11, 2, 5, 4, 10, 1, 2, 9, 3, 6, 10]);
        let (characters, classes) =
            (ctc.forward_t(&batch, false), classifier.forward(&batch.last, &batch.frames));
        for (row, &length) in lengths.iter().enumerate() {
            let clip = waveforms.narrow(0, row as i64, 1).narrow(1, 0, length as i64);
            let alone = encode(&encoder, &clip, &[length], Padding::Ignored);
            let own =
                |tensor: &Tensor| tensor.narrow(0, row as i64, 1).narrow(1, 0, batch.frames[row]).copy();
            for (batch, alone) in batch.states.iter().zip(&alone.states) {
                assert!(difference(&own(batch), alone) <= 1e-5, "{row}");
            }
            assert!(difference(&own(&batch.last), &alone.last) <= 1e-5, "{row}");
            assert!(difference(&own(&characters), &ctc.forward_t(&alone, false)) <= 1e-5, "{row}");
            let class = classifier.forward(&alone.last, &alone.frames);
            assert!(difference(&classes.narrow(0, row as i64, 1), &class) <= 1e-5, "{row}");
        }
    }
}

#[test]
fn the_reference_lets_padding_into_the_group_norm_alone() {
    let waveforms = noise(&[2, 240]);
    let change = |config: &EncoderConfig, lengths: &[usize]| {
        let encoder = build(config).encoder;
        let [ignored, reference] = [Padding::Ignored, Padding::Reference]
            .map(|padding| encode(&encoder, &waveforms, lengths, padding).last.narrow(1, 0, 8));
        [0, 1].map(|row| difference(&ignored.get(row), &reference.get(row)))
    };
    let [whole, padded] = change(&post_norm(), &[240, 170]);
    assert!(whole <= 1e-5 && padded > 1e-3, "{whole} {padded}");
    assert_eq!(change(&post_norm(), &[240, 240]), [0.0, 0.0]);
    assert_eq!(change(&pre_norm(), &[240, 170]), [0.0, 0.0]);
}

#[test]
fn gradients_reach_every_parameter_and_nothing_comes_from_padding() {
    let _turn = turn();
    for config in [post_norm(), pre_norm()] {
        let config = EncoderConfig { layerdrop: 0.0, mask_time_length: 2, ..config };
        let Built { store, encoder, ctc, classifier } = build(&config);
        tch::manual_seed(1);
        let waveforms = noise(&[2, 240]).set_requires_grad(true);
        let encoded = encoder.forward_t(&waveforms, &[240, 170], Padding::Ignored, true).unwrap();
        let classes = classifier.forward(&encoded.last, &encoded.frames);
        let characters = ctc.forward_t(&encoded, true).get(1).narrow(0, 0, encoded.frames[1]);
        let loss = classes.cross_entropy_for_logits(&Tensor::from_slice(&[2_i64, 0]))
            + characters.square().mean(Kind::Float);
        loss.backward();
        for (name, parameter) in store.variables() {
            let gradient = parameter.grad();
            assert!(gradient.defined(), "{name}");
            let largest = gradient.abs().max().double_value(&[]);
            assert!(largest.is_finite(), "{name}");
            // A bias of all keys adds the same to all scores of a frame.
            assert!(name.ends_with("k_proj.bias") || largest > 0.0, "{name}");
        }
        let of_samples = waveforms.grad().get(1);
        assert_eq!(of_samples.narrow(0, 170, 70).abs().max().double_value(&[]), 0.0);
        assert!(of_samples.narrow(0, 0, 165).abs().max().double_value(&[]) > 0.0);
    }
}

#[test]
fn chance_is_for_training() {
    let _turn = turn();
    let config = EncoderConfig { hidden_dropout: 0.5, attention_dropout: 0.5, layerdrop: 0.5, ..pre_norm() };
    let encoder = build(&config).encoder;
    let waveforms = noise(&[1, 240]);
    let last = |seed, train| {
        tch::manual_seed(seed);
        encoder.forward_t(&waveforms, &[240], Padding::Ignored, train).unwrap().last.detach()
    };
    assert_eq!(last(1, false), last(2, false));
    assert_eq!(last(1, true), last(1, true));
    assert_ne!(last(1, true), last(2, true));
}

#[test]
fn layers_computed_again_have_the_same_gradients_to_the_bit() {
    let _turn = turn();
    let config = EncoderConfig { layerdrop: 0.3, num_hidden_layers: 4, mask_time_length: 2, ..pre_norm() };
    let waveforms = noise(&[2, 240]);
    let gradients = |checkpointed| {
        let Built { store, mut encoder, .. } = build(&config);
        encoder.checkpoint_gradients(checkpointed);
        tch::manual_seed(5);
        let encoded = encoder.forward_t(&waveforms, &[240, 170], Padding::Ignored, /* train */ true).unwrap();
        encoded.last.square().sum(Kind::Float).backward();
        let gradients = store.variables().into_iter().map(|(name, tensor)| (name, tensor.grad()));
        let gradients: BTreeMap<_, _> = gradients.filter(|(_, gradient)| gradient.defined()).collect();
        (encoded.last.detach(), gradients)
    };
    let (kept, computed_again) = (gradients(false), gradients(true));
    assert!(kept.1.len() > 30);
    assert_eq!(kept, computed_again);
}

#[test]
fn chosen_frames_are_masked_in_training_or_not() {
    let config = post_norm();
    let Built { store, encoder, .. } = build(&config);
    let masked = Tensor::zeros([1, 11], (Kind::Bool, Device::Cpu));
    let _ = masked.get(0).narrow(0, 3, 4).fill_(1);
    let encode = || {
        let encoded = encoder.forward_masked_t(&noise(&[1, 240]), &[240], Padding::Ignored, &masked, false);
        tch::no_grad(|| encoded.unwrap())
    };
    let before = encode();
    let embedding = store.variables().remove("masked_spec_embed").unwrap();
    let _ = tch::no_grad(|| embedding.shallow_clone().fill_(3.0));
    let after = encode();
    assert_eq!(after.features, before.features);
    assert!(difference(&after.last, &before.last) > 0.1);

    let config = EncoderConfig { mask_time_prob: 0.0, ..config };
    let encoder = build(&config).encoder;
    let error =
        encoder.forward_masked_t(&noise(&[1, 240]), &[240], Padding::Ignored, &masked, false).unwrap_err();
    assert_eq!(error, InputError::NoMask);
}

#[test]
fn half_precision_changes_the_losses_little() {
    let _turn = turn();
    let config = EncoderConfig { codevector_dim: 6, proj_codevector_dim: 8, ..pre_norm() };
    let Built { store, encoder, .. } = build(&config);
    let head = PretrainingHead::new(&Vars::new(&store, 4), &config, Diversity::PerMaskedFrame).unwrap();
    let masked = Spans { share: 0.5, length: 2, least: 2 };
    let masked = masked.mask(&[11, 11], 11, SpansOver::Clips, &mut Random::new(2, "masks"));
    let negatives = sample_negatives(&masked, NegativesFrom::Masked, 10, &mut Random::new(2, "negatives"));
    let losses = |half: bool| {
        let _guard = half.then(|| Autocast::new(Device::Cpu, Kind::BFloat16).unwrap());
        let _no_grad = tch::no_grad_guard();
        let encoded =
            encoder.forward_masked_t(&noise(&[2, 240]), &[240; 2], Padding::Ignored, &masked, false);
        let found = head.forward_t(&encoded.unwrap(), &masked, &negatives, Choice::Likeliest, false);
        assert_eq!(found.loss.kind(), Kind::Float);
        found.contrastive.double_value(&[])
    };
    let (half, single) = (losses(true), losses(false));
    assert!(half != single && (half / single - 1.0).abs() < 0.03, "{half} {single}");
}

#[test]
fn pretraining_learns_to_tell_frames_apart() {
    let _turn = turn();
    let config = EncoderConfig {
        num_codevectors_per_group: 4,
        codevector_dim: 6,
        proj_codevector_dim: 8,
        hidden_dropout: 0.0,
        activation_dropout: 0.0,
        attention_dropout: 0.0,
        layerdrop: 0.0,
        ..pre_norm()
    };
    tch::manual_seed(1);
    let Built { store, encoder, .. } = build(&config);
    let head = PretrainingHead::new(&Vars::new(&store, 4), &config, Diversity::PerMaskedFrame).unwrap();
    let waveforms = noise(&[2, 240]);
    let mut random = Random::new(2, "pretraining");
    let spans = Spans { share: 0.5, length: 2, least: 2 };
    let mut optimiser = Adam::new(
        store.variables().into_iter().collect(),
        AdamConfig { learning_rate: 3e-3, ..AdamConfig::default() },
    );
    let mut step = || {
        let masked = spans.mask(&[11, 11], 11, SpansOver::Clips, &mut random);
        let negatives = sample_negatives(&masked, NegativesFrom::Masked, 10, &mut random);
        let encoded =
            encoder.forward_masked_t(&waveforms, &[240; 2], Padding::Ignored, &masked, true).unwrap();
        let noise = head.gumbel_noise(2, 11, Device::Cpu);
        let choice = Choice::Gumbel { temperature: 1.0, noise: &noise };
        let loss = head.forward_t(&encoded, &masked, &negatives, choice, true).loss;
        loss.backward();
        optimiser.step().unwrap();
        loss.double_value(&[]) / masked.sum(Kind::Float).double_value(&[])
    };
    let losses: Vec<_> = (0..100).map(|_| step()).collect();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (first, last) = (mean(&losses[..30]), mean(&losses[70..]));
    assert!(last < 0.6 * first, "{first} {last}");
}

#[test]
fn attention_with_dropout_is_that_without_where_nothing_drops() {
    let config = EncoderConfig {
        attention_dropout: 1e-12,
        hidden_dropout: 0.0,
        activation_dropout: 0.0,
        layerdrop: 0.0,
        apply_spec_augment: false,
        ..post_norm()
    };
    let encoder = build(&config).encoder;
    let waveforms = noise(&[2, 240]);
    let last =
        |train| encoder.forward_t(&waveforms, &[240, 170], Padding::Ignored, train).unwrap().last.detach();
    assert!(difference(&last(true), &last(false)) <= 1e-5);
}

#[test]
fn dropped_layers_pass_their_input_on() {
    let _turn = turn();
    let config = EncoderConfig { layerdrop: 0.999_999, num_hidden_layers: 3, ..post_norm() };
    let encoded =
        build(&config).encoder.forward_t(&noise(&[1, 240]), &[240], Padding::Ignored, true).unwrap();
    assert_eq!(encoded.states.len(), 4);
    assert!(encoded.states.iter().all(|state| state == &encoded.states[0]));
}

#[test]
fn batches_that_cannot_be_encoded_are_refused() {
    let encoder = build(&post_norm()).encoder;
    let refused = |waveforms: &Tensor, lengths: &[usize]| {
        encoder.forward_t(waveforms, lengths, Padding::Ignored, false).unwrap_err()
    };
    let two = noise(&[2, 240]);
    assert_eq!(refused(&noise(&[240]), &[240]), InputError::Shape(vec![240]));
    assert_eq!(refused(&two, &[240]), InputError::Lengths { lengths: 1, clips: 2 });
    assert_eq!(refused(&two, &[240, 241]), InputError::TooLong { clip: 1, length: 241, samples: 240 });
    assert_eq!(
        refused(&two, &[24, 240]).to_string(),
        "clip 0 is 24 samples long, less than a frame: expected 30 samples at least"
    );
}

#[test]
fn what_cannot_be_built_is_refused_before_anything_is() {
    let store = nn::VarStore::new(Device::Cpu);
    let config = EncoderConfig { num_attention_heads: 3, ..post_norm() };
    let error = Wav2Vec2::new(&Vars::new(&store, 1), &config).unwrap_err();
    assert!(matches!(error, ConfigError::Division { divisor: "num_attention_heads", .. }));
    assert!(store.variables().is_empty());
}
