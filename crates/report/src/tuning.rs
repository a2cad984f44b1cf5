//! The hyper-parameter search of a variant: the trials of every fold, and the chosen settings.

use std::collections::BTreeSet;

use affekt_domain::{Monitor, Trial, TrialOutcome, Trials};
use affekt_eval::Description;
use serde::Serialize;

use crate::report::Tuning;
use crate::scale::{Frame, Grid, Spread, Tick};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{capital, error, own_names, percent, plural, value};

/// The searches of one variant.
#[derive(Serialize)]
pub(crate) struct Search {
    caption: String,
    pub chosen: Table,
    folds: Vec<FoldSearch>,
}

#[derive(Serialize)]
struct FoldSearch {
    fold: u32,
    plot: Option<Plot>,
    table: Table,
    /// The number of trials, in words.
    number: String,
    /// Whether the table is folded by default.
    is_long: bool,
}

/// The plot of figures over epochs.
#[derive(Serialize)]
struct Plot {
    /// The text alternative of the plot.
    description: String,
    monitor: String,
    frame: Frame,
    grid: Vec<Line>,
    epochs: Vec<Line>,
    is_logarithmic: bool,
    /// The trials in drawing order.
    trials: Vec<Path>,
}

#[derive(Serialize)]
struct Line {
    at: String,
    label: String,
}

#[derive(Serialize)]
struct Path {
    caption: String,
    outcome: &'static str,
    points: String,
    /// The end of its line.
    end: [String; 2],
}

const FRAME: Frame =
    Frame { width: 420.0, height: 210.0, left: 34.0, right: 408.0, top: 10.0, bottom: 180.0 };
/// Padding beside the first and last epoch.
const INSET: f64 = 8.0;
/// Tables with more trials than this are folded.
const OPEN_ROWS: usize = 20;
/// The approximate width of a letter at an axis.
const LETTER: f64 = 5.2;

/// Builds the view of the searches of the variant that `about` describes; `None` if there were none.
pub(crate) fn search(tunings: &[Tuning], about: &Description, slug: &str) -> Option<Search> {
    let first = &tunings.first()?.trials;
    let numbers: BTreeSet<usize> = tunings.iter().map(|tuning| tuning.trials.trials.len()).collect();
    let trials = match (numbers.first(), numbers.last()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {} a fold", plural(*most, "trial")),
        _ => format!("{} a fold", plural(first.trials.len(), "trial")),
    };
    let folds = if tunings.len() == 1 { "the fold" } else { "each fold" };
    let part = chosen_on(about);
    let unread = if part == "dev" { "; test rows were not read" } else { "" };
    Some(Search {
        caption: format!(
            "{trials} ({}), judged by {}. Settings were chosen on the {part} part of {folds}{unread}. The \
             figures here are those that the choice was made by: the best of them is optimistic, and none is comparable \
             with a test figure.",
            first.search,
            monitor(first),
        ),
        chosen: chosen(tunings, about, slug),
        folds: tunings
            .iter()
            .map(|Tuning { fold, trials }| FoldSearch {
                fold: *fold,
                plot: plot(trials),
                table: table(*fold, trials, about, slug),
                number: plural(trials.trials.len(), "trial"),
                is_long: trials.trials.len() > OPEN_ROWS,
            })
            .collect(),
    })
}

/// Returns the part on which settings were selected: `selection-on-test` applies to searches too.
fn chosen_on(about: &Description) -> &'static str {
    if about.stamps.iter().any(|stamp| stamp == "selected on test") { "test" } else { "dev" }
}

impl Search {
    /// Iterates over the tables, in the order of the page.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        [&self.chosen].into_iter().chain(self.folds.iter().map(|fold| &fold.table))
    }
}

/// Formats the monitored figure: `dev accuracy`.
fn monitor(trials: &Trials) -> String {
    match trials.monitor {
        Monitor::DevUar => "dev UAR".into(),
        Monitor::DevCcc => "dev CCC".into(),
        Monitor::DevLoss | Monitor::DevAccuracy => trials.monitor.name().replace('-', " "),
    }
}

/// Returns the settings that any of some trials has.
fn settings<'a>(trials: impl Iterator<Item = &'a Trial>) -> Vec<&'a str> {
    let paths: BTreeSet<&str> = trials.flat_map(|trial| trial.settings.keys()).map(String::as_str).collect();
    paths.into_iter().collect()
}

fn setting(trial: &Trial, path: &str) -> Cell {
    trial.settings.get(path).map_or_else(Cell::none, |known| Cell::text(value(known)))
}

/// Returns whether the monitored figure is a loss, which is not a share and better if lower.
fn is_loss(trials: &Trials) -> bool {
    trials.monitor == Monitor::DevLoss
}

/// Formats the figure of a trial.
fn figure(trials: &Trials, value: f64) -> String {
    if is_loss(trials) { error(value) } else { percent(value) }
}

fn reached(trials: &Trials, value: Option<f64>) -> Cell {
    value.map_or_else(Cell::none, |value| Cell::figure(figure(trials, value), value))
}

/// Builds the table of the chosen settings, fold by fold.
fn chosen(tunings: &[Tuning], about: &Description, slug: &str) -> Table {
    let all = || tunings.iter().filter_map(|tuning| tuning.trials.chosen());
    let paths = settings(all());
    let names = own_names(&paths);
    let mut columns: Vec<Column> = names.iter().map(|name| Column::number(name)).collect();
    columns.extend([Column::number("Trial"), Column::number("Epochs"), Column::number("Best epoch")]);
    let first = tunings.first().map(|tuning| monitor(&tuning.trials)).unwrap_or_default();
    columns.push(Column::figure(&capital(&first)));
    let row = |Tuning { fold, trials }: &Tuning| {
        let cells = match trials.chosen() {
            Some(trial) => paths
                .iter()
                .map(|path| setting(trial, path))
                .chain([Cell::count(trial.trial), Cell::count(trial.epochs), Cell::count(trial.best_epoch)])
                .chain([reached(trials, trial.value)])
                .collect(),
            None => columns.iter().map(|_| Cell::none()).collect(),
        };
        TableRow::new(fold.to_string(), cells)
    };
    let rows: Vec<TableRow> = tunings.iter().map(row).collect();
    let agree = match all().map(|trial| &trial.settings).collect::<Vec<_>>()[..] {
        [first, _, ..] if all().all(|trial| trial.settings == *first) => " Every fold chose the same.",
        [_, _, ..] => " Folds chose differently.",
        _ => "",
    };
    let about_all = format!("What was chosen on the {} part.{agree}", chosen_on(about));
    Table::new(format!("chosen-{slug}"), "Settings chosen", about_all, "Fold", columns)
        .of_results(Some(about))
        .rows(None, rows)
}

fn table(fold: u32, trials: &Trials, about: &Description, slug: &str) -> Table {
    let paths = settings(trials.trials.iter());
    let has_brackets = trials.trials.iter().any(|trial| trial.bracket.is_some());
    let mut columns: Vec<Column> = own_names(&paths).iter().map(|name| Column::number(name)).collect();
    columns.extend(has_brackets.then(|| Column::number("Bracket")));
    columns.extend([Column::number("Epochs"), Column::number("Best epoch")]);
    columns.push(Column::figure(&capital(&monitor(trials))));
    let further = further(trials);
    columns.extend(further.iter().map(|(name, _)| Column::figure(name)));
    columns.push(Column::text("Outcome"));
    let row = |trial: &Trial| {
        let is_chosen = trial.trial == trials.chosen;
        let mut cells: Vec<Cell> = paths.iter().map(|path| setting(trial, path)).collect();
        cells.extend(has_brackets.then(|| trial.bracket.map_or_else(Cell::none, Cell::count)));
        cells.extend([Cell::count(trial.epochs), Cell::count(trial.best_epoch)]);
        cells.push(reached(trials, trial.value).strong_if(is_chosen));
        cells.extend(further.iter().map(|(_, cell)| cell(trial)));
        cells.push(Cell::text(trial.outcome.name()).strong_if(is_chosen));
        TableRow::new(trial.trial.to_string(), cells)
    };
    let unit = if is_loss(trials) { "the lowest" } else { "in percent, the highest" };
    let others = if further.is_empty() {
        ""
    } else {
        " The others are of the same epoch; on the training part running means over its batches, in training mode."
    };
    let caption = format!("The best {} of any epoch, {unit} first.{others}", monitor(trials));
    Table::new(format!("trials-{slug}-{fold}"), format!("Trials of fold {fold}"), caption, "Trial", columns)
        .of_results(Some(about))
        .rows(None, trials.by_value().into_iter().map(row))
}

/// A figure of a trial beside the one that it is judged by, with its heading.
type Further = (&'static str, fn(&Trial) -> Cell);

/// Returns the figures that any of the trials has beside the one that they are judged by.
fn further(trials: &Trials) -> Vec<Further> {
    fn share(share: Option<f64>) -> Cell {
        share.map_or_else(Cell::none, Cell::percent)
    }
    fn loss(loss: Option<f64>) -> Cell {
        loss.map_or_else(Cell::none, |loss| Cell::figure(error(loss), loss))
    }
    let any = |of: fn(&Trial) -> Option<f64>| trials.trials.iter().any(|trial| of(trial).is_some());
    let all: [(bool, Further); 4] = [
        (any(|trial| trial.train.accuracy), ("Train accuracy", |trial| share(trial.train.accuracy))),
        (
            any(|trial| trial.dev.accuracy) && trials.monitor != Monitor::DevAccuracy,
            ("Dev accuracy", |trial| share(trial.dev.accuracy)),
        ),
        (any(|trial| trial.train.loss), ("Train loss", |trial| loss(trial.train.loss))),
        (any(|trial| trial.dev.loss) && !is_loss(trials), ("Dev loss", |trial| loss(trial.dev.loss))),
    ];
    all.into_iter().filter(|(is_there, _)| *is_there).map(|(_, further)| further).collect()
}

/// Builds the plot of all trials; `None` if none has a figure.
fn plot(trials: &Trials) -> Option<Plot> {
    let ways: Vec<(&Trial, Vec<(u32, f64)>)> =
        trials.trials.iter().map(|trial| (trial, way(trial))).filter(|(_, way)| !way.is_empty()).collect();
    let points = || ways.iter().flat_map(|(_, way)| way);
    points().next()?;
    let in_percent = |value: f64| if is_loss(trials) { value } else { 100.0 * value };
    let values = points().map(|(_, value)| in_percent(*value));
    let grid = if is_loss(trials) { Grid::of(values) } else { Grid::of_percents(values) };
    let spread = Spread::of(points().map(|(epochs, _)| f64::from(*epochs)));
    let (left, right) = (FRAME.left + INSET, FRAME.right - INSET);
    let x = |epochs: u32| left + spread.share(f64::from(epochs)) * (right - left);
    let y = |value: f64| FRAME.bottom - grid.share(in_percent(value)) * (FRAME.bottom - FRAME.top);
    let mut paths: Vec<(TrialOutcome, Path)> = ways
        .iter()
        .map(|(trial, way)| {
            let points: Vec<String> =
                way.iter().map(|(epochs, value)| format!("{:.1},{:.1}", x(*epochs), y(*value))).collect();
            let (epochs, value) = way[way.len() - 1];
            let settings: Vec<String> =
                trial.settings.iter().map(|(name, known)| format!("{name} {}", self::value(known))).collect();
            let caption = format!(
                "trial {}, {}: {} after {}, {}",
                trial.trial,
                settings.join(", "),
                figure(trials, value),
                plural(epochs as usize, "epoch"),
                trial.outcome.name()
            );
            let end = [x(epochs), y(value)].map(|at| format!("{at:.1}"));
            (trial.outcome, Path { caption, outcome: trial.outcome.name(), points: points.join(" "), end })
        })
        .collect();
    paths.sort_by_key(|(outcome, _)| match outcome {
        TrialOutcome::Pruned => 0,
        TrialOutcome::Finished => 1,
        TrialOutcome::Chosen => 2,
    });
    let line = |tick: Tick| {
        let at = FRAME.bottom - tick.share * (FRAME.bottom - FRAME.top);
        Line { at: format!("{at:.1}"), label: tick.label }
    };
    let number = |outcome| ways.iter().filter(|(trial, _)| trial.outcome == outcome).count();
    Some(Plot {
        description: format!(
            "{} over epochs: {}, of which {} pruned",
            capital(&monitor(trials)),
            plural(ways.len(), "trial"),
            number(TrialOutcome::Pruned)
        ),
        monitor: monitor(trials),
        grid: grid.ticks().into_iter().map(line).collect(),
        epochs: epochs(points().map(|(epochs, _)| *epochs), x),
        is_logarithmic: spread.is_logarithmic,
        frame: FRAME,
        trials: paths.into_iter().map(|(_, path)| path).collect(),
    })
}

/// Returns the figures of a trial at its rungs and at its end, if they are numbers.
fn way(trial: &Trial) -> Vec<(u32, f64)> {
    let rungs = trial.rungs.iter().map(|rung| (rung.epochs, rung.value));
    let end = (trial.rungs.last().is_none_or(|last| last.epochs < trial.epochs))
        .then_some((trial.epochs, trial.value));
    let points = rungs.chain(end).filter_map(|(epochs, value)| Some((epochs, value?)));
    points.filter(|(_, value)| value.is_finite()).collect()
}

/// Returns labelled epochs, as many as there is room for.
fn epochs(all: impl Iterator<Item = u32>, x: impl Fn(u32) -> f64) -> Vec<Line> {
    let mut end = f64::MIN;
    let mut lines = Vec::new();
    for epochs in all.collect::<BTreeSet<u32>>() {
        let (at, label) = (x(epochs), epochs.to_string());
        let half = LETTER * label.len() as f64 / 2.0;
        if at - half > end {
            end = at + half + LETTER;
            lines.push(Line { at: format!("{at:.1}"), label });
        }
    }
    lines
}
