//! The label schemes of the repository against the published supports; mistakes in schemes.

use std::collections::BTreeMap;
use std::fs;

use affekt_config::Diagnostics;
use affekt_corpus::{find_scheme, label, scheme_names};
use affekt_domain::{Example, LabelScheme};

use crate::support::{datasets, example, four_corpora, whole, workspace};

fn scheme(name: &str) -> LabelScheme {
    let diagnostics = Diagnostics::new();
    let scheme = find_scheme(&datasets(), name, &diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics}");
    scheme.unwrap()
}

fn counts(examples: &[Example]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for example in examples {
        *counts.entry(example.class().unwrap()).or_default() += 1;
    }
    counts
}

#[test]
fn seven_classes_with_true_and_published_labels() {
    let examples = four_corpora();
    assert_eq!(examples.len(), 12_162);
    let true_counts = counts(&examples);
    for class in ["angry", "disgust", "fear", "happy", "sad"] {
        assert_eq!(true_counts[class], 1923, "{class}");
    }
    assert_eq!((true_counts["neutral"], true_counts["surprise"]), (1895, 652));

    let utterances = examples.into_iter().map(|example| example.utterance).collect();
    let published = label(&scheme("seven-as-published"), utterances);
    assert_eq!(published.task.names(), ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]);
    let published = counts(&published.examples);
    for class in ["angry", "disgust", "fear", "happy", "sad"] {
        assert_eq!(published[class], 1863, "{class}");
    }
    assert_eq!((published["neutral"], published["surprise"]), (1775, 1072));
    assert!(scheme("seven-as-published").note.is_some_and(|note| note.contains("SAVEE")));
}

#[test]
fn three_classes_of_five_corpora() {
    let four = four_corpora().into_iter().map(|example| example.utterance);
    let fifth = whole("urdu").utterances.iter().cloned();
    let labelled = label(&scheme("three"), four.chain(fifth).collect());
    assert_eq!(labelled.left_out, [].into());
    assert_eq!(
        counts(&labelled.examples),
        [("positive", 1923 + 652 + 100), ("neutral", 1895 + 100), ("negative", 4 * 1923 + 200)].into()
    );
}

#[test]
fn four_classes_of_any_corpus() {
    let utterances: Vec<_> = four_corpora().into_iter().map(|example| example.utterance).collect();
    let four = label(&scheme("four"), utterances.clone());
    assert_eq!(
        counts(&four.examples),
        [("angry", 1923), ("happy", 1923), ("neutral", 1895 - 192), ("sad", 1923)].into(),
        "calm is left out"
    );
    // Without excitement the rule for it changes nothing.
    assert_eq!(label(&scheme("four-without-excited"), utterances.clone()), four);
    assert_eq!(label(&scheme("five"), utterances).examples, four.examples);
}

#[test]
fn three_and_native() {
    let utterance = |emotion: &str| example("RAVDESS", "01", emotion, emotion).utterance;
    let emotions = ["surprise", "calm", "disgust", "puzzled"];
    let three = label(&scheme("three"), emotions.map(utterance).to_vec());
    let classes: Vec<&str> = three.examples.iter().map(|example| example.class().unwrap()).collect();
    assert_eq!(classes, ["positive", "neutral", "negative"]);
    assert_eq!(three.left_out, [(("RAVDESS".to_owned(), "puzzled".to_owned()), 1)].into());

    let native = label(&scheme("native"), emotions.map(utterance).to_vec());
    assert_eq!(native.task.names(), ["calm", "disgust", "puzzled", "surprise"]);
    assert_eq!((native.examples.len(), native.left_out.len()), (4, 0));
}

#[test]
fn names_and_mistakes() {
    let names = scheme_names(&datasets());
    let of_bursts = ["hume-culture", "hume-high", "hume-two", "hume-type"];
    let fours = [
        "four",
        "four-excited",
        "four-improvised",
        "four-improvised-without-excited",
        "four-without-excited",
    ];
    assert_eq!(
        (names[0].as_str(), &names[1..6], &names[6..10]),
        ("five", &fours.map(String::from)[..], &of_bursts.map(String::from)[..])
    );
    assert_eq!(names[10..], ["iemocap-vad", "native", "seven", "seven-as-published", "six", "three"]);
    let own = tempfile::tempdir().unwrap();
    fs::create_dir(own.path().join("labels")).unwrap();
    let text =
        "name: two\nclasses: [good, bad]\nrename: { happy: god }\ncorpora:\n  save: { everything: bad }\n";
    fs::write(own.path().join("labels/two.yaml"), text).unwrap();
    let diagnostics = Diagnostics::new();
    let folders = [own.path().to_owned().into(), workspace().join("datasets").into()];
    assert!(find_scheme(&folders, "two", &diagnostics).is_err());
    let found: Vec<String> = diagnostics.sorted().into_iter().map(|one| one.message).collect();
    assert_eq!(found, ["unknown class `god`", "unknown corpus `save`"]);

    for (targets, message) in [
        ("targets: [Awe, Awe]", "expected each target once, found `Awe`"),
        ("targets: []", "expected the names of one target or more"),
        ("targets: [Awe]\nclasses: [a]", "unknown key `classes` in the label scheme"),
        ("classes: [a]\nstyles: [scripted, scripted]", "expected each style once, found `scripted`"),
        ("classes: [a]\nstyles: []", "expected the names of one style or more"),
    ] {
        fs::write(own.path().join("labels/two.yaml"), format!("name: two\n{targets}\n")).unwrap();
        let diagnostics = Diagnostics::new();
        assert!(find_scheme(&folders, "two", &diagnostics).is_err());
        assert!(diagnostics.to_string().contains(message), "{diagnostics}");
    }
}
