//! The view from which all templates are filled.

use std::collections::BTreeSet;

use affekt_domain::Role;
use affekt_eval::{DEV_PART, VariantMetrics};
use serde::Serialize;

use crate::comparison::{Comparisons, comparisons};
use crate::cost::{costs, provenance};
use crate::data::{Problems, corpora, problems};
use crate::headline::{Headline, headline};
use crate::images::{Shown, images};
use crate::leak::{Leaks, leaks};
use crate::matrix::matrix;
use crate::method::{Method, confusions, method};
use crate::published::published;
use crate::replication::{Replication, replication};
use crate::report::{Report, Variant};
use crate::section::{Section, section};
use crate::slug::Slugs;
use crate::sweep::{Settings, settings};
use crate::table::Table;
use crate::text::{capital, duration, listed, plural, sentence};
use crate::training::training;

/// A report with every number formatted as text.
#[derive(Serialize)]
pub(crate) struct Page {
    pub experiment: String,
    /// The lines of the question.
    question: Vec<String>,
    pub run_id: String,
    started: String,
    took: String,
    command: String,
    /// What a reader must know before any figure.
    notices: Vec<Notice>,
    headline: Headline,
    settings: Option<Settings>,
    matrix: Option<Table>,
    leaks: Option<Leaks>,
    comparisons: Option<Comparisons>,
    published: Option<Table>,
    confusions: Option<Table>,
    training: Option<Table>,
    replication: Option<Replication>,
    images: Vec<Shown>,
    /// Whether the variants are folded by default.
    is_folded: bool,
    sections: Vec<Section>,
    pub method: Option<Method>,
    corpora: Table,
    problems: Option<Problems>,
    costs: Option<Table>,
    provenance: Option<Table>,
}

/// Reports with more variants than this fold them.
const OPEN_VARIANTS: usize = 12;

/// A limitation of the figures.
#[derive(Serialize)]
struct Notice {
    /// The variants or corpora concerned.
    whom: String,
    what: String,
}

impl Page {
    pub fn new(report: &Report) -> Self {
        let mut slugs = Slugs::default();
        let slugs: Vec<String> =
            report.variants.iter().map(|variant| slugs.unique(&variant.metrics.about.id)).collect();
        let comparisons = comparisons(report);
        Self {
            experiment: report.experiment.clone(),
            question: report.question.trim().lines().map(str::to_owned).collect(),
            run_id: report.run.id.clone(),
            started: report.run.started.format("%Y-%m-%d %H:%M UTC").to_string(),
            took: duration(report.run.seconds),
            command: report.run.command.clone(),
            notices: notices(report),
            headline: headline(report, &slugs),
            settings: settings(report),
            matrix: matrix(report),
            leaks: leaks(report),
            published: published(report),
            confusions: confusions(report),
            training: training(report),
            replication: replication(report, &slugs, comparisons.as_ref()),
            comparisons,
            images: images(&report.images),
            is_folded: report.variants.len() > OPEN_VARIANTS,
            sections: report
                .variants
                .iter()
                .zip(slugs)
                .map(|(variant, slug)| section(report, variant, slug))
                .collect(),
            method: method(report),
            corpora: corpora(report),
            problems: problems(&report.problems),
            costs: costs(&report.costs),
            provenance: provenance(report),
        }
    }

    /// Iterates over all tables, in order.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        let results = [
            Some(&self.headline.table),
            self.settings.as_ref().map(|settings| &settings.table),
            self.matrix.as_ref(),
            self.leaks.as_ref().map(|leaks| &leaks.table),
            self.comparisons.as_ref().map(|comparisons| &comparisons.table),
            self.published.as_ref(),
            self.confusions.as_ref(),
            self.training.as_ref(),
        ];
        let run = [
            Some(&self.corpora),
            self.problems.as_ref().map(|problems| &problems.table),
            self.costs.as_ref(),
            self.provenance.as_ref(),
        ];
        let replication = self.replication.iter().flat_map(Replication::tables);
        let sections = self.sections.iter().flat_map(Section::tables);
        let method = self.method.iter().flat_map(Method::tables);
        let results = results.into_iter().flatten().chain(replication).chain(sections);
        results.chain(method).chain(run.into_iter().flatten())
    }
}

fn notices(report: &Report) -> Vec<Notice> {
    // The same remark about several variants is shown once.
    let mut notices = Vec::<(Vec<String>, String)>::new();
    let mut tell = |whom: &str, what: String| match notices.iter_mut().find(|(_, known)| *known == what) {
        Some((others, _)) => others.push(whom.to_owned()),
        None => notices.push((vec![whom.to_owned()], what)),
    };
    // Nothing matters more than that figures are of other data.
    for variant in &report.variants {
        if let Some(left_out) = left_out(variant) {
            tell(&variant.metrics.about.id, left_out);
        }
    }
    for variant in &report.variants {
        let id = &variant.metrics.about.id;
        // The notice about the dev part makes its stamp unnecessary.
        let stamps = variant.metrics.about.stamps.iter().filter(|stamp| *stamp != DEV_PART);
        stamps.for_each(|stamp| tell(id, sentence(stamp)));
        if let Some(note) = &variant.labels_note {
            tell(id, sentence(note));
        }
        variant.caveats.iter().for_each(|caveat| tell(id, sentence(caveat)));
        if let Some(withheld) = withheld(&variant.metrics) {
            tell(id, withheld);
        }
        if let Some(gap) = missing_cells(&variant.metrics) {
            tell(id, gap);
        }
    }
    incomplete(report).for_each(|(corpus, what)| tell(corpus, what));
    let name = |whom: &[String]| match whom {
        [_, _, ..] if whom.len() == report.variants.len() => "Every variant".to_owned(),
        _ => listed(&whom.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    notices.into_iter().map(|(whom, what)| Notice { whom: name(&whom), what }).collect()
}

/// Describes the corpora that a variant does without.
pub(crate) fn left_out(variant: &Variant) -> Option<String> {
    let names: Vec<&str> = variant.left_out.iter().map(String::as_str).collect();
    (!names.is_empty())
        .then(|| format!("Without {}: asked for by the experiment, and left out.", listed(&names)))
}

/// Returns the incomplete corpora with the number of utterances present.
pub(crate) fn incomplete(report: &Report) -> impl Iterator<Item = (&str, String)> {
    report.corpora.iter().filter_map(|corpus| {
        let expected = corpus.expected.filter(|expected| *expected != corpus.found)?;
        Some((corpus.name.as_str(), format!("{} of {}.", corpus.found, plural(expected, "utterance"))))
    })
}

/// Describes how much of a test part is not scored.
fn withheld(metrics: &VariantMetrics) -> Option<String> {
    let (have, their) = if metrics.withheld == 1 { ("has", "its") } else { ("have", "their") };
    let utterances = plural(metrics.withheld, "test utterance");
    (metrics.withheld > 0).then(|| match metrics.part {
        Role::Dev => {
            format!("All figures are of the dev part: the corpus withholds the labels of the {utterances}.")
        }
        _ => format!("{} {have} no label, and {their} predictions are not scored.", capital(&utterances)),
    })
}

/// Describes the fold × seed combinations without predictions.
pub(crate) fn missing_cells(metrics: &VariantMetrics) -> Option<String> {
    let cells: BTreeSet<(u32, u64)> = metrics.cells.iter().map(|cell| (cell.fold, cell.seed)).collect();
    let folds: BTreeSet<u32> = cells.iter().map(|cell| cell.0).collect();
    let seeds: BTreeSet<u64> = cells.iter().map(|cell| cell.1).collect();
    let all = folds.len() * seeds.len();
    let grid = folds.iter().flat_map(|fold| seeds.iter().map(move |seed| (*fold, *seed)));
    let missing: Vec<String> = grid
        .filter(|cell| !cells.contains(cell))
        .map(|(fold, seed)| format!("fold {fold} with seed {seed}"))
        .collect();
    (!missing.is_empty()).then(|| {
        format!("Figures come from {} of {all} training runs; missing: {}.", cells.len(), missing.join(", "))
    })
}
