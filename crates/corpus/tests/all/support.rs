//! Trees of the shapes of the five corpora, examples without audio, and where things are.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use affekt_config::Diagnostics;
use affekt_corpus::{AudioFacts, Card, Found, Ingested, ingest, scan};
use affekt_domain::{Digest, Example, Sex, Utterance};

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn datasets() -> Vec<PathBuf> {
    vec![workspace().join("datasets")]
}

/// The repository's card, which must have no mistake.
pub fn card(name: &str) -> Card {
    let diagnostics = Diagnostics::new();
    let card = Card::find(&datasets(), name, &diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics}");
    card.unwrap()
}

/// A card of a test, which must have no mistake.
pub fn parse_card(name: &str, text: &str) -> Card {
    let diagnostics = Diagnostics::new();
    let card = Card::parse(&format!("{name}.yaml"), text, &diagnostics);
    card.unwrap_or_else(|| panic!("{diagnostics}"))
}

pub fn digest_of(text: &str) -> Digest {
    Digest::from_bytes(*blake3::hash(text.as_bytes()).as_bytes())
}

/// Facts such as decoding would give, the audio's digest made of the file's name: copies in other folders are
/// identical.
pub fn facts_by_name(found: &Found) -> Option<AudioFacts> {
    let name = found.stem().rsplit('/').next().unwrap();
    Some(AudioFacts {
        digest: digest_of(name),
        samples: 16_000,
        rate: 16_000,
        channels: 1,
        silent: false,
        truncated: false,
        promised: None,
    })
}

/// Makes a file of one byte at each path.
pub fn plant(folder: &Path, paths: impl IntoIterator<Item = impl AsRef<str>>) {
    for path in paths {
        let path = folder.join(path.as_ref());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"x").unwrap();
    }
}

/// Plants the files, then scans and ingests them without decoding.
pub fn ingest_names(card: &Card, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Ingested {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path(), paths);
    ingest(card, &scan(card, folder.path()).unwrap(), &facts_by_name, &|_| ())
}

pub fn ravdess_names() -> Vec<String> {
    let mut names = Vec::new();
    for actor in 1..=24 {
        for (emotion, intensity) in (1..=8).flat_map(|emotion| [(emotion, 1), (emotion, 2)]) {
            if (emotion, intensity) == (1, 2) {
                continue;
            }
            for (statement, repetition) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
                names.push(format!(
                    "Actor_{actor:02}/03-01-{emotion:02}-{intensity:02}-{statement:02}-{repetition:02}-{actor:02}.wav"
                ));
            }
        }
    }
    names
}

pub fn tess_names() -> Vec<String> {
    let folders = [
        ("OAF_angry", "angry"),
        ("OAF_disgust", "disgust"),
        ("OAF_Fear", "fear"),
        ("OAF_happy", "happy"),
        ("OAF_neutral", "neutral"),
        ("OAF_Pleasant_surprise", "ps"),
        ("OAF_Sad", "sad"),
        ("YAF_angry", "angry"),
        ("YAF_disgust", "disgust"),
        ("YAF_fear", "fear"),
        ("YAF_happy", "happy"),
        ("YAF_neutral", "neutral"),
        ("YAF_pleasant_surprised", "ps"),
        ("YAF_sad", "sad"),
    ];
    let words: Vec<String> = std::iter::once("bite".to_owned()).chain((1..200).map(word)).collect();
    let file = |folder: &str, word: &str, emotion: &str| {
        let speaker = if (word, folder) == ("bite", "OAF_neutral") { "OA" } else { &folder[..3] };
        format!("{folder}/{speaker}_{word}_{emotion}.wav")
    };
    folders
        .into_iter()
        .flat_map(|(folder, emotion)| words.iter().map(move |word| file(folder, word, emotion)))
        .collect()
}

pub fn savee_names() -> Vec<String> {
    let mut names = Vec::new();
    for speaker in ["DC", "JE", "JK", "KL"] {
        for (emotion, n) in [("a", 15), ("d", 15), ("f", 15), ("h", 15), ("n", 30), ("sa", 15), ("su", 15)] {
            names.extend((1..=n).map(|number| format!("{speaker}_{emotion}{number:02}.wav")));
        }
    }
    names
}

pub fn urdu_names() -> Vec<String> {
    let speakers: Vec<String> =
        (1..=11).map(|n| format!("SF{n}")).chain((1..=18).map(|n| format!("SM{n}"))).collect();
    ["Angry", "Happy", "Neutral", "Sad"]
        .into_iter()
        .flat_map(|emotion| (1..=100).map(move |n| (emotion, n)))
        .map(|(emotion, n)| {
            let speaker = &speakers[n % speakers.len()];
            format!("{emotion}/{speaker}_F{n}_{}{n:03}.wav", &emotion[..1])
        })
        .collect()
}

/// The true list where it is at hand, otherwise one of the true counts.
pub fn crema_d_names() -> Vec<String> {
    let list = workspace().join("../shared/metadata/crema-d.csv");
    if let Ok(list) = fs::read_to_string(list) {
        return list.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect();
    }
    let sentences = ["DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI"];
    let mut names = Vec::new();
    for (emotion, n) in
        [("ANG", 1271), ("DIS", 1271), ("FEA", 1271), ("HAP", 1271), ("NEU", 1087), ("SAD", 1271)]
    {
        for n in 0..n {
            let (actor, nth) = (1001 + n % 91, n / 91);
            let (sentence, level) =
                if nth < 12 { (sentences[nth], "XX") } else { ("IEO", ["LO", "MD"][nth - 12]) };
            names.push(format!("AudioWAV/{actor}_{sentence}_{emotion}_{level}.wav"));
        }
    }
    names
}

/// A word of letters for each number.
fn word(n: usize) -> String {
    [n / 26, n % 26].into_iter().map(|letter| char::from(b'a' + letter as u8)).collect()
}

/// An example without audio. Its digest is its own.
pub fn example(corpus: &str, speaker: &str, name: &str, class: &str) -> Example {
    let id = format!("{corpus}/{name}");
    Example {
        class: class.to_owned(),
        utterance: Utterance {
            corpus: corpus.to_owned(),
            speaker: format!("{corpus}/{speaker}"),
            sex: Some(Sex::Female),
            text: None,
            intensity: None,
            session: None,
            part: None,
            label: class.to_owned(),
            emotion: class.to_owned(),
            samples: 16_000,
            rate: 16_000,
            channels: 1,
            audio: digest_of(&id),
            id,
        },
    }
}

/// The 12 162 examples of four corpora with seven classes.
pub fn four_corpora() -> Vec<Example> {
    static EXAMPLES: LazyLock<Vec<Example>> = LazyLock::new(make_four_corpora);
    EXAMPLES.clone()
}

fn make_four_corpora() -> Vec<Example> {
    let diagnostics = Diagnostics::new();
    let scheme = affekt_corpus::find_scheme(&datasets(), "seven", &diagnostics).unwrap();
    let utterances = [
        ingest_names(&card("ravdess"), ravdess_names()),
        ingest_names(&card("tess"), tess_names()),
        ingest_names(&card("savee"), savee_names()),
        ingest_names(&card("crema-d"), crema_d_names()),
    ];
    let utterances = utterances.into_iter().flat_map(|ingested| ingested.utterances).collect();
    affekt_corpus::label(&scheme, utterances).examples
}
