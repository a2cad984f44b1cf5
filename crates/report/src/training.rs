//! Losses and epochs of the networks that were kept, beside what is printed of them.

use affekt_domain::{Epoch, Trial};
use affekt_eval::{Measure, Printed, PrintedPart, PrintedTrial};

use crate::report::{History, Report, Variant};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{error, own_names, plural, quoted, sentence, value};

/// The figures of a variant's kept epochs, each a mean over its training runs.
struct Kept {
    epoch: Option<f64>,
    train_accuracy: Option<f64>,
    train_loss: Option<f64>,
    dev_accuracy: Option<f64>,
    dev_loss: Option<f64>,
}

impl Kept {
    fn of(variant: &Variant) -> Self {
        let kept = |history: &History| history.epochs.iter().find(|epoch| epoch.kept).copied();
        let mean = |of: fn(&Epoch) -> Option<f64>| {
            mean(&variant.histories, |history| kept(history).as_ref().and_then(of))
        };
        Self {
            epoch: mean(|epoch| Some(f64::from(epoch.number))),
            train_accuracy: mean(|epoch| epoch.train_accuracy),
            train_loss: mean(|epoch| Some(epoch.train_loss)),
            dev_accuracy: mean(|epoch| epoch.dev_accuracy),
            dev_loss: mean(|epoch| epoch.dev_loss),
        }
    }
}

/// Returns a measure on the dev part in the epochs whose weights were kept, as a mean over training runs.
pub(crate) fn kept_on_dev(variant: &Variant, measure: Measure) -> Option<f64> {
    mean(&variant.histories, |history| {
        let kept = history.epochs.iter().find(|epoch| epoch.kept)?;
        match measure {
            Measure::Wa => kept.dev_accuracy,
            Measure::Uar => kept.dev_uar,
            Measure::Ccc => kept.dev_ccc,
            Measure::MacroF1 | Measure::Mse | Measure::Pearson => None,
        }
    })
}

/// Builds the table of losses and epochs; `None` if nothing was trained.
pub(crate) fn training(report: &Report) -> Option<Table> {
    let trained = report.variants.iter().filter(|variant| !variant.histories.is_empty());
    let figures: Vec<(&Variant, [Beside; 6])> = trained.map(|variant| (variant, beside(variant))).collect();
    // Columns are there where any variant has a figure.
    let any = |at: usize, has: fn(&Beside) -> bool| figures.iter().any(|(_, figures)| has(&figures[at]));
    let names = ["Kept epoch", "Training accuracy", "Training loss", "Dev accuracy", "Dev loss", "Test loss"];
    let shown: Vec<(usize, bool, bool)> = (0..names.len())
        .map(|at| (at, any(at, |figure| figure.here.is_some()), any(at, |figure| figure.published.is_some())))
        .collect();
    let mut columns = Vec::new();
    for (at, here, published) in &shown {
        match (here, published) {
            (_, true) => {
                columns.extend(["Here", "Published"].map(|whose| Column::figure(whose).under(names[*at])))
            }
            (true, false) => columns.push(Column::figure(names[*at])),
            (false, false) => {}
        }
    }
    let row = |(variant, figures): (&Variant, [Beside; 6])| {
        let cells = figures.into_iter().zip(&shown).flat_map(|(figure, (_, here, published))| {
            let here = (*here || *published).then(|| figure.here.unwrap_or_else(Cell::none));
            here.into_iter().chain(published.then(|| figure.published.unwrap_or_else(Cell::none)))
        });
        let about = &variant.metrics.about;
        let source = printed(variant).map(|(_, source)| source).filter(|source| !source.is_empty());
        TableRow::new(about.id.clone(), cells.collect())
            .stamped(about.stamps.clone())
            .noted(source.map(|source| format!("Published: {}", sentence(source))))
    };
    let rows: Vec<TableRow> = figures.into_iter().map(row).collect();
    let about = "Means over training runs, of the epochs whose weights were kept; accuracy in percent. Training accuracy and \
                 loss are running means over the batches of an epoch, in training mode (with dropout, of weights that change \
                 from batch to batch), as Keras prints them; losses are weighted where classes have weights. Test loss is \
                 plain cross-entropy, or mean squared error.";
    (!rows.is_empty()).then(|| {
        Table::new("training", "Losses and epochs", about, "Variant", columns)
            .of_results(None)
            .rows(None, rows)
    })
}

/// A figure, and the published one.
struct Beside {
    here: Option<Cell>,
    published: Option<Cell>,
}

/// Returns the figures of a variant's kept epochs, in the order of the table.
fn beside(variant: &Variant) -> [Beside; 6] {
    let kept = Kept::of(variant);
    let none = Printed::default();
    let theirs = printed(variant).map_or(&none, |(printed, _)| printed);
    let share = |share: Option<f64>| share.map(Cell::percent);
    let loss = |loss: Option<f64>| loss.map(|loss| Cell::figure(error(loss), loss));
    let alone = |here| Beside { here, published: None };
    [
        Beside {
            here: kept.epoch.map(|epoch| Cell::figure(format!("{epoch:.1}"), epoch)),
            published: theirs.epochs.map(Cell::count),
        },
        alone(share(kept.train_accuracy)),
        alone(loss(kept.train_loss)),
        Beside {
            here: share(kept.dev_accuracy),
            published: theirs.dev.wa.map(|wa| Cell::figure(quoted(wa), wa)),
        },
        Beside { here: loss(kept.dev_loss), published: loss(theirs.dev.loss) },
        Beside { here: loss(variant.test_loss), published: loss(theirs.test_loss) },
    ]
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
    for name in ["Training accuracy", "Dev accuracy", "Training loss", "Dev loss"] {
        columns.extend(["Here", "Published"].map(|whose| Column::figure(whose).under(name)));
    }
    columns.push(Column::number("Epochs here"));
    let row = |trial: &PrintedTrial| {
        let mut settings =
            paths.iter().map(|path| trial.settings.get(*path).map_or_else(|| "–".to_owned(), value));
        let header = settings.next().unwrap_or_default();
        let mut cells: Vec<Cell> = settings.map(Cell::text).collect();
        let ours = alike(variant, trial);
        let mean = |of: &dyn Fn(&Trial) -> Option<f64>| mean(&ours, |ours| of(ours));
        let accuracy =
            |ours: Option<f64>, theirs| [ours.map_or_else(Cell::none, Cell::percent), figure(theirs, quoted)];
        let loss = |ours, theirs| [ours, theirs].map(|loss| figure(loss, error));
        cells.extend(accuracy(mean(&|ours| ours.train.accuracy), trial.train.wa));
        cells.extend(accuracy(mean(&|ours| ours.dev.accuracy), trial.dev.wa));
        cells.extend(loss(mean(&|ours| ours.train.loss), trial.train.loss));
        cells.extend(loss(mean(&|ours| ours.dev.loss), trial.dev.loss));
        let epochs = ours.iter().map(|ours| match ours.value {
            Some(_) => ours.epochs.to_string(),
            None => format!("{}, diverged", ours.epochs),
        });
        cells.push(if ours.is_empty() {
            Cell::none()
        } else {
            Cell::text(epochs.collect::<Vec<_>>().join("; "))
        });
        TableRow::new(header, cells)
    };
    let folds = match variant.tunings.len() {
        0 | 1 => String::new(),
        folds => format!(", means over {}", plural(folds, "fold")),
    };
    let ours = format!(
        "Ours are of the longest trial with the same settings, in its best epoch{folds}; accuracy in percent. On the training \
         part they are running means over the batches of that epoch, in training mode, as Keras prints them."
    );
    let about = match source.as_str() {
        "" => ours,
        source => format!("{ours} Published: {}", sentence(source)),
    };
    Some(
        Table::new(format!("published-trials-{slug}"), "Published trials", about, first, columns)
            .of_results(Some(&variant.metrics.about))
            .rows(None, printed.trials.iter().map(row)),
    )
}

/// Finds ours with the settings of a published trial: of each fold the one that was trained longest.
fn alike<'v>(variant: &'v Variant, trial: &PrintedTrial) -> Vec<&'v Trial> {
    let of_fold = variant.tunings.iter().filter_map(|tuning| {
        let is_same =
            |ours: &&Trial| trial.settings.iter().all(|(path, value)| ours.settings.get(path) == Some(value));
        tuning.trials.trials.iter().filter(is_same).max_by_key(|ours| ours.epochs)
    });
    of_fold.collect()
}

/// Averages a figure that all have.
fn mean<T>(all: &[T], of: impl Fn(&T) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = all.iter().filter_map(of).collect();
    let is_whole = !values.is_empty() && values.len() == all.len();
    is_whole.then(|| values.iter().sum::<f64>() / values.len() as f64)
}
