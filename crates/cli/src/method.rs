//! How figures were made, for a report: what steps were resolved to, how long recordings are, what networks consist of.

use affekt_domain::Example;
use affekt_graph::Object;
use affekt_ops::Sentence;
use affekt_report as page;
use serde_json::Value;

use crate::exit::Stop;

/// The steps of a variant, with every setting.
pub fn steps(variant: &affekt_pipeline::Variant) -> Vec<page::MethodStep> {
    let setting = |setting: &affekt_pipeline::Setting| {
        let unit = setting.unit.map(|unit| format!(" {unit}")).filter(|_| setting.value.is_number());
        page::MethodSetting {
            path: setting.path.clone(),
            value: format!("{}{}", shown(&setting.value), unit.unwrap_or_default()),
            tuned_among: setting.tuned_among.iter().map(shown).collect(),
            about: setting.about.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    };
    let sentence = |sentence: &Sentence| page::MethodSentence {
        topic: sentence.topic.heading().to_owned(),
        rank: sentence.topic as usize,
        text: sentence.text.clone(),
    };
    let step = |step: &affekt_pipeline::MethodStep| page::MethodStep {
        name: step.name.clone(),
        op: step.op.to_owned(),
        about: step.about.to_owned(),
        reads: step.reads.clone(),
        settings: step.settings.iter().map(setting).collect(),
        prose: step.prose.iter().map(sentence).collect(),
    };
    variant.method.iter().map(step).collect()
}

/// A value as YAML would have it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The layers of a trained network: its tensors by the beginnings of their names.
pub fn layers(model: &Object) -> Result<Vec<page::Layer>, Stop> {
    let mut layers: Vec<page::Layer> = Vec::new();
    for (name, shape) in affekt_ops::train::tensors(model)? {
        let (layer, tensor) = name.rsplit_once('.').unwrap_or((&name, "weight"));
        let tensor = (tensor.to_owned(), shape);
        match layers.iter_mut().find(|known| known.name == layer) {
            Some(known) => known.tensors.push(tensor),
            None => layers.push(page::Layer { name: layer.to_owned(), tensors: vec![tensor] }),
        }
    }
    Ok(layers)
}

/// The weights that networks learnt for the layers of their encoders, layer by layer; none where they did not.
pub fn layer_weights(models: &[Object]) -> Result<Vec<page::LayerWeights>, Stop> {
    let mut layers: Vec<page::LayerWeights> = Vec::new();
    for model in models {
        let card = affekt_ops::train::card(model)?;
        for weight in card["layer_weights"].as_array().into_iter().flatten() {
            let (Some(layer), Some(weight)) = (weight[0].as_u64(), weight[1].as_f64()) else { continue };
            let layer = layer as usize;
            match layers.iter_mut().find(|known| known.layer == layer) {
                Some(known) => known.weights.push(weight),
                None => layers.push(page::LayerWeights { layer, weights: vec![weight] }),
            }
        }
    }
    Ok(layers)
}

/// The lengths of labelled recordings, corpus by corpus, beside what is kept of each.
pub fn lengths(examples: &[Example], kept: Option<f64>) -> Vec<page::ClipLengths> {
    let mut corpora: Vec<(&str, Vec<f64>)> = Vec::new();
    for example in examples {
        let (corpus, seconds) = (example.utterance.corpus.as_str(), example.utterance.seconds());
        match corpora.iter_mut().find(|(known, _)| *known == corpus) {
            Some((_, all)) => all.push(seconds),
            None => corpora.push((corpus, vec![seconds])),
        }
    }
    let lengths = |(corpus, mut seconds): (&str, Vec<f64>)| {
        seconds.sort_by(f64::total_cmp);
        let (low, high) = (seconds[(seconds.len() - 1) / 2], seconds[seconds.len() / 2]);
        let number = |is: fn(f64, f64) -> bool| {
            kept.map_or(0, |kept| seconds.iter().filter(|seconds| is(**seconds, kept)).count())
        };
        page::ClipLengths {
            corpus: corpus.to_owned(),
            kept,
            clips: seconds.len(),
            median: f64::midpoint(low, high),
            longest: seconds.last().copied().unwrap_or_default(),
            cut: number(|seconds, kept| seconds > kept),
            filled: number(|seconds, kept| seconds < kept),
        }
    };
    corpora.into_iter().map(lengths).collect()
}
