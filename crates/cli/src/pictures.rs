//! What the networks of a run were shown, where that is pictures: one of each class, for its report.

use std::collections::HashMap;

use affekt_domain::{Example, Task};
use affekt_features::interleaved;
use affekt_graph::{Node, State};
use affekt_ops::Kind;
use affekt_report::Image;
use affekt_table::spectrogram_images::SpectrogramImages;

use crate::run_folder::Finished;

/// A picture of the first utterance of each class that one was drawn of. None where nothing was drawn, or what was is no
/// longer stored: a report is made of figures.
pub fn of_each_class(finished: &Finished<'_>, examples: &[Example], task: &Task) -> Vec<Image> {
    let Task::Classes(classes) = task else { return Vec::new() };
    let mut tables: Vec<SpectrogramImages> = Vec::new();
    let mut drawn_by: Option<&Node> = None;
    for (node, state) in finished.walk.graph().nodes().values().zip(finished.walk.states().values()) {
        let outputs = affekt_ops::find(&node.op).map_or(&[][..], |definition| definition.outputs);
        let is_picture = outputs.iter().any(|output| output.kind == Kind::SpectrogramImages);
        let is_alike = drawn_by.is_none_or(|other| other.params == node.params);
        if is_picture && is_alike && matches!(state, State::Done { record: Some(_), .. }) {
            drawn_by = Some(node);
            let object = finished.object(&node.id, node.outputs[0].as_str());
            let table = object.ok().and_then(|object| affekt_ops::table::open(&object).ok());
            tables.extend(table.and_then(|table| SpectrogramImages::open(table).ok()));
        }
    }
    let told = |example: &'_ Example| Some((example.utterance.id.clone(), example.class()?.to_owned()));
    let class_of: HashMap<String, String> = examples.iter().filter_map(told).collect();
    classes.iter().filter_map(|class| first_of(class, &class_of, &tables)).collect()
}

/// Of a class, the first utterance's picture.
fn first_of(
    class: &String,
    class_of: &HashMap<String, String>,
    tables: &[SpectrogramImages],
) -> Option<Image> {
    for table in tables {
        for row in (0..table.len()).filter(|&row| matches!(table.copy(row), Ok(0))) {
            let Ok(utterance) = table.utterance(row) else { continue };
            if class_of.get(utterance) == Some(class) {
                let [_, height, width] = table.shape();
                let pixels = interleaved(table.pixels(row).ok()?);
                let caption = format!("{class}: {utterance}");
                return Image::new(caption, width.try_into().ok()?, height.try_into().ok()?, pixels);
            }
        }
    }
    None
}
