//! Effects of the settings of a sweep: every variant over its value, and the medians over all other settings.

use affekt_eval::Measure;
use serde::Serialize;
use serde_json::Value;

use crate::ranking::{Ranked, ranked};
use crate::report::{Axis, Judged, Report};
use crate::scale::{Frame, Grid, Spread, Tick};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{either, figure, percent, shortened, title, value};

/// The settings of a sweep, as a table and one plot per setting.
#[derive(Serialize)]
pub(crate) struct Settings {
    pub table: Table,
    plots: Vec<Plot>,
    has_baseline: bool,
}

/// The plot of the variants over one setting.
#[derive(Serialize)]
struct Plot {
    title: String,
    /// The text alternative of the plot.
    description: String,
    measure: &'static str,
    frame: Frame,
    /// Grid lines of the measure, and labels at the setting's axis.
    grid: Vec<Line>,
    values: Vec<Mark>,
    dots: Vec<Dot>,
    /// The line through the medians, if the setting is a number.
    medians: String,
    is_words: bool,
    is_logarithmic: bool,
}

#[derive(Serialize)]
struct Line {
    at: String,
    label: String,
}

/// A value of the setting: its position on the axis, and its median.
#[derive(Serialize)]
struct Mark {
    at: String,
    /// `None` where it would overlap its neighbour.
    label: Option<String>,
    /// The full text of the value.
    caption: String,
    median: String,
    /// Whether its median is the best.
    is_best: bool,
}

#[derive(Serialize)]
struct Dot {
    x: String,
    y: String,
    caption: String,
    is_best: bool,
    is_baseline: bool,
}

const NUMBERS: Frame =
    Frame { width: 320.0, height: 190.0, left: 30.0, right: 312.0, top: 10.0, bottom: 160.0 };
const WORDS: Frame = Frame { left: 104.0, right: 306.0, top: 6.0, ..NUMBERS };
/// Padding beside the first and last number.
const INSET: f64 = 14.0;
/// The width of the lane of a word.
const LANE: f64 = 22.0;
/// The approximate width of a letter at an axis.
const LETTER: f64 = 5.2;

/// The variants that share a value of a setting, the best first.
struct Shared<'a> {
    value: &'a Value,
    variants: Vec<Judged<'a>>,
}

impl Shared<'_> {
    fn means(&self) -> Vec<f64> {
        self.variants.iter().map(|judged| judged.summary.mean).collect()
    }

    /// Returns the median of the means.
    fn median(&self) -> f64 {
        let means = self.means();
        f64::midpoint(means[(means.len() - 1) / 2], means[means.len() / 2])
    }
}

/// Builds the view of the sweep's settings; `None` if there is no sweep, or none of its settings has two values.
pub(crate) fn settings(report: &Report) -> Option<Settings> {
    let sweep = report.sweep.as_ref()?;
    let baseline = report.comparison.as_ref().and_then(|comparison| comparison.baseline.as_deref());
    let all = ranked(report);
    let mut groups: Vec<(String, Vec<TableRow>)> = Vec::new();
    let mut plots = Vec::new();
    for ranked in &all {
        for axis in &sweep.axes {
            let shared = shared(axis, ranked);
            if shared.len() < 2 {
                continue;
            }
            let heading = match ranked.title(&all) {
                title if title.is_empty() => axis.path.clone(),
                title => format!("{} ({title})", axis.path),
            };
            groups.push((heading.clone(), rows(&shared, ranked)));
            plots.push(plot(heading, ranked.measure, &shared, baseline));
        }
    }
    if plots.is_empty() {
        return None;
    }
    let columns = vec![
        Column::number("Variants"),
        Column::figure("Median"),
        Column::figure("Lowest"),
        Column::figure("Highest"),
        Column::text("Best with"),
    ];
    let about = format!(
        "{} in percent of all variants that share a value, whatever their other settings; the best median of a setting \
         stands out.",
        either(&report.primaries())
    );
    let table = Table::new("settings", "By setting", about, "Value", columns);
    let has_baseline = plots.iter().any(|plot| plot.dots.iter().any(|dot| dot.is_baseline));
    let table = table.of_results(None).groups("Setting", groups);
    Some(Settings { table, plots, has_baseline })
}

/// Groups the variants by the values of a setting, numbers in ascending order, words in that of the variants.
fn shared<'a>(axis: &'a Axis, ranked: &Ranked<'a>) -> Vec<Shared<'a>> {
    let mut shared = Vec::<Shared>::new();
    let mut numbered: Vec<&(usize, Judged)> = ranked.variants.iter().collect();
    numbered.sort_by_key(|(number, _)| *number);
    for (number, _) in numbered {
        let Some(value) = axis.value(*number) else { continue };
        if shared.iter().all(|known| known.value != value) {
            let own = ranked.variants.iter().filter(|(other, _)| axis.value(*other) == Some(value));
            shared.push(Shared { value, variants: own.map(|(_, judged)| *judged).collect() });
        }
    }
    if are_numbers(&shared) {
        shared.sort_by(|a, b| number(a.value).total_cmp(&number(b.value)));
    }
    shared
}

fn are_numbers(shared: &[Shared<'_>]) -> bool {
    shared.iter().all(|shared| shared.value.is_number())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

fn best_median(shared: &[Shared<'_>]) -> f64 {
    shared.iter().map(Shared::median).fold(f64::MIN, f64::max)
}

fn rows(all: &[Shared<'_>], ranked: &Ranked<'_>) -> Vec<TableRow> {
    let best = best_median(all);
    let row = |shared: &Shared<'_>| {
        let of = |mean: f64| Cell::measured(ranked.measure, Some(mean));
        let (median, means) = (shared.median(), shared.means());
        let cells = vec![
            Cell::count(means.len()),
            of(median).strong_if(median == best),
            of(means[means.len() - 1]),
            of(means[0]),
            Cell::text(shared.variants[0].id()),
        ];
        TableRow::new(value(shared.value), cells).stamped(ranked.stamps.to_vec())
    };
    all.iter().map(row).collect()
}

fn plot(title_of: String, measure: Measure, all: &[Shared<'_>], baseline: Option<&str>) -> Plot {
    let is_words = !are_numbers(all);
    let means = || all.iter().flat_map(Shared::means);
    let grid = Grid::of_percents(means().map(|mean| 100.0 * mean));
    let (highest, best) = (means().fold(f64::MIN, f64::max), best_median(all));
    let places = Places::of(all, is_words);
    let frame = places.frame;
    let at_share = |share: f64| {
        if is_words {
            frame.left + share * (frame.right - frame.left)
        } else {
            frame.bottom - share * (frame.bottom - frame.top)
        }
    };
    let along = |mean: f64| at_share(grid.share(100.0 * mean));
    let mut last_end = f64::MIN;
    let mut values = Vec::new();
    let mut dots = Vec::new();
    let mut medians = Vec::new();
    for (shared, at) in all.iter().zip(&places.at) {
        let (caption, median) = (value(shared.value), along(shared.median()));
        let half = LETTER * caption.chars().count() as f64 / 2.0;
        let label = if is_words {
            Some(shortened(&caption, 17))
        } else if at - half > last_end {
            last_end = at + half + LETTER;
            Some(caption.clone())
        } else {
            None
        };
        values.push(Mark {
            at: format!("{at:.1}"),
            label,
            caption,
            median: format!("{median:.1}"),
            is_best: shared.median() == best,
        });
        medians.push(format!("{at:.1},{median:.1}"));
        dots.extend(shared.variants.iter().map(|judged| {
            let mean = judged.summary.mean;
            let (x, y) = if is_words { (along(mean), *at) } else { (*at, along(mean)) };
            Dot {
                x: format!("{x:.1}"),
                y: format!("{y:.1}"),
                caption: format!("{}: {}", judged.id(), figure(measure, mean)),
                is_best: mean == highest,
                is_baseline: baseline == Some(judged.id()),
            }
        }));
    }
    // Marked values are drawn last, on top.
    dots.sort_by_key(|dot| (dot.is_best, dot.is_baseline));
    let line = |tick: Tick| Line { at: format!("{:.1}", at_share(tick.share)), label: tick.label };
    let caption: Vec<String> =
        all.iter().map(|shared| format!("{} {}", value(shared.value), percent(shared.median()))).collect();
    Plot {
        description: format!("{title_of}: median {} by value: {}", title(measure), caption.join(", ")),
        title: title_of,
        measure: title(measure),
        frame,
        grid: grid.ticks().into_iter().map(line).collect(),
        values,
        dots,
        medians: medians.join(" "),
        is_words,
        is_logarithmic: places.is_logarithmic,
    }
}

/// The positions of values on the setting's axis.
struct Places {
    frame: Frame,
    at: Vec<f64>,
    is_logarithmic: bool,
}

impl Places {
    fn of(all: &[Shared<'_>], is_words: bool) -> Self {
        if is_words {
            let bottom = WORDS.top + LANE * all.len() as f64;
            let frame = Frame { bottom, height: bottom + 20.0, ..WORDS };
            let at = (0..all.len()).map(|lane| frame.top + LANE * (lane as f64 + 0.5)).collect();
            return Self { frame, at, is_logarithmic: false };
        }
        let spread = Spread::of(all.iter().map(|shared| number(shared.value)));
        let (left, right) = (NUMBERS.left + INSET, NUMBERS.right - INSET);
        let at = |shared: &Shared<'_>| left + spread.share(number(shared.value)) * (right - left);
        Self { frame: NUMBERS, at: all.iter().map(at).collect(), is_logarithmic: spread.is_logarithmic }
    }
}
