//! How figures were made: in prose, and as tables of the settings of every step, the lengths of clips, the layers of networks.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::prose::{Paragraph, paragraphs};
use crate::report::{Layer, MethodSetting, MethodStep, Report, Variant};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{count, listed, percent, plural};

/// The method: paragraphs and tables.
#[derive(Serialize)]
pub(crate) struct Method {
    pub paragraphs: Vec<Paragraph>,
    /// The settings that all variants have in common.
    common: Option<Table>,
    /// Those in which they differ.
    differences: Option<Table>,
    lengths: Option<Table>,
}

impl Method {
    /// Iterates over the tables, in the order of the page.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        [&self.common, &self.differences, &self.lengths].into_iter().flatten()
    }
}

/// Builds the method; `None` if nothing is known of it.
pub(crate) fn method(report: &Report) -> Option<Method> {
    let settings = Settings::of(report);
    let method = Method {
        paragraphs: paragraphs(report),
        common: settings.common(),
        differences: settings.differences(),
        lengths: lengths(report),
    };
    let is_known = method.tables().next().is_some();
    is_known.then_some(method)
}

/// The settings of all variants, step by step.
struct Settings<'r> {
    variants: usize,
    steps: Vec<Step<'r>>,
}

/// A step of some variants. One of another operation is another step.
struct Step<'r> {
    step: &'r MethodStep,
    settings: Vec<Distinct<'r>>,
}

/// A setting with its values, and the variants that have each.
struct Distinct<'r> {
    setting: &'r MethodSetting,
    values: Vec<(String, Vec<&'r str>)>,
}

impl<'r> Settings<'r> {
    fn of(report: &'r Report) -> Self {
        let mut steps: Vec<Step<'r>> = Vec::new();
        for variant in &report.variants {
            let id = variant.metrics.about.id.as_str();
            for step in &variant.method {
                let is_it = |known: &Step<'_>| (&known.step.name, &known.step.op) == (&step.name, &step.op);
                let at = steps.iter().position(is_it).unwrap_or_else(|| {
                    steps.push(Step { step, settings: Vec::new() });
                    steps.len() - 1
                });
                for setting in &step.settings {
                    steps[at].add(setting, id);
                }
            }
        }
        Self { variants: report.variants.len(), steps }
    }

    fn common(&self) -> Option<Table> {
        let columns = vec![Column::text("Value"), Column::text("Meaning")];
        let groups: Vec<_> = self
            .steps
            .iter()
            .map(|step| (step.title(), self.of_step(step).filter(|it| self.is_common(it)).map(row).collect()))
            .filter(|(_, rows): &(_, Vec<TableRow>)| !rows.is_empty())
            .collect();
        let about = match self.variants {
            1 => "Every setting of every step, defaults included.".to_owned(),
            variants => {
                format!("The settings of every step that all {variants} variants have, defaults included.")
            }
        };
        (!groups.is_empty())
            .then(|| Table::new("method", "Settings", about, "Setting", columns).groups("Step", groups))
    }

    fn differences(&self) -> Option<Table> {
        let columns = vec![Column::text("Value"), Column::text("Variants"), Column::text("Meaning")];
        let rows = |it: &Distinct<'_>| {
            let about = it.setting.about.clone();
            let row = |(value, ids): &(String, Vec<&str>)| {
                let cells = [value.clone(), named(ids), about.clone()].map(Cell::text);
                TableRow::new(it.setting.path.clone(), cells.into())
            };
            it.values.iter().map(row).collect::<Vec<_>>()
        };
        let groups: Vec<_> = self
            .steps
            .iter()
            .map(|step| {
                let own = self.of_step(step).filter(|it| !self.is_common(it));
                (step.title(), own.flat_map(rows).collect())
            })
            .filter(|(_, rows): &(_, Vec<TableRow>)| !rows.is_empty())
            .collect();
        let about = "Each value with the variants that have it.";
        let title = "Settings in which variants differ";
        (!groups.is_empty()).then(|| {
            Table::new("method-differences", title, about, "Setting", columns).groups("Step", groups)
        })
    }

    fn of_step<'s>(&'s self, step: &'s Step<'r>) -> impl Iterator<Item = &'s Distinct<'r>> {
        step.settings.iter()
    }

    fn is_common(&self, it: &Distinct<'_>) -> bool {
        matches!(&it.values[..], [(_, ids)] if ids.len() == self.variants)
    }
}

impl<'r> Step<'r> {
    fn add(&mut self, setting: &'r MethodSetting, id: &'r str) {
        let known = self.settings.iter().position(|known| known.setting.path == setting.path);
        let at = known.unwrap_or_else(|| {
            self.settings.push(Distinct { setting, values: Vec::new() });
            self.settings.len() - 1
        });
        let value = match setting.tuned_among.is_empty() {
            true => setting.value.clone(),
            false => format!("chosen in each fold among {}", setting.tuned_among.join(", ")),
        };
        let values = &mut self.settings[at].values;
        match values.iter_mut().find(|(known, _)| *known == value) {
            Some((_, ids)) => ids.push(id),
            None => values.push((value, vec![id])),
        }
    }

    fn title(&self) -> String {
        let MethodStep { name, op, about, reads, .. } = self.step;
        let op = if name == op { String::new() } else { format!(" ({op})") };
        let reads = if reads.is_empty() { String::new() } else { format!("; reads {}", reads.join(", ")) };
        format!("{name}{op}: {about}{reads}")
    }
}

fn row(it: &Distinct<'_>) -> TableRow {
    let value = it.values.first().map_or_else(String::new, |(value, _)| value.clone());
    TableRow::new(it.setting.path.clone(), vec![Cell::text(value), Cell::text(it.setting.about.clone())])
}

/// Names a few variants, or counts them.
fn named(ids: &[&str]) -> String {
    if ids.len() > 6 { plural(ids.len(), "variant") } else { listed(ids) }
}

/// Builds the table of what lengths clips had before they were cut or filled.
fn lengths(report: &Report) -> Option<Table> {
    let columns = vec![
        Column::number("Clips"),
        Column::number("Median, s"),
        Column::number("Longest, s"),
        Column::figure("Cut"),
        Column::figure("Filled"),
    ];
    let mut kept: Vec<Option<f64>> = Vec::new();
    for lengths in &report.lengths {
        if !kept.contains(&lengths.kept) {
            kept.push(lengths.kept);
        }
    }
    let groups = kept.into_iter().map(|kept| {
        let rows = report.lengths.iter().filter(|lengths| lengths.kept == kept).map(|lengths| {
            let share = |number: usize| match lengths.kept {
                Some(_) => Cell::percent(number as f64 / lengths.clips.max(1) as f64),
                None => Cell::none(),
            };
            let cells = vec![
                Cell::count(lengths.clips),
                Cell::text(format!("{:.2}", lengths.median)),
                Cell::text(format!("{:.2}", lengths.longest)),
                share(lengths.cut),
                share(lengths.filled),
            ];
            TableRow::new(lengths.corpus.clone(), cells)
        });
        let title = kept.map_or_else(|| "Whole clips".to_owned(), |kept| format!("Clips of {kept} s"));
        (title, rows.collect())
    });
    let groups: Vec<_> = groups.collect();
    let about = "Labelled recordings before any step; in percent, how many are longer than what is kept of them and lose \
                 their end, and how many are shorter.";
    (!groups.is_empty())
        .then(|| Table::new("lengths", "Lengths of clips", about, "Corpus", columns).groups("Kept", groups))
}

/// Networks of more layers than this are shown by the kinds of their layers.
const MOST_LAYERS: usize = 32;

/// Builds the table of a network's layers with their numbers of parameters.
pub(crate) fn layers(variant: &Variant, slug: &str) -> Option<Table> {
    let layers = merged(&variant.layers);
    let columns = vec![Column::number("Layers"), Column::text("Tensors"), Column::number("Parameters each")];
    let row = |(layer, times): &(Layer, usize)| {
        let parameters: u64 = layer.tensors.iter().map(|(_, shape)| shape.iter().product::<u64>()).sum();
        let tensors = layer.tensors.iter().map(|(name, shape)| {
            let shape: Vec<String> = shape.iter().map(u64::to_string).collect();
            format!("{name} {}", if shape.is_empty() { "scalar".to_owned() } else { shape.join("×") })
        });
        let cells = vec![
            Cell::count(*times),
            Cell::text(tensors.collect::<Vec<_>>().join(", ")),
            Cell::text(count(parameters)),
        ];
        TableRow::new(layer.name.clone(), cells)
    };
    let total = variant.parameters.map(|of| {
        format!(" In all {} parameters, {} of them trained.", count(of.total), count(of.trainable))
    });
    let about = format!(
        "The tensors of the first network that was trained, layer by layer; running statistics among them.{}",
        total.unwrap_or_default()
    );
    (!layers.is_empty()).then(|| {
        Table::new(format!("layers-{slug}"), "Layers of the network", about, "Layer", columns)
            .of_results(Some(&variant.metrics.about))
            .rows(None, layers.iter().map(row))
    })
}

/// The layers with how often each comes: of large networks, those that differ in their number alone are one.
fn merged(layers: &[Layer]) -> Vec<(Layer, usize)> {
    let name = |layer: &Layer| {
        let is_number = |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_digit());
        let parts = layer.name.split('.').map(|part| if is_number(part) { "*" } else { part });
        if layers.len() > MOST_LAYERS { parts.collect::<Vec<_>>().join(".") } else { layer.name.clone() }
    };
    let mut merged: Vec<(Layer, usize)> = Vec::new();
    for layer in layers {
        let named = Layer { name: name(layer), ..layer.clone() };
        match merged.iter_mut().find(|(known, _)| *known == named) {
            Some((_, times)) => *times += 1,
            None => merged.push((named, 1)),
        }
    }
    merged
}

/// The most variants whose confusion matrices stand side by side.
const SIDE_BY_SIDE: usize = 6;

/// Builds the confusion matrices of all variants side by side, in percent of the true class; `None` unless there are a few
/// variants of the same classes.
pub(crate) fn confusions(report: &Report) -> Option<Table> {
    let first = report.variants.first()?.metrics.about.task.classes()?;
    let of_classes: Vec<_> = report
        .variants
        .iter()
        .filter_map(|variant| match &variant.metrics.overall {
            affekt_eval::Overall::Classes(detail) => Some((variant, detail)),
            affekt_eval::Overall::Outputs { .. } => None,
        })
        .collect();
    let names: BTreeSet<&[String]> =
        of_classes.iter().filter_map(|(variant, _)| variant.metrics.about.task.classes()).collect();
    if !(2..=SIDE_BY_SIDE).contains(&of_classes.len()) || names.len() > 1 {
        return None;
    }
    // What holds of all is said once.
    let stamps = |variant: &Variant| variant.metrics.about.stamps.clone();
    let of_first = of_classes.first().map(|(variant, _)| stamps(variant)).unwrap_or_default();
    let are_alike = of_classes.iter().all(|(variant, _)| stamps(variant) == of_first);
    let heading = |variant: &Variant| {
        let about = &variant.metrics.about;
        match are_alike || about.stamps.is_empty() {
            true => about.id.clone(),
            false => format!("{} ({})", about.id, about.stamps.join("; ")),
        }
    };
    let columns = of_classes
        .iter()
        .flat_map(|(variant, _)| first.iter().map(|class| Column::figure(class).under(heading(variant))));
    let rows = first.iter().enumerate().map(|(truth, class)| {
        let cells = of_classes.iter().flat_map(|(_, detail)| {
            let numbers = &detail.confusion[truth];
            let support: u32 = numbers.iter().sum();
            numbers.iter().enumerate().map(move |(predicted, number)| {
                let share = if support == 0 { 0.0 } else { f64::from(*number) / f64::from(support) };
                Cell::figure(percent(share), share).shaded(share).strong_if(truth == predicted)
            })
        });
        TableRow::new(class.clone(), cells.collect())
    });
    let about = "Rows are true classes, columns predicted ones, in percent of the row, over all cells.";
    Some(
        Table::new("confusions", "Confusion matrices side by side", about, "True class", columns.collect())
            .styled("confusion narrow")
            .of_results(None)
            .stamped(if are_alike { of_first } else { Vec::new() })
            .rows(None, rows),
    )
}
