//! IEMOCAP: labels and ratings stand in the evaluations of dialogues, between the lines of those who rated.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use affekt_config::Diagnostics;
use affekt_corpus::{
    BadList, Card, CorpusError, DevPart, Group, LeaveOneGroupOut, Protocol, SyntheticDialogues,
    SyntheticError, Turn, completeness, find_scheme, folds, generate_dialogues, label, scan,
};
use affekt_domain::{Example, Role, Sex, Target, Utterance};

use crate::support::{card, datasets, outside, parse_card, put, read, wav_of_name};

/// A dialogue of three utterances, of which the second has ratings from one person alone.
const EVALUATION: &str = "\
% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[1.2345 - 2.5000]\tSes03M_script01_1b_M000\tfru\t[2.5000, 3.0000, 3.5000]
C-E1:\tFrustration;\t()
C-E2:\tAnger; Frustration;\t(a little of both)
C-M1:\tSadness;\t([1.0 - 2.0]\tSes03M_script01_1b_M009\tang\t[1.0000, 1.0000, 1.0000])
A-E1:\tval 2; act 3; dom  3;\t()
A-E2:\tval 3; act 3; dom  4;\t()

[10.0000 - 110.2500]\tSes03M_script01_1b_F000\txxx\t[4.0000, 5.0000, 1.0000]
C-E1:\tOther;\t(teasing)
A-E1:\tval 4; act 5; dom  1;\t()

[111.0000 - 112.0000]\tSes03M_script01_1b_M001\texc\t[4.3333, 4.0000, 3.6667]
";

const DIALOGUE: &str = "Session3/sentences/wav/Ses03M_script01_1b/Ses03M_script01_1b_";
const EVALUATIONS: &str = "Session3/dialog/EmoEvaluation";

/// A corpus of one dialogue with this evaluation and these of its utterances.
fn dialogue(evaluation: impl AsRef<[u8]>, turns: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &format!("{EVALUATIONS}/Ses03M_script01_1b.txt"), evaluation);
    for turn in turns {
        let path = format!("{DIALOGUE}{turn}.wav");
        put(folder.path(), &path, wav_of_name(&path));
    }
    folder
}

fn values(utterance: &Utterance) -> Option<[f32; 3]> {
    let names = ["Valence", "Activation", "Dominance"];
    (utterance.values.len() == 3).then(|| names.map(|name| utterance.values[name]))
}

fn messages(card: &Card, folder: &Path) -> Vec<String> {
    read(card, folder)
        .problems
        .into_iter()
        .map(|one| format!("{} {}: {}", one.path.trim_start_matches("Session3/"), one.kind, one.message))
        .collect()
}

#[test]
fn an_evaluation_is_read_between_the_lines_of_those_who_rated() {
    let folder = dialogue(EVALUATION, &["F000", "M000", "M001"]);
    let ingested = read(&card("iemocap"), folder.path());
    assert_eq!(ingested.problems, []);
    let [woman, man, again] = &ingested.utterances[..] else { panic!("{ingested:#?}") };
    assert_eq!(woman.id, format!("IEMOCAP/{DIALOGUE}F000"));
    // The letter of the dialogue's name is that of another actor's markers.
    assert_eq!((woman.speaker.as_str(), woman.sex), ("IEMOCAP/Ses03F", Some(Sex::Female)));
    assert_eq!((man.speaker.as_str(), man.sex), ("IEMOCAP/Ses03M", Some(Sex::Male)));
    assert_eq!((man.session.as_deref(), man.text.as_deref()), (Some("IEMOCAP/Ses03"), Some("script01_1")));
    let labels = |one: &Utterance| (one.label.clone().unwrap(), one.emotion.clone().unwrap());
    assert_eq!(labels(woman), ("xxx".to_owned(), "undecided".to_owned()));
    assert_eq!(labels(man), ("fru".to_owned(), "frustrated".to_owned()));
    assert_eq!(labels(again), ("exc".to_owned(), "excited".to_owned()));
    assert_eq!(values(woman), Some([4.0, 5.0, 1.0]));
    assert_eq!(values(man), Some([2.5, 3.0, 3.5]));
    assert_eq!(values(again), Some([4.3333, 4.0, 3.6667]));
}

#[test]
fn line_ends_comments_in_any_encoding_and_other_files_do_no_harm() {
    let windows = EVALUATION.replace('\n', "\r\n").replace("teasing", "caf?");
    let latin: Vec<u8> = windows.bytes().map(|byte| if byte == b'?' { 0xe9 } else { byte }).collect();
    let folder = dialogue(latin, &["F000", "M000", "M001"]);
    let contradiction = "[0.0 - 1.0]\tSes03M_script01_1b_M000\tang\t[1.0, 1.0, 1.0]\n";
    for path in [
        format!("{EVALUATIONS}/._Ses03M_script01_1b.txt"),
        format!("{EVALUATIONS}/Categorical/Ses03M_script01_1b_e1_cat.txt"),
        format!("{EVALUATIONS}/Ses03M_script01_1b.anvil"),
        format!("{DIALOGUE}._M000.wav"),
        "Session3/sentences/wav/Ses03M_script01_1b/._Ses03M_script01_1b_M000.wav".to_owned(),
    ] {
        put(folder.path(), &path, contradiction);
    }
    put(folder.path(), "Session3/dialog/wav/Ses03M_script01_1b.wav", wav_of_name("whole"));
    let card = card("iemocap");
    let scan = scan(&card, folder.path()).unwrap();
    assert_eq!((scan.found.len(), scan.ignored), (3, 1));
    let [_, man, _] = &read(&card, folder.path()).utterances[..] else { panic!() };
    assert_eq!((man.label.as_deref(), values(man)), (Some("fru"), Some([2.5, 3.0, 3.5])));
}

#[test]
fn what_is_odd_is_told_and_survived() {
    let card = card("iemocap");
    let odd = EVALUATION
        .replace("\tfru\t", "\tfrs\t")
        .replace("[4.0000, 5.0000", "[NaN, 5,0000")
        .replace("[4.3333,", "[high,");
    let folder = dialogue(odd, &["F000", "M000", "M001", "M002", "MXX3"]);
    let known = "`ang`, `dis`, `exc`, `fea`, `fru`, `hap`, `neu`, `oth`, `sad`, `sur`, `xxx`";
    let wav = DIALOGUE.trim_start_matches("Session3/");
    assert_eq!(
        messages(&card, folder.path()),
        [
            "dialog/EmoEvaluation/Ses03M_script01_1b.txt odd-cell: line 14: `high` under `Valence` is no number; they \
             tell nothing"
                .to_owned(),
            format!(
                "{wav}F000.wav unlisted: the label files have no row for it and for another file: what they tell is \
                 unknown"
            ),
            format!(
                "{wav}M000.wav odd-cell: its label `frs` is not in the corpus' card, which has {known}: it counts as \
                 withheld"
            ),
            format!(
                "{wav}MXX3.wav unparsed-name: its name does not fit the corpus' card: left out; if it is no recording, \
                 name it under `ignore`"
            ),
        ]
    );
    let utterances = read(&card, folder.path()).utterances;
    let again = utterances.iter().find(|one| one.id.ends_with("M001")).unwrap();
    assert_eq!((again.label.as_deref(), again.values.len()), (Some("exc"), 2));

    fs::remove_dir_all(folder.path().join("Session3/dialog")).unwrap();
    let missing = messages(&card, folder.path());
    assert!(missing.iter().any(|one| one.contains("EmoEvaluation/*.txt missing-table")), "{missing:?}");
    assert!(read(&card, folder.path()).utterances.iter().all(|one| one.label.is_none()));
}

#[test]
fn an_utterance_in_two_evaluations_ends_the_reading() {
    let folder = dialogue(EVALUATION, &["F000"]);
    put(folder.path(), "Session4/dialog/EmoEvaluation/Ses04F_impro01.txt", EVALUATION);
    let error = scan(&card("iemocap"), folder.path()).unwrap_err();
    assert!(matches!(error, CorpusError::Table { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "the label file Session4/dialog/EmoEvaluation/Ses04F_impro01.txt of the corpus IEMOCAP, line 3: \
         `Ses03M_script01_1b_M000` stands at line 3 of Session3/dialog/EmoEvaluation/Ses03M_script01_1b.txt already: \
         keep one of them"
    );
}

#[test]
fn mistakes_of_expressions_for_lines_are_told() {
    let sound = "name: show\ntitle: t\nlicence: l\ncitation: c\norigin: o\nobtain: x\npath: '(?P<file>\\w+)'\n\
                 speaker: { unknown: nobody knows }\nlabels: { sad: sad }\ntables:\n  recording: '{file}'\n  id: file\n  \
                 files: { '*.txt': { lines: '(?P<file>\\w+) (?P<mood>\\w+)', label: mood } }\n";
    parse_card("show", sound);
    let mistakes = |from: &str, to: &str| {
        assert!(sound.contains(from));
        let diagnostics = Diagnostics::new();
        assert!(Card::parse("show.yaml", &sound.replace(from, to), &diagnostics).is_none());
        diagnostics.to_string()
    };
    let label = mistakes("label: mood", "label: moot");
    assert!(label.contains("unknown group `moot`") && label.contains("did you mean `mood`?"), "{label}");
    let id = mistakes("lines: '(?P<file>", "lines: '(?P<name>");
    assert!(id.contains("unknown group `file`"), "{id}");
    let values = mistakes("label: mood", "values: [mood, height]");
    assert!(values.contains("unknown group `height`"), "{values}");
    let regex = mistakes("lines: '", "lines: '(");
    assert!(regex.contains("expected a regular expression"), "{regex}");
}

#[test]
fn the_made_up_corpus_is_an_iemocap() {
    let folder = tempfile::tempdir().unwrap();
    let config = SyntheticDialogues::few(6, 1, 8_000);
    let corpus = generate_dialogues(folder.path(), &config).unwrap();
    let card = card("iemocap");
    let ingested = read(&card, &corpus);
    assert_eq!(ingested.problems, []);
    assert_eq!(
        completeness(&card, &ingested.utterances).to_string(),
        "IEMOCAP: 120 of 10039 files, 10 of 10 speakers"
    );
    let heard: BTreeSet<(&str, &str)> =
        ingested.utterances.iter().map(|one| (one.speaker.as_str(), one.label.as_deref().unwrap())).collect();
    assert_eq!(heard.len(), 10 * 11, "every speaker has every label");
    for one in &ingested.utterances {
        assert!((8_000..16_000).contains(&one.samples) && one.rate == 8_000, "{one:?}");
        assert_eq!(one.text.is_some(), one.id.contains("script"));
        assert!(values(one).unwrap().iter().all(|value| (1.0..=5.0).contains(value)), "{one:?}");
    }
    let evaluations = corpus.join(EVALUATIONS);
    assert!(evaluations.join("._Ses03F_impro01.txt").is_file());
    let text = fs::read_to_string(evaluations.join("Ses03F_impro01.txt")).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("C-E")).count(), 6 * 3);
    assert!(corpus.join("Session3/dialog/transcriptions/Ses03M_script01_1b.txt").is_file());

    let again = tempfile::tempdir().unwrap();
    let again = read(&card, &generate_dialogues(again.path(), &config).unwrap());
    assert_eq!(again.utterances, ingested.utterances, "the same numbers give the same audio");
    assert!(matches!(generate_dialogues(folder.path(), &config), Err(SyntheticError::Exists(_))));
}

#[test]
fn sessions_are_folds_and_ratings_are_targets() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = generate_dialogues(folder.path(), &SyntheticDialogues::few(6, 1, 8_000)).unwrap();
    let utterances = read(&card("iemocap"), &corpus).utterances;
    let under = |scheme: &str| {
        let scheme = find_scheme(&datasets(), scheme, &Diagnostics::new()).unwrap();
        label(&scheme, utterances.clone())
    };
    let four = under("four");
    let of = |examples: &[Example], class: &str| {
        let labels = examples.iter().filter(|it| it.class() == Some(class));
        labels.map(|it| it.utterance.label.clone().unwrap()).collect::<BTreeSet<_>>()
    };
    assert_eq!(four.task.names(), ["angry", "happy", "neutral", "sad"]);
    assert_eq!(of(&four.examples, "happy"), ["exc", "hap"].map(str::to_owned).into());
    assert!(four.left_out.contains_key(&("IEMOCAP".to_owned(), "undecided".to_owned())));
    assert_eq!(of(&under("four-without-excited").examples, "happy"), ["hap".to_owned()].into());
    assert_eq!(of(&under("five").examples, "frustrated"), ["fru".to_owned()].into());

    let rated = under("iemocap-vad");
    assert_eq!((rated.examples.len(), rated.left_out.len()), (120, 0));
    for Example { utterance, target } in &rated.examples {
        assert_eq!(target, &values(utterance).map(|values| Target::Values(values.to_vec())));
    }

    let by_session = LeaveOneGroupOut { group: Group::Session, dev: DevPart::None, split_seed: 0 };
    let made = folds(&Protocol::LeaveOneGroupOut(by_session), &four.examples).unwrap();
    assert_eq!(made.len(), 5);
    for (fold, session) in made.iter().zip(["Ses01", "Ses02", "Ses03", "Ses04", "Ses05"]) {
        assert_eq!(format!("Ses{:02}", fold.number()), session);
        for (utterance, role) in fold.rows() {
            assert_eq!(role == Role::Test, utterance.contains(&format!("/{session}")), "{utterance}");
        }
    }
}

#[test]
fn turns_and_lists_are_checked() {
    assert!(Turn::new("Ses01F_impro01_M005", "neu", 1).is_some());
    for (name, label, samples) in [
        ("Ses01F_impro01_X005", "neu", 1),
        ("Ses01F_impro01_M05", "neu", 1),
        ("Ses01F/../impro01_M005", "neu", 1),
        ("Sess1F_impro01_M005", "neu", 1),
        ("Ses01F_impro01_M005", "neutral", 1),
        ("Ses01F_impro01_M005", "neu", 0),
    ] {
        assert_eq!(Turn::new(name, label, samples), None, "{name} {label}");
    }
    let list = "path,sample_rate,num_frames,label\nx/Ses01F_impro01_M005.wav,16000,32000,neu\n";
    let read = |list: &str| SyntheticDialogues::of_list(list, 0.5, 0);
    let turn = Turn::new("Ses01F_impro01_M005", "neu", 8_000).unwrap();
    assert_eq!(read(list), Ok(SyntheticDialogues { turns: vec![turn], seed: 0, rate_hz: 16_000 }));
    let refused = |from: &str, to: &str| {
        let BadList { line, expected, .. } = read(&list.replace(from, to)).unwrap_err();
        (line, expected)
    };
    assert_eq!(refused("num_frames,", "").0, 1);
    assert_eq!(refused(",neu", ""), (2, "the columns path,sample_rate,num_frames,label"));
    assert_eq!(refused("32000", "long"), (2, "a number of samples"));
    assert_eq!(refused(",neu", ",new"), (2, "an utterance and a label of IEMOCAP"));
    let other_rate = format!("{list}x/Ses01F_impro01_M006.wav,8000,32000,neu\n");
    assert_eq!(read(&other_rate).unwrap_err().to_string().split(':').next(), Some("line 3 of the list"));
}

/// The four classes of the release, utterance for utterance.
#[test]
fn iemocap_is_as_its_list_has_it() {
    let Some(lists) = outside("AFFEKT_TEST_METADATA", "../shared/metadata") else { return };
    let list = fs::read_to_string(lists.join("iemocap-4class.csv")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Half the rate, as nobody listens, is half the work.
    let config = SyntheticDialogues::of_list(&list.replace(",16000,", ",8000,"), 0.05, 0).unwrap();
    let corpus = generate_dialogues(folder.path(), &config).unwrap();
    let card = card("iemocap");
    let ingested = read(&card, &corpus);
    assert!(ingested.problems.iter().all(|problem| !problem.dropped), "{:?}", ingested.problems);

    let released: BTreeSet<String> =
        list.lines().skip(1).map(|line| format!("IEMOCAP/{}", line.split_once(".wav").unwrap().0)).collect();
    assert_eq!(ingested.utterances.iter().map(|one| one.id.clone()).collect::<BTreeSet<_>>(), released);
    let scheme = |name| find_scheme(&datasets(), name, &Diagnostics::new()).unwrap();
    let four = label(&scheme("four"), ingested.utterances.clone());
    assert_eq!(four.left_out, [].into());
    let count = |key: &dyn Fn(&Example) -> String| {
        let mut counts = BTreeMap::<String, usize>::new();
        four.examples.iter().for_each(|it| *counts.entry(key(it)).or_default() += 1);
        counts.into_iter().collect::<Vec<_>>()
    };
    let of = |rows: &[(&str, usize)]| -> Vec<(String, usize)> {
        rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    };
    let session = |it: &Example| it.utterance.session.clone().unwrap_or_default();
    assert_eq!(
        count(&session),
        of(&[
            ("IEMOCAP/Ses01", 1085),
            ("IEMOCAP/Ses02", 1023),
            ("IEMOCAP/Ses03", 1151),
            ("IEMOCAP/Ses04", 1031),
            ("IEMOCAP/Ses05", 1241),
        ])
    );
    let class = |it: &Example| it.class().unwrap_or_default().to_owned();
    assert_eq!(count(&class), of(&[("angry", 1103), ("happy", 1636), ("neutral", 1708), ("sad", 1084)]));
    // What the card says of the whole corpus holds for the labels of the list.
    let complete = completeness(&card, &ingested.utterances);
    for emotion in ["angry", "excited", "happy", "neutral", "sad"] {
        let count = complete.emotions[emotion];
        assert_eq!(Some(count.found), count.expected, "{emotion}");
    }
    assert_eq!(label(&scheme("four-without-excited"), ingested.utterances).examples.len(), 4490);
    assert_eq!(complete.speakers.found, 10);
}
