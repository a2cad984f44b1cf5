//! Bodies of the operations that run inside the runner, each registered under its name in [`BODIES`], and what they know of the
//! corpora and checkpoints on this machine.

mod audio;
mod awgn;
mod choose;
mod compare;
mod encoder;
mod evaluate;
mod examples;
mod exported_encoder;
mod file_digests;
mod folds;
mod functionals;
mod hints;
mod ingest;
mod json;
mod lines;
mod logmel;
mod mfcc;
mod model;
mod picture;
mod places;
mod predictions_file;
mod split;
mod standardise;
mod submission;
mod waveforms;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use affekt_corpus::{Card, CardYield, Found, Ingested, Labelled, Scan, ingest as read_corpus, label, scan};
use affekt_domain::{Digest, LabelScheme, Problem};
use affekt_graph::{Context, Failure, Job, Node, Ops, hash_bytes};
use affekt_ops::Operation;
use affekt_spec::encoder::TrainedOn;

use crate::file_digests::FileDigests;
use crate::hints::Hints;
use crate::places::{Located, Places};

pub use audio::waveform;
pub use encoder::{EncoderPlaces, check_pretraining_head};

/// The body of an operation.
type Body = fn(&Job, &mut dyn Context, &RunnerOps) -> Result<(), Failure>;

/// How a source is fingerprinted: `None` where it cannot be told without effort and the flag is false.
type Fingerprint = fn(&Node, bool, &mut dyn Context, &RunnerOps) -> Result<Option<Digest>, Failure>;

/// All bodies, by the operation's name.
pub const BODIES: &[(&str, Body)] = &[
    (affekt_ops::ingest::Ingest::NAME, |job, context, ops| ops.ingest_corpus(job, context)),
    (affekt_ops::functionals::Functionals::NAME, |job, _, ops| functionals::run(job, &ops.corpora)),
    (affekt_ops::encoder::EncoderOp::NAME, |job, _, ops| ops.encode(job)),
    (affekt_ops::model::Model::NAME, |job, _, ops| {
        let params: affekt_ops::model::Params = affekt_ops::params(job)?;
        model::run(job, &ops.encoders.model(&params.from)?)
    }),
    (affekt_ops::exported_encoder::ExportedEncoder::NAME, |job, _, ops| {
        let params: affekt_ops::exported_encoder::Params = affekt_ops::params(job)?;
        exported_encoder::run(job, &ops.encoders.model(&params.from)?)
    }),
    (affekt_ops::predictions_file::PredictionsFile::NAME, |job, _, ops| {
        let params: affekt_ops::predictions_file::Params = affekt_ops::params(job)?;
        predictions_file::run(job, &ops.encoders.path(&params.path))
    }),
    (affekt_ops::examples::Examples::NAME, |job, _, _| examples::run(job)),
    (affekt_ops::folds::Folds::NAME, |job, _, _| folds::run(job)),
    (affekt_ops::split::Split::NAME, |job, _, _| split::run(job)),
    (affekt_ops::audio::Audio::NAME, audio::run),
    (affekt_ops::awgn::Awgn::NAME, |job, context, _| awgn::run(job, context)),
    (affekt_ops::logmel::LogMel::NAME, |job, context, _| logmel::run(job, context)),
    (affekt_ops::mfcc::Mfcc::NAME, |job, context, _| mfcc::run(job, context)),
    (affekt_ops::picture::SpectrogramImage::NAME, |job, context, _| picture::run(job, context)),
    (affekt_ops::standardise::Standardise::NAME, |job, _, _| standardise::run(job)),
    (affekt_ops::evaluate::Evaluate::NAME, |job, _, _| evaluate::run(job)),
    (affekt_ops::choose::Choose::NAME, |job, _, _| choose::run(job)),
    (affekt_ops::compare::Compare::NAME, |job, context, _| compare::run(job, context)),
    (affekt_ops::submission::Submission::NAME, |job, _, _| submission::run(job)),
];

/// How sources are fingerprinted, by the operation's name.
pub const FINGERPRINTS: &[(&str, Fingerprint)] = &[
    (affekt_ops::ingest::Ingest::NAME, |node, thorough, context, ops| {
        let read = ops.read(&corpus_of(&node.params)?, thorough, context)?;
        Ok(read.ingested.as_ref().map(|(_, fingerprint)| *fingerprint))
    }),
    (affekt_ops::functionals::Functionals::NAME, |node, _, _, ops| {
        functionals::fingerprint(&params_of(&node.params)?, &ops.corpora).map(Some)
    }),
    (affekt_ops::model::Model::NAME, |node, _, _, ops| {
        let params: affekt_ops::model::Params = params_of(&node.params)?;
        model::fingerprint(&ops.encoders.model(&params.from)?, &ops.digests).map(Some)
    }),
    (affekt_ops::exported_encoder::ExportedEncoder::NAME, |node, _, _, ops| {
        let params: affekt_ops::exported_encoder::Params = params_of(&node.params)?;
        exported_encoder::fingerprint(&params, &ops.encoders.model(&params.from)?, &ops.digests).map(Some)
    }),
    (affekt_ops::predictions_file::PredictionsFile::NAME, |node, _, _, ops| {
        let params: affekt_ops::predictions_file::Params = params_of(&node.params)?;
        predictions_file::fingerprint(&ops.encoders.path(&params.path)).map(Some)
    }),
    (affekt_ops::encoder::EncoderOp::NAME, |node, _, _, ops| {
        let params: affekt_ops::encoder::Params = params_of(&node.params)?;
        match &params.from {
            affekt_ops::encoder::From::Checkpoint { name, .. } => ops.checkpoint(name).map(Some),
            affekt_ops::encoder::From::Random { .. } => Ok(Some(hash_bytes(&[]))),
        }
    }),
];

/// Where a corpus lies.
#[derive(Debug, Clone)]
pub struct CorpusFolder {
    /// Its card.
    pub card: Card,
    /// Its folder.
    pub folder: PathBuf,
}

/// The runner's operations, and what they know of the corpora on this machine.
pub struct RunnerOps {
    corpora: Vec<CorpusFolder>,
    hints: Mutex<Hints>,
    /// Whether to decode everything whatever is remembered.
    paranoid: bool,
    read: Mutex<HashMap<String, Arc<Read>>>,
    located: Mutex<HashMap<Digest, Located>>,
    places: Places,
    encoders: EncoderPlaces,
    digests: FileDigests,
    /// Fingerprints of the checkpoints that were looked at in this process, by the names they were called.
    checkpoints: Mutex<HashMap<String, Digest>>,
    /// Whether files that are not here may be where nodes are run.
    files_elsewhere: bool,
}

/// A corpus that was looked at in this process: what it holds and the fingerprint of that, where it is known.
struct Read {
    ingested: Option<(Ingested, Digest)>,
    /// What its files' names and label files tell.
    scanned: Vec<Problem>,
    /// What its card makes of its files.
    card_yield: CardYield,
}

impl RunnerOps {
    /// Returns the operations over these corpora. `store` keeps what is remembered of files; `paranoid` distrusts it.
    #[must_use]
    pub fn new(corpora: Vec<CorpusFolder>, store: &Path, paranoid: bool) -> Self {
        Self {
            corpora,
            hints: Mutex::new(Hints::open(&store.join("hints").join("audio.jsonl"))),
            paranoid,
            read: Mutex::default(),
            located: Mutex::default(),
            encoders: EncoderPlaces::default(),
            digests: FileDigests::open(&store.join("hints").join("files.jsonl"), paranoid),
            checkpoints: Mutex::default(),
            places: Places::new(&store.join("hints").join("places")),
            files_elsewhere: false,
        }
    }

    /// Returns these operations, looking for checkpoints in `places`.
    #[must_use]
    pub fn with_encoders(self, encoders: EncoderPlaces) -> Self {
        Self { encoders, ..self }
    }

    /// Returns these operations, where files that cannot be read here may be readable where nodes are run: what they hold is then
    /// told by those who run them.
    #[must_use]
    pub fn with_files_elsewhere(self) -> Self {
        Self { files_elsewhere: true, ..self }
    }

    /// Returns what the checkpoint called `name` was trained on; `None` where nobody says.
    #[must_use]
    pub fn trained_on(&self, name: &str) -> Option<Vec<TrainedOn>> {
        self.encoders.trained_on(name)
    }

    /// Returns the problems with the files of the corpora that were looked at in this process, by corpus: with their audio,
    /// where that is known.
    #[must_use]
    pub fn problems(&self) -> BTreeMap<String, Vec<Problem>> {
        let read = lock(&self.read);
        let of = |read: &Read| match &read.ingested {
            Some((ingested, _)) => ingested.problems.clone(),
            None => read.scanned.clone(),
        };
        read.iter().map(|(corpus, read)| (corpus.clone(), of(read))).collect()
    }

    /// Returns what cards make of the files of the corpora that were looked at in this process, in order of their names.
    #[must_use]
    pub fn yields(&self) -> Vec<CardYield> {
        let mut yields: Vec<CardYield> =
            lock(&self.read).values().map(|read| read.card_yield.clone()).collect();
        yields.sort_by(|a, b| a.corpus.cmp(&b.corpus));
        yields
    }

    /// Returns the utterances of a corpus as a scheme labels them; `None` if its audio was not read in this process.
    #[must_use]
    pub fn labelled(&self, corpus: &str, scheme: &LabelScheme) -> Option<Labelled> {
        let read = lock(&self.read).get(corpus).cloned()?;
        let (ingested, _) = read.ingested.as_ref()?;
        Some(label(scheme, ingested.utterances.clone()))
    }

    /// Returns where the recording with this digest lies.
    pub(crate) fn locate(&self, audio: Digest) -> Option<Located> {
        let read_here = lock(&self.located).get(&audio).cloned();
        read_here.or_else(|| self.places.find(audio))
    }

    /// Notes that a file no longer holds what it was remembered for.
    pub(crate) fn changed(&self, audio: Digest) -> Result<(), Failure> {
        lock(&self.hints).forget(audio).map_err(|error| Failure::because(&error))
    }

    /// Reads a corpus as far as it can be without effort, or wholly.
    fn read(&self, corpus: &str, thorough: bool, context: &mut dyn Context) -> Result<Arc<Read>, Failure> {
        let known = lock(&self.read).get(corpus).cloned();
        if let Some(read) = known.filter(|read| !thorough || read.ingested.is_some()) {
            return Ok(read);
        }
        let place = self.corpora.iter().find(|place| place.card.name == corpus);
        let place = place.ok_or_else(|| Failure::Failed { message: format!("no folder for {corpus}") })?;
        let scan = scan(&place.card, &place.folder).map_err(|error| Failure::because(&error))?;
        let is_known = !self.paranoid && {
            let hints = lock(&self.hints);
            scan.found.iter().all(|found| hints.measured(found).is_some())
        };
        let ingested =
            (thorough || is_known).then(|| self.ingest(&place.card, &scan, context)).transpose()?;
        let card_yield = CardYield::new(&place.card, &scan, ingested.as_ref().map(|(ingested, _)| ingested));
        let read = Arc::new(Read { ingested, scanned: scan.problems, card_yield });
        lock(&self.read).insert(corpus.to_owned(), Arc::clone(&read));
        Ok(read)
    }

    fn ingest(
        &self,
        card: &Card,
        scan: &Scan,
        context: &mut dyn Context,
    ) -> Result<(Ingested, Digest), Failure> {
        let total = scan.found.len() as u64;
        let context = Mutex::new(context);
        let ingested = {
            let hints = lock(&self.hints);
            let known =
                |found: &_| if self.paranoid { None } else { hints.measured(found).cloned().flatten() };
            read_corpus(card, scan, &known, &|done| lock(&context).progress(done as u64, total, "recordings"))
        };
        if lock(&context).cancelled() {
            return Err(Failure::Cancelled);
        }
        let place = |source: usize| {
            let found: &Found = &scan.found[source];
            let excerpt = found.segment.as_ref().map(|segment| segment.excerpt);
            Located { path: found.path.clone(), excerpt }
        };
        let sources = ingested.utterances.iter().zip(&ingested.sources);
        let places = sources.map(|(utterance, source)| (utterance.audio, place(*source)));
        lock(&self.located).extend(places.clone());
        self.places.remember(&card.name, places).map_err(|error| Failure::because(&error))?;
        let mut hints = lock(&self.hints);
        let remembered = hints.remember(scan.found.iter().zip(&ingested.facts));
        remembered.map_err(|error| Failure::because(&error))?;
        let manifest = serde_json::to_vec(&(&ingested.utterances, &ingested.problems, &ingested.ratings));
        let fingerprint = hash_bytes(&manifest.map_err(|error| Failure::because(&error))?);
        Ok((ingested, fingerprint))
    }
}

impl RunnerOps {
    /// The digest of the checkpoint called `name`.
    fn checkpoint(&self, name: &str) -> Result<Digest, Failure> {
        let known = lock(&self.checkpoints).get(name).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let digest = encoder::digest(&self.encoders.locate(name)?.path, &self.digests)?;
        lock(&self.checkpoints).insert(name.to_owned(), digest);
        Ok(digest)
    }

    /// Runs `encoder` on the checkpoint that the node's key is about.
    fn encode(&self, job: &Job) -> Result<(), Failure> {
        let params: affekt_ops::encoder::Params = affekt_ops::params(job)?;
        let (name, config) = match &params.from {
            affekt_ops::encoder::From::Checkpoint { name, config } => (name, config),
            affekt_ops::encoder::From::Random { config, seed } => {
                return encoder::run_random(job, config, *seed, params.normalise);
            }
        };
        let expected = self.checkpoint(name)?;
        let located = self.encoders.locate(name)?;
        encoder::run_checkpoint(job, &located, config, params.normalise)?;
        if encoder::digest(&located.path, &self.digests)? == expected {
            return Ok(());
        }
        lock(&self.checkpoints).remove(name);
        let path = located.path.display();
        Err(Failure::Failed { message: format!("{path} changed while it was read; run again") })
    }
}

impl RunnerOps {
    fn ingest_corpus(&self, job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
        match &self.read(&corpus_of(&job.params)?, true, context)?.ingested {
            Some((ingested, _)) => ingest::run(job, ingested),
            None => Err(Failure::Failed { message: "the corpus was not read".into() }),
        }
    }
}

impl Ops for RunnerOps {
    fn fingerprint(
        &self,
        node: &Node,
        thorough: bool,
        context: &mut dyn Context,
    ) -> Result<Option<Digest>, Failure> {
        let fingerprint = registered(FINGERPRINTS, &node.op)?;
        match fingerprint(node, thorough, context, self) {
            Err(_) if self.files_elsewhere && !thorough => Ok(None),
            told => told,
        }
    }

    fn run(&self, job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
        let body = registered(BODIES, &job.op)?;
        body(job, context, self)
    }
}

/// Returns what is registered for an operation.
fn registered<T: Copy>(table: &[(&str, T)], op: &str) -> Result<T, Failure> {
    let found = table.iter().find(|(name, _)| *name == op).map(|(_, found)| *found);
    found.ok_or_else(|| Failure::Failed { message: format!("the runner has no operation `{op}`") })
}

fn params_of<T: serde::de::DeserializeOwned>(params: &serde_json::Value) -> Result<T, Failure> {
    serde_json::from_value(params.clone()).map_err(|error| Failure::because(&error))
}

fn corpus_of(params: &serde_json::Value) -> Result<String, Failure> {
    Ok(params_of::<affekt_ops::ingest::Params>(params)?.corpus)
}

/// A poisoned lock only means that some op panicked between two whole statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use affekt_graph::Place;

    use super::*;

    #[test]
    fn every_operation_of_the_runner_has_one_body_and_every_source_a_fingerprint() {
        let names = |own: &dyn Fn(&affekt_ops::Definition) -> bool| -> Vec<&str> {
            let mut names: Vec<&str> =
                affekt_ops::ALL.iter().filter(|op| own(op)).map(|op| op.name).collect();
            names.sort_unstable();
            names
        };
        let mut bodies: Vec<&str> = BODIES.iter().map(|(name, _)| *name).collect();
        bodies.sort_unstable();
        assert_eq!(bodies, names(&|op| op.place == Place::Runner));
        let mut fingerprints: Vec<&str> = FINGERPRINTS.iter().map(|(name, _)| *name).collect();
        fingerprints.sort_unstable();
        assert_eq!(fingerprints, names(&|op| op.source));
    }
}
