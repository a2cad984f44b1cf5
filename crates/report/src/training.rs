//! Losses and epochs of the networks that were kept, beside what is printed of them.

use affekt_domain::Epoch;
use affekt_eval::{Printed, PrintedPart, PrintedTrial};

use crate::report::{Report, Variant};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{error, own_names, plural, quoted, sentence, value};

/// The figures of a variant's kept epochs, each a mean over its training runs.
struct Kept {
    epoch: Option<f64>,
    train_loss: Option<f64>,
    dev_accuracy: Option<f64>,
    dev_loss: Option<f64>,
}

impl Kept {
    fn of(variant: &Variant) -> Self {
        let kept = variant.histories.iter().map(|history| history.epochs.iter().find(|epoch| epoch.kept));
        let kept: Vec<&Epoch> = kept.flatten().collect();
        let mean = |of: &dyn Fn(&Epoch) -> Option<f64>| {
            let values: Vec<f64> = kept.iter().filter_map(|epoch| of(epoch)).collect();
            let is_whole = !values.is_empty() && values.len() == variant.histories.len();
            is_whole.then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        Self {
            epoch: mean(&|epoch| Some(f64::from(epoch.number))),
            train_loss: mean(&|epoch| Some(epoch.train_loss)),
            dev_accuracy: mean(&|epoch| epoch.dev_accuracy),
            dev_loss: mean(&|epoch| epoch.dev_loss),
        }
    }
}

/// Builds the table of losses and epochs; `None` if nothing was trained.
pub(crate) fn training(report: &Report) -> Option<Table> {
    let has_published = report.variants.iter().any(|variant| printed(variant).is_some());
    let mut columns = Vec::new();
    for name in ["Kept epoch", "Training loss", "Dev accuracy", "Dev loss", "Test loss"] {
        match has_published && name != "Training loss" {
            true => columns.extend(["Here", "Published"].map(|whose| Column::figure(whose).under(name))),
            false => columns.push(Column::figure(name)),
        }
    }
    let row = |variant: &Variant| {
        let kept = Kept::of(variant);
        let found = printed(variant);
        let none = Printed::default();
        let theirs = found.map_or(&none, |(printed, _)| printed);
        let beside = |ours: Cell, theirs: Cell| [Some(ours), has_published.then_some(theirs)];
        let cells = [
            beside(
                figure(kept.epoch, |epoch| format!("{epoch:.1}")),
                theirs.epochs.map_or_else(Cell::none, Cell::count),
            ),
            [Some(figure(kept.train_loss, error)), None],
            beside(kept.dev_accuracy.map_or_else(Cell::none, Cell::percent), figure(theirs.dev.wa, quoted)),
            beside(figure(kept.dev_loss, error), figure(theirs.dev.loss, error)),
            beside(figure(variant.test_loss, error), figure(theirs.test_loss, error)),
        ];
        let about = &variant.metrics.about;
        let source = found.map(|(_, source)| source).filter(|source| !source.is_empty());
        TableRow::new(about.id.clone(), cells.into_iter().flatten().flatten().collect())
            .stamped(about.stamps.clone())
            .noted(source.map(|source| format!("Published: {}", sentence(source))))
    };
    let trained = report.variants.iter().filter(|variant| !variant.histories.is_empty());
    let rows: Vec<TableRow> = trained.map(row).collect();
    let about = "Means over training runs, of the epochs whose weights were kept. Training loss is the mean over an epoch, in \
                 training mode, weighted where classes have weights; dev loss is weighted likewise. Test loss is plain \
                 cross-entropy, or mean squared error.";
    (!rows.is_empty()).then(|| {
        Table::new("training", "Losses and epochs", about, "Variant", columns)
            .of_results(None)
            .rows(None, rows)
    })
}

/// Finds what is printed of a variant's training, with its source.
fn printed(variant: &Variant) -> Option<&(Printed, String)> {
    variant.printed.iter().find(|(printed, _)| {
        printed.epochs.is_some() || printed.test_loss.is_some() || printed.dev != PrintedPart::default()
    })
}

fn figure(value: Option<f64>, text: impl Fn(f64) -> String) -> Cell {
    value.map_or_else(Cell::none, |value| Cell::figure(text(value), value))
}

/// Builds the table of published trials, each beside the longest of ours with the same settings; `None` if none are published.
pub(crate) fn trials(variant: &Variant, slug: &str) -> Option<Table> {
    let (printed, source) = variant.printed.iter().find(|(printed, _)| !printed.trials.is_empty())?;
    let mut paths: Vec<&str> = Vec::new();
    for path in printed.trials.iter().flat_map(|trial| trial.settings.keys()) {
        if !paths.contains(&path.as_str()) {
            paths.push(path);
        }
    }
    let mut names = own_names(&paths).into_iter();
    let first = names.next().unwrap_or_default();
    let mut columns: Vec<Column> = names.map(|name| Column::number(&name)).collect();
    for part in ["training part", "dev part"] {
        let heading = format!("Published, {part}");
        columns.extend(["Accuracy", "Loss"].map(|name| Column::figure(name).under(heading.clone())));
    }
    columns.push(Column::text("Here"));
    let row = |trial: &PrintedTrial| {
        let mut settings =
            paths.iter().map(|path| trial.settings.get(*path).map_or_else(|| "–".to_owned(), value));
        let header = settings.next().unwrap_or_default();
        let mut cells: Vec<Cell> = settings.map(Cell::text).collect();
        for part in [trial.train, trial.dev] {
            cells.extend([figure(part.wa, quoted), figure(part.loss, error)]);
        }
        let here = reached(variant, trial);
        cells.push(if here.is_empty() { Cell::none() } else { Cell::text(here) });
        TableRow::new(header, cells)
    };
    let about = match source.as_str() {
        "" => String::new(),
        source => format!("Published: {}", sentence(source)),
    };
    Some(
        Table::new(format!("published-trials-{slug}"), "Published trials", about, first, columns)
            .of_results(Some(&variant.metrics.about))
            .rows(None, printed.trials.iter().map(row)),
    )
}

/// What ours with the settings of a published trial reached, fold by fold.
fn reached(variant: &Variant, trial: &PrintedTrial) -> String {
    let of_fold = variant.tunings.iter().filter_map(|tuning| {
        let is_same = |ours: &&affekt_domain::Trial| {
            trial.settings.iter().all(|(path, value)| ours.settings.get(path) == Some(value))
        };
        let ours = tuning.trials.trials.iter().filter(is_same).max_by_key(|ours| ours.epochs)?;
        let reached = ours.value.map_or_else(|| "diverged".to_owned(), error);
        let monitor = tuning.trials.monitor.name().replace('-', " ");
        Some(format!("{monitor} {reached} in {}", plural(ours.epochs as usize, "epoch")))
    });
    of_fold.collect::<Vec<_>>().join("; ")
}
