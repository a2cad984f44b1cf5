//! wav2vec 2.0 at its true size beside transformers: how far hidden states and logits are apart.
//!
//! `beside_transformers FOLDER`, with what `tests/goldens/wav2vec2/true_size.py` put there.
#![allow(clippy::print_stdout)]

use affekt_models::SpeechEncoder as _;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use affekt_models::wav2vec2::{CtcHead, SequenceClassifier, Wav2Vec2, map_names};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::Padding;
use affekt_torch::init::Vars;
use tch::{Device, Tensor, nn};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("expected a folder of true_size.py's")?);
    affekt_torch::device::set_threads(2);
    let config: EncoderConfig = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
    let weights = tensors(&folder.join("model.safetensors"))?;
    let store = nn::VarStore::new(Device::Cpu);
    let vars = Vars::new(&store, 0);
    let encoder = Wav2Vec2::new(&vars, &config)?;
    let ctc = CtcHead::new(&vars, &config)?;
    let classifier = SequenceClassifier::new(&vars, &config, /* projector */ true, 7)?;
    load(&store, &weights)?;

    let _guard = tch::no_grad_guard();
    let mut files: Vec<_> =
        std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.retain(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("case-")));
    files.sort();
    for file in files {
        let case = tensors(&file)?;
        let lengths: Vec<i64> = (&case["lengths"]).try_into()?;
        let lengths: Vec<usize> = lengths.into_iter().map(|length| length as usize).collect();
        let encoded = encoder.forward_t(&case["waveforms"], &lengths, Padding::Reference, false)?;
        let states = encoded.states.iter().enumerate().map(|(i, ours)| (ours, &case[&format!("state.{i}")]));
        let states: Vec<_> = states.map(|(ours, theirs)| difference(ours, theirs)).collect();
        let largest = states.iter().copied().fold(0.0, f64::max);
        println!(
            "{}: {:?} samples, {} states: {largest:.1e} (of numbers up to {:.1}), last: {:.1e}, CTC: {:.1e}, classes: {:.1e}",
            file.file_stem().unwrap_or_default().display(),
            lengths,
            states.len(),
            encoded.states.iter().map(|state| state.abs().max().double_value(&[])).fold(0.0, f64::max),
            difference(&encoded.last, &case["last"]),
            difference(&ctc.forward_t(&encoded, false), &case["ctc"]),
            difference(&classifier.forward(&encoded.last, &encoded.frames), &case["classes"]),
        );
    }
    Ok(())
}

fn tensors(file: &Path) -> Result<BTreeMap<String, Tensor>, Box<dyn Error>> {
    Ok(Tensor::read_safetensors(file)?.into_iter().collect())
}

/// Every parameter from the file, and nothing left in it.
fn load(store: &nn::VarStore, weights: &BTreeMap<String, Tensor>) -> Result<(), Box<dyn Error>> {
    let parameters: BTreeMap<_, _> = store.variables().into_iter().collect();
    let shapes = |tensors: &BTreeMap<String, Tensor>| {
        tensors.iter().map(|(name, tensor)| (name.clone(), tensor.size())).collect::<BTreeMap<_, _>>()
    };
    let map = map_names(&shapes(weights), &shapes(&parameters));
    if !(map.missing.is_empty() && map.unexpected.is_empty() && map.mis_shaped.is_empty()) {
        return Err(format!("the weights are of another network: {map:?}").into());
    }
    let _guard = tch::no_grad_guard();
    for (ours, theirs) in &map.tensors {
        parameters[ours].shallow_clone().copy_(&weights[theirs]);
    }
    Ok(())
}

fn difference(ours: &Tensor, theirs: &Tensor) -> f64 {
    assert_eq!(ours.size(), theirs.size());
    (ours - theirs).abs().max().double_value(&[])
}
