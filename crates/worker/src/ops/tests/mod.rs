//! The worker's ops as the runner uses them.

mod bottleneck;
mod pictures;
mod pretraining;
mod training;
mod waveforms;

use std::path::{Path, PathBuf};

use affekt_config::{Diagnostics, Section, parse};
use affekt_domain::{Role, Target, Task};
use affekt_graph::{Item, Object, Port, Silent, Store};
use affekt_ops::{Definition, table};
use affekt_table::rows::{self, SplitRow, SplitRows};

use super::*;
use crate::artefact::{self, model::Card};

/// The parameters of a node, and what is wrong with it.
fn planned(op: &Definition, text: &str) -> (serde_json::Value, String) {
    let diagnostics = Diagnostics::new();
    let node = parse("node.yaml", text, &diagnostics).unwrap();
    let mut section = Section::open(&node, &diagnostics, "the node").unwrap();
    let params = (op.read)(&mut section);
    section.close();
    let params = params.map_or(serde_json::Value::Null, |params| params.view(affekt_spec::View::Key));
    (params, diagnostics.to_string())
}

/// A store, and jobs that read from it.
struct Bench {
    folder: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    /// Where a file can be made.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn adopt(&self, path: &Path) -> Item {
        let digest = self.store.adopt("artefact", path).unwrap().digest;
        Item { digest, path: self.store.object_path(digest) }
    }

    /// Four utterances, from this one on, of which every other is of class `b`.
    fn rows(&self, role: Role, fold: u32, first: i32) -> Item {
        let row = |utterance| SplitRow {
            utterance: name(utterance),
            target: Some(Target::Class(["a", "b"][utterance as usize % 2].into())),
            corpus: "C".into(),
            speaker: format!("C/{role:?}"),
            session: None,
            sex: None,
            style: None,
        };
        let task = Task::Classes(vec!["a".into(), "b".into()]);
        let rows = SplitRows { role, fold, task, rows: (first..first + 4).map(row).collect() };
        let path = self.path("rows");
        rows::write(&path, &rows).unwrap();
        self.adopt(&path)
    }

    /// Runs an op with these inputs. Gives its outputs.
    fn run(
        &self,
        op: &Definition,
        params: serde_json::Value,
        inputs: Vec<(&str, Item)>,
    ) -> Result<BTreeMap<String, Item>, Failure> {
        let port = |(name, item): (&str, Item)| Port { name: name.into(), items: vec![item] };
        let outputs = op.outputs.iter().map(|output| (output.name.to_owned(), self.path(output.name)));
        let job = Job {
            node: op.name.to_owned(),
            op: op.name.into(),
            version: op.version,
            params,
            inputs: inputs.into_iter().map(port).collect(),
            outputs: outputs.collect(),
            seed: op.seeded.then_some(1),
            numerics: BTreeMap::from([("threads".to_owned(), "1".to_owned())]),
            state: None,
        };
        WorkerOps::default().run(&job, &mut Silent)?;
        Ok(job.outputs.iter().map(|(name, path)| (name.clone(), self.adopt(path))).collect())
    }
}

/// The stored object.
fn open(item: &Item) -> Object {
    Object::open(&item.path, item.digest).unwrap()
}

fn name(utterance: i32) -> String {
    format!("C/{utterance:02}")
}

fn message<T>(result: Result<T, Failure>) -> String {
    result.err().expect("it must fail").to_string()
}
