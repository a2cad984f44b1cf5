//! For how long a final model is trained: a number, or what the trainings of a finished run kept.

use std::path::{Path, PathBuf};

use affekt_config::{Diagnostic, Field, Key, Node, Section, Span, Value as Yaml};
use affekt_spec::{FieldSchema, Limits, Schema, Spec, View};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What an experiment says under `epochs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Epochs {
    /// So many.
    Number(u32),
    /// The mean of what the trainings of a run kept.
    Run {
        /// The run's folder; its name, where `epochs` says what it kept.
        from: String,
        /// What they kept when the experiment was resolved. Nothing is read then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epochs: Option<u32>,
    },
}

/// For how long a final model is trained, and where that comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalEpochs {
    /// The number of epochs.
    pub epochs: u32,
    /// The run whose trainings kept so many on average.
    pub run: Option<String>,
}

/// `trainings.json` of a run folder: what became of every training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trainings {
    /// The format's version.
    pub version: u32,
    /// The trainings, by variant, fold and seed.
    pub trainings: Vec<Training>,
}

/// A training of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Training {
    /// The variant's id.
    pub variant: String,
    /// The fold.
    pub fold: u32,
    /// The seed.
    pub seed: u64,
    /// The number of the epoch whose weights were kept, in its stage.
    pub kept_epoch: u32,
}

impl Trainings {
    /// The file's name.
    pub const FILE: &str = "trainings.json";
    /// The version of its format.
    pub const VERSION: u32 = 1;

    /// Returns the mean of the kept epochs of a variant, or of the only one, rounded; an error in words where there is none.
    fn mean_of(&self, variant: &str) -> Result<u32, String> {
        let mut ids: Vec<&str> = self.trainings.iter().map(|training| training.variant.as_str()).collect();
        ids.dedup();
        let id = match ids[..] {
            [] => return Err("it has no trainings".to_owned()),
            [only] => only,
            _ if ids.contains(&variant) => variant,
            _ => {
                return Err(format!("it has no variant `{variant}` but {}", affekt_config::list_names(&ids)));
            }
        };
        let kept: Vec<u32> =
            self.trainings.iter().filter(|it| it.variant == id).map(|it| it.kept_epoch).collect();
        let mean = kept.iter().copied().map(f64::from).sum::<f64>() / kept.len() as f64;
        Ok((mean.round() as u32).max(1))
    }
}

/// Resolves what the section `protocol` of a variant says. A run's folder is looked for from `base`, then from where
/// the program was started.
pub fn resolve(epochs: Epochs, section: &mut Section<'_>, variant: &str, base: &Path) -> Option<FinalEpochs> {
    let from = match epochs {
        Epochs::Number(epochs) => return Some(FinalEpochs { epochs, run: None }),
        Epochs::Run { from, epochs: Some(epochs) } => return Some(FinalEpochs { epochs, run: Some(from) }),
        Epochs::Run { from, epochs: None } => from,
    };
    let beside = base.join(&from);
    let folder = if beside.exists() { beside } else { PathBuf::from(&from) };
    let path = folder.join(Trainings::FILE);
    let read = || -> Result<FinalEpochs, String> {
        let text = std::fs::read(&path).map_err(|error| error.to_string())?;
        let trainings: Trainings = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let epochs = trainings.mean_of(variant)?;
        // `latest` is another run tomorrow.
        let run = folder.canonicalize().unwrap_or(folder.clone());
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let of = run.parent().and_then(name);
        let named = of.zip(name(&run)).map_or_else(|| from.clone(), |(of, id)| format!("{of}/{id}"));
        Ok(FinalEpochs { epochs, run: Some(named) })
    };
    match read() {
        Ok(epochs) => Some(epochs),
        Err(why) => {
            let span =
                section.node("epochs").map_or_else(|| section.span().clone(), |node| node.span.clone());
            let message = format!("failed to take epochs from {}: {why}", path.display());
            let hint = "name the folder of a finished run, such as `runs/cnn/latest`";
            section.diagnostics().push(Diagnostic::error(&span, message).hint(hint));
            None
        }
    }
}

impl FinalEpochs {
    /// Returns what an experiment says under `epochs` for the same number from the same run, whatever became of that since;
    /// `None` where it comes from no run.
    pub fn noted(&self, span: &Span) -> Option<Node> {
        let run = self.run.as_ref()?;
        let node = |value| Node { span: span.clone(), value };
        let key = |name: &str| Key { span: span.clone(), name: name.to_owned() };
        let from = (key("from"), node(Yaml::Text(run.clone())));
        let epochs = (key("epochs"), node(Yaml::Integer(self.epochs.into())));
        Some(node(Yaml::Map(vec![from, epochs])))
    }
}

impl Spec for Epochs {
    fn schema(_: &Limits) -> Schema {
        let number = || Schema::integer(1.0, 1e6);
        let from = FieldSchema::required("from", "The folder of a finished run.", Schema::Text);
        let epochs = FieldSchema::optional(
            "epochs",
            "What they kept, as `resolved.yaml` notes it: the run is then named and not read.",
            number(),
        );
        let run = Schema::section("The mean of what the trainings of a run kept.", vec![from, epochs]);
        Schema::OneOf(vec![number(), run])
    }

    fn read(field: Field<'_>, _: &Limits) -> Option<Self> {
        match field.node.value {
            Yaml::Map(_) => field.section("`epochs`", |section| {
                let epochs = section.optional_integer("epochs", 1..=1_000_000);
                Some(Self::Run { from: section.required_text("from")?, epochs })
            }),
            _ => Some(Self::Number(field.integer(1..=1_000_000)?)),
        }
    }

    fn view(&self, _: View) -> Value {
        json!(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_of_the_own_variant_or_of_the_only_one() {
        let training =
            |variant: &str, fold, kept_epoch| Training { variant: variant.into(), fold, seed: 1, kept_epoch };
        let of = |trainings: &[Training]| Trainings { version: 1, trainings: trainings.into() };
        let one = of(&[training("default", 1, 3), training("default", 2, 6)]);
        assert_eq!(one.mean_of("final"), Ok(5));
        let two = of(&[training("a", 1, 3), training("b", 1, 8), training("b", 2, 9)]);
        assert_eq!((two.mean_of("a"), two.mean_of("b")), (Ok(3), Ok(9)));
        assert!(two.mean_of("c").unwrap_err().contains("no variant `c`"));
        assert!(of(&[]).mean_of("a").is_err());
    }
}
