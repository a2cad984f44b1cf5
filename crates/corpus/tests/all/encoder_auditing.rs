//! What an encoder was trained on, beside the folds.

use affekt_corpus::EncoderAudit;
use affekt_domain::{Example, Fold, Role};
use affekt_spec::encoder::{SeenLabels, TrainedOn};
use affekt_spec::protocol::{Permission, Rules};

use crate::support::example;

/// Two folds: the first tests speakers a and b, the second tests c; d is never tested.
fn world() -> (Vec<Fold>, Vec<Example>) {
    let examples = ["a", "b", "c", "d"]
        .iter()
        .flat_map(|speaker| [1, 2].map(|i| example("C", speaker, &format!("{speaker}{i}"), "sad")))
        .collect();
    let fold = |number, tested: &[&str]| {
        let role = |name: &str| {
            if tested.contains(&&name[..1]) { Role::Test } else { Role::Train }
        };
        let names = ["a1", "a2", "b1", "b2", "c1", "c2", "d1", "d2"];
        Fold::new(number, names.map(|name| (format!("C/{name}"), role(name)))).unwrap()
    };
    (vec![fold(1, &["a", "b"]), fold(2, &["c"])], examples)
}

fn entry(corpus: &str, speakers: &[&str], labels: SeenLabels) -> TrainedOn {
    TrainedOn {
        corpus: corpus.into(),
        speakers: speakers.iter().map(|&speaker| speaker.into()).collect(),
        labels,
    }
}

fn audit(trained_on: Option<&[TrainedOn]>) -> EncoderAudit {
    let (folds, examples) = world();
    EncoderAudit::new("big", trained_on, &folds, &examples)
}

#[test]
fn labels_of_test_speakers_are_a_leak() {
    let found = audit(Some(&[entry("c", &["b", "C/c", "d"], SeenLabels::Emotions)]));
    assert_eq!((found.seen.len(), found.seen[0].rows), (1, 4));
    assert_eq!(
        found.leaks(&Rules::default()),
        ["encoder `big` was trained on 2 test speakers of C with their labels (C/b, C/c; 4 test rows)"]
    );
    assert_eq!(found.stamps(), ["trained earlier with test speakers' labels"]);
    let permitted = Rules::new([], [Permission::EarlierTestLabels]);
    assert!(found.leaks(&permitted).is_empty());
    // Speakers that no fold tests are nobody's secret.
    let found = audit(Some(&[entry("C", &["d"], SeenLabels::Emotions)]));
    assert!(found.leaks(&Rules::default()).is_empty() && found.stamps().is_empty() && found.known);
}

#[test]
fn recordings_without_labels_are_said() {
    for labels in [SeenLabels::None, SeenLabels::Transcripts, SeenLabels::Other] {
        let found = audit(Some(&[entry("C", &[], labels)]));
        assert!(found.leaks(&Rules::default()).is_empty());
        assert_eq!(found.stamps(), ["trained earlier on test speakers' recordings"]);
        assert_eq!(found.describe().len(), 1);
    }
    // What was seen with labels was heard, and is said once.
    let both = [entry("C", &[], SeenLabels::None), entry("C", &["a"], SeenLabels::Emotions)];
    let found = audit(Some(&both));
    assert_eq!(found.seen.iter().map(|seen| seen.rows).collect::<Vec<_>>(), [4, 2]);
    assert_eq!(found.leaks(&Rules::default()).len(), 1);
}

#[test]
fn what_nobody_says_is_stamped() {
    assert_eq!(audit(None).stamps(), ["earlier training data unknown"]);
    let partly = [entry("LibriSpeech", &[], SeenLabels::None), entry("unknown", &[], SeenLabels::None)];
    assert_eq!(audit(Some(&partly)).stamps(), ["earlier training data unknown"]);
    assert!(audit(Some(&partly[..1])).stamps().is_empty());
    assert!(audit(Some(&[])).stamps().is_empty());
}
