//! IEMOCAP: labels are in the evaluations of dialogues, between the lines of raters; spoken texts are in
//! transcriptions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use affekt_config::Diagnostics;
use affekt_corpus::{
    BadList, Card, CorpusError, SyntheticDialogues, SyntheticError, Turn, completeness, find_scheme, folds,
    generate_dialogues, label, labelled_sessions, scan,
};
use affekt_domain::{Example, Rating, Role, Sex, Target, Utterance};
use affekt_spec::protocol::{DevPart, Group, LeaveOneGroupOut, Protocol};

use crate::support::{card, datasets, outside, parse_card, put, read, wav_of_name};

/// A dialogue of three utterances, the second of which was rated by one person only.
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

/// Writes a corpus of one dialogue with this evaluation and these of its utterances.
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
fn what_single_people_said_is_kept() {
    let evaluation = EVALUATION
        .replace("val 4; act 5; dom  1", "val 4; act five; dom  ")
        .replace("[1.2345", "C-E9:\tNeutral;\t(of nothing yet)\nB-E1:\tNeutral;\t()\n[1.2345");
    let evaluation = format!("{evaluation}C-E3:\t;\t()\nA-F3:\tval ; act ; dom  ;\t()\n");
    let folder = dialogue(evaluation, &["F000", "M000", "M001"]);
    let ingested = read(&card("iemocap"), folder.path());
    let evaluation = format!("{EVALUATIONS}/Ses03M_script01_1b.txt odd-cell");
    assert_eq!(
        messages(&card("iemocap"), folder.path()),
        [format!("{}: line 14: `five` under `Activation` is no number; they tell nothing", &evaluation[9..])]
    );
    let said =
        |turn: &str, rater: &str, labels: &[&str], values: &[(&str, f32)], comment: Option<&str>| Rating {
            utterance: format!("IEMOCAP/{DIALOGUE}{turn}"),
            rater: format!("IEMOCAP/{rater}"),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            values: values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            comment: comment.map(str::to_owned),
        };
    let vad = |v, a, d| [("Valence", v), ("Activation", a), ("Dominance", d)];
    assert_eq!(
        ingested.ratings,
        [
            said("F000", "E1", &["Other"], &[], Some("teasing")),
            said("F000", "E1", &[], &[("Valence", 4.0)], None),
            said("M000", "E1", &["Frustration"], &[], None),
            said("M000", "E2", &["Anger", "Frustration"], &[], Some("a little of both")),
            // The man about himself. What looks like a row is his remark.
            said(
                "M000",
                "M1",
                &["Sadness"],
                &[],
                Some("[1.0 - 2.0]\tSes03M_script01_1b_M009\tang\t[1.0000, 1.0000, 1.0000]")
            ),
            said("M000", "E1", &[], &vad(2.0, 3.0, 3.0), None),
            said("M000", "E2", &[], &vad(3.0, 3.0, 4.0), None),
        ]
    );
    // Ratings are of utterances that are there.
    let folder = dialogue(EVALUATION, &["M001"]);
    assert_eq!(read(&card("iemocap"), folder.path()).ratings, []);
}

#[test]
fn scenes_are_scripted_or_improvised() {
    let folder = dialogue(EVALUATION, &["M000"]);
    let improvised = "Session3/sentences/wav/Ses03F_impro05a/Ses03F_impro05a_F000.wav";
    put(folder.path(), improvised, wav_of_name(improvised));
    let ingested = read(&card("iemocap"), folder.path());
    let styles = ingested.utterances.iter().map(|one| (one.style.as_deref(), one.text.as_deref()));
    assert_eq!(
        styles.collect::<Vec<_>>(),
        [(Some("improvised"), None), (Some("scripted"), Some("script01_1"))]
    );
}

const TRANSCRIPTIONS: &str = "Session3/dialog/transcriptions";

#[test]
fn what_is_said_is_read_where_it_is_written_down() {
    let folder = dialogue(EVALUATION, &["F000", "M000", "M001", "M002"]);
    let unlisted = "unlisted: the label files have no row for it: what they tell is unknown";
    let said = || {
        let ingested = read(&card("iemocap"), folder.path());
        let said: Vec<_> = ingested.utterances.into_iter().map(|one| one.transcript).collect();
        let problems: Vec<_> =
            ingested.problems.iter().map(|one| format!("{}: {}", one.kind, one.message)).collect();
        (said, problems)
    };
    // Nobody has to have transcriptions.
    assert_eq!(said(), (vec![None; 4], vec![unlisted.to_owned()]));
    put(
        folder.path(),
        &format!("{TRANSCRIPTIONS}/Ses03M_script01_1b.txt"),
        "Ses03M_script01_1b_M000 [001.2345-002.5000]: Well: [LAUGHTER] it is [10 - 9] one. \r\n\
         Ses03M_script01_1b_MXX0 [002.5000-002.7500]: Mm-hm.\r\nM: Right.\r\n\
         Ses03M_script01_1b_F000 [010.0000-110.2500]:\r\n\
         Ses03M_script01_1b_M009 [120.0000-121.0000]: That I do not have.\r\n\
         Ses03M_script01_1b_M002 [122.0000-123.0000]: Who knows how it sounds?\r\n",
    );
    let told = [None, Some("Well: [LAUGHTER] it is [10 - 9] one."), None, Some("Who knows how it sounds?")];
    let told = told.map(|text| text.map(str::to_owned)).to_vec();
    // A recording that is written down still has no label.
    assert_eq!(said(), (told.clone(), vec![unlisted.to_owned()]));
    put(
        folder.path(),
        &format!("{TRANSCRIPTIONS}/Ses03M_script01_1b_again.txt"),
        "Ses03M_script01_1b_M000 [001.2345-002.5000]: Something else.\n",
    );
    let again = "odd-cell: line 1: `Ses03M_script01_1b_M000` under `utterance` is a recording that has a row already; \
                 they tell nothing";
    assert_eq!(said(), (told, vec![again.to_owned(), unlisted.to_owned()]));
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
         `Ses03M_script01_1b_M000` already has a row at line 3 of Session3/dialog/EmoEvaluation/Ses03M_script01_1b.txt: \
         remove one of them"
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
    let transcript = mistakes("label: mood", "label: mood, transcript: words");
    assert!(transcript.contains("unknown group `words`"), "{transcript}");
    let nobody = mistakes("label: mood", "label: mood, ratings: ['^(?P<labels>.*)']");
    assert!(nobody.contains("expected an expression with the group `rater`"), "{nobody}");
    let nowhere = mistakes("lines: '(?P<file>\\w+) (?P<mood>\\w+)'", "ratings: ['^(?P<rater>.*)']");
    assert!(nowhere.contains("expected `lines` beside it"), "{nowhere}");
    let none = mistakes("sad: sad", "sad: { emotion: sad, files: { one: 3, two: none } }");
    assert!(none.contains("expected a whole number"), "{none}");
    let total =
        mistakes("sad: sad", "sad: { emotion: sad, files: { one: 3, two: 4 } } }\nexpect: { files: 8");
    assert!(total.contains("the labels' files add up to 7, `expect` says 8"), "{total}");
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
        assert_eq!(one.style.as_deref() == Some("scripted"), one.text.is_some());
        assert!(one.transcript.is_some());
        assert!(values(one).unwrap().iter().all(|value| (1.0..=5.0).contains(value)), "{one:?}");
    }
    let evaluations = corpus.join(EVALUATIONS);
    assert!(evaluations.join("._Ses03F_impro01.txt").is_file());
    let text = fs::read_to_string(evaluations.join("Ses03F_impro01.txt")).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("C-E")).count(), 6 * 3);
    // Three listeners and the actor named each utterance, two and the actor rated it.
    assert_eq!(ingested.ratings.len(), 120 * 7);
    let first = |rating: &&Rating| rating.utterance == ingested.utterances[0].id;
    let by =
        ingested.ratings.iter().filter(first).map(|rating| rating.rater.strip_prefix("IEMOCAP/").unwrap());
    assert_eq!(by.collect::<Vec<_>>(), ["E2", "E3", "E4", "F1", "E3", "E4", "F1"]);
    assert!(ingested.ratings.iter().any(|rating| rating.labels.len() == 2));
    assert!(ingested.ratings.iter().any(|rating| rating.comment.is_some()));
    for one in &ingested.utterances {
        let rated = |rating: &&Rating| {
            rating.utterance == one.id && rating.rater.contains("/E") && !rating.values.is_empty()
        };
        let rated: Vec<_> = ingested.ratings.iter().filter(rated).collect();
        assert_eq!(rated.len(), 2);
        // The header's values are means over those who listened.
        for (name, mean) in &one.values {
            assert_eq!(rated.iter().map(|rating| rating.values[name]).sum::<f32>() / 2.0, *mean);
        }
    }
    // Sessions that play one scene say the same.
    let said = |session: &str| -> Vec<_> {
        let of_scene = |one: &&Utterance| one.id.contains(&format!("/{session}M_script01_1b_"));
        let scene = ingested.utterances.iter().filter(of_scene);
        scene.map(|one| one.transcript.clone()).collect()
    };
    assert_eq!((said("Ses02").len(), said("Ses02")), (6, said("Ses04")));

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
fn sessions_are_counted_where_the_card_tells() {
    let card = card("iemocap");
    let scheme = |name| find_scheme(&datasets(), name, &Diagnostics::new()).unwrap();
    let expected = |name| -> Vec<Option<usize>> {
        labelled_sessions(&card, &scheme(name), &[]).values().map(|count| count.expected).collect()
    };
    assert_eq!(expected("four"), [1085, 1023, 1151, 1031, 1241].map(Some));
    assert_eq!(expected("six"), [1365, 1348, 1533, 1512, 1622].map(Some));
    assert_eq!(expected("native"), [1819, 1811, 2136, 2103, 2170].map(Some));
    // The card tells nothing of styles, and nothing of numbers.
    assert_eq!((expected("four-improvised"), expected("iemocap-vad")), (vec![], vec![]));
    let total = |name| expected(name).into_iter().flatten().sum::<usize>();
    assert_eq!(
        ["four", "four-without-excited", "four-excited", "five", "six"].map(total),
        [5531, 4490, 4936, 7380, 7380]
    );

    let folder = dialogue(EVALUATION, &["F000", "M000", "M001"]);
    let found = completeness(&card, &read(&card, folder.path()).utterances);
    assert!(!found.is_complete());
    let shown: Vec<String> = found.sessions.iter().map(|(name, count)| format!("{name} {count}")).collect();
    assert_eq!(
        shown,
        ["Ses01 0 of 1819", "Ses02 0 of 1811", "Ses03 3 of 2136", "Ses04 0 of 2103", "Ses05 0 of 2170"]
    );
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

/// The four classes are those of the release, utterance for utterance.
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
    assert_eq!(complete.speakers.found, 10);

    // Whatever the labels, utterances are counted session by session.
    let sessions = labelled_sessions(&card, &scheme("four"), &four.examples);
    assert!(sessions.len() == 5 && sessions.values().all(|count| count.is_complete()), "{sessions:?}");
    let mut one_less = four.examples.clone();
    one_less.remove(one_less.iter().position(|it| it.utterance.id.contains("/Ses03")).unwrap());
    let sessions = labelled_sessions(&card, &scheme("four"), &one_less);
    assert_eq!((one_less.len(), sessions["Ses03"].to_string()), (5530, "1150 of 1151".to_owned()));
    assert_eq!(complete.sessions["Ses04"].to_string(), "1031 of 2103");

    // The sets of other work.
    for (name, utterances) in [
        ("four-without-excited", 4490),
        ("four-excited", 4936),
        ("four-improvised", 2943),
        ("four-improvised-without-excited", 2280),
    ] {
        let labelled = label(&scheme(name), ingested.utterances.clone());
        assert_eq!(labelled.examples.len(), utterances, "{name}");
    }
    let improvised = label(&scheme("four-improvised"), ingested.utterances);
    assert_eq!(improvised.left_out, [(("IEMOCAP".to_owned(), "scripted".to_owned()), 2588)].into());
}
