//! Body of `encoder`: checkpoints become artefacts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use affekt_config::{Diagnostics, Folder};
use affekt_domain::Digest;
use affekt_encoders::{ArtefactCard, EncoderCard, Hub, KeyMappingReport, Located, Overrides, Weights};
use affekt_graph::{Failure, Job};
use affekt_ops::encoder::ConfigFields;
use affekt_ops::exported::Exported;
use affekt_spec::encoder::{Family, TrainedOn};

use crate::file_digests::FileDigests;

/// Where checkpoints are looked for.
#[derive(Debug, Clone)]
pub struct EncoderPlaces {
    /// Folders with cards, in `encoders/`; the first that has one counts.
    pub datasets: Vec<Folder>,
    /// The Hub's files on this machine.
    pub hub: Hub,
    /// What relative paths begin at, if not where the program was started.
    pub folder: Option<PathBuf>,
}

impl Default for EncoderPlaces {
    /// Without cards.
    fn default() -> Self {
        Self { datasets: Vec::new(), hub: Hub::of_environment(), folder: None }
    }
}

impl EncoderPlaces {
    /// Returns what the checkpoint called `name` was trained on, as its card says or the export that it is; `None` where
    /// nobody says. It need not be on this machine.
    pub fn trained_on(&self, name: &str) -> Option<Vec<TrainedOn>> {
        if EncoderCard::names(&self.datasets).contains(&name.to_lowercase()) {
            return EncoderCard::find(&self.datasets, name, &Diagnostics::new()).ok()?.trained_on;
        }
        Exported::read(&self.model(name).ok()?).ok()?.trained_on
    }

    /// Returns the path of a file or folder that the experiment names: from its own folder, else from where the program was
    /// started.
    pub fn path(&self, name: &str) -> PathBuf {
        let beside = self.folder.as_ref().map(|folder| folder.join(name)).filter(|path| path.exists());
        beside.unwrap_or_else(|| PathBuf::from(name))
    }

    /// Locates the folder of the exported model called `name`.
    ///
    /// # Errors
    /// When it is not on this machine.
    pub fn model(&self, name: &str) -> Result<PathBuf, Failure> {
        let located = affekt_encoders::hub::locate_model(name, self.folder.as_deref(), &self.hub);
        located.map_err(|error| Failure::because(&error))
    }

    /// The checkpoint called `name`.
    pub fn locate(&self, name: &str) -> Result<Located, Failure> {
        let is_known = EncoderCard::names(&self.datasets).contains(&name.to_lowercase());
        let beside = self.folder.as_ref().map(|folder| folder.join(name));
        let beside = beside.filter(|path| !is_known && path.exists());
        let wanted = beside.as_deref().and_then(Path::to_str).unwrap_or(name);
        affekt_encoders::locate(wanted, &self.datasets, &self.hub).map_err(|error| Failure::because(&error))
    }
}

/// Refuses a checkpoint without the head that contrastive pretraining goes on with, as far as its files are here and can be read:
/// what keeps them from it is for whoever reads the checkpoint to say.
///
/// # Errors
/// When it lacks something of that head.
pub fn check_pretraining_head(places: &EncoderPlaces, name: &str) -> Result<(), String> {
    let Ok(located) = places.locate(name) else { return Ok(()) };
    let Ok(encoder) = affekt_encoders::read(&located.path, &Overrides::default()) else { return Ok(()) };
    let lacking = affekt_encoders::lacking_pretraining_head(&encoder);
    let is_whole = lacking.is_empty();
    if is_whole { Ok(()) } else { Err(affekt_ops::pretrain::lacks_head(name, &lacking)) }
}

/// The digest of what the files of a checkpoint hold.
pub fn digest(path: &Path, digests: &FileDigests) -> Result<Digest, Failure> {
    let of_file = |file: &Path| digests.digest(file).map(|digest| *digest.as_bytes());
    let digest = affekt_encoders::fingerprint_by(path, of_file).map_err(|error| Failure::because(&error))?;
    Ok(Digest::from_bytes(digest))
}

/// Writes the artefact of a checkpoint, and what became of every tensor in it.
pub fn run_checkpoint(
    job: &Job,
    located: &Located,
    config: &ConfigFields,
    normalise: Option<bool>,
) -> Result<(), Failure> {
    let said = Overrides { config: config.0.clone(), normalise };
    let encoder = affekt_encoders::read(&located.path, &said).map_err(|error| Failure::because(&error))?;
    let card = ArtefactCard::of(&encoder, located.card.as_ref());
    write(job, &card, &encoder.tensors, &encoder.key_mapping)
}

/// Writes the artefact of an encoder whose weights are yet to be drawn. Without a word about it, waveforms are normalised for a
/// wav2vec 2.0, as transformers does by default, and not for a wav2vec, as fairseq. A VGG16 reads none.
pub fn run_random(
    job: &Job,
    config: &ConfigFields,
    seed: u64,
    normalise: Option<bool>,
) -> Result<(), Failure> {
    let config = Family::of(&config.0).map_err(|error| Failure::because(&error))?;
    let normalise = normalise.unwrap_or(config.speech().is_some());
    let card = ArtefactCard::untrained(config, normalise, seed);
    let account = KeyMappingReport { notes: vec![card.origin.clone()], ..KeyMappingReport::default() };
    write(job, &card, &BTreeMap::new(), &account)
}

fn write(
    job: &Job,
    card: &ArtefactCard,
    tensors: &BTreeMap<String, Weights>,
    account: &KeyMappingReport,
) -> Result<(), Failure> {
    let written = affekt_encoders::write(job.output("encoder")?, card, tensors);
    written.map_err(|error| Failure::because(&error))?;
    crate::json::write(job.output("account")?, account)
}

#[cfg(test)]
mod tests {
    use affekt_spec::encoder::SeenLabels;

    use super::*;

    #[test]
    fn cards_say_what_encoders_were_trained_on() {
        let folder = tempfile::tempdir().unwrap();
        let cards = folder.path().join("encoders");
        std::fs::create_dir(&cards).unwrap();
        let card = |name: &str, more: &str| {
            let text = format!(
                "name: {name}\ntitle: t\nurl: https://example.org/a.pt\nbytes: 1\nlicence: l\ncitation: c\n{more}"
            );
            std::fs::write(cards.join(format!("{name}.yaml")), text).unwrap();
        };
        card("told", "trained_on:\n- { corpus: RAVDESS, labels: emotions }\n");
        card("untold", "");
        let places =
            EncoderPlaces { datasets: vec![folder.path().to_owned().into()], ..EncoderPlaces::default() };
        let told = places.trained_on("Told").unwrap();
        assert_eq!(
            (told.len(), told[0].corpus.as_str(), told[0].labels),
            (1, "RAVDESS", SeenLabels::Emotions)
        );
        assert_eq!(places.trained_on("untold"), None);
        assert_eq!(places.trained_on("somebody/else"), None);
    }

    #[test]
    fn what_the_shipped_encoders_were_trained_on_is_told() {
        let datasets: Folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets").into();
        let places = EncoderPlaces { datasets: vec![datasets], ..EncoderPlaces::default() };
        for name in EncoderCard::names(&places.datasets) {
            assert!(places.trained_on(&name).is_some_and(|entries| !entries.is_empty()), "{name}");
        }
    }
}
