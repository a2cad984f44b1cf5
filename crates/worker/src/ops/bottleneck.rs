//! `bottleneck`: what the frozen convolutions of a VGG16 give of pictures.

use affekt_domain::Digest;
use affekt_graph::{Context, Failure, Job, Object};
use affekt_models::vgg16::Bottleneck;
use affekt_ops::bottleneck::Params;
use affekt_ops::table;
use affekt_spec::network::Unfreeze;
use affekt_table::features::FeatureWriter;
use affekt_table::spectrogram_images::SpectrogramImages;
use affekt_torch::{TorchError, filled_bytes};
use tch::Device;

use crate::artefact;
use crate::artefact::encoder::EncoderCard;

/// The convolutions that were used last, by the artefact of their base, what of it they leave out and the shape of their pictures: the next
/// shard is for the same ones.
pub type Cached = super::cached::Cached<(Digest, Option<Unfreeze>, [usize; 3]), Bottleneck>;

pub fn run(job: &Job, device: Device, cached: &Cached, context: &mut dyn Context) -> Result<(), Failure> {
    let params: Params = affekt_ops::params(job)?;
    let unfreeze = params.unfreeze;
    let encoder = job.open_one("encoder")?;
    let object = job.open_one("pictures")?;
    let pictures =
        SpectrogramImages::open(table::open(&object)?).map_err(|error| table::failure(&object, error))?;
    cached.with(
        (encoder.digest(), unfreeze, pictures.shape()),
        |_| load(&encoder, unfreeze, pictures.shape(), device),
        |base| write(job, params.batch_size, base, &object, &pictures, context),
    )
}

fn load(
    encoder: &Object,
    unfreeze: Option<Unfreeze>,
    shape: [usize; 3],
    device: Device,
) -> Result<Bottleneck, Failure> {
    let (card, weights) = artefact::read::<EncoderCard>(encoder)?;
    let config = card.vgg16("bottleneck")?;
    let mut base = Bottleneck::new(config, unfreeze, shape, card.seed, device)
        .map_err(|error| Failure::because(&error))?;
    if card.pretrained {
        base.load(&weights).map_err(|error| Failure::because(&error))?;
    }
    Ok(base)
}

fn write(
    job: &Job,
    batch_size: usize,
    base: &Bottleneck,
    object: &Object,
    pictures: &SpectrogramImages,
    context: &mut dyn Context,
) -> Result<(), Failure> {
    let damaged = |error| table::failure(object, error);
    let mut writer =
        FeatureWriter::create(job.output("features")?, &base.shape()).map_err(table::unwritten)?;
    let size: usize = base.shape().iter().product();
    let [channels, height, width] = pictures.shape().map(|side| side as i64);
    let rows: Vec<usize> = (0..pictures.len()).collect();
    for rows in rows.chunks(batch_size) {
        if context.cancelled() {
            return Err(Failure::Cancelled);
        }
        context.progress(rows[0] as u64, pictures.len() as u64, "pictures");
        let of_rows: Vec<&[u8]> =
            rows.iter().map(|&row| pictures.pixels(row)).collect::<Result<_, _>>().map_err(damaged)?;
        let xs = filled_bytes(&[rows.len() as i64, channels, height, width], |pixels| {
            let size = pixels.len() / of_rows.len();
            pixels.chunks_exact_mut(size).zip(&of_rows).for_each(|(row, own)| row.copy_from_slice(own));
            Ok::<_, TorchError>(())
        })
        .map_err(|error| Failure::because(&error))?;
        let features = base.forward(&xs).map_err(|error| Failure::because(&error))?; // [batch, channels, places]
        let values =
            Vec::<f32>::try_from(features.flatten(0, -1)).map_err(|error| Failure::because(&error))?;
        for (&row, values) in rows.iter().zip(values.chunks_exact(size)) {
            let utterance = pictures.utterance(row).map_err(damaged)?;
            let copy = pictures.copy(row).map_err(damaged)?;
            writer.push(utterance, copy, values).map_err(table::unwritten)?;
        }
    }
    writer.finish().map_err(table::unwritten)
}
