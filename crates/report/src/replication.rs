//! The replication scorecard: published figures by session beside ours, with the caveats of comparing them.

use std::collections::BTreeSet;

use affekt_eval::OverSeeds;
use serde::Serialize;

use crate::comparison::Comparisons;
use crate::cost::variant_costs;
use crate::gains::gains;
use crate::page::{incomplete, missing_cells};
use crate::report::{Cited, Judged, Published, PublishedSession, Report, Variant};
use crate::session_plot::{SessionPlot, session_plot};
use crate::styles::styles;
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{either, plural, points, sentence, signed, stopped};

/// The figures of variants by session, and the published ones.
#[derive(Serialize)]
pub(crate) struct Replication {
    title: &'static str,
    pub table: Table,
    plot: Option<SessionPlot>,
    pub gains: Option<Table>,
    pub styles: Option<Table>,
    /// Whether the page has a table of all pairs to link to.
    has_comparison: bool,
    /// Id and slug of every variant that has a confusion matrix.
    confusions: Vec<[String; 2]>,
    pub costs: Option<Table>,
}

/// Builds the scorecard; `None` if no variant is tested on several sessions and no figures by session are published.
pub(crate) fn replication(
    report: &Report,
    slugs: &[String],
    comparisons: Option<&Comparisons>,
) -> Option<Replication> {
    let scorecard = Scorecard::of(report)?;
    let has_confusion = |variant: &Variant| variant.metrics.about.task.classes().is_some();
    let confusions = report.variants.iter().zip(slugs).filter(|(variant, _)| has_confusion(variant));
    Some(Replication {
        title: if scorecard.is_replication() { "Replication" } else { "Session by session" },
        table: scorecard.table(slugs),
        plot: session_plot(&scorecard.judged, &scorecard.sessions),
        gains: gains(report, &scorecard.judged),
        styles: styles(report, &scorecard.judged),
        has_comparison: comparisons.is_some(),
        confusions: confusions
            .map(|(variant, slug)| [variant.metrics.about.id.clone(), slug.clone()])
            .collect(),
        costs: report.variant_costs.as_ref().map(|costs| variant_costs(report, costs)),
    })
}

impl Replication {
    /// Iterates over the tables, in the order of the page.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        [&self.table].into_iter().chain(&self.gains).chain(&self.styles).chain(&self.costs)
    }
}

/// A session that was tested, or for which a figure is published.
pub(crate) struct Session {
    /// The name, without the corpus if that is unambiguous.
    pub title: String,
    /// The full name, if it was tested.
    id: Option<String>,
}

impl Session {
    /// Returns a variant's figure on it.
    pub fn here(&self, judged: Judged<'_>) -> Option<OverSeeds> {
        judged.variant.metrics.sessions.of(self.id.as_deref()?, judged.measure)
    }

    /// Returns the published figure for it.
    pub fn published<'p>(&self, figure: &'p Published) -> Option<&'p PublishedSession> {
        figure.sessions.iter().find(|session| self.is_called(&session.session))
    }

    /// Returns whether it has a name, with or without its corpus.
    fn is_called(&self, name: &str) -> bool {
        let id = self.id.as_deref().unwrap_or(&self.title);
        id == name || own_name(id) == name
    }
}

/// Returns a session's name without its corpus.
fn own_name(id: &str) -> &str {
    id.split_once('/').map_or(id, |(_, own)| own)
}

/// Returns the published figures for the variant's primary measure.
pub(crate) fn figures(judged: Judged<'_>) -> impl Iterator<Item = &Published> {
    judged.variant.published.iter().filter(move |figure| figure.measure == judged.measure)
}

/// The contents of the table.
struct Scorecard<'a> {
    report: &'a Report,
    judged: Vec<Judged<'a>>,
    sessions: Vec<Session>,
    cited: Vec<&'a Cited>,
}

impl<'a> Scorecard<'a> {
    fn of(report: &'a Report) -> Option<Self> {
        let judged: Vec<Judged> =
            report.variants.iter().filter_map(|variant| report.judged(variant)).collect();
        let published =
            || judged.iter().flat_map(|judged| figures(*judged)).flat_map(|figure| &figure.sessions);
        let tested: BTreeSet<&str> =
            judged.iter().flat_map(|judged| judged.variant.metrics.sessions.names()).collect();
        if tested.len() < 2 && published().next().is_none() {
            return None;
        }
        let names: Vec<&str> = published().map(|session| session.session.as_str()).collect();
        let primaries = report.primaries();
        let cited = report.cited.iter().filter(|cited| primaries.contains(&cited.figure.measure)).collect();
        Some(Self { sessions: sessions(&tested, &names), report, judged, cited })
    }

    fn has_published(&self) -> bool {
        self.judged.iter().any(|judged| figures(*judged).next().is_some())
    }

    /// Returns whether there are published figures.
    fn is_replication(&self) -> bool {
        self.has_published() || !self.cited.is_empty()
    }

    fn table(&self, slugs: &[String]) -> Table {
        let mut columns: Vec<Column> =
            self.sessions.iter().map(|session| Column::mean(&session.title)).collect();
        columns.extend([Column::mean("Mean"), Column::interval("95 % interval")]);
        let (title, header) = match self.is_replication() {
            true => ("Published beside ours, session by session", "Figure"),
            false => ("By session", "Variant"),
        };
        let table = Table::new("replication", title, self.about(), header, columns);
        let table = table.styled("scorecard").of_results(None).noted(self.notes());
        let here = |judged: &Judged<'_>, name: &str| {
            let place = self.report.variants.iter().position(|other| std::ptr::eq(other, judged.variant));
            self.here(name, *judged).linked(format!("#variant-{}", place.map_or("", |place| &slugs[place])))
        };
        if !self.is_replication() {
            return table.rows(None, self.judged.iter().map(|judged| here(judged, judged.id())));
        }
        let table = self.judged.iter().fold(table.grouped_by("Method"), |table, judged| {
            table.rows(Some(judged.id()), self.of_method(*judged, here(judged, "Here")))
        });
        if self.cited.is_empty() {
            return table;
        }
        let cited = self.cited.iter().map(|cited| self.published(&cited.name, &cited.figure));
        table.rows(Some("Other systems, as published"), cited)
    }

    fn about(&self) -> String {
        let differences = match self.has_published() {
            true => " Differences are points between the figures as printed.",
            false => "",
        };
        let clusters: BTreeSet<&str> =
            self.judged.iter().map(|judged| judged.summary.cluster.name()).collect();
        format!(
            "{} in percent; the mean counts every session alike. {}{differences} The interval is of the predictions of all \
             sessions pooled, {}s resampled.",
            either(&self.report.primaries()),
            self.spread(),
            clusters.into_iter().collect::<Vec<_>>().join(" or "),
        )
    }

    /// Explains ±.
    fn spread(&self) -> String {
        let mean = |judged: &Judged<'_>| judged.variant.metrics.sessions.mean(judged.measure);
        let seeds: BTreeSet<usize> =
            self.judged.iter().filter_map(|it| Some(mean(it)?.seeds.len())).collect();
        let (Some(least), Some(most)) = (seeds.first(), seeds.last().filter(|most| **most > 1)) else {
            return "Ours has no spread: that needs several seeds.".into();
        };
        let over = if least == most { plural(*most, "seed") } else { format!("{least} to {most} seeds") };
        format!(
            "Here ± is the standard deviation over {over} of a population (ddof 0), as it is published; everywhere else \
             in this report it is that of a sample (ddof 1)."
        )
    }

    /// Builds the rows of a variant: published figures, ours, and their differences.
    fn of_method(&self, judged: Judged<'_>, here: TableRow) -> Vec<TableRow> {
        let several = figures(judged).count() > 1;
        let named = |name: &str, figure: &Published| match several {
            true => format!("{name}: {}", figure.source),
            false => name.to_owned(),
        };
        let published = figures(judged).map(|figure| self.published(&named("Published", figure), figure));
        let differences =
            figures(judged).map(|figure| self.difference(&named("Difference", figure), judged, figure));
        published.chain([here]).chain(differences).collect()
    }

    fn published(&self, name: &str, figure: &Published) -> TableRow {
        let of_session = |session: &Session| {
            let published = session.published(figure);
            published.map_or_else(Cell::none, |published| Cell::quoted(published.value, published.std))
        };
        let cells = self.sessions.iter().map(of_session);
        let cells = cells.chain([Cell::quoted(figure.value, figure.std), Cell::none()]).collect();
        TableRow::new(name, cells).noted(figure.caveat.as_deref().map(sentence))
    }

    fn here(&self, name: &str, judged: Judged<'_>) -> TableRow {
        let Judged { variant, measure, summary } = judged;
        let cell = |figure: Option<OverSeeds>| {
            let cell =
                figure.map_or_else(Cell::none, |figure| Cell::spread(measure, figure.mean, figure.std));
            cell.strong_if(self.is_replication())
        };
        let cells = self.sessions.iter().map(|session| cell(session.here(judged)));
        let mean = cell(variant.metrics.sessions.mean(measure));
        let cells = cells.chain([mean, Cell::interval(measure, summary.ci95)]).collect();
        let limits = limits(variant);
        TableRow::new(name, cells)
            .stamped(variant.metrics.about.stamps.clone())
            .noted((!limits.is_empty()).then(|| limits.join(" ")))
    }

    /// Builds the row of differences between the figures as printed. There is none between means over different
    /// sessions.
    fn difference(&self, name: &str, judged: Judged<'_>, figure: &Published) -> TableRow {
        let cell = |here: Option<OverSeeds>, published: Option<f64>| match (here, published) {
            (Some(here), Some(published)) => {
                Cell::figure(signed(points(here.mean) - 100.0 * published), here.mean - published)
            }
            _ => Cell::none(),
        };
        let of_session =
            |session: &Session| cell(session.here(judged), session.published(figure).map(|it| it.value));
        let comparable = self.have_same_sessions(judged, figure).then_some(figure.value);
        let mean = cell(judged.variant.metrics.sessions.mean(judged.measure), comparable);
        let cells = self.sessions.iter().map(of_session).chain([mean, Cell::none()]);
        TableRow::new(name, cells.collect())
    }

    /// Returns whether a published mean is over the sessions on which the variant is tested, as far as is known.
    fn have_same_sessions(&self, judged: Judged<'_>, figure: &Published) -> bool {
        let both = |it: &Session| it.here(judged).is_some() == it.published(figure).is_some();
        figure.sessions.is_empty() || self.sessions.iter().all(both)
    }

    /// Returns the sources of published figures, how ours were obtained, and what one side lacks.
    fn notes(&self) -> Vec<String> {
        let mut sources = Remarks::default();
        for judged in &self.judged {
            figures(*judged).for_each(|figure| sources.say(judged.id(), &figure.source));
        }
        self.cited.iter().for_each(|cited| sources.say(&cited.name, &cited.figure.source));
        let mut protocols = Remarks::default();
        for Judged { variant, .. } in &self.judged {
            let about = &variant.metrics.about;
            let classes = about.task.names().join(", ");
            protocols.say(&about.id, &format!("{}; labels {}: {classes}", variant.protocol, variant.labels));
        }
        let mut notes = sources.notes("Published");
        notes.extend(protocols.notes("Here"));

        let untested = self.named(|session| session.id.is_none());
        if !untested.is_empty() {
            let there_are = match &self.named(|session| session.id.is_some())[..] {
                [] => "no session is".to_owned(),
                tested => format!("{} are", tested.join(", ")),
            };
            notes.push(format!("Published, and not tested here: {}; {there_are}.", untested.join(", ")));
        }
        let apart = |it: &&Judged<'_>| figures(**it).any(|figure| !self.have_same_sessions(**it, figure));
        let apart: Vec<&str> = self.judged.iter().filter(apart).map(Judged::id).collect();
        if !apart.is_empty() {
            notes.push(format!(
                "Published means of {} are over other sessions than ours: there is no difference to give.",
                apart.join(", ")
            ));
        }
        notes.extend(incomplete(self.report).map(|(corpus, what)| format!("{corpus}: {what}")));
        notes
    }

    fn named(&self, is_meant: impl Fn(&Session) -> bool) -> Vec<&str> {
        self.sessions.iter().filter(|it| is_meant(it)).map(|session| session.title.as_str()).collect()
    }
}

/// Returns the tested sessions, then those that are only published.
fn sessions(tested: &BTreeSet<&str>, published: &[&str]) -> Vec<Session> {
    let own: BTreeSet<&str> = tested.iter().map(|id| own_name(id)).collect();
    let title = |id: &str| if own.len() == tested.len() { own_name(id) } else { id }.to_owned();
    let mut sessions: Vec<Session> =
        tested.iter().map(|id| Session { title: title(id), id: Some((*id).to_owned()) }).collect();
    for name in published {
        if !sessions.iter().any(|session| session.is_called(name)) {
            sessions.push(Session { title: (*name).to_owned(), id: None });
        }
    }
    sessions
}

/// Returns the limitations of a variant's figures, in sentences.
fn limits(variant: &Variant) -> Vec<String> {
    let said = variant.labels_note.iter().chain(&variant.caveats).map(|text| sentence(text));
    said.chain(missing_cells(&variant.metrics)).collect()
}

/// Remarks with the variants they apply to, each text once.
#[derive(Default)]
struct Remarks<'a>(Vec<(String, Vec<&'a str>)>);

impl<'a> Remarks<'a> {
    fn say(&mut self, name: &'a str, text: &str) {
        match self.0.iter_mut().find(|(known, _)| known == text) {
            _ if text.is_empty() => {}
            Some((_, names)) => names.push(name),
            None => self.0.push((text.to_owned(), vec![name])),
        }
    }

    /// Formats `what (names): text`; without the names if one text applies to all.
    fn notes(self, what: &str) -> Vec<String> {
        let is_one = self.0.len() == 1;
        let note = |(text, names): (String, Vec<&str>)| match is_one {
            true => format!("{what}: {}", stopped(&text)),
            false => format!("{what} ({}): {}", names.join(", "), stopped(&text)),
        };
        self.0.into_iter().map(note).collect()
    }
}
