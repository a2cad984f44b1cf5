//! `embed`: what a frozen encoder makes of waveforms.

use affekt_domain::Digest;
use affekt_graph::{Context, Failure, Job, Object};
use affekt_models::{Embedder, Embedding};
use affekt_ops::embed::{Output, Params, Scale};
use affekt_ops::table;
use affekt_table::features::FeatureWriter;
use affekt_table::waveforms::Waveforms;
use affekt_torch::filled;
use tch::{Device, Tensor};

use crate::artefact;
use crate::artefact::encoder::EncoderCard;

/// The encoder that was used last, by its artefact and what is taken from it: the next shard is for the same one.
pub type Cached = super::cached::Cached<(Digest, Output), Embedder>;

pub fn run(job: &Job, device: Device, cached: &Cached, context: &mut dyn Context) -> Result<(), Failure> {
    let params: Params = affekt_ops::params(job)?;
    let encoder = job.open_one("encoder")?;
    let key = (encoder.digest(), params.output);
    let output = params.output;
    cached.with(key, |_| load(&encoder, output, device), |embedder| embed(job, &params, embedder, context))
}

fn load(encoder: &Object, output: Output, device: Device) -> Result<Embedder, Failure> {
    let (card, weights) = artefact::read::<EncoderCard>(encoder)?;
    let config = card.speech("embed")?;
    let mut embedder = Embedder::new(config, embedding(output), card.normalise, card.seed, device)
        .map_err(|error| Failure::because(&error))?;
    if card.pretrained {
        embedder.load(&weights).map_err(|error| Failure::because(&error))?;
    }
    Ok(embedder)
}

fn embed(job: &Job, params: &Params, embedder: &Embedder, context: &mut dyn Context) -> Result<(), Failure> {
    let object = job.open_one("waveforms")?;
    let damaged = |error| table::failure(&object, error);
    let waveforms = Waveforms::open(table::open(&object)?).map_err(damaged)?;
    let mut writer: Option<FeatureWriter> = None;
    let rows: Vec<usize> = (0..waveforms.len()).collect();
    for rows in rows.chunks(params.batch_size) {
        if context.cancelled() {
            return Err(Failure::Cancelled);
        }
        context.progress(rows[0] as u64, waveforms.len() as u64, "recordings");
        let clips: Vec<&[f32]> =
            rows.iter().map(|&row| waveforms.samples(row)).collect::<Result<_, _>>().map_err(damaged)?;
        let length = clips[0].len();
        if let Some(row) = clips.iter().position(|clip| clip.len() != length) {
            let utterance = waveforms.utterance(rows[row]).map_err(damaged)?;
            let message = format!(
                "`{utterance}` has {} samples and others have {length}: an embedding is of waveforms of one length; give \
                 `audio` a number of `seconds`",
                clips[row].len()
            );
            return Err(Failure::Failed { message });
        }
        let xs = filled(&[clips.len() as i64, length as i64], |values| {
            values.chunks_exact_mut(length).zip(&clips).for_each(|(row, clip)| row.copy_from_slice(clip));
            Ok::<_, affekt_torch::TorchError>(())
        })
        .map_err(|error| Failure::because(&error))?;
        let (matrices, _) =
            embedder.embed(&xs, &vec![length; clips.len()]).map_err(|error| Failure::because(&error))?;
        let matrices = scaled(&matrices, params.scale); // [batch, frames, width]
        let shape = matrices.size();
        let size = [shape[1] as usize, shape[2] as usize];
        let values =
            Vec::<f32>::try_from(matrices.flatten(0, -1)).map_err(|error| Failure::because(&error))?;
        let writer = match &mut writer {
            Some(writer) => writer,
            none => {
                none.insert(FeatureWriter::create(job.output("features")?, &size).map_err(table::unwritten)?)
            }
        };
        for (&row, values) in rows.iter().zip(values.chunks_exact(size[0] * size[1])) {
            let (utterance, copy) = waveforms
                .utterance(row)
                .and_then(|utterance| Ok((utterance, waveforms.copy(row)?)))
                .map_err(damaged)?;
            writer.push(utterance, copy, values).map_err(table::unwritten)?;
        }
    }
    match writer {
        Some(writer) => writer.finish().map_err(table::unwritten),
        None => Err(Failure::Failed { message: "there are no waveforms".into() }),
    }
}

const fn embedding(output: Output) -> Embedding {
    match output {
        Output::CtcLogits => Embedding::CtcLogits,
        Output::LastLayer => Embedding::LastLayer,
        Output::Layer(layer) => Embedding::Layer(layer),
    }
}

/// Every matrix of `[batch, frames, width]` scaled for itself.
fn scaled(matrices: &Tensor, scale: Scale) -> Tensor {
    match scale {
        Scale::None => matrices.shallow_clone(),
        Scale::MinMax => {
            let smallest = matrices.amin([1, 2], /* keepdim */ true);
            let range = matrices.amax([1, 2], /* keepdim */ true) - &smallest;
            // A matrix of one value has no range: it becomes 0.
            let is_flat = range.eq(0.0);
            let scaled: Tensor = (matrices - &smallest) * 2.0 / range.masked_fill(&is_flat, 1.0) - 1.0;
            scaled.masked_fill(&is_flat, 0.0)
        }
    }
}
