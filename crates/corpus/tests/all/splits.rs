//! Split files: accepted spellings, and mistakes with their lines.

use affekt_config::Diagnostics;
use affekt_corpus::{audit, folds, read_split, remarks};
use affekt_domain::{Example, Fold, Role, Target};
use affekt_spec::protocol::{Protocol, Rules};

use crate::support::{example, four_corpora};
use crate::worlds::fastest;

fn read(text: &str) -> Protocol {
    Protocol::File(read_split("splits/mine.csv", text).unwrap_or_else(|problems| panic!("{problems:?}")))
}

/// Formats the mistakes for the user.
fn mistakes(text: &str) -> String {
    let diagnostics = Diagnostics::new();
    let problems = read_split("splits/mine.csv", text).expect_err("there is a mistake");
    problems.into_iter().for_each(|problem| diagnostics.push(problem));
    diagnostics.to_string()
}

/// Returns the messages with their lines.
fn messages(text: &str) -> Vec<(usize, String)> {
    let problems = read_split("splits/mine.csv", text).expect_err("there is a mistake");
    problems.into_iter().map(|problem| (problem.span.unwrap().line(), problem.message)).collect()
}

fn small() -> Vec<Example> {
    [("A", "1", "d/a1", "sad"), ("A", "1", "d/a2", "sad"), ("A", "2", "d/a3", "sad"), ("B", "3", "b1", "sad")]
        .map(|(corpus, speaker, name, class)| example(corpus, speaker, name, class))
        .into()
}

fn rows(fold: &Fold) -> Vec<(&str, Role)> {
    fold.rows().collect()
}

const SMALL: &str = "utterance,role\nA/d/a1,train\nA/d/a2,dev\nA/d/a3,test\n";

#[test]
fn a_part_in_which_nothing_has_a_label_is_refused() {
    let split = read(SMALL);
    for (at, part) in [(0, "train"), (1, "dev")] {
        let mut examples = small();
        examples[at].target = None;
        let refused = folds(&split, &examples).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("no label, and the {part} part of fold 1 has no others")),
            "{refused}"
        );
    }
    let mut examples = small();
    examples[2].target = None;
    assert_eq!(
        folds(&split, &examples).unwrap()[0].role("A/d/a3"),
        Some(Role::Test),
        "predicted, not scored"
    );
}

#[test]
fn every_spelling_is_the_same_split() {
    let expected = folds(&read(SMALL), &small()).unwrap();
    assert_eq!(rows(&expected[0]), [("A/d/a1", Role::Train), ("A/d/a2", Role::Dev), ("A/d/a3", Role::Test)]);
    for (what, text) in [
        ("a path in the corpus", "utterance,role\nd/a1,train\nd/a2,dev\nd/a3,test\n"),
        ("the file's name alone", "utterance,role\na1,train\na2,dev\na3,test\n"),
        ("extensions", "file,split\na1.wav,train\nd/a2.WAV,valid\nA/d/a3.flac,test\n"),
        ("other words", "Path,Partition\na1,Training\na2,VALIDATION\na3,Test\n"),
        ("more columns", "speaker,file,emotion,set\n1,a1,sad,train\n1,a2,sad,val\n2,a3,sad,test\n"),
        ("another order", "role,utterance\ntest,A/d/a3\n\"dev\",\"A/d/a2\"\ntrain,A/d/a1"),
        ("a fold", "utterance,fold,role\na1,1,train\na2,1,development\na3,1,test\n"),
        ("Windows", "\u{feff}utterance;role\r\n.\\d\\a1.wav;train\r\nd\\a2.wav;dev\r\nd\\a3.wav;test\r\n"),
        ("tabs, spaces and blank lines", "utterance\trole\n\n a1\ttrain\na2 \tdev\n\n\na3\t test \n\n"),
    ] {
        assert_eq!(folds(&read(text), &small()).unwrap(), expected, "{what}");
    }
    assert_eq!(read(SMALL), read("role,utterance\ntest,A/d/a3.wav\ndev,A/d/a2\ntrain,A/d/a1"), "one key");
    assert_ne!(read(SMALL), read("utterance,role\nA/d/a1,train\nA/d/a2,train\nA/d/a3,test\n"));
}

#[test]
fn folds_have_the_numbers_of_the_file() {
    let protocol = read("utterance,fold,role\na1,7,train\na3,7,test\na1,2,test\na3,2,train\na2,2,dev\n");
    assert_eq!(protocol.fold_numbers(), Some(vec![2, 7]));
    assert!(!protocol.has_dev(), "one fold has none");
    assert!(read(SMALL).has_dev() && read(SMALL).stamps().is_empty());
    let made = folds(&protocol, &small()).unwrap();
    assert_eq!(made.iter().map(Fold::number).collect::<Vec<_>>(), [2, 7]);
    assert_eq!(made[1].role("A/d/a2"), None);
}

#[test]
fn params_hold_the_rows_and_nothing_else() {
    let written = serde_json::to_string(&read(SMALL)).unwrap();
    assert_eq!(written, r#"{"kind":"file","rows":"1,train,A/d/a1\n1,dev,A/d/a2\n1,test,A/d/a3\n"}"#);
    assert_eq!(serde_json::from_str::<Protocol>(&written).unwrap(), read(SMALL));
    let comma = read("utterance,role\n\"a,1\",train\nb,test");
    assert_eq!(serde_json::from_value::<Protocol>(serde_json::to_value(&comma).unwrap()).unwrap(), comma);
    let error = serde_json::from_str::<Protocol>(r#"{"kind":"file","rows":"1,tests,a"}"#).unwrap_err();
    assert!(error.to_string().starts_with("`1,tests,a` is not a row of a split"), "{error}");
}

#[test]
fn what_the_split_leaves_out_and_what_is_missing_is_said() {
    let examples = small();
    let text = format!("{SMALL}A/d/a4,train\nC/c1,test\nC/c2,test\nC/c3,test\n");
    let made = folds(&read(&text), &examples).unwrap();
    let found = audit(&made, &examples, Rules::default().disjoint());
    assert_eq!(found.unknown, ["A/d/a4", "C/c1", "C/c2", "C/c3"]);
    assert_eq!(
        (found.never_tested, found.leaks(&Rules::default()).len()),
        (3, 1),
        "speaker 1 trains and chooses"
    );
    assert_eq!(
        remarks(&made, &examples)[3..],
        [
            "1 of 4 utterances have no role and are not used",
            "4 utterances of the split are not in the experiment: `A/d/a4`, `C/c1`, `C/c2`, …",
        ]
    );
}

#[test]
fn a_split_that_does_not_fit_says_so() {
    let message = |text: &str, examples: &[Example]| folds(&read(text), examples).unwrap_err().to_string();
    let mut examples = small();
    assert_eq!(
        message("utterance,role\nx,train\ny,test\n", &examples),
        "fold 1 of the split names 2 utterances, and the experiment has none of them: the split has `x`, the \
         experiment `A/d/a1`"
    );
    assert_eq!(
        message("utterance,role\na1,train\nx,test\n", &examples),
        "the experiment has none of the utterances that the split puts in test of fold 1: add the corpus they belong \
         to, or leave the fold out"
    );
    assert_eq!(
        message("utterance,role\na1,train\nd/a1,test\na3,test\n", &examples),
        "`a1` and `d/a1` in fold 1 of the split are both `A/d/a1`: remove one of them"
    );
    examples.push(example("B", "3", "d/a1", "sad"));
    examples.push(example("B", "3", "x/a1", "sad"));
    let told = message("utterance,role\nd/a1,train\na1,dev\na3,test\n", &examples);
    assert_eq!(
        told,
        "2 of the split's names match several utterances: `a1` is `A/d/a1`, `B/d/a1`, `B/x/a1`; `d/a1` is `A/d/a1`, \
         `B/d/a1`: write the corpus before the path, as in the experiment's ids"
    );
    assert!(folds(&read("utterance,role\nA/d/a1,train\nx/a1,dev\na3,test\n"), &examples).is_ok());
    examples[2].target = Some(Target::Class("happy".to_owned()));
    let told = message(SMALL, &examples);
    assert!(told.starts_with("fold 1 has no `happy` to train on"), "{told}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let told = mistakes(
        "file,role,fold\n\
         a,tarin,1\n\
         b,eval,1\n\
         ,train,1\n\
         c,test,0\n\
         d,test,one\n\
         e,test,1\n\
         e.wav,train,1\n\
         f,train\n\
         g,tarin,2\n",
    );
    assert_eq!(told, include_str!("splits_mistakes.txt"));
}

#[test]
fn tables_that_are_none_are_refused() {
    let one = |text: &str| -> (usize, String) {
        let [told] = &messages(text)[..] else { panic!("{:?}", messages(text)) };
        told.clone()
    };
    for empty in ["", "\u{feff}", "\n\n"] {
        assert_eq!(one(empty), (1, "the split is empty".to_owned()));
    }
    assert_eq!(one("utterance,role\n"), (1, "the split has no rows".to_owned()));
    assert_eq!(one("file,emotion\na,sad\n"), (1, "there is no column `role`".to_owned()));
    assert_eq!(messages("a,train\nb,test\n").len(), 2, "there are no names of columns");
    assert_eq!(one("file,role,set\na,train,x\n"), (1, "two columns for `role`: `role`, `set`".to_owned()));
    assert_eq!(one("file,role\n\na,train\n\n"), (3, "fold 1 has no row with the role test".to_owned()));
    assert_eq!(one("file,fold,role\na,1,train\nb,1,test\nb,2,test\n").0, 4);
    assert_eq!(
        one("file,role\n\"a\nb\",train\nc,test\n"),
        (2, "the name of an utterance continues on the next line: check the quotes".to_owned())
    );
    assert_eq!(one("file,role\r\na,train\r\nb,tset\r\n"), (3, "unknown role `tset`".to_owned()));
}

#[test]
fn a_published_split_is_read_fast() {
    let examples = four_corpora();
    let row = |(n, example): (usize, &Example)| {
        let role = if n % 10 == 0 { "test" } else { "train" };
        format!("{}.wav,{role}\n", example.utterance.id)
    };
    let text: String =
        std::iter::once("file,role\n".to_owned()).chain(examples.iter().enumerate().map(row)).collect();
    let rows = folds(&read(&text), &examples).unwrap()[0].rows().count();
    assert_eq!(rows, 12_162);
    let seconds = fastest(|| folds(&read(&text), &examples));
    assert!(seconds < 1.0, "{seconds} s");

    let misspelt = text.replace("train", "trian");
    let [(line, message)] = &messages(&misspelt)[..] else { panic!("one mistake") };
    assert_eq!(*line, 3);
    assert!(message.starts_with("unknown role `trian`, and on 10944 more lines: 4, 5, "), "{message}");
    let seconds = fastest(|| messages(&misspelt));
    assert!(seconds < 1.0, "{seconds} s");
}
