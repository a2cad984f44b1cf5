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
fn what_the_document_leaves_open_is_told_with_what_was_chosen() {
    let of = |entries: &str, settings: &[&str]| {
        let pipeline = PIPELINE.replacen("  train.training.max_epochs: 5", entries, 1);
        let (compiled, told) = compiled(EXPERIMENT, &pipeline, settings);
        compiled.unwrap_or_else(|| panic!("{told}")).variants.remove(0).differences
    };
    let larger =
        "parameter train.network is {\"kind\":\"cnn\"}; published is a larger one, which is not offered";
    let open = "  train.training.batch_size: { unpublished: the library's default }\n  train.network.dropout: { unpublished: }";
    let line = |size: u32| {
        format!(
            "step train: not published is training.batch_size: {size} (the library's default), network.dropout: 0.3"
        )
    };
    assert_eq!(of(open, &[]), [larger.to_owned(), line(32)]);
    assert_eq!(of(open, &["with.train.training.batch_size=8"]), [larger.to_owned(), line(8)]);
    let described = "  train.network.norm_axis: { described: another, when: { training.batch_size: 32 } }";
    let line = "parameter train.network.norm_axis is time; published is another";
    assert_eq!(of(described, &[]), [line, larger]);
    assert_eq!(of(described, &["with.train.training.batch_size=8"]), [larger]);
}

#[test]
fn settings_of_the_experiment_are_compared_too() {
    let of = |entries: &str, settings: &[&str]| {
        let pipeline = PIPELINE.replacen("  train.training.max_epochs: 5", entries, 1);
        let (compiled, told) = compiled(EXPERIMENT, &pipeline, settings);
        let differences = compiled.unwrap_or_else(|| panic!("{told}")).variants.remove(0).differences;
        differences.into_iter().filter(|line| line.starts_with("setting")).collect::<Vec<_>>()
    };
    let entries = "  corpora: [ravdess]\n  labels: native\n  protocol.folds: 2\n  protocol.group: speaker\n  protocol.seeds: [1]";
    assert_eq!(of(entries, &[]), [""; 0]);
    assert_eq!(
        of(entries, &["protocol.folds=3", "labels=seven"]),
        ["setting labels is seven; published is native", "setting protocol.folds is 3; published is 2"]
    );
    // Another protocol has no such key.
    assert_eq!(
        of("  protocol.folds: 2", &["protocol={ kind: random }", "unsafe=[shared-speakers]"]),
        ["setting protocol.folds is not given; published is 2"]
    );
    assert_eq!(
        of("  protocol.split_seed: { unpublished: }", &[]),
        ["settings: not published is protocol.split_seed: 0"]
    );
}

/// A network of another kind has other parameters: that it differs is told, and no mistake.
#[test]
fn what_a_step_cannot_have_is_otherwise() {
    let settings = ["with.epochs=5", "with.train.network={ kind: mlp, hidden: [8] }"];
    let kind =
        ["report.published={ wa: 0.5, recipe: { train.network.kind: cnn, train.network.dropout: 0.3 } }"];
    let told = differences(&[&settings[..], &kind[..]].concat());
    assert_eq!(
        told,
        [
            "parameter train.network.kind is mlp; published is cnn",
            "parameter train.network.dropout is 0; published is 0.3",
        ]
    );
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
