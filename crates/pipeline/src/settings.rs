//! What one variant of an experiment asks for.

use std::collections::BTreeSet;
use std::path::Path;

use affekt_config::{
    Diagnostic, Diagnostics, Folder, Key, Node, Section, Span, TextFile, list_names, nearest,
};
use affekt_corpus::{Card, SyntheticBursts, SyntheticConfig};
use affekt_domain::{LabelScheme, Labels};
use affekt_eval::Measure;

use crate::card_index::CardIndex;
use crate::protocol::{self, Permitted, SplitSettings};
use crate::published::{self, Cited, Published};
use crate::resolved_file;
use crate::tuning::{self, Tune};
use crate::variants::LEFT_OUT;

/// A corpus that is made where there is no data: for quickstarts and tests. These have layouts and names that the
/// synthesiser knows.
#[derive(Debug, Clone, PartialEq)]
pub enum Synthetic {
    /// RAVDESS: sentences.
    Voices(SyntheticConfig),
    /// HUME-VB: vocal bursts with label files.
    Bursts(SyntheticBursts),
    /// IEMOCAP: dialogues in sessions.
    Dialogues {
        /// Turns of each dialogue.
        turns: u32,
        /// Which voices.
        seed: u64,
        /// In Hz.
        rate_hz: u32,
    },
}

/// A corpus as an experiment uses it.
#[derive(Debug, Clone)]
pub struct CorpusUse {
    /// Its card.
    pub card: Card,
    /// What the experiment calls it.
    pub key: String,
    /// What to make in its place.
    pub synthetic: Option<Synthetic>,
    /// How many labelled utterances the experiment counts on.
    pub expect: Option<usize>,
}

/// One variant, read.
pub struct Settings {
    pub corpora: Vec<(CorpusUse, LabelScheme)>,
    /// The folder names of corpora that are left out.
    pub left_out: BTreeSet<String>,
    pub split: SplitSettings,
    pub permitted: Permitted,
    pub pipeline: TextFile,
    pub with: Vec<(Key, Node)>,
    pub tune: Option<Tune>,
    pub primary: Measure,
    pub published: Vec<Published>,
    pub cited: Vec<Cited>,
    /// The settings that rows and columns of a table of all variants stand for.
    pub table: Option<[String; 2]>,
    /// The settings that a sweep goes through.
    pub swept: Vec<String>,
    /// The variant that the others are compared with, and where it is named.
    pub baseline: Option<(String, Span)>,
}

/// The key for the place that is asked for results before they are computed.
pub const REMOTE: &str = "remote";

/// Reads the settings of a variant, given by its id and its experiment.
pub fn read(
    (variant, root): (&str, &Node),
    experiment: &Path,
    folders: &[Folder],
    cards: &CardIndex,
    diagnostics: &Diagnostics,
) -> Option<Settings> {
    let mut section = Section::open(root, diagnostics, "the experiment")?;
    section.check_file_version();
    let stem = experiment.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let name = section.required("name");
    if let Some(field) = name
        && let Some(text) = field.text()
        && text != stem
        && stem != resolved_file::STEM
    {
        diagnostics.push(
            Diagnostic::error(&field.node.span, format!("the experiment is called `{text}`"))
                .hint(format!("call it `{stem}`, as its file is called")),
        );
    }
    let default_scheme = section.node("labels");
    let mut left_out = BTreeSet::new();
    let corpora = section.required("corpora").and_then(|field| {
        let mut corpora = Section::open(field.node, diagnostics, "`corpora`")?;
        let read = corpora
            .rest()
            .into_iter()
            .filter_map(|(key, field)| read_corpus(key, field.node, default_scheme, cards, diagnostics));
        let (out, read): (Vec<_>, Vec<_>) = read.partition(|(_, _, is_left_out)| *is_left_out);
        left_out.extend(out.into_iter().map(|(corpus, ..)| corpus.card.folder_name().to_owned()));
        let read: Vec<_> = read.into_iter().map(|(corpus, scheme, _)| (corpus, scheme)).collect();
        check_schemes(&read, &field.node.span, diagnostics);
        Some(read)
    });
    let permitted = protocol::read_permitted(&mut section);
    let base = resolved_file::folder(root, experiment);
    let places = [experiment.parent().unwrap_or(Path::new("")), &base];
    let split = section.required_section("protocol", |section| {
        protocol::read(section, permitted.as_ref(), places, cards.folders(), variant)
    });
    let pipeline = section.required("use").and_then(|field| {
        let text = field.text()?;
        find_pipeline(text, folders).or_else(|| {
            diagnostics.push(
                Diagnostic::error(&field.node.span, format!("there is no pipeline `{text}`"))
                    .hint(pipelines_there_are(text, folders)),
            );
            None
        })
    });
    let mut with = Vec::new();
    section.section("with", |settings| {
        with = settings.rest().into_iter().map(|(key, field)| (key.clone(), field.node.clone())).collect();
        Some(())
    });
    let tune = tuning::read(&mut section);
    let mut primary = Measure::Uar;
    let (mut printed, mut cited, mut table, mut baseline) = (Vec::new(), Vec::new(), None, None);
    let mut swept = Vec::new();
    section.section("report", |report| {
        let measures = Measure::PRIMARY.map(|measure| (measure.name(), measure));
        primary = report.one_of("primary", Measure::Uar, &measures);
        printed = report.optional("published").map(|field| published::read(field, root)).unwrap_or_default();
        cited = report.optional("cited").map(published::read_cited).unwrap_or_default();
        table = report
            .section("table", |table| Some([table.required_text("rows")?, table.required_text("columns")?]));
        let paths = report.list("sweep").into_iter();
        swept = paths.filter_map(|path| path.text().map(str::to_owned)).collect();
        let named = report.optional("baseline");
        baseline = named.and_then(|field| Some((field.text()?.to_owned(), field.node.span.clone())));
        Some(())
    });
    // Whether it can be used is for whoever asks there to say.
    section.optional(REMOTE).and_then(|field| field.text());
    // Laid over the file already, and known.
    for key in ["variants", "sweep", "profile", "profiles", resolved_file::FOLDER] {
        section.node(key);
    }
    section.close();
    Some(Settings {
        corpora: corpora?,
        left_out,
        split: split?,
        permitted: permitted?,
        pipeline: pipeline?,
        with,
        tune,
        primary,
        published: printed,
        cited,
        table,
        swept,
        baseline,
    })
}

/// The pipeline that a variant uses and what it sets there, where there is such a pipeline. What is wrong is for [`read`] to
/// say.
pub fn used_pipeline(root: &Node, folders: &[Folder]) -> Option<(TextFile, Vec<(Key, Node)>)> {
    let pipeline = find_pipeline(root.get("use")?.as_text()?, folders)?;
    let with = match root.get("with").map(|with| &with.value) {
        Some(affekt_config::Value::Map(entries)) => entries.clone(),
        _ => Vec::new(),
    };
    Some((pipeline, with))
}

fn read_corpus(
    key: &Key,
    node: &Node,
    default_scheme: Option<&Node>,
    cards: &CardIndex,
    diagnostics: &Diagnostics,
) -> Option<(CorpusUse, LabelScheme, bool)> {
    let card = cards.card(&key.name, &key.span, diagnostics);
    let mut scheme_node = default_scheme;
    let (mut expect, mut synthetic, mut is_left_out) = (None, None, false);
    // `ravdess:` alone is a corpus with nothing to say about it.
    if node.value != affekt_config::Value::Null
        && let Some(mut section) = Section::open(node, diagnostics, &format!("corpus `{}`", key.name))
    {
        scheme_node = section.node("labels").or(default_scheme);
        expect = section.optional_integer("expect", 1..=100_000_000_usize);
        is_left_out = section.boolean(LEFT_OUT, false);
        let name = card.as_ref().map_or("", |card| card.name.as_str());
        synthetic = section.section("synthetic", |section| read_synthetic(section, name));
        section.close();
    }
    let (name, span) = match scheme_node {
        Some(node) => (affekt_config::Field::new(node, diagnostics).text()?, &node.span),
        None => ("native", &key.span),
    };
    let scheme = cards.scheme(name, span, diagnostics);
    Some((CorpusUse { card: card?, key: key.name.clone(), synthetic, expect }, scheme?, is_left_out))
}

/// What is to be made in the place of the corpus called `name`.
fn read_synthetic(section: &mut Section<'_>, name: &str) -> Option<Synthetic> {
    let rate_hz = 8_000..=48_000;
    match name {
        "RAVDESS" => Some(Synthetic::Voices(SyntheticConfig {
            actors: section.integer("actors", 8, 2..=99),
            statements: section.integer("statements", 2, 1..=99),
            repetitions: section.integer("repetitions", 2, 1..=99),
            seed: section.integer("seed", 0, 0..=u64::from(u32::MAX)),
            rate_hz: section.integer("rate_hz", 16_000, rate_hz),
        })),
        "HUME-VB" => Some(Synthetic::Bursts(SyntheticBursts {
            parts: read_parts(section),
            seed: section.integer("seed", 0, 0..=u64::from(u32::MAX)),
            rate_hz: section.integer("rate_hz", 16_000, rate_hz),
            test_labels: section.boolean("test_labels", false),
        })),
        "IEMOCAP" => Some(Synthetic::Dialogues {
            turns: section.integer("turns", 8, 1..=999),
            seed: section.integer("seed", 0, 0..=u64::from(u32::MAX)),
            rate_hz: section.integer("rate_hz", 16_000, rate_hz),
        }),
        // A card that could not be read was said.
        "" => None,
        other => {
            let message = format!("{other} cannot be synthesised");
            let error = Diagnostic::error(section.span(), message);
            section.diagnostics().push(error.hint("only `ravdess`, `hume-vb` and `iemocap` can"));
            section.rest();
            None
        }
    }
}

/// How many recordings train, dev and test part have.
fn read_parts(section: &mut Section<'_>) -> [u32; 3] {
    let default = SyntheticBursts::default().parts;
    let Some(field) = section.optional("parts") else { return default };
    let parts: Vec<u32> = field.list().into_iter().filter_map(|part| part.integer(1..=10_000)).collect();
    parts.try_into().unwrap_or_else(|_| {
        field.expected("three numbers of recordings: train, dev and test");
        default
    })
}

/// Schemes with fixed classes or targets must agree on them.
fn check_schemes(corpora: &[(CorpusUse, LabelScheme)], span: &Span, diagnostics: &Diagnostics) {
    let different = |first: &LabelScheme, other: &LabelScheme, what: &str| {
        let message = format!("label schemes `{}` and `{}` have different {what}", first.name, other.name);
        let hint = format!("use schemes with the same {what} for all corpora");
        diagnostics.push(Diagnostic::error(span, message).hint(hint));
    };
    let schemes = || corpora.iter().map(|(_, scheme)| scheme);
    if let Some(first) = schemes().find(|scheme| matches!(scheme.labels, Labels::Targets(_))) {
        schemes()
            .filter(|other| other.labels != first.labels)
            .for_each(|other| different(first, other, "targets"));
        return;
    }
    let mut fixed = schemes().filter_map(|scheme| Some((scheme, scheme.class_rules()?.classes.as_ref()?)));
    let Some((first, classes)) = fixed.next() else { return };
    for (other, _) in fixed.filter(|(_, other_classes)| *other_classes != classes) {
        different(first, other, "classes");
    }
}

/// Finds a pipeline by its path in the first folder that has it.
pub fn find_pipeline(text: &str, folders: &[Folder]) -> Option<TextFile> {
    folders.iter().find_map(|folder| folder.file(text))
}

fn pipelines_there_are(text: &str, folders: &[Folder]) -> String {
    let files = folders.iter().flat_map(|folder| folder.join("pipelines").yaml_files());
    let name = |file: TextFile| Some(format!("pipelines/{}", file.path().file_name()?.to_str()?));
    let mut names: Vec<String> = files.filter_map(name).collect();
    names.sort();
    names.dedup();
    let near = nearest(text, names.iter().map(String::as_str));
    let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    format!("{near}there are {}", list_names(&names))
}
