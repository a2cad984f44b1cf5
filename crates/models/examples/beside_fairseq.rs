//! wav2vec at its true size beside fairseq: how far features and context are apart.
//!
//! `beside_fairseq FOLDER`, with what `tests/goldens/wav2vec/true_size.py` put there.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use affekt_encoders::{Overrides, read};
use affekt_models::take_over;
use affekt_models::wav2vec::Wav2Vec;
use affekt_torch::NamedTensors;
use affekt_torch::init::Vars;
use tch::{Device, Tensor, nn};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("expected a folder of true_size.py's")?);
    affekt_torch::device::set_threads(2);
    let checkpoint = read(&folder.join("wav2vec_large.pt"), &Overrides::default())?;
    let config = checkpoint.config.wav2vec().ok_or("the checkpoint is no wav2vec")?;
    let weights: NamedTensors = checkpoint
        .tensors
        .iter()
        .map(|(name, weights)| {
            let shape: Vec<i64> = weights.shape().iter().map(|size| *size as i64).collect();
            (name.clone(), Tensor::from_slice(&weights.values()).view(shape.as_slice()))
        })
        .collect();
    let store = nn::VarStore::new(Device::Cpu);
    let network = Wav2Vec::new(&Vars::new(&store, 0), config)?;
    let own = store.variables().into_iter().collect();
    let accounting = take_over(&own, &weights)?;
    println!(
        "{} tensors, {:?} left, {:?}",
        accounting.loaded, accounting.unexpected, checkpoint.key_mapping.left_out
    );

    let _guard = tch::no_grad_guard();
    let mut files: Vec<_> =
        std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.retain(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("case-")));
    files.sort();
    for file in files {
        let case = tensors(&file)?;
        let shape = case["waveforms"].size();
        let features = network.features(&case["waveforms"], &vec![shape[1] as usize; shape[0] as usize])?;
        let context = network.aggregate(&features, /* train */ false);
        println!(
            "{}: {shape:?}, features: {:.1e} (of numbers up to {:.1}), context: {:.1e} (of numbers up to {:.1})",
            file.file_stem().unwrap_or_default().display(),
            difference(&features, &case["features"]),
            largest(&features),
            difference(&context, &case["context"]),
            largest(&context),
        );
    }
    Ok(())
}

fn tensors(file: &Path) -> Result<BTreeMap<String, Tensor>, Box<dyn Error>> {
    Ok(Tensor::read_safetensors(file)?.into_iter().collect())
}

fn largest(xs: &Tensor) -> f64 {
    xs.abs().max().double_value(&[])
}

fn difference(ours: &Tensor, theirs: &Tensor) -> f64 {
    assert_eq!(ours.size(), theirs.size());
    largest(&(ours - theirs))
}
