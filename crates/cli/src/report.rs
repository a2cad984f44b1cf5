//! Gathers what a report says from the finished nodes of a run.

use std::collections::{BTreeMap, BTreeSet};

use affekt_corpus::{Audit, Card, Completeness, Count, Shared, Side, completeness, labelled_sessions};
use affekt_domain::{Example, Problem, Role, Task};
use affekt_eval::{Measure, Metrics, VariantMetrics};
use affekt_report as page;
use affekt_spec::protocol::Sharing;
use affekt_table::{examples, folds, history, manifest, predictions, problems};

use crate::costs;
use crate::exit::Stop;
use crate::inputs;
use crate::method;
use crate::pictures;
use crate::place;
use crate::progress::Summary;
use crate::run_folder::{Finished, RunFolder};

/// What must be known of figures on voices that nobody has.
const SYNTHETIC: &str = "a voice synthesiser's: figures say nothing about real speech";

/// What must be known of figures of an encoder that has learnt nothing yet.
const UNTRAINED: &str = "its encoder was not pretrained but began at random: figures say nothing about the encoder that \
                         this stands in for";

/// The report of a finished run.
pub fn assemble(
    run: &RunFolder,
    finished: &Finished<'_>,
    metrics: Metrics,
    summary: &Summary,
) -> Result<page::Report, Stop> {
    let Metrics { variants: metrics, comparisons: comparison, .. } = metrics;
    let experiment = &finished.context.experiment;
    let reported = || experiment.variants.iter().filter(|variant| variant.evaluate.is_some());
    let evaluates: Vec<_> = reported().filter_map(|variant| variant.evaluate.as_ref()).collect();
    let variants =
        reported().zip(metrics).map(|(variant, metrics)| self::variant(finished, variant, metrics));
    let variants: Vec<page::Variant> = variants.collect::<Result<_, Stop>>()?;
    let (corpora, problems) = corpora(finished)?;
    let primary = experiment.variants.first().map_or(Measure::Uar, |variant| variant.primary);
    Ok(page::Report {
        experiment: experiment.name.clone(),
        question: experiment.header.as_deref().map(reflowed).unwrap_or_default(),
        primary,
        matrix: matrix(finished, &variants),
        sweep: sweep(finished, &variants),
        images: images(finished)?,
        run: page::Run {
            id: run.id().to_owned(),
            started: run.started(),
            seconds: run.seconds(),
            command: command(),
        },
        variants,
        comparison,
        cited: cited(finished),
        lengths: lengths(finished)?,
        corpora,
        problems,
        costs: costs::by_op(finished.walk, summary),
        variant_costs: Some(costs::by_variant(finished.walk, &evaluates)),
        provenance: provenance(finished),
    })
}

/// How long recordings are, for each corpus and length that is kept of them.
fn lengths(finished: &Finished<'_>) -> Result<Vec<page::ClipLengths>, Stop> {
    let mut all: Vec<page::ClipLengths> = Vec::new();
    for variant in &finished.context.experiment.variants {
        let Some(audio) = &variant.audio else { continue };
        let labelled = finished.table(&variant.examples, "examples", examples::read)?;
        for lengths in method::lengths(&labelled.examples, audio.seconds) {
            let is_known =
                |known: &page::ClipLengths| (&known.corpus, known.kept) == (&lengths.corpus, lengths.kept);
            if !all.iter().any(is_known) {
                all.push(lengths);
            }
        }
    }
    Ok(all)
}

/// The settings that were swept, where some were.
fn sweep(finished: &Finished<'_>, variants: &[page::Variant]) -> Option<page::Sweep> {
    let mut paths: Vec<&String> = Vec::new();
    for path in finished.context.experiment.variants.iter().flat_map(|variant| &variant.swept) {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let axes: Vec<_> = paths.into_iter().map(|path| page::Axis::of(path, variants)).collect();
    (!axes.is_empty() && variants.len() > 1).then_some(page::Sweep { axes })
}

/// What was searched for in each fold, where a variant is tuned.
fn tunings(finished: &Finished<'_>, variant: &affekt_pipeline::Variant) -> Result<Vec<page::Tuning>, Stop> {
    let choices = variant.choices(finished.walk).into_iter();
    let read = |(fold, node)| Ok(page::Tuning { fold, trials: finished.json(&node, "trials")? });
    choices.map(read).collect()
}

/// One utterance on its way through the first variant, and what its networks were shown of each class, where that is pictures.
fn images(finished: &Finished<'_>) -> Result<Vec<page::Image>, Stop> {
    let Some(first) = finished.context.experiment.variants.first() else { return Ok(Vec::new()) };
    let labelled = finished.table(&first.examples, "examples", examples::read)?;
    let mut images = inputs::of_one_utterance(finished, &labelled.examples);
    images.extend(pictures::of_each_class(finished, &labelled.examples, &labelled.task));
    Ok(images)
}

/// The table of all variants by two settings that the experiment asks for.
fn matrix(finished: &Finished<'_>, variants: &[page::Variant]) -> Option<page::Matrix> {
    let [rows, columns] = finished.context.experiment.variants.first()?.table.as_ref()?;
    Some(page::Matrix { rows: page::Axis::of(rows, variants), columns: page::Axis::of(columns, variants) })
}

fn variant(
    finished: &Finished<'_>,
    variant: &affekt_pipeline::Variant,
    metrics: VariantMetrics,
) -> Result<page::Variant, Stop> {
    let labelled = finished.table(&variant.examples, "examples", examples::read)?;
    let parted = finished.table(&variant.folds, "folds", folds::read)?;
    let audit: Audit = finished.json(&variant.folds, "audit")?;
    let mut histories = Vec::new();
    let trainings = variant.trainings(finished.walk);
    for training in &trainings {
        let epochs = finished.table(&training.node, "history", history::read)?;
        histories.push(page::History { fold: training.fold, seed: training.seed, epochs });
    }
    let mut caveats = caveats(finished, variant);
    let mut layers = Vec::new();
    let layer_weights = method::layer_weights(
        &trainings
            .iter()
            .map(|training| finished.object(&training.node, "model"))
            .collect::<Result<Vec<_>, _>>()?,
    )?;
    let parameters = match trainings.first() {
        Some(training) => {
            let model = finished.object(&training.node, "model")?;
            layers = method::layers(&model)?;
            let card = affekt_ops::train::card(&model)?;
            if card["encoder"]["pretrained"] == false {
                caveats.push(UNTRAINED.to_owned());
            }
            caveats.extend(pixels(&card));
            let count = |name: &str| card["parameters"][name].as_u64().unwrap_or(0);
            Some(page::Parameters { total: count("total"), trainable: count("trainable") })
        }
        None => None,
    };
    let remarks = affekt_corpus::remarks(&parted.folds, &labelled.examples);
    Ok(page::Variant {
        protocol: variant.protocol.describe(parted.folds.len(), &labelled.task),
        labels: labelled.scheme.clone(),
        labels_note: labelled.note.clone(),
        method: method::steps(variant),
        parameters,
        layers,
        layer_weights,
        tunings: tunings(finished, variant)?,
        histories,
        test_loss: test_loss(finished, variant)?,
        published: published(variant, metrics.part),
        published_elsewhere: published_elsewhere(variant, metrics.part),
        printed: variant
            .published
            .iter()
            .map(|published| (published.printed.clone(), published.source.clone().unwrap_or_default()))
            .collect(),
        differs_at_most_in_speakers: variant.protocol.separates_by_speaker(),
        audit: Some(audit_summary(&audit, variant, remarks)),
        parts: parts(&labelled, &parted, &metrics.about.task),
        left_out: variant.left_out.iter().cloned().collect(),
        caveats,
        metrics,
    })
}

/// How a VGG16's pixels are normalised, which its weights must have been trained with; `None` of another network's card.
fn pixels(card: &serde_json::Value) -> Option<String> {
    let normalisation = card["network"]["encoder"]["normalisation"].as_str()?;
    let name = card["encoder"]["name"].as_str().unwrap_or("a base without a name");
    let whose = if normalisation == "keras" { "Keras'" } else { "torchvision's" };
    Some(format!("its VGG16 begins as `{name}`, with pixels normalised as {whose} weights expect"))
}

/// What else a reader of a variant's figures must know.
fn caveats(finished: &Finished<'_>, variant: &affekt_pipeline::Variant) -> Vec<String> {
    let corpora = &finished.context.experiment.corpora;
    let is_synthetic = |name: &String| corpora.get(name).is_some_and(|corpus| corpus.synthetic.is_some());
    let speaks_no_one = variant.corpora.keys().any(is_synthetic);
    let synthetic = speaks_no_one.then(|| SYNTHETIC.to_owned());
    let stands_beside_a_document = !variant.published.is_empty();
    let differences = variant.differences.iter().filter(|_| stands_beside_a_document).cloned();
    let same = variant.same_as.as_ref();
    let same = same.map(|other| format!("computes the very same as `{other}`: it is no result of its own"));
    synthetic.into_iter().chain(same).chain(differences).collect()
}

/// The mean loss of the test part over all runs: cross-entropy, or squared error over outputs.
fn test_loss(finished: &Finished<'_>, variant: &affekt_pipeline::Variant) -> Result<Option<f64>, Stop> {
    let Some(evaluate) = &variant.evaluate else { return Ok(None) };
    let predictions = finished.table(evaluate, "predictions", predictions::read)?;
    let tested = predictions.rows.iter().filter(|row| row.role == Role::Test);
    let losses: Vec<f64> = tested.filter_map(|row| affekt_eval::loss(&predictions.task, row)).collect();
    Ok((!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64))
}

/// The figures that stand beside those of the `scored` part: its own, and where a publication has none of it, those of the other part
/// with a word about that.
fn published(variant: &affekt_pipeline::Variant, scored: Role) -> Vec<page::Published> {
    let is_of = |published: &affekt_pipeline::Published| published.part.is_none_or(|part| part == scored);
    let has_own = variant.published.iter().any(is_of);
    let beside = variant.published.iter().filter(|published| !has_own || is_of(published));
    let said_with = |published: &affekt_pipeline::Published| {
        let other = (!is_of(published)).then(|| {
            let part = if scored == Role::Test { Role::Dev } else { Role::Test };
            format!("the published figure is of the {} part, ours of the {} part", part.name(), scored.name())
        });
        let said = |figure: page::Published| page::Published {
            caveat: match (figure.caveat, &other) {
                (Some(caveat), Some(other)) => Some(format!("{caveat}; {other}")),
                (caveat, other) => caveat.or_else(|| other.clone()),
            },
            ..figure
        };
        figures(published).into_iter().map(said).collect::<Vec<_>>()
    };
    beside.flat_map(said_with).collect()
}

/// The figures of another part than the `scored` one, of a publication that has some of both.
fn published_elsewhere(variant: &affekt_pipeline::Variant, scored: Role) -> Vec<(Role, page::Published)> {
    let is_of = |published: &affekt_pipeline::Published| published.part.is_none_or(|part| part == scored);
    if !variant.published.iter().any(is_of) {
        return Vec::new();
    }
    let others = variant.published.iter().filter_map(|published| Some((published.part?, published)));
    let others = others.filter(|(part, _)| *part != scored);
    others
        .flat_map(|(part, published)| figures(published).into_iter().map(move |figure| (part, figure)))
        .collect()
}

/// The systems that the experiment cites beside its own.
fn cited(finished: &Finished<'_>) -> Vec<page::Cited> {
    let cited = finished.context.experiment.variants.first().map(|variant| &variant.cited);
    let figures = |cited: &affekt_pipeline::Cited| {
        let named = |figure| page::Cited { name: cited.name.clone(), figure };
        figures(&cited.published).into_iter().map(named).collect::<Vec<_>>()
    };
    cited.into_iter().flatten().flat_map(figures).collect()
}

/// A publication's figures, one by one.
fn figures(published: &affekt_pipeline::Published) -> Vec<page::Published> {
    let of_session = |measure: Measure| {
        let sessions = published.sessions.iter().filter_map(move |(session, figures)| {
            let (_, value) = figures.values.iter().find(|(known, _)| *known == measure)?;
            Some(page::PublishedSession { session: session.clone(), value: *value, std: figures.std })
        });
        sessions.collect()
    };
    let figure = |&(measure, value): &(Measure, f64)| page::Published {
        measure,
        value,
        std: published.figures.std,
        sessions: of_session(measure),
        source: published.source.clone().unwrap_or_default(),
        caveat: published.caveat.clone(),
    };
    published.figures.values.iter().map(figure).collect()
}

fn audit_summary(audit: &Audit, variant: &affekt_pipeline::Variant, remarks: Vec<String>) -> page::Audit {
    let numbers: BTreeSet<u32> = audit.parts.iter().map(|part| part.fold).collect();
    let part = |fold: u32, role: Role| {
        let part = audit.parts.iter().find(|part| (part.fold, part.role) == (fold, role));
        let none = page::FoldPart { utterances: 0, speakers: Some(0) };
        part.map_or(none, |part| page::FoldPart {
            utterances: part.examples,
            speakers: part.known_speakers(),
        })
    };
    let fold = |fold: u32| {
        // What stands in all three roles is three pairs, and one thing.
        let sharing = |with_test: bool| {
            let number = |what: Sharing| {
                audit.times_shared(what)?;
                let pairs = audit.shared.iter().filter(|shared| (shared.fold, shared.what) == (fold, what));
                let of_test = |shared: &&Shared| shared.sides.iter().any(|side| side.role == Role::Test);
                let values = pairs.filter(|shared| of_test(shared) == with_test).map(|shared| &shared.value);
                Some(values.collect::<BTreeSet<_>>().len())
            };
            page::Sharing {
                speakers: number(Sharing::Speaker),
                audio: number(Sharing::Audio),
                texts: number(Sharing::Text),
            }
        };
        page::FoldAudit {
            fold,
            parts: Role::ALL.map(|role| part(fold, role)),
            test_and_others: sharing(true),
            train_and_dev: sharing(false),
        }
    };
    let disjoint = variant.rules.disjoint();
    let permitted = variant.rules.permitted().iter().map(|permission| permission.name().to_owned()).collect();
    page::Audit {
        split: audit.digest,
        disjoint: disjoint.iter().map(|what| what.name().to_owned()).collect(),
        permitted,
        folds: numbers.into_iter().map(fold).collect(),
        overlaps: audit.shared.iter().map(overlap).collect(),
        never_tested: audit.never_tested,
        tested_again: audit.tested_again,
        remarks,
    }
}

/// Something shared, with as many rows as a line holds.
fn overlap(shared: &Shared) -> page::Overlap {
    let side = |side: &Side| {
        let rows = if side.rows == 1 { "row" } else { "rows" };
        let named: Vec<&str> = side.utterances.iter().take(2).map(String::as_str).collect();
        let more = if side.rows > named.len() { ", …" } else { "" };
        format!("{} ({} {rows}: {}{more})", side.role.name(), side.rows, named.join(", "))
    };
    let Shared { fold, what, value, sides: [first, second] } = shared;
    page::Overlap {
        what: what.name().to_owned(),
        description: format!("`{value}` is in {} and {} of fold {fold}", side(first), side(second)),
    }
}

/// How often each class comes, by corpus and role, in the first fold; where numbers are predicted, how many examples there
/// are.
fn parts(labelled: &examples::Examples, parted: &folds::Folds, task: &Task) -> Vec<page::ClassCounts> {
    let Some(first) = parted.folds.first() else { return Vec::new() };
    let place = |example: &Example| match task {
        Task::Classes(classes) => {
            example.class().and_then(|class| classes.iter().position(|known| known == class))
        }
        Task::Outputs(_) => Some(0),
    };
    let places = task.classes().map_or(1, <[String]>::len);
    let mut counts: BTreeMap<(&str, Role), Vec<usize>> = BTreeMap::new();
    for example in &labelled.examples {
        let role = first.role(&example.utterance.id);
        if let (Some(role), Some(place)) = (role, place(example)) {
            let of_part = counts.entry((&example.utterance.corpus, role));
            of_part.or_insert_with(|| vec![0; places])[place] += 1;
        }
    }
    let part = |((corpus, role), counts): ((&str, Role), Vec<usize>)| page::ClassCounts {
        corpus: corpus.to_owned(),
        role,
        counts,
    };
    counts.into_iter().map(part).collect()
}

fn corpora(finished: &Finished<'_>) -> Result<(Vec<page::Corpus>, Vec<Problem>), Stop> {
    let experiment = &finished.context.experiment;
    let mut corpora = Vec::new();
    let mut all_problems = Vec::new();
    for (name, corpus) in &experiment.corpora {
        let ingest = experiment.variants.iter().find_map(|variant| variant.ingests.get(name));
        let Some(ingest) = ingest else { continue };
        let utterances = finished.table(ingest, "manifest", manifest::read)?;
        let Completeness { files, speakers, sessions, note, .. } = completeness(&corpus.card, &utterances);
        let is_synthetic = corpus.synthetic.is_some();
        corpora.push(page::Corpus {
            name: if is_synthetic { format!("{name} (synthetic)") } else { name.clone() },
            found: files.found,
            expected: if is_synthetic { None } else { files.expected },
            speakers: Some(speakers.found).filter(|found| *found > 0),
            expected_speakers: if is_synthetic { None } else { speakers.expected },
            licence: if is_synthetic { "made by this program".into() } else { corpus.card.licence.clone() },
            citation: (!is_synthetic).then(|| corpus.card.citation.clone()),
            remarks: if is_synthetic {
                vec![SYNTHETIC.into()]
            } else {
                let uneven = uneven(&sessions).map(|sessions| format!("files by session: {sessions}"));
                uneven.into_iter().chain(remarks(&corpus.card, note)).collect()
            },
        });
        all_problems.extend(finished.table(ingest, "problems", problems::read)?);
    }
    all_problems.extend(unexpected_counts(finished)?);
    let missing = experiment.left_out.iter().map(|name| Problem {
        corpus: name.clone(),
        path: String::new(),
        kind: "missing-corpus".into(),
        message: "asked for by the experiment, not found, and left out".into(),
        dropped: true,
    });
    all_problems.extend(missing);
    Ok((corpora, all_problems))
}

/// What a card says about the corpus as a whole and its numbers. Remarks on single files stand among the problems.
fn remarks(card: &Card, note: Option<String>) -> Vec<String> {
    let of_the_corpus = card.oddities.iter().filter(|oddity| oddity.files.is_none());
    let speakers = card.speakers_unknown.iter().map(|why| why.trim().to_owned());
    note.into_iter().chain(speakers).chain(of_the_corpus.map(|oddity| oddity.remark.clone())).collect()
}

/// Corpora with more or fewer labelled utterances than the experiment counts on.
fn unexpected_counts(finished: &Finished<'_>) -> Result<Vec<Problem>, Stop> {
    let experiment = &finished.context.experiment;
    let mut problems = Vec::new();
    for variant in &experiment.variants {
        let labelled = finished.table(&variant.examples, "examples", examples::read)?;
        for (name, scheme) in &variant.corpora {
            let Some(expected) = experiment.corpora.get(name).and_then(|corpus| corpus.expect) else {
                continue;
            };
            let found = labelled.examples.iter().filter(|example| example.utterance.corpus == *name).count();
            let sessions = labelled_sessions(&experiment.corpora[name].card, scheme, &labelled.examples);
            // An experiment may count on less than all, of which the card tells nothing session by session.
            let is_all = sessions.values().filter_map(|count| count.expected).sum::<usize>() == expected;
            let uneven = is_all.then(|| uneven(&sessions)).flatten();
            if found != expected || uneven.is_some() {
                problems.push(Problem {
                    corpus: name.clone(),
                    path: String::new(),
                    kind: "unexpected-count".into(),
                    message: format!(
                        "variant `{}` counts on {expected} labelled utterances and found {found}{}",
                        variant.id,
                        uneven.map_or_else(String::new, |sessions| format!(" ({sessions})"))
                    ),
                    dropped: false,
                });
            }
        }
    }
    Ok(problems)
}

/// The sessions that have more or fewer utterances than they should, if any: `Ses03: 1150 of 1151`.
fn uneven(sessions: &BTreeMap<String, Count>) -> Option<String> {
    let uneven = sessions.iter().filter(|(_, count)| !count.is_complete());
    let uneven: Vec<String> = uneven.map(|(session, count)| format!("{session}: {count}")).collect();
    (!uneven.is_empty()).then(|| uneven.join(", "))
}

/// What the networks were trained on: as their own records say, which may be an earlier run's.
fn provenance(finished: &Finished<'_>) -> Vec<(String, String)> {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (node, state) in finished.walk.graph().nodes().values().zip(finished.walk.states().values()) {
        let affekt_graph::State::Done { record: Some(record), .. } = state else { continue };
        // What was used says more than what was asked for.
        let asked = node.numerics.iter().filter(|(name, _)| !record.provenance.contains_key(*name));
        for (name, value) in record.provenance.iter().chain(asked) {
            values.entry(name.clone()).or_default().insert(value.clone());
        }
    }
    if let Some(commit) = option_env!("AFFEKT_COMMIT") {
        values.entry("commit of the report".to_owned()).or_default().insert(commit.to_owned());
    }
    let join = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(", ");
    values.into_iter().map(|(name, values)| (name, join(values))).collect()
}

/// A file's header comment with its lines joined: a new line begins only where the file begins a new point
/// (`Question:`, `Run:`) or leaves a blank line. What is to be run stays line by line.
fn reflowed(header: &str) -> String {
    let mut text = String::new();
    let mut is_command = false;
    for line in header.lines() {
        let begins = line.split_once(':').is_some_and(|(word, _)| {
            word.chars().next().is_some_and(char::is_uppercase) && word.chars().all(char::is_alphabetic)
        });
        if begins {
            is_command = line.starts_with("Run:");
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if !text.is_empty() {
            let is_own = begins || is_command || words.is_empty() || text.ends_with('\n');
            text.push(if is_own { '\n' } else { ' ' });
        }
        text.push_str(&words.join(" "));
    }
    text
}

/// The command line, quoted for a shell.
fn command() -> String {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    format!("{} {}", place::program(), shell_words(arguments))
}

/// Words as a POSIX shell reads them.
fn shell_words(words: impl Iterator<Item = String>) -> String {
    // A shell's words hold no NUL.
    let quoted = |word: String| shlex::try_quote(&word.replace('\0', "")).map_or_else(|_| word, Into::into);
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_line_can_be_pasted() {
        let words = ["run", "my files/it's.yaml", "--set", "with.x=[1, 2]", "$HOME", "", "a\"b", "ä;b"];
        let line = shell_words(words.iter().map(|word| (*word).to_owned()));
        let shell = std::process::Command::new("sh").arg("-c").arg(format!("printf '%s\\n' {line}")).output();
        let printed = String::from_utf8(shell.unwrap().stdout).unwrap();
        assert_eq!(printed.lines().collect::<Vec<_>>(), words, "{line}");
        assert_eq!(shell_words(["run".to_owned(), "x.yaml".to_owned()].into_iter()), "run x.yaml");
    }

    #[test]
    fn what_is_to_be_run_stays_line_by_line() {
        let header = "Question: which\n          one?\nRun:      affekt fetch x\n          affekt run y\nNeeds:    a GPU,\n          or time";
        let expected = "Question: which one?\nRun: affekt fetch x\naffekt run y\nNeeds: a GPU, or time";
        assert_eq!(reflowed(header), expected);
    }

    #[test]
    fn a_vgg16_is_told_with_how_its_pixels_are_normalised() {
        let card = |normalisation: &str| {
            let encoder = json!({ "model_type": "vgg16", "normalisation": normalisation });
            json!({ "network": { "kind": "vgg16", "encoder": encoder }, "encoder": { "name": "vgg16-imagenet" } })
        };
        let told =
            "its VGG16 begins as `vgg16-imagenet`, with pixels normalised as torchvision's weights expect";
        assert_eq!(pixels(&card("torchvision")).as_deref(), Some(told));
        assert!(pixels(&card("keras")).unwrap().ends_with("as Keras' weights expect"));
        assert_eq!(pixels(&json!({ "network": { "kind": "cnn" } })), None);
    }
}
