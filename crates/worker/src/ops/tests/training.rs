//! `train` on features: which rows it takes, and what it takes them for.

use affekt_domain::{Epoch, Stage};
use affekt_features::Standardiser;
use affekt_ops::standardise::{self, Fitted};
use affekt_table::features::FeatureWriter;

use affekt_spec::{Spec, View};

use super::*;

/// Features of twelve utterances of two classes, each with a noisy copy.
fn features(bench: &Bench) -> Item {
    let path = bench.path("features");
    let mut writer = FeatureWriter::create(&path, &[4, 4]).unwrap();
    for utterance in 0..12 {
        for copy in 0..2 {
            let value =
                |i: i32| (utterance % 2 * 3) as f32 + ((utterance * 7 + i * 5 + copy) % 11) as f32 * 0.1;
            writer.push(&name(utterance), copy, &(0..16).map(value).collect::<Vec<_>>()).unwrap();
        }
    }
    writer.finish().unwrap();
    bench.adopt(&path)
}

const NETWORK: &str = "{ kind: cnn, channels: [2], pools: [2], norm_axis: channel }";

/// A network trained in fold 1: its card and history.
fn train(
    bench: &Bench,
    training: &str,
    select_on_test: bool,
    inputs: Vec<(&str, Item)>,
) -> Result<(Card, Vec<Epoch>), Failure> {
    let text = format!("{{ network: {NETWORK}, training: {{ batch_size: 4, max_epochs: 3, {training} }} }}");
    let (mut params, complaints) = planned(&Train::DEFINITION, &text);
    assert_eq!(complaints, "");
    if select_on_test {
        params["select_on_test"] = true.into();
    }
    let mut ports = vec![("features", features(bench)), ("train", bench.rows(Role::Train, 1, 0))];
    ports.extend(inputs);
    let made = bench.run(&Train::DEFINITION, params, ports)?;
    let history = table::read(&open(&made["history"]), affekt_table::history::read)?;
    Ok((artefact::read(&open(&made["model"]))?.0, history))
}

#[test]
fn test_rows_choose_nothing_unless_the_experiment_says_so() {
    let bench = Bench::new();
    let with = |role, first| vec![("dev", bench.rows(role, 1, first))];
    let refused = message(train(&bench, "", false, with(Role::Test, 8)));
    assert!(refused.contains("rows/dev") && refused.contains("rows/test"), "{refused}");
    let (card, allowed) = train(&bench, "", true, with(Role::Test, 8)).unwrap();
    assert_eq!((card.training_rows, allowed.len()), (8, 3));
    // What chose is what was given, whatever its role.
    let (_, same) = train(&bench, "", false, with(Role::Dev, 8)).unwrap();
    assert_eq!(allowed, same);
    let refused = message(train(&bench, "", true, with(Role::Train, 8)));
    assert!(refused.contains("rows/train"), "{refused}");
    let refused = message(train(&bench, "refit: best-epochs-with-dev", true, with(Role::Test, 8)));
    assert!(refused.contains("would train on the test rows that chose the epoch"), "{refused}");
}

#[test]
fn training_anew_with_dev_takes_the_copies_too() {
    let bench = Bench::new();
    let dev = || vec![("dev", bench.rows(Role::Dev, 1, 4))];
    let (card, history) = train(&bench, "refit: best-epochs-with-dev", false, dev()).unwrap();
    assert_eq!((card.stage, card.training_rows), (Stage::Refit, 16));
    assert_eq!(card.epochs as usize, history.len());
    assert_eq!(history.iter().filter(|epoch| epoch.stage == Stage::Refit).count() as u32, card.kept_epoch);
    let (card, _) = train(&bench, "refit: best-epochs", false, dev()).unwrap();
    assert_eq!((card.stage, card.training_rows), (Stage::Refit, 8));
    let (card, _) = train(&bench, "", false, dev()).unwrap();
    assert_eq!((card.stage, card.training_rows), (Stage::Search, 8));
}

#[test]
fn a_standardiser_belongs_to_a_fold() {
    let bench = Bench::new();
    let standardiser = |fold| {
        let path = bench.path("standardiser");
        let fitted = Fitted { version: standardise::VERSION, fold, standardiser: Standardiser::Utterance };
        std::fs::write(&path, serde_json::to_vec(&fitted).unwrap()).unwrap();
        bench.adopt(&path)
    };
    let trained = |fold| {
        let inputs = vec![("dev", bench.rows(Role::Dev, 1, 4)), ("standardise", standardiser(fold))];
        train(&bench, "", false, inputs)
    };
    assert_eq!(trained(1).unwrap().0.standardise, Some(Standardiser::Utterance));
    assert_eq!(message(trained(2)), "a standardiser of fold 2 must not be used to train in fold 1");
}

#[test]
fn trials_go_on_from_each_other_and_what_is_chosen_is_trained() {
    let bench = Bench::new();
    let text =
        format!("{{ network: {NETWORK}, training: {{ batch_size: 4, max_epochs: 9, refit: best-epochs }} }}");
    let (own, complaints) = planned(&Train::DEFINITION, &text);
    assert_eq!(complaints, "");
    let inputs = || {
        let rows = |role, first| bench.rows(role, 1, first);
        vec![("features", features(&bench)), ("train", rows(Role::Train, 0)), ("dev", rows(Role::Dev, 4))]
    };
    let trial = |from, until, state: Option<&Item>| {
        let own: affekt_ops::train::Params = serde_json::from_value(own.clone()).unwrap();
        let params = affekt_ops::trial::Params::of(&own, from, until, 4).view(View::Key);
        let state = state.map(|state| ("state", state.clone()));
        bench.run(&Trial::DEFINITION, params, inputs().into_iter().chain(state).collect())
    };
    let whole = trial(0, 4, None).unwrap();
    let first = trial(0, 1, None).unwrap();
    let second = trial(1, 4, Some(&first["state"])).unwrap();
    assert_eq!(second["state"].digest, whole["state"].digest);
    assert_eq!(second["history"].digest, whole["history"].digest);
    assert_eq!(table::read(&open(&whole["history"]), affekt_table::history::read).unwrap().len(), 4);
    let refused = message(trial(1, 4, None));
    assert_eq!(refused, "a trial from epoch 1 needs the state after that epoch, and no other does");

    let (other, _) = planned(&Train::DEFINITION, &text.replace("[2], pools", "[3], pools"));
    let path = bench.path("chosen");
    std::fs::write(&path, serde_json::json!({ "version": 1, "settings": {}, "params": other }).to_string())
        .unwrap();
    let chosen = bench.adopt(&path);
    let with_chosen = inputs().into_iter().chain([("chosen", chosen)]).collect();
    let made = bench.run(&Train::DEFINITION, own, with_chosen).unwrap();
    let same = bench.run(&Train::DEFINITION, other, inputs()).unwrap();
    assert_eq!(made["model"].digest, same["model"].digest);
}
