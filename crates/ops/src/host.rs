//! The ops that run inside the runner.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use affekt_corpus::{Card, Ingested, Scan, ingest, scan};
use affekt_domain::Digest;
use affekt_graph::{Context, Failure, Job, Node, Ops, hash_bytes};

use crate::encoder::{self, EncoderPlaces};
use crate::hints::Hints;

/// Where a corpus lies.
#[derive(Debug, Clone)]
pub struct CorpusFolder {
    /// Its card.
    pub card: Card,
    /// Its folder.
    pub folder: PathBuf,
}

/// The runner's ops, and what they know of the corpora on this machine.
pub struct HostOps {
    corpora: Vec<CorpusFolder>,
    hints: Mutex<Hints>,
    /// Whether to decode everything whatever is remembered.
    paranoid: bool,
    read: Mutex<HashMap<String, Arc<Read>>>,
    located: Mutex<HashMap<Digest, PathBuf>>,
    encoders: EncoderPlaces,
    /// Fingerprints of the checkpoints that were looked at in this process, by the names they were called.
    checkpoints: Mutex<HashMap<String, Digest>>,
}

/// A corpus that was looked at in this process: what it holds and the fingerprint of that, where it is known.
struct Read {
    ingested: Option<(Ingested, Digest)>,
}

impl HostOps {
    /// The ops over these corpora. `store` keeps what is remembered of files; `paranoid` distrusts it.
    #[must_use]
    pub fn new(corpora: Vec<CorpusFolder>, store: &Path, paranoid: bool) -> Self {
        Self {
            corpora,
            hints: Mutex::new(Hints::open(&store.join("hints").join("audio.jsonl"))),
            paranoid,
            read: Mutex::default(),
            located: Mutex::default(),
            encoders: EncoderPlaces::default(),
            checkpoints: Mutex::default(),
        }
    }

    /// These ops, looking for checkpoints in `places`.
    #[must_use]
    pub fn with_encoders(self, encoders: EncoderPlaces) -> Self {
        Self { encoders, ..self }
    }

    /// Where the recording with this digest lies.
    pub(crate) fn locate(&self, audio: Digest) -> Option<PathBuf> {
        lock(&self.located).get(&audio).cloned()
    }

    /// Takes note that a file no longer holds what it was remembered for.
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
        let read = Arc::new(Read { ingested });
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
            ingest(card, scan, &known, &|done| lock(&context).progress(done as u64, total, "recordings"))
        };
        if lock(&context).cancelled() {
            return Err(Failure::Cancelled);
        }
        let mut located = lock(&self.located);
        for (utterance, source) in ingested.utterances.iter().zip(&ingested.sources) {
            located.insert(utterance.audio, scan.found[*source].path.clone());
        }
        let mut hints = lock(&self.hints);
        let remembered = hints.remember(scan.found.iter().zip(&ingested.facts));
        remembered.map_err(|error| Failure::because(&error))?;
        let manifest = serde_json::to_vec(&(&ingested.utterances, &ingested.problems, &ingested.ratings));
        let fingerprint = hash_bytes(&manifest.map_err(|error| Failure::because(&error))?);
        Ok((ingested, fingerprint))
    }
}

impl HostOps {
    /// The digest of the checkpoint called `name`.
    fn checkpoint(&self, name: &str) -> Result<Digest, Failure> {
        let known = lock(&self.checkpoints).get(name).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let digest = encoder::digest(&self.encoders.locate(name)?.path)?;
        lock(&self.checkpoints).insert(name.to_owned(), digest);
        Ok(digest)
    }

    /// Runs `encoder`, on the checkpoint that the node's key is about.
    fn encode(&self, job: &Job) -> Result<(), Failure> {
        let params: encoder::Params = crate::params(job)?;
        let (name, config) = match &params.from {
            encoder::From::Checkpoint { name, config } => (name, config),
            encoder::From::Random { config, seed } => {
                return encoder::run_random(job, config, *seed, params.normalise);
            }
        };
        let expected = self.checkpoint(name)?;
        let located = self.encoders.locate(name)?;
        encoder::run_checkpoint(job, &located, config, params.normalise)?;
        if encoder::digest(&located.path)? == expected {
            return Ok(());
        }
        lock(&self.checkpoints).remove(name);
        let path = located.path.display();
        Err(Failure::Failed { message: format!("{path} changed while it was read; run again") })
    }
}

impl Ops for HostOps {
    fn fingerprint(
        &self,
        node: &Node,
        thorough: bool,
        context: &mut dyn Context,
    ) -> Result<Option<Digest>, Failure> {
        if node.op == crate::functionals::DEFINITION.name {
            let params = serde_json::from_value(node.params.clone());
            let params = params.map_err(|error| Failure::because(&error))?;
            return crate::functionals::fingerprint(&params, &self.corpora).map(Some);
        }
        if node.op == encoder::DEFINITION.name {
            let params = serde_json::from_value(node.params.clone());
            let params: encoder::Params = params.map_err(|error| Failure::because(&error))?;
            return match &params.from {
                encoder::From::Checkpoint { name, .. } => self.checkpoint(name).map(Some),
                encoder::From::Random { .. } => Ok(Some(hash_bytes(&[]))),
            };
        }
        let corpus = corpus_of(&node.params)?;
        let read = self.read(&corpus, thorough, context)?;
        Ok(read.ingested.as_ref().map(|(_, fingerprint)| *fingerprint))
    }

    fn run(&self, job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
        match job.op.as_str() {
            "ingest" => match &self.read(&corpus_of(&job.params)?, true, context)?.ingested {
                Some((ingested, _)) => crate::ingest::run(job, ingested),
                None => Err(Failure::Failed { message: "the corpus was not read".into() }),
            },
            "functionals" => crate::functionals::run(job, &self.corpora),
            "encoder" => self.encode(job),
            "examples" => crate::examples::run(job),
            "folds" => crate::folds::run(job),
            "split" => crate::split::run(job),
            "audio" => crate::audio::run(job, context, self),
            "awgn" => crate::awgn::run(job, context),
            "logmel" => crate::logmel::run(job, context),
            "mfcc" => crate::mfcc::run(job, context),
            "picture" => crate::picture::run(job, context),
            "standardise" => crate::standardise::run(job),
            "evaluate" => crate::evaluate::run(job),
            "choose" => crate::choose::run(job),
            "compare" => crate::compare::run(job),
            "submission" => crate::submission::run(job),
            other => Err(Failure::Failed { message: format!("the runner has no op `{other}`") }),
        }
    }
}

fn corpus_of(params: &serde_json::Value) -> Result<String, Failure> {
    let params: crate::ingest::Params =
        serde_json::from_value(params.clone()).map_err(|error| Failure::because(&error))?;
    Ok(params.corpus)
}

/// A poisoned lock only means that some op panicked between two whole statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
