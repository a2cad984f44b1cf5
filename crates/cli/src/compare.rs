//! `compare`: finished runs side by side, and why what is not comparable is not ranked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use affekt_config::{Diagnostics, to_json};
use affekt_domain::Prediction;
use affekt_eval::{Entry, Measure, Metrics, SideBySide, VariantMetrics, side_by_side};
use affekt_table::{TableFile, predictions};
use serde::Serialize;
use serde_json::Value;

use crate::context::print_json;
use crate::exit::{Exit, Stop, error};
use crate::out::out;
use crate::place;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folders of finished runs; that of an experiment (`runs/cnn`) stands for its latest run
    #[arg(required = true, value_name = "RUN_DIR")]
    runs: Vec<PathBuf>,
    /// What every other variant is tested against; else the best of those that are comparable
    #[arg(long, value_name = "RUN[:VARIANT]")]
    baseline: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    side: &'a SideBySide,
    /// The folder of every run, by the name that its variants begin with.
    runs: BTreeMap<&'a str, &'a Path>,
}

/// A finished run, read.
struct Run {
    /// As the user gave it.
    given: PathBuf,
    /// Where it lies.
    folder: PathBuf,
    /// What to call it: experiment and run.
    name: String,
    metrics: Metrics,
    /// What the experiment says, defaults left out.
    settings: Value,
    incomplete: BTreeMap<String, String>,
    /// In the order of the variants; each carries the name that it has here.
    predictions: Vec<Vec<Prediction>>,
}

/// What a finished run leaves behind and this reads.
const FILES: [&str; 3] = ["metrics.json", "predictions.arrow", "resolved.yaml"];

/// Compares.
pub fn compare(arguments: &Arguments) -> Result<Exit, Stop> {
    let runs = read_all(&arguments.runs)?;
    let entries: Vec<Entry> = runs.iter().flat_map(Run::entries).collect();
    let baseline = arguments.baseline.as_deref().map(|asked| baseline(&runs, asked)).transpose()?;
    let side = side_by_side(&entries, baseline.as_deref())
        .map_err(|cause| error("failed to compare the runs", &cause))?;
    if arguments.json {
        let runs = runs.iter().map(|run| (run.name.as_str(), run.folder.as_path())).collect();
        return print_json(&Printed { side: &side, runs });
    }
    out!("{}", affekt_report::side_by_side(&side).trim_end());
    Ok(Exit::Done)
}

/// Reads every run once. All folders that are none are reported at once.
fn read_all(given: &[PathBuf]) -> Result<Vec<Run>, Stop> {
    let mut wrong = Vec::new();
    let mut folders: Vec<(PathBuf, PathBuf)> = Vec::new();
    for given in given {
        match finished(given) {
            Ok(folder) if folders.iter().any(|(_, known)| *known == folder) => {}
            Ok(folder) => folders.push((given.clone(), folder)),
            Err(text) => wrong.push(text),
        }
    }
    if !wrong.is_empty() {
        return Err(Stop::wrong(wrong.join("\n")));
    }
    let mut runs: Vec<Run> =
        folders.into_iter().map(|(given, folder)| Run::read(given, folder)).collect::<Result<_, _>>()?;
    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
    for run in &mut runs {
        // A copied folder has the name of the one it was copied from.
        if names.iter().filter(|name| **name == run.name).count() > 1 {
            run.name = run.given.display().to_string();
        }
        run.name_predictions();
    }
    Ok(runs)
}

/// The folder of the finished run that is meant, or why it is none.
fn finished(given: &Path) -> Result<PathBuf, String> {
    let shown = given.display();
    if !given.is_dir() {
        return Err(format!(
            "error: there is no folder `{shown}`\n\
             hint: give the folder of a finished run, such as `runs/cnn/latest`"
        ));
    }
    let latest = given.join("latest");
    let folder = if FILES.iter().any(|name| given.join(name).exists()) || !latest.exists() {
        given.to_owned()
    } else {
        latest
    };
    let missing: Vec<&str> = FILES.into_iter().filter(|name| !folder.join(name).is_file()).collect();
    if missing.is_empty() {
        return folder.canonicalize().map_err(|cause| format!("error: failed to open `{shown}`: {cause}"));
    }
    let runs: BTreeSet<String> = fs::read_dir(given)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| FILES.iter().all(|name| entry.path().join(name).is_file()))
        .map(|entry| entry.path().display().to_string())
        .collect();
    let hint = if !runs.is_empty() {
        let listed: Vec<String> = runs.iter().map(|run| format!("`{run}`")).collect();
        format!("finished runs in it are {}", listed.join(", "))
    } else if folder.join("journal.jsonl").exists() {
        format!(
            "the run did not finish: `{} run` of its experiment goes on where it stopped",
            place::program()
        )
    } else {
        "give the folder of a finished run, such as `runs/cnn/latest`".to_owned()
    };
    Err(format!("error: `{shown}` is no finished run: it has no {}\nhint: {hint}", missing.join(", no ")))
}

impl Run {
    fn read(given: PathBuf, folder: PathBuf) -> Result<Self, Stop> {
        let path = folder.join("metrics.json");
        let text = fs::read_to_string(&path).map_err(|cause| unreadable(&path, &cause))?;
        let metrics: Metrics = serde_json::from_str(&text).map_err(|cause| unreadable(&path, &cause))?;
        let mut rows = Vec::new();
        let numbered = (2..).map(|number| folder.join(format!("predictions-{number}.arrow")));
        let more = numbered.take_while(|path| path.is_file());
        for path in std::iter::once(folder.join("predictions.arrow")).chain(more) {
            let table = TableFile::open_path(&path).and_then(|file| predictions::read(&file));
            rows.extend(table.map_err(|cause| unreadable(&path, &cause))?.rows);
        }
        let mut by_variant: BTreeMap<String, Vec<Prediction>> = BTreeMap::new();
        for row in rows {
            by_variant.entry(row.variant.clone()).or_default().push(row);
        }
        let own = |variant: &VariantMetrics| by_variant.remove(&variant.about.id).unwrap_or_default();
        let predictions = metrics.variants.iter().map(own).collect();
        let id = folder.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            name: format!("{}/{id}", metrics.experiment),
            settings: settings(&folder.join("resolved.yaml"))?,
            incomplete: incomplete(&folder.join("tables"))?,
            given,
            metrics,
            predictions,
            folder,
        })
    }

    fn name_of(&self, variant: &VariantMetrics) -> String {
        format!("{}:{}", self.name, variant.about.id)
    }

    fn name_predictions(&mut self) {
        let names: Vec<String> = self.metrics.variants.iter().map(|variant| self.name_of(variant)).collect();
        for (rows, name) in self.predictions.iter_mut().zip(names) {
            rows.iter_mut().for_each(|row| row.variant.clone_from(&name));
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.metrics.variants.iter().zip(&self.predictions).map(|(metrics, predictions)| {
            let own = |section: &str| own_section(&self.settings, section, &metrics.about.params);
            let asked = own("report").get("primary").and_then(Value::as_str).map(str::to_owned);
            let measure =
                Measure::PRIMARY.into_iter().find(|measure| asked.as_deref() == Some(measure.name()));
            let mut protocol = own("protocol");
            protocol.retain(|name, _| !["kind", "seeds"].contains(&name.as_str()));
            Entry {
                name: self.name_of(metrics),
                measure: measure.unwrap_or(Measure::Uar).or_of(&metrics.about.task),
                metrics,
                protocol,
                incomplete: self.incomplete.clone(),
                predictions,
            }
        })
    }

    /// Whether the user means it by `name`.
    fn is_called(&self, name: &str) -> bool {
        let own = self.folder.file_name().unwrap_or_default();
        [self.name.as_str(), self.metrics.experiment.as_str()].contains(&name)
            || own == name
            || self.given == Path::new(name)
    }
}

fn unreadable(path: &Path, cause: &dyn std::error::Error) -> Stop {
    Stop::wrong(format!(
        "{}\nhint: an older version of this program may have written it: run the experiment again, which computes only \
         what is not stored",
        error(&format!("failed to read {}", path.display()), cause).text()
    ))
}

/// The experiment as it was run.
fn settings(path: &Path) -> Result<Value, Stop> {
    let text = fs::read_to_string(path).map_err(|cause| unreadable(path, &cause))?;
    let diagnostics = Diagnostics::new();
    let node = affekt_config::parse(&path.display().to_string(), &text, &diagnostics);
    node.map(|node| to_json(&node)).ok_or_else(|| Stop::wrong(diagnostics.to_string()))
}

/// A section of the experiment, leaf by leaf, with what a variant lays over it.
fn own_section(settings: &Value, section: &str, params: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let whole = params.get(section).unwrap_or(&settings[section]);
    let mut leaves = BTreeMap::new();
    flatten("", whole, &mut leaves);
    for (path, value) in params {
        if let Some(name) = path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')) {
            leaves.retain(|known, _| known != name && !known.starts_with(&format!("{name}.")));
            flatten(name, value, &mut leaves);
        }
    }
    leaves
}

fn flatten(path: &str, value: &Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(entries) => {
            for (name, value) in entries {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, leaves);
            }
        }
        Value::Null => {}
        value => _ = leaves.insert(path.to_owned(), value.clone()),
    }
}

/// The corpora of a run of which not all was there, as its report tells: `960 of 1440`, `missing`, or nothing real: `synthetic`.
fn incomplete(tables: &Path) -> Result<BTreeMap<String, String>, Stop> {
    let mut incomplete = BTreeMap::new();
    for row in rows(&tables.join("corpora.csv"))? {
        // The report sets thousands apart.
        let there = row.get("Utterances").map(|text| text.replace('\u{202f}', "")).unwrap_or_default();
        let corpus = &row["Corpus"];
        if let Some(name) = corpus.strip_suffix(" (synthetic)") {
            incomplete.insert(name.to_owned(), "synthetic".into());
        } else if there.contains(" of ") {
            incomplete.insert(corpus.clone(), there);
        }
    }
    for row in rows(&tables.join("problems.csv"))? {
        if row.get("Kind").is_some_and(|kind| kind == "missing-corpus") {
            incomplete.insert(row["Corpus"].clone(), "missing".into());
        }
    }
    Ok(incomplete)
}

/// The rows of a table of the report, by heading; none where there is no such table.
fn rows(path: &Path) -> Result<Vec<BTreeMap<String, String>>, Stop> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let read = || csv::Reader::from_path(path)?.deserialize().collect::<Result<_, csv::Error>>();
    read().map_err(|cause| unreadable(path, &cause))
}

/// The name of the variant that is meant by `RUN` or `RUN:VARIANT`.
fn baseline(runs: &[Run], asked: &str) -> Result<String, Stop> {
    let splits = asked.match_indices(':').map(|(at, _)| (&asked[..at], Some(&asked[at + 1..])));
    let mut meant = Vec::new();
    for (name, variant) in splits.chain([(asked, None)]) {
        for run in runs.iter().filter(|run| run.is_called(name)) {
            let variants = run.metrics.variants.iter();
            let own = variants.filter(|known| variant.is_none_or(|variant| known.about.id == variant));
            meant.extend(own.map(|variant| run.name_of(variant)));
        }
    }
    if let [only] = &meant[..] {
        return Ok(only.clone());
    }
    let names =
        || runs.iter().flat_map(|run| run.metrics.variants.iter().map(|variant| run.name_of(variant)));
    let (what, listed): (_, Vec<String>) = if meant.is_empty() {
        ("names no variant of these runs", names().collect())
    } else {
        ("names several variants", meant)
    };
    Err(Stop::wrong(format!(
        "error: the baseline `{asked}` {what}\nhint: say which one as RUN:VARIANT: {}",
        affekt_config::list_names(&listed.iter().map(String::as_str).collect::<Vec<_>>())
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variant_s_protocol_is_the_experiment_s_and_what_it_changes() {
        let settings = json!({ "protocol": { "kind": "random", "test": 0.2, "dev": { "share": 0.1 } } });
        let of = |params: Value| {
            let params: BTreeMap<String, Value> = serde_json::from_value(params).unwrap();
            let own = own_section(&settings, "protocol", &params);
            own.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(json!({})), r#"dev.share=0.1 kind="random" test=0.2"#);
        assert_eq!(
            of(json!({ "protocol.dev": "none", "with.lr": 1 })),
            r#"dev="none" kind="random" test=0.2"#
        );
        assert_eq!(of(json!({ "protocol": { "kind": "official" } })), r#"kind="official""#);
        assert!(own_section(&json!({}), "protocol", &BTreeMap::new()).is_empty());
    }
}
