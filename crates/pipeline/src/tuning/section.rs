//! The section `tune` of an experiment.

use affekt_config::{Diagnostic, Key, Section, Span};
use affekt_domain::Monitor;

use super::hyperband::{self, Bracket};
use crate::values::{self, Values};

/// What an experiment says about tuning.
#[derive(Debug, Clone)]
pub struct Tune {
    /// Where it says so.
    pub span: Span,
    /// The training that is tuned, where it is named.
    pub step: Option<(String, Span)>,
    /// What is tried: key of `with` → values.
    pub space: Vec<(Key, Values)>,
    /// What trials are judged by, where not by what the training stops by.
    pub monitor: Option<Monitor>,
    /// As far as any trial goes, where not as far as the training.
    pub max_epochs: Option<u32>,
    /// What settings are drawn from, and trials' first weights and order.
    pub seed: u64,
    by: By,
}

#[derive(Debug, Clone, Copy)]
enum By {
    Hyperband { factor: u32 },
    Random { trials: usize },
    Grid,
}

/// Reads the section; `None` where there is none, or where it says `none`.
pub fn read(section: &mut Section<'_>) -> Option<Tune> {
    let field = section.optional("tune").filter(|field| field.node.as_text() != Some("none"))?;
    field.section("`tune`", |section| {
        let span = section.span().clone();
        let by = section.required_one_of("by", &[("hyperband", 0), ("random", 1), ("grid", 2)]);
        let by = match by {
            Some(0) => Some(By::Hyperband { factor: section.integer("factor", 3, 2..=100) }),
            Some(1) => section.required_integer("trials", 1..=10_000).map(|trials| By::Random { trials }),
            Some(_) => Some(By::Grid),
            None => None,
        };
        let step = section.optional("step");
        let step = step.and_then(|field| Some((field.text()?.to_owned(), field.node.span.clone())));
        let monitor = section.optional_one_of("monitor", &Monitor::ALL);
        let max_epochs = section.optional_integer("max_epochs", 1..=100_000);
        let seed = section.integer("seed", 0, 0..=u64::from(u32::MAX));
        let space = section.required_section("space", |space| {
            let entries = space.rest().into_iter();
            let read = entries.map(|(key, field)| {
                let values = values::read(field, &format!("`{}`", key.name))?;
                if let (Values::Between(_), Some(By::Grid)) = (&values, by) {
                    let message = format!("a grid over `{}` needs to know which values", key.name);
                    let error = Diagnostic::error(&field.node.span, message);
                    space
                        .diagnostics()
                        .push(error.hint("add `step`, `factor` or `points`, or search `by: random`"));
                    return None;
                }
                Some((key.clone(), values))
            });
            let read: Vec<Option<_>> = read.collect();
            if read.is_empty() {
                space.diagnostics().error(space.span(), "`space` names no setting to try");
                return None;
            }
            read.into_iter().collect::<Option<Vec<_>>>()
        });
        Some(Tune { span, step, space: space?, monitor, max_epochs, seed, by: by? })
    })
}

impl Tune {
    /// How the search is called.
    pub const fn name(&self) -> &'static str {
        match self.by {
            By::Hyperband { .. } => "hyperband",
            By::Random { .. } => "random",
            By::Grid => "grid",
        }
    }

    /// Whether settings are tried in the order in which they are listed, rather than drawn.
    pub const fn is_grid(&self) -> bool {
        matches!(self.by, By::Grid)
    }

    /// How many trials go how far, of `there_are` different settings, where that is known.
    pub fn brackets(&self, max_epochs: u32, there_are: Option<usize>) -> Vec<Bracket> {
        match self.by {
            By::Hyperband { factor } => hyperband::brackets(max_epochs, factor),
            By::Random { trials } => hyperband::all_to_the_end(trials, max_epochs),
            By::Grid => hyperband::all_to_the_end(there_are.unwrap_or(0), max_epochs),
        }
    }
}
