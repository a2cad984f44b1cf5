//! One utterance on its way to the networks of a run, for its report: the waveform, its features, and a noisy copy of each.

use affekt_domain::Example;
use affekt_features::ColourMap;
use affekt_graph::{Node, Object, State};
use affekt_ops::{Kind, Purpose};
use affekt_report::Image;
use affekt_table::features::Features;
use affekt_table::waveforms::Waveforms;

use crate::run_folder::Finished;

/// Pictures of the first example in every step that gives waveforms or frames, in the order of the graph. A step whose result is
/// no longer stored has none: a report is made of figures.
pub fn of_one_utterance(finished: &Finished<'_>, examples: &[Example]) -> Vec<Image> {
    let Some(utterance) = examples.first().map(|example| example.utterance.id.as_str()) else {
        return Vec::new();
    };
    let mut found: Vec<(String, i32, Image)> = Vec::new();
    for (node, state) in finished.walk.graph().nodes().values().zip(finished.walk.states().values()) {
        if !matches!(state, State::Done { record: Some(_), .. }) {
            continue;
        }
        for &copy in copies(node) {
            let is_known =
                found.iter().any(|(name, known, _)| (name.as_str(), *known) == (node.id.name(), copy));
            if let Some(image) = picture(finished, node, utterance, copy).filter(|_| !is_known) {
                found.push((node.id.name().to_owned(), copy, image));
            }
        }
    }
    found.into_iter().map(|(.., image)| image).collect()
}

/// The copies that are shown of a node's rows: of one that adds noise, a noisy one alone.
fn copies(node: &Node) -> &'static [i32] {
    let purpose = affekt_ops::find(&node.op).map(|definition| definition.purpose);
    if purpose == Some(Purpose::Augment) { &[1] } else { &[0, 1] }
}

fn picture(finished: &Finished<'_>, node: &Node, utterance: &str, copy: i32) -> Option<Image> {
    let kind = affekt_ops::find(&node.op)?.outputs.first()?.kind;
    let object = || finished.object(&node.id, node.outputs.first()?).ok();
    let noisy = if copy > 0 { format!(", noisy copy {copy}") } else { String::new() };
    let caption = format!("{}{noisy}: {utterance}", node.id.name());
    match kind {
        Kind::Waveforms => drawn_wave(&object()?, utterance, copy, caption),
        Kind::Features => drawn_frames(&object()?, utterance, copy, caption),
        _ => None,
    }
}

/// Width and height of a waveform, in pixels.
const WAVE: [usize; 2] = [376, 96];

/// A waveform: in each column a line from its least to its greatest sample.
fn drawn_wave(object: &Object, utterance: &str, copy: i32, caption: String) -> Option<Image> {
    let table = Waveforms::open(affekt_ops::table::open(object).ok()?).ok()?;
    let row = row_of(table.len(), utterance, copy, |row| {
        Some((table.utterance(row).ok()?, table.copy(row).ok()?))
    })?;
    let samples = table.samples(row).ok()?;
    let [width, height] = WAVE;
    let loudest = samples.iter().fold(f32::MIN_POSITIVE, |loudest, sample| loudest.max(sample.abs()));
    let line = |sample: f32| ((0.5 - 0.48 * sample / loudest) * height as f32) as usize;
    let mut pixels = vec![255_u8; width * height * 3];
    for column in 0..width {
        let (from, to) = (column * samples.len() / width, (column + 1) * samples.len() / width);
        let part = samples.get(from..to.max(from + 1)).unwrap_or_default();
        let (low, high) = part.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &sample| {
            (low.min(sample), high.max(sample))
        });
        if low > high {
            continue;
        }
        for y in line(high)..=line(low).min(height - 1) {
            let at = 3 * (y * width + column);
            pixels[at..at + 3].copy_from_slice(&[60, 60, 120]);
        }
    }
    Image::new(caption, width.try_into().ok()?, height.try_into().ok()?, pixels)
}

/// A matrix as colours from its low values to its high ones, the second dimension to the right and the first row at the bottom: of
/// frames, time and frequency.
fn drawn_frames(object: &Object, utterance: &str, copy: i32, caption: String) -> Option<Image> {
    let table = Features::open(affekt_ops::table::open(object).ok()?).ok()?;
    let &[bands, frames] = table.shape() else { return None };
    let row = row_of(table.len(), utterance, copy, |row| {
        Some((table.utterance(row).ok()?, table.copy(row).ok()?))
    })?;
    let values = table.frames(row).ok()?;
    // A few values, such as a first coefficient, lie far from all others.
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = |share: f64| sorted.get(((sorted.len().max(1) - 1) as f64 * share) as usize).copied();
    let (low, high) = (at(0.02)?, at(0.98)?);
    let stretch = (WAVE[0] / frames.max(1)).max(1);
    let mut pixels = Vec::with_capacity(bands * frames * stretch * 3);
    for band in (0..bands).rev() {
        for frame in 0..frames {
            let value = values[band * frames + frame];
            let colour =
                ColourMap::Magma.of(((value - low) / (high - low).max(f32::MIN_POSITIVE)).clamp(0.0, 1.0));
            (0..stretch).for_each(|_| pixels.extend(colour));
        }
    }
    Image::new(caption, (frames * stretch).try_into().ok()?, bands.try_into().ok()?, pixels)
}

/// The row of an utterance's copy.
fn row_of<'t>(
    rows: usize,
    utterance: &str,
    copy: i32,
    of: impl Fn(usize) -> Option<(&'t str, i32)>,
) -> Option<usize> {
    (0..rows).find(|&row| of(row) == Some((utterance, copy)))
}
