//! Choices of a pipeline, and what it says of the document behind it.

use crate::compiled::compiled;

const EXPERIMENT: &str = "name: own\ncorpora: { ravdess: { synthetic: {} } }\nlabels: native\n\
    protocol: { kind: group-kfold, group: speaker, folds: 2, dev: none, seeds: [1] }\nuse: own-pipeline.yaml\n";

const PIPELINE: &str = "defaults: { size: small, lr: 1e-3, epochs: 3 }
choices: { size: { small: { lr: 1e-2 }, 2: { lr: 1e-4 } } }
profiles: { short: { lr: 1e-1 } }
published:
  train.training.lr: $lr
  train.training.max_epochs: 5
  train.network: { unavailable: a larger one, when: { network.norm_axis: time } }
  train: { unavailable: another computer, when: { network.norm_axis: channel } }
nodes:
  audio: { op: audio }
  mfcc: { op: mfcc, in: audio }
  train:
    op: train
    in: { features: mfcc, train: split.train }
    network: { kind: cnn }
    training: { lr: $lr, max_epochs: $epochs, stopping: { kind: fixed } }
    per: [fold, seed]
";

fn differences(settings: &[&str]) -> Vec<String> {
    let (compiled, told) = compiled(EXPERIMENT, PIPELINE, settings);
    compiled.unwrap_or_else(|| panic!("{told}")).variants.remove(0).differences
}

fn lr(settings: &[&str]) -> f64 {
    let (compiled, told) = compiled(EXPERIMENT, PIPELINE, settings);
    let compiled = compiled.unwrap_or_else(|| panic!("{told}"));
    let train = compiled.graph.nodes().values().find(|node| node.id.name() == "train").unwrap();
    train.params["training"]["lr"].as_f64().unwrap()
}

#[test]
fn a_choice_wins_over_defaults_and_gives_way_to_whoever_sets_the_variable() {
    assert_eq!(lr(&[]), 1e-2);
    assert_eq!(lr(&["with.size=2"]), 1e-4);
    assert_eq!(lr(&["with.size=large"]), 1e-3, "a word that is not listed chooses nothing");
    assert_eq!(lr(&["profile=short"]), 1e-1);
    assert_eq!(lr(&["with.size=2", "with.lr=0.5"]), 0.5);
}

#[test]
fn what_is_otherwise_than_published_is_told_from_what_is_run() {
    let larger =
        "parameter train.network is {\"kind\":\"cnn\"}; published is a larger one, which is not offered";
    let epochs = "parameter train.training.max_epochs is 3; published is 5";
    assert_eq!(differences(&[]), [epochs, larger]);
    assert_eq!(differences(&["with.epochs=5"]), [larger]);
    // The pipeline's own value for the chosen word, whatever the experiment gives.
    assert_eq!(differences(&["with.epochs=5", "with.size=2"]), [larger]);
    let rate = "parameter train.training.lr is 0.5; published is 0.01";
    assert_eq!(differences(&["with.epochs=5", "with.lr=0.5"]), [rate, larger]);
    let time = ["with.epochs=5", "with.train.network.norm_axis=channel"];
    assert_eq!(differences(&time), ["step train: published is another computer, which is not offered"]);
    // An experiment's figures can be of another recipe.
    let recipe = ["report.published={ wa: 0.5, recipe: { train.training.max_epochs: 3 } }"];
    assert_eq!(differences(&recipe), [larger]);
}

#[test]
fn mistakes_in_both_are_told_at_their_places() {
    let told = |from: &str, to: &str| {
        let pipeline = PIPELINE.replacen(from, to, 1);
        assert_ne!(pipeline, PIPELINE);
        compiled(EXPERIMENT, &pipeline, &[]).1
    };
    let variable = told("small: { lr:", "small: { lrr:");
    assert!(
        variable.contains("unknown variable `lrr`") && variable.contains("own-pipeline.yaml:2:"),
        "{variable}"
    );
    assert!(told("choices: { size:", "choices: { sizes:").contains("unknown variable `sizes`"));
    let node = told("  train.training.max_epochs: 5", "  trian.training.max_epochs: 5");
    assert!(node.contains("unknown node `trian`") && node.contains("did you mean `train`"), "{node}");
    let parameter = told("training.max_epochs: 5", "training.max_epoch: 5");
    assert!(
        parameter.contains("did you mean `max_epochs`") && parameter.contains("own-pipeline.yaml:6:"),
        "{parameter}"
    );
    let bare = told(
        "  train: { unavailable: another computer, when: { network.norm_axis: channel } }",
        "  train: 3",
    );
    assert!(bare.contains("say which of its parameters is published"), "{bare}");
}
