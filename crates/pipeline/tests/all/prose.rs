//! What steps do, in sentences made of the parameters that nodes are given.

use std::collections::BTreeSet;
use std::fmt::Write;

use affekt_pipeline::{MethodStep, Variant};

use crate::compiled::shipped;

/// The steps of the first variant of a shipped experiment whose name begins so.
fn steps(experiment: &str, id: &str) -> Vec<MethodStep> {
    let compiled = shipped(experiment, &[], BTreeSet::new());
    let variant: Option<&Variant> = compiled.variants.iter().find(|variant| variant.id.starts_with(id));
    variant.unwrap_or_else(|| panic!("{experiment} has no variant `{id}`")).method.clone()
}

/// The published systems as a paper would describe them.
#[test]
fn published_systems_can_be_read() {
    let mut text = String::new();
    for (experiment, id) in [
        ("embedding-cnn", "published"),
        ("cnn", "published"),
        ("parallel-cnn", "published"),
        ("vgg16", "one-layer"),
        ("w2v2-finetune", "published"),
        ("iemocap-compare", "tapt"),
        ("iemocap-compare", "p-tapt"),
        ("avb-final", "high"),
        ("avb-extractors", "end2you-type"),
    ] {
        writeln!(text, "# {experiment}: {id}").unwrap();
        let mut topic = "";
        for sentence in steps(experiment, id).iter().flat_map(|step| step.prose.clone()) {
            if sentence.topic.heading() != topic {
                topic = sentence.topic.heading();
                writeln!(text, "## {topic}").unwrap();
            }
            writeln!(text, "{}", sentence.text).unwrap();
        }
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}

/// Of what is searched for nothing is said that the pipeline has in its place.
#[test]
fn what_is_searched_for_is_said_to_be() {
    let steps = steps("cnn-tuning", "published");
    let tuned: Vec<_> = steps
        .iter()
        .flat_map(|step| &step.settings)
        .filter(|setting| !setting.tuned_among.is_empty())
        .map(|setting| (setting.path.as_str(), setting.tuned_among.len()))
        .collect();
    assert_eq!(tuned, [("training.lr", 4)]);
    let sentences: Vec<&str> =
        steps.iter().flat_map(|step| &step.prose).map(|sentence| sentence.text.as_str()).collect();
    assert!(!sentences.iter().any(|text| text.contains("learning rate")), "{sentences:?}");
    assert!(sentences.iter().any(|text| text.starts_with("Batches held 32 examples")), "{sentences:?}");
}
