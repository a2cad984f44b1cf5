//! Plot of the figures by session: ours for each seed, and the published ones below.

use affekt_eval::OverSeeds;
use serde::Serialize;

use crate::replication::{self, figures};
use crate::report::Judged;
use crate::scale::{Grid, Tick};
use crate::text::{percent, quoted, title};

/// The plot, with a lane for each variant of each session on a common scale.
#[derive(Serialize)]
pub(crate) struct SessionPlot {
    measure: &'static str,
    ticks: Vec<Tick>,
    sessions: Vec<Session>,
    has_seeds: bool,
    has_published: bool,
}

#[derive(Serialize)]
struct Session {
    title: String,
    lanes: Vec<Lane>,
}

/// The lane of a variant and a session. Positions are in percent of the width.
#[derive(Serialize)]
struct Lane {
    id: String,
    /// The text alternative of the lane.
    description: String,
    mean: Option<String>,
    /// The position of each seed, if there are several.
    seeds: Vec<String>,
    published: Vec<Mark>,
}

/// The position of a published figure, with the ends of its spread.
#[derive(Serialize)]
struct Mark {
    at: String,
    ends: Option<[String; 2]>,
}

/// The contents of a lane, as fractions.
struct Figures {
    here: Option<OverSeeds>,
    published: Vec<(f64, Option<f64>)>,
}

impl Figures {
    fn of(judged: Judged<'_>, session: &replication::Session) -> Self {
        let published = figures(judged).filter_map(|figure| session.published(figure));
        Self {
            here: session.here(judged),
            published: published.map(|session| (session.value, session.std)).collect(),
        }
    }

    fn of_mean(judged: Judged<'_>) -> Self {
        Self {
            here: judged.variant.metrics.sessions.mean(judged.measure),
            published: figures(judged).map(|figure| (figure.value, figure.std)).collect(),
        }
    }

    /// Iterates over all values that have a position.
    fn values(&self) -> impl Iterator<Item = f64> {
        let ends = self.published.iter().flat_map(|(value, std)| {
            let std = std.unwrap_or(0.0);
            [value - std, value + std]
        });
        self.here.iter().flat_map(|here| here.seeds.iter().copied()).chain(ends)
    }
}

/// Builds the plot of all `sessions` and of their mean; `None` if the variants have several primary measures, or
/// nothing was tested.
pub(crate) fn session_plot(judged: &[Judged<'_>], sessions: &[replication::Session]) -> Option<SessionPlot> {
    let measure = judged.first()?.measure;
    if judged.iter().any(|other| other.measure != measure) {
        return None;
    }
    let of_session = |session: &replication::Session| {
        (session.title.clone(), judged.iter().map(|judged| Figures::of(*judged, session)).collect())
    };
    let mut all: Vec<(String, Vec<Figures>)> = sessions.iter().map(of_session).collect();
    all.push(("Mean".into(), judged.iter().map(|judged| Figures::of_mean(*judged)).collect()));
    let figures = || all.iter().flat_map(|(_, figures)| figures);
    if figures().all(|figures| figures.here.is_none()) {
        return None;
    }
    let grid = Grid::of_percents(figures().flat_map(Figures::values).map(|fraction| 100.0 * fraction));
    let lanes = |(session, figures): &(String, Vec<Figures>)| Session {
        title: session.clone(),
        lanes: judged
            .iter()
            .zip(figures)
            .map(|(judged, figures)| lane(judged.id(), figures, &grid))
            .collect(),
    };
    Some(SessionPlot {
        measure: title(measure),
        ticks: grid.ticks(),
        has_seeds: figures().any(|figures| figures.here.as_ref().is_some_and(|here| here.seeds.len() > 1)),
        has_published: figures().any(|figures| !figures.published.is_empty()),
        sessions: all.iter().map(lanes).collect(),
    })
}

fn lane(id: &str, figures: &Figures, grid: &Grid) -> Lane {
    let place = |fraction: f64| grid.place(100.0 * fraction);
    let spread = |std: Option<f64>, text: fn(f64) -> String| {
        std.map_or_else(String::new, |std| format!(" ± {}", text(std)))
    };
    let here = figures.here.as_ref();
    let told = here.map_or_else(
        || "not tested".to_owned(),
        |here| format!("{}{} percent", percent(here.mean), spread(here.std, percent)),
    );
    let printed = figures
        .published
        .iter()
        .map(|(value, std)| format!("; published {}{}", quoted(*value), spread(*std, quoted)));
    let mark = |(value, std): &(f64, Option<f64>)| Mark {
        at: place(*value),
        ends: std.map(|std| [value - std, value + std].map(place)),
    };
    Lane {
        id: id.to_owned(),
        description: format!("{id}: {told}{}", printed.collect::<String>()),
        mean: here.map(|here| place(here.mean)),
        seeds: here
            .filter(|here| here.seeds.len() > 1)
            .map(|here| here.seeds.iter().map(|seed| place(*seed)).collect())
            .unwrap_or_default(),
        published: figures.published.iter().map(mark).collect(),
    }
}
