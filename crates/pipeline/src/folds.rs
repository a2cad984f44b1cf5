//! Folds: how a step that runs once a fold becomes nodes.
//!
//! Some protocols know their folds from the file, others (one fold a speaker) only with the examples at hand. Both
//! kinds grow: a rule that knows its folds looks at nothing and grows at the first walk, so that a plan lists every
//! training before a corpus was read; another waits for the table of folds. The nodes and their names are the same.

use std::sync::Arc;

use affekt_graph::{Failure, Grow, Growth, Node, NodeId, Object};
use affekt_ops::Params;

use crate::axes;
use crate::reads::Reads;
use crate::tuning::{self, Search, Stage};

/// The rule of a step that runs once a fold.
pub struct PerFold {
    /// The folds, where the protocol alone says which there are.
    pub numbers: Option<Vec<u32>>,
    /// A fold's node, but for its inputs and its fold: `train[fold=*,seed=1]`.
    pub template: Node,
    /// Its parameters, where those of a fold's node depend on the fold.
    pub params: Option<Arc<dyn Params>>,
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

    fn yields(&self) -> Vec<NodeId> {
        let step = &self.template.id;
        let searched = self.search.iter().flat_map(|_| tuning::yields(step));
        std::iter::once(step.clone()).chain(searched).collect()
    }

    fn reads(&self) -> Vec<NodeId> {
        self.reads.nodes()
    }

    /// One fold's training rows are another's test rows.
    fn isolates(&self) -> Option<&'static str> {
        Some(axes::FOLD)
    }
}

impl PerFold {
    fn node(&self, number: u32) -> Node {
        let mut node = self.template.clone();
        node.id = self.template.id.with(axes::FOLD, number);
        if let Some(params) = &self.params {
            affekt_ops::set_params(&mut node, &*params.of_fold(number));
        }
        node.inputs = self.reads.inputs(|step| step.with(axes::FOLD, number));
        match &self.search {
            Some(search) => Stage::first(search, node).into_node(),
            None => node,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use affekt_domain::{Digest, Fold, Role};
    use affekt_graph::{AxisValue, Context, Graph, Job, Ops, Place, Resources, Source, Store, Walk, Work};
    use serde_json::json;

    use super::*;
    use crate::reads::Read;

    fn template(id: NodeId, op: &str) -> Node {
        Node {
            id,
            work: Work::Op,
            op: op.into(),
            version: 1,
            params: json!({}).into(),
            steps: None,
            inputs: Vec::new(),
            outputs: vec!["model".into(), "history".into()],
            seed: Some(1),
            numerics: BTreeMap::new(),
            place: Place::Worker,
            resources: Resources::default(),
            reproducible: true,
        }
    }

    /// `train[fold=*,seed=1]`, where the fold is every one.
    fn id(name: &str, fold: impl Into<AxisValue>) -> NodeId {
        NodeId::new(name, [(axes::FOLD, fold.into()), (axes::SEED, 1_u32.into())])
    }

    /// A step of a variant whose name looks like an axis.
    fn variant_step(fold: impl Into<AxisValue>) -> NodeId {
        let axes = [(axes::VARIANT, "fold=*".into()), (axes::FOLD, fold.into()), (axes::SEED, 1_u32.into())];
        NodeId::new("train", axes)
    }

    fn split(fold: impl Into<AxisValue>) -> NodeId {
        NodeId::new("split", [(axes::FOLD, fold.into())])
    }

    fn train(numbers: Option<Vec<u32>>) -> PerFold {
        let features = Source::Grown { node: NodeId::from("mfcc"), port: "features".into() };
        PerFold {
            numbers,
            template: template(variant_step(AxisValue::Every), "train"),
            params: None,
            search: None,
            reads: Reads(vec![
                ("features".into(), vec![Read::Common(features)]),
                ("train".into(), vec![Read::Alike(Source::output(&split(AxisValue::Every), "train"))]),
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
        assert_eq!(known.ports["model"][2], Source::output(&variant_step(5_u32), "model"));
        let [features, rows] = &known.nodes[2].inputs[..] else { panic!("two ports") };
        assert!(matches!(&features.from[..], [Source::Grown { .. }]), "the same for all folds");
        assert_eq!(rows.from, [Source::output(&split(5_u32), "train")]);
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
                template: template(id(name, AxisValue::Every), "train"),
                params: None,
                search: None,
                reads: Reads(reads),
            };
            let work = Work::Grow(Arc::new(rule));
            Node { work, ..template(id(name, AxisValue::Every), "train") }
        };
        let planned = |encoder: Read| {
            let train = step("train", vec![("encoder".into(), vec![encoder])]);
            let graph = Graph::new(vec![step("pretrain", Vec::new()), train]).unwrap();
            Walk::new(graph, &store, &Planned, None).advance().map_err(|error| error.to_string())
        };
        assert_eq!(planned(Read::Alike(Source::output(&id("pretrain", AxisValue::Every), "model"))), Ok(()));
        let told = planned(Read::Common(Source::output(&id("pretrain", 2_u32), "model")));
        assert_eq!(
            told.unwrap_err(),
            "what is made for fold=2 reaches fold=1: pretrain[fold=2,seed=1] → train[fold=1,seed=1]"
        );
        let all = Source::Grown { node: id("pretrain", AxisValue::Every), port: "model".into() };
        let told = planned(Read::Common(all)).unwrap_err();
        assert!(
            told.starts_with("what is made for fold=2 reaches fold=1: pretrain[fold=2,seed=1] → "),
            "{told}"
        );
    }

    #[test]
    fn what_a_step_may_yield_is_known_before_it_grows() {
        let rule = train(Some(vec![1]));
        let may_yield = |text: &str| rule.yields().iter().any(|id| id.matches(text));
        assert!(may_yield("train[variant=fold=*,fold=7,seed=1]"));
        for other in
            ["split[fold=7]", "train[variant=fold=*,fold=7,seed=2]", "train[variant=b,fold=7,seed=1]"]
        {
            assert!(!may_yield(other), "{other}");
        }
        let reads = rule.reads();
        assert_eq!(reads, [NodeId::from("mfcc"), split(AxisValue::Every)]);
    }
}
