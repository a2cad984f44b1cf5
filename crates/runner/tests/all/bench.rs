//! A store and the ops over it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use affekt_audio::write_wav_i16;
use affekt_config::{Diagnostics, Section, parse};
use affekt_corpus::Card;
use affekt_graph::{Context, Failure, Item, Job, Node, NodeId, Ops, Port, Resources, Store, Work};
use affekt_runner::{CorpusFolder, RunnerOps};
use affekt_table::TableFile;
use serde_json::Value;

/// Nobody watches; interrupted if told so.
#[derive(Default)]
pub struct Unwatched {
    pub cancelled: bool,
}

impl Context for Unwatched {
    fn progress(&mut self, _: u64, _: u64, _: &str) {}

    fn cancelled(&self) -> bool {
        self.cancelled
    }
}

/// Inputs by the names of their ports.
pub type Inputs<'a> = [(&'a str, &'a [&'a Item])];

pub struct Bench {
    folder: tempfile::TempDir,
    pub store: Store,
    corpora: Vec<CorpusFolder>,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store, corpora: Vec::new() }
    }

    /// A bench with a corpus `show` of these files, of which those without text are recordings. `rules` is what its card
    /// says of their names.
    pub fn of_corpus(rules: &str, files: &[(&str, Option<&str>)]) -> Self {
        let bench = Self::new();
        let folder = bench.path("show");
        fs::create_dir_all(&folder).unwrap();
        for (nth, (path, text)) in files.iter().enumerate() {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match text {
                Some(text) => fs::write(&path, text).unwrap(),
                None => write_wav_i16(&path, &[0.1 * (nth + 1) as f32; 50], 16_000).unwrap(),
            }
        }
        let card = format!("name: show\ntitle: t\nlicence: l\ncitation: c\norigin: o\nobtain: x\n{rules}");
        let card = Card::parse("show.yaml", &card, &Diagnostics::new()).unwrap();
        Self { corpora: vec![CorpusFolder { card, folder }], ..bench }
    }

    /// A path among the bench's own files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file into the store.
    pub fn adopt(&self, path: &Path) -> Item {
        let digest = self.store.adopt("table", path).unwrap().digest;
        Item { digest, path: self.store.object_path(digest) }
    }

    pub fn open(&self, item: &Item) -> TableFile {
        affekt_ops::table::open(&self.store.object(item.digest).unwrap()).unwrap()
    }

    pub fn ops(&self) -> RunnerOps {
        RunnerOps::new(self.corpora.clone(), self.store.root(), false)
    }

    pub fn job(&self, op: &str, params: Value, inputs: &Inputs) -> Job {
        let definition = affekt_ops::find(op).unwrap();
        let port = |(name, items): &(&str, &[&Item])| Port {
            name: (*name).to_owned(),
            items: items.iter().map(|&item| item.clone()).collect(),
        };
        let outputs = definition.outputs.iter().map(|port| (port.name.to_owned(), self.path(port.name)));
        Job {
            node: op.to_owned(),
            op: op.to_owned(),
            version: definition.version,
            params,
            inputs: inputs.iter().map(port).collect(),
            outputs: outputs.collect(),
            seed: None,
            numerics: BTreeMap::new(),
            state: None,
        }
    }

    /// What an op makes of its inputs: output → object.
    pub fn run(&self, op: &str, params: Value, inputs: &Inputs) -> Result<BTreeMap<String, Item>, Failure> {
        let job = self.job(op, params, inputs);
        self.ops().run(&job, &mut Unwatched::default())?;
        Ok(job.outputs.iter().map(|(name, path)| (name.clone(), self.adopt(path))).collect())
    }
}

/// The node of a job whose op reads what is outside the graph.
pub fn source(job: &Job) -> Node {
    Node {
        id: NodeId::from(job.node.as_str()),
        work: Work::Source,
        op: job.op.clone(),
        version: job.version,
        params: job.params.clone().into(),
        steps: None,
        inputs: Vec::new(),
        outputs: job.outputs.keys().cloned().collect(),
        seed: None,
        numerics: BTreeMap::new(),
        place: affekt_ops::find(&job.op).unwrap().place,
        resources: Resources::default(),
        reproducible: true,
    }
}

/// An op's parameters, or what is wrong with them.
pub fn params(op: &str, yaml: &str) -> Result<Value, String> {
    let diagnostics = Diagnostics::new();
    let yaml = parse("op.yaml", yaml, &diagnostics).unwrap();
    let mut section = Section::open(&yaml, &diagnostics, "the op").unwrap();
    let params = (affekt_ops::find(op).unwrap().read)(&mut section);
    section.close();
    let params = params.filter(|_| diagnostics.is_empty());
    if let Some(params) = params {
        Ok(params.view(affekt_spec::View::Key))
    } else {
        Err(diagnostics.to_string())
    }
}
