//! Trees with the file names of the five corpora, examples without audio, and paths of test data.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use affekt_config::{Diagnostics, Folder};
use affekt_corpus::{Card, Ingested, ingest, scan};
use affekt_domain::{Digest, Example, Sex, Target, Utterance};

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn datasets() -> Vec<Folder> {
    vec![workspace().join("datasets").into()]
}

/// Returns a card of the repository, which must have no mistakes.
pub fn card(name: &str) -> Card {
    let diagnostics = Diagnostics::new();
    let card = Card::find(&datasets(), name, &diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics}");
    card.unwrap()
}

/// Parses a card of a test, which must have no mistakes.
pub fn parse_card(name: &str, text: &str) -> Card {
    let diagnostics = Diagnostics::new();
    let card = Card::parse(&format!("{name}.yaml"), text, &diagnostics);
    card.unwrap_or_else(|| panic!("{diagnostics}"))
}

pub fn digest_of(text: &str) -> Digest {
    Digest::from_bytes(*blake3::hash(text.as_bytes()).as_bytes())
}

/// Formats a mono WAV file of eight samples derived from the file's name: copies in other folders are identical.
pub fn wav_of_name(path: &str) -> Vec<u8> {
    let name = path.rsplit('/').next().unwrap().split('.').next().unwrap();
    wav(16_000, 1, &digest_of(name).as_bytes()[..16])
}

/// Formats a WAV file of 16-bit PCM.
pub fn wav(rate_hz: u32, channels: u16, data: &[u8]) -> Vec<u8> {
    const PCM: u16 = 1;
    wav_as(PCM, 16, rate_hz, channels, data)
}

/// Formats a WAV file of any encoding.
pub fn wav_as(encoding: u16, bits: u16, rate_hz: u32, channels: u16, data: &[u8]) -> Vec<u8> {
    let block = channels.wrapping_mul(bits / 8);
    let size = |bytes: usize| u32::try_from(bytes).unwrap().to_le_bytes();
    [
        b"RIFF".as_slice(),
        &size(36 + data.len()),
        b"WAVEfmt ",
        &size(16),
        &encoding.to_le_bytes(),
        &channels.to_le_bytes(),
        &rate_hz.to_le_bytes(),
        &rate_hz.wrapping_mul(block.into()).to_le_bytes(),
        &block.to_le_bytes(),
        &bits.to_le_bytes(),
        b"data",
        &size(data.len()),
        data,
    ]
    .concat()
}

/// Writes a file, creating its folder.
pub fn put(folder: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Writes a recording to each path.
pub fn plant(folder: &Path, paths: impl IntoIterator<Item = impl AsRef<str>>) {
    let mut folders = BTreeSet::new();
    for path in paths {
        let (path, bytes) = (folder.join(path.as_ref()), wav_of_name(path.as_ref()));
        let parent = path.parent().unwrap();
        if folders.insert(parent.to_owned()) {
            fs::create_dir_all(parent).unwrap();
        }
        fs::write(&path, bytes).unwrap();
    }
}

/// Scans and decodes a folder.
pub fn read(card: &Card, folder: &Path) -> Ingested {
    ingest(card, &scan(card, folder).unwrap(), &|_| None, &|_| ())
}

/// Writes a recording to each path, and ingests them.
pub fn ingest_names(card: &Card, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Ingested {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path(), paths);
    read(card, folder.path())
}

/// Returns path and kind of every problem.
pub fn problems(ingested: &Ingested) -> Vec<(&str, &str)> {
    ingested.problems.iter().map(|problem| (problem.path.as_str(), problem.kind.as_str())).collect()
}

/// Returns the folder that the environment variable names, or one of the usual place, if it exists; reports if not.
pub fn outside(variable: &str, usual: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map_or_else(|| workspace().join(usual), PathBuf::from);
    let is_there = folder.is_dir();
    if !is_there {
        eprintln!("skipped: there is no {}; {variable} would say where it is", folder.display());
    }
    is_there.then_some(folder)
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
    // Some of the true words have oddities; the others are made up.
    let odd = ["bite", "food", "germ", "neat"].map(str::to_owned);
    let words: Vec<String> = odd.into_iter().chain((4..200).map(word)).collect();
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

/// Counts the recordings of each speaker with each emotion, in the order of their numbers.
const URDU: [(&str, &str); 4] = [
    ("Angry", "SM1:22 SM2:28 SM3:2 SM4:48"),
    (
        "Happy",
        "SF1:12 SF2:2 SF3:2 SF4:4 SF5:4 SF6:14 SF7:6 SF8:2 SM17:2 SM18:2 SM19:2 SM3:2 SM5:8 SM6:10 SM7:28",
    ),
    ("Neutral", "SF9:4 SM20:10 SM21:4 SM22:2 SM3:8 SM5:72"),
    ("Sad", "SF10:2 SF11:4 SM23:6 SM24:38 SM25:40 SM26:2 SM27:4 SM6:4"),
];

/// A speaker's files are counted from 1 under each emotion, an emotion's through all its speakers.
pub fn urdu_names() -> Vec<String> {
    let mut names = Vec::new();
    for (emotion, speakers) in URDU {
        let files = speakers.split(' ').flat_map(|entry| {
            let (speaker, files) = entry.split_once(':').unwrap();
            (1..=files.parse().unwrap()).map(move |file: usize| (speaker, file))
        });
        names.extend(files.zip(1..).map(|((speaker, file), number)| {
            format!("{emotion}/{speaker}_F{file}_{}0{number}.wav", &emotion[..1])
        }));
    }
    names
}

/// Sentences that a CREMA-D actor is missing in every emotion, and those missing in neutral alone.
const CREMA_D_GAPS: [(u32, &str, Option<&str>); 5] = [
    (1002, "TIE", Some("NEU")),
    (1008, "WSI", None),
    (1009, "MTI", None),
    (1019, "ITH", None),
    (1076, "ITS", Some("NEU")),
];

/// Each of 91 actors says twelve sentences in six emotions, and IEO in all but neutral at three levels: 82 recordings,
/// of which 20 are missing.
pub fn crema_d_names() -> Vec<String> {
    let sentences = ["DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI"];
    let mut names = Vec::new();
    for actor in 1001..=1091 {
        for sentence in sentences {
            for emotion in ["ANG", "DIS", "FEA", "HAP", "NEU", "SAD"] {
                let is_gap = |(who, what, when): &(u32, &str, Option<&str>)| {
                    (*who, *what) == (actor, sentence) && when.is_none_or(|when| when == emotion)
                };
                if CREMA_D_GAPS.iter().any(is_gap) {
                    continue;
                }
                let levels: &[&str] =
                    if sentence == "IEO" && emotion != "NEU" { &["LO", "MD", "HI"] } else { &["XX"] };
                names.extend(
                    levels.iter().map(|level| format!("AudioWAV/{actor}_{sentence}_{emotion}_{level}.wav")),
                );
            }
        }
    }
    names
}

/// Spells a number with letters.
fn word(n: usize) -> String {
    [n / 26, n % 26].into_iter().map(|letter| char::from(b'a' + letter as u8)).collect()
}

/// Creates an example without audio, with a digest of its own.
pub fn example(corpus: &str, speaker: &str, name: &str, class: &str) -> Example {
    let id = format!("{corpus}/{name}");
    Example {
        target: Some(Target::Class(class.to_owned())),
        utterance: Utterance {
            corpus: corpus.to_owned(),
            speaker: format!("{corpus}/{speaker}"),
            sex: Some(Sex::Female),
            text: None,
            transcript: None,
            intensity: None,
            style: None,
            session: None,
            part: None,
            label: Some(class.to_owned()),
            emotion: Some(class.to_owned()),
            values: BTreeMap::new(),
            metadata: BTreeMap::new(),
            samples: 16_000,
            rate: 16_000,
            channels: 1,
            audio: digest_of(&id),
            id,
        },
    }
}

/// Returns the complete file names of the five corpora.
pub fn whole(name: &str) -> &'static Ingested {
    static WHOLE: LazyLock<BTreeMap<&str, Ingested>> = LazyLock::new(|| {
        let names = [
            ("ravdess", ravdess_names()),
            ("tess", tess_names()),
            ("savee", savee_names()),
            ("crema-d", crema_d_names()),
            ("urdu", urdu_names()),
        ];
        names.into_iter().map(|(name, names)| (name, ingest_names(&card(name), names))).collect()
    });
    &WHOLE[name]
}

/// Returns the 12 162 examples of four corpora with seven classes.
pub fn four_corpora() -> Vec<Example> {
    static EXAMPLES: LazyLock<Vec<Example>> = LazyLock::new(|| {
        let scheme = affekt_corpus::find_scheme(&datasets(), "seven", &Diagnostics::new()).unwrap();
        let corpora = ["ravdess", "tess", "savee", "crema-d"].map(whole);
        let utterances =
            corpora.into_iter().flat_map(|ingested| ingested.utterances.iter().cloned()).collect();
        affekt_corpus::label(&scheme, utterances).examples
    });
    EXAMPLES.clone()
}
