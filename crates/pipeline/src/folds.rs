//! Folds: how a step that runs once a fold becomes nodes.
//!
//! Some protocols know their folds from the file, others (one fold a speaker) only with the examples at hand. Both
//! kinds grow: a rule that knows its folds looks at nothing and grows at the first walk, so that a plan lists every
//! training before a corpus was read; another waits for the table of folds. The nodes and their names are the same.

use std::sync::Arc;

use affekt_graph::{Failure, Grow, Growth, Node, NodeId, Object, Work};

use crate::reads::Reads;
use crate::tuning::{self, Search, Stage};

/// Where the fold's number goes in the name of a step that runs once a fold: `train[fold=*,seed=1]`.
const ANY: &str = "fold=*";

/// The rule of a step that runs once a fold.
pub struct PerFold {
    /// The folds, where the protocol alone says which there are.
    pub numbers: Option<Vec<u32>>,
    /// A fold's node, but for its name, its inputs and its fold.
    pub template: Node,
    /// Where a fold's node grows in turn: the search of which the template is a trial.
    pub search: Option<Arc<Search>>,
    /// What it reads: of steps that run once a fold too, the output of its own fold.
    pub reads: Reads,
}

impl Grow for PerFold {
    fn grow(&self, inputs: &[Vec<Object>]) -> Result<Growth, Failure> {
        let numbers = match (&self.numbers, inputs.first().and_then(|port| port.first())) {
            (Some(numbers), _) => numbers.clone(),
            (None, Some(table)) => {
                affekt_ops::table::read(table, affekt_table::folds::numbers)?.into_iter().collect()
            }
            (None, None) => {
                return Err(Failure::Failed { message: "there are no folds to make nodes for".into() });
            }
        };
        Ok(numbers.into_iter().map(|number| self.node(number)).collect())
    }

    fn may_yield(&self, name: &str) -> bool {
        let step = &self.template.id;
        let base = name.split('[').next().unwrap_or(name);
        name == step.name()
            || fold_of(step, name).is_some()
            || self.search.is_some() && tuning::NAMES.contains(&base)
    }

    fn reads(&self) -> Vec<NodeId> {
        self.reads.nodes()
    }

    /// Its fold: one fold's training rows are another's test rows.
    fn about(&self, node: &NodeId) -> Option<String> {
        fold_of(&self.template.id, node.as_str()).map(|fold| format!("fold={fold}"))
    }
}

impl PerFold {
    fn node(&self, number: u32) -> Node {
        let mut node = self.template.clone();
        node.id = of_fold(&self.template.id, number);
        node.work = Work::Op;
        if node.op == affekt_ops::split::DEFINITION.name {
            node.params = affekt_ops::split::params(number);
        }
        node.inputs = self.reads.inputs(|step| of_fold(step, number));
        match &self.search {
            Some(search) => Stage::first(search, node, Some(format!("fold={number}"))).into_node(),
            None => node,
        }
    }
}

/// The axis in the name of a step that runs once a fold.
pub fn any_fold() -> (&'static str, String) {
    ("fold", "*".to_owned())
}

/// `train[fold=*,seed=1]` → `train[fold=3,seed=1]`.
fn of_fold(step: &NodeId, number: u32) -> NodeId {
    match step.as_str().rsplit_once(ANY) {
        Some((before, after)) => NodeId::from(format!("{before}fold={number}{after}").as_str()),
        None => step.clone(),
    }
}

/// The fold of a node, if it is one of this step's: `train[fold=*,seed=1]`, `train[fold=3,seed=1]` → 3.
pub fn fold_of(step: &NodeId, node: &str) -> Option<u32> {
    let (before, after) = step.as_str().rsplit_once(ANY)?;
    let number = node.strip_prefix(before)?.strip_suffix(after)?;
    number.strip_prefix("fold=")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use affekt_domain::{Digest, Fold, Role};
    use affekt_graph::{Context, Graph, Job, Ops, Place, Resources, Source, Store, Walk};
    use serde_json::json;

    use super::*;
    use crate::reads::Read;

    fn template(name: &str, op: &str) -> Node {
        Node {
            id: NodeId::from(name),
            work: Work::Op,
            op: op.into(),
            version: 1,
            params: json!({}),
            inputs: Vec::new(),
            outputs: vec!["model".into(), "history".into()],
            seed: Some(1),
            numerics: BTreeMap::new(),
            place: Place::Worker,
            resources: Resources::default(),
            reproducible: true,
        }
    }

    fn output(node: &str, output: &str) -> Source {
        Source::output(&NodeId::from(node), output)
    }

    fn train(numbers: Option<Vec<u32>>) -> PerFold {
        let features = Source::Grown { node: NodeId::from("mfcc"), port: "features".into() };
        PerFold {
            numbers,
            template: template("train[variant=fold=*,fold=*,seed=1]", "train"),
            search: None,
            reads: Reads(vec![
                ("features".into(), vec![Read::Common(features)]),
                ("train".into(), vec![Read::Alike(output("split[fold=*]", "train"))]),
            ]),
        }
    }

    /// A stored table of folds with these numbers.
    fn table(store: &Store, numbers: &[u32]) -> Object {
        let fold = |number: &u32| Fold::new(*number, [("a".to_owned(), Role::Test)]).unwrap();
        let folds = numbers.iter().map(fold).collect();
        let scratch = store.scratch().unwrap();
        let path = scratch.path().join("folds");
        let folds = affekt_table::folds::Folds { protocol: "{}".into(), stamps: Vec::new(), folds };
        affekt_table::folds::write(&path, &folds).unwrap();
        let digest = store.adopt("folds", &path).unwrap().digest;
        store.object(digest).unwrap()
    }

    #[test]
    fn folds_of_the_protocol_and_folds_of_the_table_make_the_same_nodes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let shown = |growth: &Growth| -> Vec<String> {
            growth.nodes.iter().map(|node| format!("{} {:?}", node.id, node.inputs)).collect()
        };
        let known = train(Some(vec![1, 2, 5])).grow(&[]).unwrap();
        let read = train(None).grow(&[vec![table(&store, &[1, 2, 5])]]).unwrap();
        assert_eq!(shown(&known), shown(&read));
        assert_eq!(known.ports, read.ports);

        assert_eq!(known.nodes[2].id.as_str(), "train[variant=fold=*,fold=5,seed=1]");
        assert_eq!(known.ports["model"][2], output("train[variant=fold=*,fold=5,seed=1]", "model"));
        let [features, rows] = &known.nodes[2].inputs[..] else { panic!("two ports") };
        assert!(matches!(&features.from[..], [Source::Grown { .. }]), "the same for all folds");
        assert_eq!(rows.from, [output("split[fold=5]", "train")]);
    }

    /// Ops that are never run.
    struct Planned;

    impl Ops for Planned {
        fn fingerprint(&self, _: &Node, _: bool, _: &mut dyn Context) -> Result<Option<Digest>, Failure> {
            Ok(None)
        }

        fn run(&self, job: &Job, _: &mut dyn Context) -> Result<(), Failure> {
            Err(Failure::Failed { message: format!("`{}` was run", job.node) })
        }
    }

    #[test]
    fn what_one_fold_makes_reaches_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let step = |name: &str, reads: Vec<(String, Vec<Read>)>| {
            let rule = PerFold {
                numbers: Some(vec![1, 2]),
                template: template(name, "train"),
                search: None,
                reads: Reads(reads),
            };
            let work = Work::Grow(Arc::new(rule));
            Node { work, ..template(name, "train") }
        };
        let planned = |encoder: Read| {
            let train = step("train[fold=*,seed=1]", vec![("encoder".into(), vec![encoder])]);
            let graph = Graph::new(vec![step("pretrain[fold=*,seed=1]", Vec::new()), train]).unwrap();
            Walk::new(graph, &store, &Planned, None).advance().map_err(|error| error.to_string())
        };
        assert_eq!(planned(Read::Alike(output("pretrain[fold=*,seed=1]", "model"))), Ok(()));
        let told = planned(Read::Common(output("pretrain[fold=2,seed=1]", "model")));
        assert_eq!(
            told.unwrap_err(),
            "what is made for fold=2 reaches fold=1: pretrain[fold=2,seed=1] → train[fold=1,seed=1]"
        );
        let all = Source::Grown { node: NodeId::from("pretrain[fold=*,seed=1]"), port: "model".into() };
        let told = planned(Read::Common(all)).unwrap_err();
        assert!(
            told.starts_with("what is made for fold=2 reaches fold=1: pretrain[fold=2,seed=1] → "),
            "{told}"
        );
    }

    #[test]
    fn names_lead_back_to_folds() {
        let step = NodeId::from("train[fold=*,seed=1]");
        assert_eq!(fold_of(&step, "train[fold=12,seed=1]"), Some(12));
        for other in ["train[fold=12,seed=2]", "train[fold=,seed=1]", "train", "train[fold=*,seed=1]"] {
            assert_eq!(fold_of(&step, other), None, "{other}");
        }
        let rule = train(Some(vec![1]));
        assert!(rule.may_yield("train") && rule.may_yield("train[variant=fold=*,fold=7,seed=1]"));
        assert!(!rule.may_yield("split[fold=7]"));
        let reads = rule.reads();
        assert_eq!(reads, [NodeId::from("mfcc"), NodeId::from("split[fold=*]")]);
    }
}
