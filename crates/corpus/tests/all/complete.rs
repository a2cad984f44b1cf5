//! The five cards on complete trees with the corpora's real file names: manifests and remarks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use affekt_corpus::{Ingested, completeness};
use affekt_domain::{Sex, Utterance};

use crate::support::{
    card, crema_d_names, ingest_names, outside, problems, ravdess_names, savee_names, whole,
};

/// Returns the corpus, which must be complete.
fn complete(name: &str, files: usize) -> &'static Ingested {
    let ingested = whole(name);
    let completeness = completeness(&card(name), &ingested.utterances);
    assert!(completeness.is_complete(), "{completeness:#?}");
    assert_eq!(completeness.files.found, files);
    ingested
}

/// Counts the utterances with each value.
fn counts<'a>(
    ingested: &'a Ingested,
    value: impl Fn(&'a Utterance) -> Option<&'a str>,
) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for utterance in &ingested.utterances {
        *counts.entry(value(utterance).unwrap_or("none")).or_default() += 1;
    }
    counts
}

fn labels(ingested: &Ingested) -> BTreeMap<&str, usize> {
    counts(ingested, |utterance| utterance.label.as_deref())
}

fn speakers(ingested: &Ingested) -> BTreeMap<&str, usize> {
    counts(ingested, |utterance| Some(&utterance.speaker))
}

fn texts(ingested: &Ingested) -> BTreeMap<&str, usize> {
    counts(ingested, |utterance| utterance.text.as_deref())
}

fn intensities(ingested: &Ingested) -> BTreeMap<&str, usize> {
    counts(ingested, |utterance| utterance.intensity.as_deref())
}

fn speakers_of(ingested: &Ingested, sex: Sex) -> BTreeSet<&str> {
    let of_sex = ingested.utterances.iter().filter(|utterance| utterance.sex == Some(sex));
    of_sex.map(|utterance| utterance.speaker.as_str()).collect()
}

fn of_all<const N: usize>(names: [&str; N], count: usize) -> BTreeMap<&str, usize> {
    names.into_iter().map(|name| (name, count)).collect()
}

#[test]
fn ravdess() {
    let ingested = complete("ravdess", 1440);
    let mut expected =
        of_all(["angry", "calm", "disgust", "fearful", "happy", "neutral", "sad", "surprised"], 192);
    expected.insert("neutral", 96);
    assert_eq!(labels(ingested), expected);
    assert_eq!(speakers(ingested).len(), 24);
    assert!(speakers(ingested).values().all(|files| *files == 60));
    assert_eq!(texts(ingested), [("01", 720), ("02", 720)].into());
    assert_eq!(intensities(ingested), [("normal", 768), ("strong", 672)].into());
    let is_female = |speaker: &&str| speaker.ends_with(['0', '2', '4', '6', '8']);
    let females = speakers_of(ingested, Sex::Female);
    assert!(females.len() == 12 && females.iter().all(is_female), "{females:?}");
    assert_eq!(speakers_of(ingested, Sex::Male).len(), 12);
    assert_eq!(
        problems(ingested),
        [
            ("Actor_07/03-01-03-01-02-01-07.wav", "known-oddity"),
            ("Actor_07/03-01-03-01-02-02-07.wav", "known-oddity"),
        ]
    );

    let first = &ingested.utterances[0];
    assert_eq!(first.id, "RAVDESS/Actor_01/03-01-01-01-01-01-01");
    assert_eq!((first.speaker.as_str(), first.sex), ("RAVDESS/01", Some(Sex::Male)));
    assert_eq!((first.label.as_deref(), first.emotion.as_deref()), (Some("neutral"), Some("neutral")));
    assert_eq!((first.samples, first.rate, first.channels), (8, 16_000, 1));
    assert_eq!((first.session.as_deref(), first.part), (None, None));
}

#[test]
fn ravdess_flat_with_songs_videos_and_a_nested_second_copy() {
    let card = card("ravdess");
    let flat = ["03-01-06-02-02-01-12.wav", "03-02-06-02-02-01-12.wav", "01-01-06-02-02-01-12.wav"];
    let nested = "audio_speech_actors_01-24/Actor_12/03-01-06-02-02-01-12.wav";
    let ingested = ingest_names(&card, flat.into_iter().chain([nested]));
    let [utterance] = &ingested.utterances[..] else { panic!("{ingested:#?}") };
    assert_eq!(utterance.id, "RAVDESS/03-01-06-02-02-01-12");
    assert_eq!(problems(&ingested), [(nested, "second-copy")]);
    assert_eq!(ingested.facts.iter().flatten().count(), 2, "copies are remembered too");
}

#[test]
fn tess() {
    let ingested = complete("tess", 2800);
    assert_eq!(labels(ingested), of_all(["angry", "disgust", "fear", "happy", "neutral", "ps", "sad"], 400));
    assert_eq!(speakers(ingested), of_all(["TESS/OAF", "TESS/YAF"], 1400));
    assert_eq!(speakers_of(ingested, Sex::Female).len(), 2);
    assert_eq!(texts(ingested).len(), 200);
    assert!(texts(ingested).values().all(|files| *files == 14));
    assert_eq!(intensities(ingested), [("none", 2800)].into());
    let odd = ["OAF_Fear/OAF_food_fear.wav", "YAF_angry/YAF_germ_angry.wav", "YAF_fear/YAF_neat_fear.wav"];
    let prefix = "OAF_neutral/OA_bite_neutral.wav";
    assert_eq!(problems(ingested), [odd[0], prefix, odd[1], odd[2]].map(|path| (path, "known-oddity")));
    let bite =
        ingested.utterances.iter().find(|utterance| utterance.id.ends_with("OA_bite_neutral")).unwrap();
    assert_eq!((bite.speaker.as_str(), bite.text.as_deref()), ("TESS/OAF", Some("bite")));
    let surprised =
        ingested.utterances.iter().find(|utterance| utterance.label.as_deref() == Some("ps")).unwrap();
    assert_eq!(surprised.emotion.as_deref(), Some("surprise"));
}

#[test]
fn a_mirrored_tree_collapses_and_lists_every_copy() {
    let names = ravdess_names();
    let mirror = "audio_speech_actors_01-24/";
    let mirrored: Vec<String> = names.iter().map(|name| format!("{mirror}{name}")).collect();
    let card = card("ravdess");
    let ingested = ingest_names(&card, names.iter().chain(&mirrored));
    assert!(completeness(&card, &ingested.utterances).is_complete());
    assert!(ingested.utterances.iter().all(|utterance| !utterance.id.contains(mirror)));
    let (copies, others): (Vec<_>, Vec<_>) =
        problems(&ingested).into_iter().partition(|(_, kind)| *kind == "second-copy");
    let mut copies: Vec<&str> = copies.into_iter().map(|(path, _)| path).collect();
    copies.sort_unstable();
    let mut expected: Vec<&str> = mirrored.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(copies, expected);
    assert_eq!(others, problems(whole("ravdess")));
}

#[test]
fn savee_flat_and_nested() {
    let flat = complete("savee", 480);
    assert_eq!(problems(flat), []);
    let mut expected =
        of_all(["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"], 60);
    expected.insert("neutral", 120);
    assert_eq!(labels(flat), expected);
    assert_eq!(speakers(flat), of_all(["SAVEE/DC", "SAVEE/JE", "SAVEE/JK", "SAVEE/KL"], 120));
    assert_eq!(speakers_of(flat, Sex::Male).len(), 4);
    assert_eq!(texts(flat).len(), 6 * 15 + 30);

    let card = card("savee");
    let nested = ingest_names(&card, savee_names().iter().map(|name| name.replace('_', "/")));
    assert!(completeness(&card, &nested.utterances).is_complete());
    assert_eq!(nested.utterances[0].id, "SAVEE/DC/a01");
    assert_eq!((labels(&nested), speakers(&nested)), (labels(flat), speakers(flat)));
    assert!(
        problems(&nested).iter().all(|(_, kind)| *kind == "identical-audio"),
        "the test's audio is made of the file's name, which four speakers share"
    );
}

#[test]
fn urdu() {
    let ingested = complete("urdu", 400);
    assert_eq!(problems(ingested), []);
    assert_eq!(labels(ingested), of_all(["angry", "happy", "neutral", "sad"], 100));
    assert_eq!(speakers_of(ingested, Sex::Female).len(), 11);
    assert_eq!(speakers_of(ingested, Sex::Male).len(), 18);
    assert_eq!(texts(ingested), [("none", 400)].into());

    let pairs: BTreeSet<_> =
        ingested.utterances.iter().map(|one| (one.speaker.as_str(), one.label.as_deref().unwrap())).collect();
    let mut emotions = BTreeMap::<&str, usize>::new();
    for (speaker, _) in pairs {
        *emotions.entry(speaker).or_default() += 1;
    }
    emotions.retain(|_, emotions| *emotions > 1);
    assert_eq!(emotions.into_keys().collect::<Vec<_>>(), ["URDU/SM3", "URDU/SM5", "URDU/SM6"]);
    assert_eq!(
        completeness(&card("urdu"), &ingested.utterances).to_string(),
        "URDU: 400 of 400 files, 29 of 29 speakers (the publication counts 38 speakers and the names of the files \
         tell 29 apart)"
    );
}

#[test]
fn crema_d() {
    let ingested = complete("crema-d", 7442);
    assert_eq!(problems(ingested), [("AudioWAV/1076_MTI_SAD_XX.wav", "known-oddity")]);
    let mut expected = of_all(["ANG", "DIS", "FEA", "HAP", "NEU", "SAD"], 1271);
    expected.insert("NEU", 1087);
    assert_eq!(labels(ingested), expected);
    let speakers = speakers(ingested);
    let fewer: BTreeMap<&str, usize> = speakers.into_iter().filter(|(_, files)| *files != 82).collect();
    assert_eq!(
        fewer,
        [
            ("CREMA-D/1002", 81),
            ("CREMA-D/1008", 76),
            ("CREMA-D/1009", 76),
            ("CREMA-D/1019", 76),
            ("CREMA-D/1076", 81),
        ]
        .into()
    );
    assert_eq!(speakers_of(ingested, Sex::Female).len(), 43);
    assert_eq!(speakers_of(ingested, Sex::Male).len(), 48);
    assert_eq!(
        intensities(ingested),
        [("high", 455), ("low", 455), ("medium", 455), ("unspecified", 6077)].into()
    );
    let mut sentences = of_all(["DFA", "IOM", "IWL", "IWW", "TAI", "TSI"], 6 * 91);
    sentences.extend([
        ("IEO", 16 * 91),
        ("ITS", 545),
        ("TIE", 545),
        ("ITH", 540),
        ("MTI", 540),
        ("WSI", 540),
    ]);
    assert_eq!(texts(ingested), sentences);
}

#[test]
fn crema_d_with_its_mp3s_and_a_level_of_one_letter() {
    let names =
        ["AudioMP3/1040_ITH_SAD_XX.mp3", "AudioWAV/1040_ITH_HAP_XX.wav", "AudioWAV/1040_ITH_SAD_X.wav"];
    let ingested = ingest_names(&card("crema-d"), names);
    assert_eq!(problems(&ingested), []);
    let [happy, sad] = &ingested.utterances[..] else { panic!("{ingested:#?}") };
    assert_eq!((happy.label.as_deref(), sad.label.as_deref()), (Some("HAP"), Some("SAD")));
    assert_eq!(
        (happy.intensity.as_deref(), sad.intensity.as_deref()),
        (Some("unspecified"), Some("unspecified"))
    );
}

/// The names and sexes in this file and on the card are those of the release.
#[test]
fn crema_d_is_as_its_release_lists_it() {
    let Some(lists) = outside("AFFEKT_TEST_METADATA", "../shared/metadata") else { return };
    let list = fs::read_to_string(lists.join("crema-d.csv")).unwrap();
    let released: BTreeSet<&str> = list.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    let names = crema_d_names();
    assert_eq!(released, names.iter().map(String::as_str).collect());

    let ingested = ingest_names(&card("crema-d"), names.iter().filter(|name| name.contains("_IEO_NEU_")));
    let sexes: BTreeMap<&str, Option<Sex>> =
        ingested.utterances.iter().map(|utterance| (utterance.speaker.as_str(), utterance.sex)).collect();
    let actors = fs::read_to_string(lists.join("crema-d-actors.csv")).unwrap();
    let mut listed = BTreeMap::new();
    for actor in actors.lines().skip(1) {
        let columns: Vec<&str> = actor.split(',').map(|column| column.trim_matches('"')).collect();
        listed.insert(format!("CREMA-D/{}", columns[0]), Sex::from_name(&columns[2].to_lowercase()));
    }
    assert_eq!(listed.len(), 91);
    assert_eq!(sexes, listed.iter().map(|(actor, sex)| (actor.as_str(), *sex)).collect());
}
