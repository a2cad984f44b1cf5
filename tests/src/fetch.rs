//! `fetch`, from servers that keep their word and servers that do not. Nothing leaves this machine.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use affekt_config::Diagnostics;
use affekt_encoders::{CheckpointOrigin, EncoderCard, Hub, UNPINNED, locate};

use crate::binaries::workspace;
use crate::corpora::KITCHEN_CARD;
use crate::lab::{Ended, Lab};
use crate::stand_in::{Answer, Asked, Repository, StandIn, git_blob, sha256};

/// The commit that the card of `wav2vec2-base` names.
const COMMIT: &str = "0b5b8e868dd84f03fd87d01f9c4ff0f080fecfe8";
const CONFIG: &[u8] = br#"{"model_type": "wav2vec2", "hidden_size": 16}"#;

/// Weights of some hundred kilobytes in which every byte says where it is.
fn weights() -> Vec<u8> {
    (0..300_000_u32).flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[..1].to_vec()).collect()
}

/// wav2vec2-base as the Hub has it: no safetensors.
fn base() -> Repository {
    let files = [
        ("config.json", CONFIG.to_vec()),
        ("preprocessor_config.json", br#"{"do_normalize": true}"#.to_vec()),
        ("pytorch_model.bin", weights()),
        ("README.md", b"not asked for".to_vec()),
    ];
    Repository { name: "facebook/wav2vec2-base", commit: COMMIT, files: files.into(), store: None }
}

/// `fetch` with these words, in the lab, from the server.
fn command(lab: &Lab, hub: &StandIn, words: &[&str]) -> Command {
    let mut command = lab.command(&[&["fetch", "--retries", "2", "--timeout", "2"], words].concat());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_uppercase();
        if text.ends_with("_PROXY") || text.starts_with("HF_") || text.starts_with("HUGGING") {
            command.env_remove(name);
        }
    }
    command
        .env_remove("TRANSFORMERS_OFFLINE")
        .env("HF_HOME", lab.path("hf"))
        .env("TORCH_HOME", lab.path("torch"))
        .env("HF_ENDPOINT", &hub.address)
        .env("AFFEKT_DATA", lab.path("data"));
    command
}

fn fetch(lab: &Lab, hub: &StandIn, words: &[&str]) -> Ended {
    Ended::of(command(lab, hub, words))
}

fn hub_of(lab: &Lab) -> Hub {
    let home = lab.path("hf").into_os_string();
    Hub::of(|name| (name == "HF_HOME").then(|| home.clone()))
}

fn folder(lab: &Lab) -> PathBuf {
    lab.path("hf/hub/models--facebook--wav2vec2-base")
}

/// Every file and link below a folder that is no lock, with a link's target.
fn tree(root: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if path.is_symlink() {
                found.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
            } else if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found.sort();
    found
}

/// Nothing that could be taken for a checkpoint.
#[track_caller]
fn nothing_is_found(lab: &Lab) {
    let found = locate("wav2vec2-base", &[workspace().join("datasets").into()], &hub_of(lab));
    assert!(found.is_err(), "{found:?}");
    let names = tree(&folder(lab));
    assert!(names.iter().all(|name| name.starts_with("blobs/")), "{names:?}");
    for name in names.iter().filter(|name| !name.contains(".incomplete")) {
        let bytes = fs::read(folder(lab).join(name)).unwrap();
        assert!([sha256(&bytes), git_blob(&bytes)].iter().any(|etag| name.ends_with(etag)), "{name}");
    }
}

#[track_caller]
fn all_is_found(lab: &Lab) {
    let located = locate("wav2vec2-base", &[workspace().join("datasets").into()], &hub_of(lab)).unwrap();
    assert_eq!(fs::read(located.path.join("config.json")).unwrap(), CONFIG);
    assert!(fs::read(located.path.join("pytorch_model.bin")).unwrap() == weights());
}

#[test]
fn the_first_fetch_of_wav2vec2_base_works() {
    let lab = Lab::empty();
    let repository = base();
    let hub = StandIn::new(move |asked| repository.answer(asked));
    let ended = fetch(&lab, &hub, &["wav2vec2-base"]).expect(0);
    all_is_found(&lab);

    // As huggingface_hub lays files out.
    let (config, preprocessor, weights) =
        (git_blob(CONFIG), git_blob(br#"{"do_normalize": true}"#), sha256(&weights()));
    let mut expected = vec![
        format!("blobs/{config}"),
        format!("blobs/{preprocessor}"),
        format!("blobs/{weights}"),
        "refs/main".to_owned(),
        format!("snapshots/{COMMIT}/config.json -> ../../blobs/{config}"),
        format!("snapshots/{COMMIT}/preprocessor_config.json -> ../../blobs/{preprocessor}"),
        format!("snapshots/{COMMIT}/pytorch_model.bin -> ../../blobs/{weights}"),
    ];
    expected.sort();
    assert_eq!(tree(&folder(&lab)), expected);
    assert_eq!(fs::read_to_string(folder(&lab).join("refs/main")).unwrap(), COMMIT);

    // On standard output where it is, and nothing else; the terms before the bytes.
    assert_eq!(ended.stdout.trim(), folder(&lab).join("snapshots").join(COMMIT).to_str().unwrap());
    let (terms, bytes) = (ended.stderr.find("licence: Apache-2.0"), ended.stderr.find("downloading"));
    assert!(terms.unwrap() < bytes.unwrap(), "{}", ended.stderr);
    assert!(ended.stderr.contains("cite: Baevski"), "{}", ended.stderr);
    assert!(!hub.questions().iter().any(|question| question.contains("README")), "{:?}", hub.questions());

    // What is there is not asked for.
    let questions = hub.questions().len();
    let ended = fetch(&lab, &hub, &["Wav2Vec2-Base"]).expect(0);
    assert!(ended.stdout.contains("is there"), "{ended:?}");
    assert_eq!(hub.questions().len(), questions);
    let listed = fetch(&lab, &hub, &[]).expect(0).stdout;
    let row = |name: &str| listed.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(row("wav2vec2-base ").ends_with("there"), "{listed}");
    assert!(!row("wav2vec2-large ").ends_with("there"), "{listed}");
    assert!(row("RAVDESS").contains("CC BY-NC-SA 4.0"), "{listed}");
}

/// Every card of a repository brings a checkpoint, those too that name no commit.
#[test]
fn every_card_of_a_repository_can_be_fetched() {
    let datasets = [workspace().join("datasets").into()];
    let mut unpinned = 0;
    for name in EncoderCard::names(&datasets) {
        let card = EncoderCard::find(&datasets, &name, &Diagnostics::new()).unwrap();
        let CheckpointOrigin::Hub { repository, revision } = card.origin else { continue };
        let is_pinned = revision != UNPINNED;
        unpinned += usize::from(!is_pinned);
        let lab = Lab::empty();
        let served = Repository {
            name: repository.to_string().leak(),
            commit: if is_pinned { revision.leak() } else { COMMIT },
            ..base()
        };
        let commit = served.commit;
        let hub = StandIn::new(move |asked| served.answer(asked));
        fetch(&lab, &hub, &[&name]).expect(0);
        let located = locate(&name, &datasets, &hub_of(&lab)).unwrap();
        assert!(located.path.ends_with(commit), "{name}: {}", located.path.display());
    }
    assert!(unpinned > 0);
}

#[test]
fn a_repository_without_a_card_brings_its_best_weights() {
    let lab = Lab::empty();
    let index = br#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#;
    let mut repository = Repository { name: "somebody/some.model", ..base() };
    for (name, bytes) in [
        ("model.safetensors.index.json", &index[..]),
        ("model-1.safetensors", b"one"),
        ("model-2.safetensors", b"two"),
    ] {
        repository.files.insert(name, bytes.to_vec());
    }
    let hub = StandIn::new(move |asked| repository.answer(asked));
    fetch(&lab, &hub, &["somebody/some.model"]).expect(0);
    let located = locate("somebody/some.model", &[], &hub_of(&lab)).unwrap();
    assert_eq!(fs::read(located.path.join("model-2.safetensors")).unwrap(), b"two");
    assert!(!located.path.join("pytorch_model.bin").exists());
    // A branch may have moved on: it is asked, and nothing is downloaded.
    let ended = fetch(&lab, &hub, &["somebody/some.model"]).expect(0);
    assert!(ended.stdout.contains("is there") && !ended.stderr.contains("downloading"), "{ended:?}");
    let ended = Ended::of({
        let mut command = command(&lab, &StandIn::new(|_| Answer::status(500)), &["somebody/some.model"]);
        command.env("HF_HUB_OFFLINE", "1");
        command
    });
    assert!(ended.expect(0).stdout.contains("is there"));
}

/// Where the weights' bytes come from, when the hub answers as usual for the rest.
fn with_store(answer: impl Fn(&Asked, &[u8]) -> Answer + Send + Sync + 'static) -> StandIn {
    let repository = base();
    StandIn::new(move |asked| match asked.path.as_str() {
        "/store/pytorch_model.bin" => answer(asked, &repository.files["pytorch_model.bin"]),
        _ => repository.answer(asked),
    })
}

fn ranges(hub: &StandIn) -> Vec<Option<String>> {
    let store = |asked: &Asked| asked.method == "GET" && asked.path.starts_with("/store/");
    hub.asked().into_iter().filter(store).map(|asked| asked.headers.get("range").cloned()).collect()
}

#[test]
fn a_connection_that_is_cut_is_gone_on_with() {
    let lab = Lab::empty();
    // Cut again and again, more often than there are retries: there was progress every time.
    let hub = with_store(|asked, bytes| Answer::file(asked, bytes).cut_after(80_000));
    fetch(&lab, &hub, &["wav2vec2-base"]).expect(0);
    all_is_found(&lab);
    let ranges = ranges(&hub);
    assert_eq!(ranges[..2], [None, Some("bytes=80000-".to_owned())]);
    assert_eq!(ranges.len(), 4);
}

#[test]
fn what_a_killed_fetch_brought_is_kept() {
    let lab = Lab::empty();
    let hub = with_store(|asked, bytes| match asked.before {
        0 => Answer::file(asked, bytes).cut_after(100_000),
        _ => Answer::status(503),
    });
    let ended = fetch(&lab, &hub, &["wav2vec2-base"]).expect(1);
    assert!(ended.stderr.contains("answered HTTP 503"), "{}", ended.stderr);
    assert!(ended.stderr.contains("97.66 KiB are kept"), "{}", ended.stderr);
    nothing_is_found(&lab);
    let hub = with_store(Answer::file);
    fetch(&lab, &hub, &["wav2vec2-base"]).expect(0);
    all_is_found(&lab);
    assert_eq!(ranges(&hub), [Some("bytes=100000-".to_owned())]);
}

#[test]
fn a_server_that_knows_no_ranges_sends_it_all_again() {
    let lab = Lab::empty();
    let hub = with_store(|asked, bytes| {
        let whole = Answer { body: bytes.to_vec(), ..Answer::status(200) };
        if asked.before == 0 { whole.cut_after(200_000) } else { whole }
    });
    fetch(&lab, &hub, &["wav2vec2-base"]).expect(0);
    all_is_found(&lab);
}

#[test]
fn a_server_that_sends_another_part_is_not_believed() {
    let lab = Lab::empty();
    let hub = with_store(|asked, bytes| match (asked.before, asked.header("range")) {
        (0, _) => Answer::file(asked, bytes).cut_after(100_000),
        (_, None) => Answer::file(asked, bytes),
        _ => {
            let part = Answer { body: bytes[5..].to_vec(), ..Answer::status(206) };
            part.with("Content-Range", &format!("bytes 5-{}/{}", bytes.len() - 1, bytes.len()))
        }
    });
    let ended = fetch(&lab, &hub, &["wav2vec2-base"]).expect(0);
    assert!(ended.stderr.contains("sent another range than was requested"), "{}", ended.stderr);
    all_is_found(&lab);
}

#[test]
fn wrong_bytes_are_thrown_away_and_asked_for_once_more() {
    let altered = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[123_456] ^= 1;
        bytes
    };
    let lab = Lab::empty();
    let hub = with_store(move |asked, bytes| match asked.before {
        0 => Answer::file(asked, &altered(bytes)),
        _ => Answer::file(asked, bytes),
    });
    let ended = fetch(&lab, &hub, &["wav2vec2-base"]).expect(0);
    assert!(ended.stderr.contains("deleted; downloading it again"), "{}", ended.stderr);
    all_is_found(&lab);

    let lab = Lab::empty();
    let hub = with_store(move |asked, bytes| Answer::file(asked, &altered(bytes)));
    let ended = fetch(&lab, &hub, &["wav2vec2-base"]).expect(1);
    assert!(
        ended.stderr.contains("failed verification twice: its checksum is not SHA-256"),
        "{}",
        ended.stderr
    );
    nothing_is_found(&lab);
    assert!(!tree(&folder(&lab)).iter().any(|name| name.contains(".incomplete")));

    // Small files have git's checksum.
    let lab = Lab::empty();
    let repository = base();
    let hub = StandIn::new(move |asked| {
        let mut answer = repository.answer(asked);
        if asked.method == "GET" && asked.path.ends_with("/config.json") {
            answer.body[3] ^= 1;
        }
        answer
    });
    let ended = fetch(&lab, &hub, &["wav2vec2-base"]).expect(1);
    assert!(ended.stderr.contains("its checksum is not git's SHA-1"), "{}", ended.stderr);
    nothing_is_found(&lab);
}

#[test]
fn wrong_lengths_are_found_out() {
    // Another file; too long a body without a length; too short a body without a length.
    let wrong: [fn(&[u8]) -> Answer; 3] = [
        |bytes| Answer { body: bytes[1..].to_vec(), ..Answer::status(200) },
        |bytes| Answer { body: [bytes, b"x"].concat(), chunked: true, ..Answer::status(200) },
        |bytes| Answer { body: bytes[..9].to_vec(), chunked: true, ..Answer::status(200) },
    ];
    for (wrong, said) in
        wrong.into_iter().zip(["299999 bytes", "sent more than 300000 bytes", "299991 bytes early"])
    {
        let lab = Lab::empty();
        let hub = with_store(move |_, bytes| wrong(bytes));
        let ended = fetch(&lab, &hub, &["wav2vec2-base"]).expect(1);
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
        nothing_is_found(&lab);
    }
}

#[test]
fn busy_servers_are_waited_for_and_broken_ones_are_not() {
    let lab = Lab::empty();
    let hub = with_store(|asked, bytes| match asked.before {
        0 => Answer::status(429).with("Retry-After", &1),
        _ => Answer::file(asked, bytes),
    });
    let began = Instant::now();
    fetch(&lab, &hub, &["wav2vec2-base"]).expect(0);
    assert!(began.elapsed() >= Duration::from_secs(1));
    all_is_found(&lab);

    let lab = Lab::empty();
    let hub = with_store(|_, _| Answer::status(429).with("Retry-After", &86_400));
    let ended = fetch(&lab, &hub, &["wav2vec2-base"]).expect(1);
    assert!(ended.stderr.contains("answered HTTP 429 and asks to retry after 86400 s"), "{}", ended.stderr);

    let lab = Lab::empty();
    let hub = StandIn::new(|_| Answer::status(502));
    let ended = fetch(&lab, &hub, &["wav2vec2-base"]).expect(1);
    assert!(ended.stderr.contains("127.0.0.1 answered HTTP 502 (3 attempts)"), "{}", ended.stderr);
    assert_eq!(hub.asked().len(), 3);
}

#[test]
fn slow_is_not_silent() {
    let lab = Lab::empty();
    // Three seconds in all, with a limit of two for silence.
    let slow = (60_000, Duration::from_millis(600));
    let hub = with_store(move |asked, bytes| Answer { trickle: Some(slow), ..Answer::file(asked, bytes) });
    fetch(&lab, &hub, &["wav2vec2-base"]).expect(0);
    all_is_found(&lab);
    assert_eq!(ranges(&hub), [None]);

    let lab = Lab::empty();
    let silent = (250_000, Duration::from_secs(60));
    let hub = with_store(move |asked, bytes| {
        let answer = Answer::file(asked, bytes);
        if asked.before == 0 { Answer { trickle: Some(silent), ..answer } } else { answer }
    });
    fetch(&lab, &hub, &["wav2vec2-base"]).expect(0);
    all_is_found(&lab);
    assert_eq!(ranges(&hub), [None, Some("bytes=250000-".to_owned())]);
}

#[test]
fn a_token_is_shown_to_the_hub_and_to_nobody_else() {
    let repository = base();
    let large = repository.files["pytorch_model.bin"].clone();
    let store = StandIn::new(move |asked| Answer::file(asked, &large));
    let repository = Repository { store: Some(store.address.clone()), ..repository };
    let hub = StandIn::new(move |asked| match asked.header("authorization") {
        Some("Bearer hf_secret") => repository.answer(asked),
        _ => Answer::status(401).with("X-Error-Code", "RepoNotFound"),
    });
    let lab = Lab::empty();
    let ended = fetch(&lab, &hub, &["wav2vec2-base"]).expect(1);
    assert!(ended.stderr.contains("for a private repository, set HF_TOKEN"), "{}", ended.stderr);
    Ended::of({
        let mut command = command(&lab, &hub, &["wav2vec2-base"]);
        command.env("HF_TOKEN", "hf_secret");
        command
    })
    .expect(0);
    all_is_found(&lab);
    assert!(!store.asked().is_empty());
    assert!(store.asked().iter().all(|asked| asked.header("authorization").is_none()), "{:?}", store.asked());

    // The file that `hf auth login` writes.
    let lab = Lab::empty();
    lab.write("hf/token", "hf_secret\n");
    fetch(&lab, &hub, &["wav2vec2-base"]).expect(0);
}

#[test]
fn what_the_hub_refuses_is_said() {
    let told = |words: &[&str], answer: fn() -> Answer| {
        let lab = Lab::empty();
        let hub = StandIn::new(move |_| answer());
        let ended = fetch(&lab, &hub, words).expect(1);
        // Only what says that one file is not there lets it ask for another.
        let files = if ended.stderr.contains("neither") { 2 } else { 1 };
        assert_eq!(hub.asked().len(), files, "{:?}", hub.questions());
        assert!(ended.stdout.is_empty(), "{ended:?}");
        ended.stderr
    };
    let gated = || Answer::status(403).with("X-Error-Code", "GatedRepo");
    let text = told(&["a/gated"], gated);
    assert!(text.contains("hint: accept its conditions at http://127.0.0.1:"), "{text}");
    let gone = || Answer::status(404).with("X-Error-Code", "RevisionNotFound");
    let text = told(&["wav2vec2-base"], gone);
    assert!(text.contains("hint: `facebook/wav2vec2-base@main` is the newest there is"), "{text}");
    let text = told(&["some/dataset"], || Answer::status(404).with("X-Error-Code", "EntryNotFound"));
    assert!(
        text.contains(
            "neither `config.json` nor `affekt.json`: no checkpoint in transformers' layout and no export"
        ),
        "{text}"
    );
    let text = told(&["a/b"], || Answer::status(200));
    assert!(text.contains("sent no commit for `config.json`"), "{text}");
    let text = told(&["a/b"], || Answer::status(302));
    assert!(text.contains("unsupported redirect target"), "{text}");
}

#[test]
fn wrong_names_are_found_before_anything_is_fetched() {
    let lab = Lab::empty();
    let hub = StandIn::new(|_| Answer::status(500));
    let ended = fetch(&lab, &hub, &["wav2vec2-base", "wav2vec2-bse"]).expect(2);
    assert!(ended.stderr.contains("unknown corpus or encoder `wav2vec2-bse`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: did you mean `wav2vec2-base`?"), "{}", ended.stderr);
    assert!(hub.asked().is_empty());
    assert!(!lab.path("hf").exists());
}

#[test]
fn offline_means_offline() {
    let lab = Lab::empty();
    let hub = StandIn::new(|_| Answer::status(500));
    let mut command = command(&lab, &hub, &["wav2vec2-base"]);
    command.env("HF_HUB_OFFLINE", "1");
    let ended = Ended::of(command).expect(1);
    assert!(ended.stderr.contains("HF_HUB_OFFLINE is set"), "{}", ended.stderr);
    assert!(hub.asked().is_empty());
}

#[test]
fn a_proxy_is_asked_to_connect() {
    let lab = Lab::empty();
    let proxy = StandIn::new(|_| Answer::status(403));
    let mut command = command(&lab, &proxy, &["wav2vec2-base"]);
    command.env("HF_ENDPOINT", "https://hub.invalid").env("HTTPS_PROXY", &proxy.address);
    let ended = Ended::of(command).expect(1);
    assert!(ended.stderr.contains("failed to connect to hub.invalid"), "{}", ended.stderr);
    assert_eq!(proxy.questions()[0], "CONNECT hub.invalid:443");
}

#[test]
fn two_at_once_share_the_work() {
    let lab = Lab::empty();
    let slow = (20_000, Duration::from_millis(60));
    let hub = with_store(move |asked, bytes| Answer { trickle: Some(slow), ..Answer::file(asked, bytes) });
    let started: Vec<_> = (0..2)
        .map(|_| {
            command(&lab, &hub, &["wav2vec2-base"]).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let ended: Vec<_> = started.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    assert!(ended.iter().all(|ended| ended.status.success()), "{ended:?}");
    all_is_found(&lab);
    assert_eq!(ranges(&hub), [None]);
}

#[test]
fn weights_that_the_card_does_not_name_are_kept_apart() {
    let lab = Lab::empty();
    let newer = Repository { commit: "1111111111111111111111111111111111111111", ..base() };
    let older = base();
    // `main` is another commit than the card's.
    let hub = StandIn::new(move |asked| match asked.path.contains(COMMIT) {
        true => older.answer(asked),
        false => newer.answer(asked),
    });
    let ended = fetch(&lab, &hub, &["wav2vec2-base"]).expect(0);
    assert!(ended.stderr.contains("the repository has moved on"), "{}", ended.stderr);
    all_is_found(&lab);
    assert!(!folder(&lab).join("refs/main").exists());
}

#[test]
fn a_checkpoint_may_be_one_file() {
    let (lab, served) = (Lab::empty(), weights());
    let host = StandIn::new(move |asked| match asked.before {
        0 => Answer::file(asked, &served).cut_after(3000),
        _ => Answer::file(asked, &served),
    });
    let card = format!(
        "name: tiny\ntitle: Tiny\nurl: {}/models/tiny_1.pt\nbytes: 300000\nlicence: MIT\ncitation: nobody\n",
        host.address
    );
    lab.write("datasets/encoders/tiny.yaml", &card);
    let ended = fetch(&lab, &host, &["tiny"]).expect(0);
    let target = lab.path("torch/hub/checkpoints/tiny_1.pt");
    assert_eq!(ended.stdout.trim(), target.to_str().unwrap());
    assert!(fs::read(&target).unwrap() == weights());
    assert!(ended.stderr.contains("licence: MIT"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains(&format!("the downloaded file has SHA-256 {}", sha256(&weights()))),
        "{}",
        ended.stderr
    );

    // What is there is not asked for.
    let questions = host.questions().len();
    let ended = fetch(&lab, &host, &["Tiny"]).expect(0);
    assert!(ended.stdout.contains("tiny is there"), "{ended:?}");
    assert_eq!(host.questions().len(), questions);
    let listed = fetch(&lab, &host, &[]).expect(0).stdout;
    assert!(listed.lines().any(|line| line.contains("tiny ") && line.ends_with("there")), "{listed}");
}

/// A lab with the card of the kitchen, which can be fetched so.
fn kitchen(fetch: &str) -> Lab {
    let lab = Lab::empty();
    lab.write("datasets/kitchen.yaml", &format!("{KITCHEN_CARD}expect: {{ files: 2 }}\n{fetch}"));
    lab
}

const RECORDINGS: [(&str, &[u8]); 2] = [("ann/hungry-1.wav", b"one"), ("bob/cross-2.wav", b"two")];

/// The kitchen's recordings and what else is in its release.
fn archive() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in RECORDINGS.into_iter().chain([("readme.txt", &[b'x'; 5000][..])]) {
        zip.start_file(format!("release/{name}"), stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The kitchen is there, and nothing else is.
#[track_caller]
fn the_kitchen_is_there(lab: &Lab, below: &str) {
    for (name, bytes) in RECORDINGS {
        assert_eq!(fs::read(lab.path("data/Kitchen").join(below).join(name)).unwrap(), bytes);
    }
    assert_eq!(tree(&lab.path("data/Kitchen")).len(), RECORDINGS.len());
}

#[test]
fn a_corpus_comes_in_an_archive() {
    let bytes = archive();
    let served = bytes.clone();
    // Cut once. The card names no checksum, so the server has to say that it is the same file still.
    let host = StandIn::new(move |asked| match asked.before {
        0 => Answer::file(asked, &served).cut_after(3000),
        _ => Answer::file(asked, &served),
    });
    let of = |more: &str| {
        let address = &host.address;
        kitchen(&format!(
            "fetch: {{ kind: archive, url: '{address}/a.zip', bytes: 6000, unpacked: 6000{more} }}\n"
        ))
    };
    let lab = of("");
    let ended = fetch(&lab, &host, &["kitchen"]).expect(0);
    the_kitchen_is_there(&lab, "release");
    assert!(ended.stderr.contains("licence: CC BY 4.0"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("SHA-256 {}", sha256(&bytes))), "{}", ended.stderr);
    assert_eq!(ended.stdout.trim(), "data/Kitchen".replace("data", lab.path("data").to_str().unwrap()));
    let last = host.asked().pop().unwrap();
    assert_eq!(last.header("range"), Some("bytes=3000-"));
    assert_eq!(last.header("if-range"), Some(format!("\"{}\"", sha256(&bytes)).as_str()));
    assert!(!lab.path("data/.fetch/Kitchen/archive.zip").exists());
    let questions = host.asked().len();
    let ended = fetch(&lab, &host, &["Kitchen"]).expect(0);
    assert!(ended.stdout.contains("Kitchen is there: 2 recordings"), "{ended:?}");
    assert_eq!(host.asked().len(), questions);

    // Another archive than the card's.
    let lab = of(", md5: 0000000000000000000000000000000a");
    let ended = fetch(&lab, &host, &["kitchen"]).expect(1);
    assert!(
        ended.stderr.contains("failed verification twice: its checksum is not MD5 0000"),
        "{}",
        ended.stderr
    );
    assert!(!lab.path("data/Kitchen").exists());

    // What a person put there is not touched.
    let lab = of("");
    lab.write("data/Kitchen/ann/hungry-7.wav", "own");
    let ended = fetch(&lab, &host, &["kitchen"]).expect(1);
    assert!(ended.stderr.contains("Kitchen is there, with 1 of 2 recordings"), "{}", ended.stderr);
}

#[test]
fn a_damaged_archive_is_not_kept() {
    // Cut by whoever serves it, who says so by its length: without a checksum only unpacking finds out.
    let damaged = archive()[..5200].to_vec();
    let is_whole = Arc::new(AtomicBool::new(false));
    let (bytes, serves_whole) = (archive(), Arc::clone(&is_whole));
    let host = StandIn::new(move |asked| match serves_whole.load(Ordering::Relaxed) {
        true => Answer::file(asked, &bytes),
        false => Answer::file(asked, &damaged),
    });
    let address = &host.address;
    let fetched =
        format!("fetch: {{ kind: archive, url: '{address}/a.zip', bytes: 6000, unpacked: 6000 }}\n");
    let lab = kitchen(&fetched);
    let told = fetch(&lab, &host, &["kitchen"]).expect(1).stderr;
    assert!(
        told.contains("is damaged: ") && told.contains("; it was deleted and is downloaded again"),
        "{told}"
    );
    assert_eq!(host.asked().len(), 2, "once more, not for ever");
    assert!(!lab.path("data/.fetch/Kitchen/archive.zip").exists());
    // What an earlier version of the program left there is found out, too.
    fs::write(lab.path("data/.fetch/Kitchen/archive.zip"), &archive()[..100]).unwrap();
    is_whole.store(true, Ordering::Relaxed);
    fetch(&lab, &host, &["kitchen"]).expect(0);
    the_kitchen_is_there(&lab, "release");
}

#[test]
fn more_than_twice_what_is_announced_is_refused() {
    let bytes = vec![b'x'; 100_000];
    for chunked in [false, true] {
        let bytes = bytes.clone();
        let host = StandIn::new(move |asked| match asked.path.as_str() {
            "/within" => Answer::file(asked, &bytes[..5000]),
            _ => Answer { chunked, ..Answer::file(asked, &bytes) },
        });
        let address = &host.address;
        let of = |bytes: u32| {
            kitchen(&format!(
                "fetch: {{ kind: archive, url: '{address}/a.zip', bytes: {bytes}, unpacked: 6000 }}\n"
            ))
        };
        let lab = of(20_000);
        let told = fetch(&lab, &host, &["kitchen"]).expect(1).stderr;
        assert!(told.contains("at most 39.06 KiB are accepted, twice what is announced"), "{told}");
        assert!(told.contains("Kitchen archive is refused"), "{told}");
        assert_eq!(host.asked().len(), 1, "it is not asked for again");
        assert!(
            tree(&lab.path("data")).iter().all(|name| name.ends_with("lock")),
            "{:?}",
            tree(&lab.path("data"))
        );
        let told = fetch(&of(60_000), &host, &["kitchen"]).expect(1).stderr;
        assert!(told.contains("is damaged"), "what is within the margin comes: {told}");

        let card = format!(
            "name: tiny\ntitle: Tiny\nurl: {address}/tiny.pt\nbytes: 20000\nlicence: MIT\ncitation: nobody\n"
        );
        lab.write("datasets/encoders/tiny.yaml", &card);
        let told = fetch(&lab, &host, &["tiny"]).expect(1).stderr;
        assert!(told.contains("tiny is refused"), "{told}");
    }
}

#[test]
fn a_corpus_comes_from_a_tree_of_git() {
    let altered = Arc::new(AtomicBool::new(true));
    let is_altered = Arc::clone(&altered);
    let host = StandIn::new(move |asked| {
        let address = format!("http://{}", asked.header("host").unwrap());
        // What git holds in place of a large file.
        let pointer = |bytes: &[u8]| {
            let (sha256, size) = (sha256(bytes), bytes.len());
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n")
        };
        let json =
            |value: serde_json::Value| Answer { body: value.to_string().into_bytes(), ..Answer::status(200) };
        let blob = |name: &str, bytes: &[u8]| {
            let sha = git_blob(pointer(bytes).as_bytes());
            serde_json::json!({ "path": name, "type": "blob", "sha": sha, "size": 130 })
        };
        let [one, two] = RECORDINGS.map(|(_, bytes)| bytes);
        match asked.path.as_str() {
            "/tree" => json(serde_json::json!({ "tree": [
                { "path": "ann", "type": "tree", "sha": "0", "url": format!("{address}/ann") },
                { "path": "bob", "type": "tree", "sha": "1", "url": format!("{address}/bob") },
            ] })),
            "/ann" => {
                json(serde_json::json!({ "tree": [blob("hungry-1.wav", one), blob("notes.txt", b"no")] }))
            }
            "/bob" => json(serde_json::json!({ "tree": [blob("cross-2.wav", two)] })),
            "/files/ann/hungry-1.wav" => Answer::file(asked, one),
            "/files/bob/cross-2.wav" if is_altered.load(Ordering::Relaxed) => Answer::file(asked, b"owt"),
            "/files/bob/cross-2.wav" => Answer::file(asked, two),
            _ => Answer::status(404),
        }
    });
    let address = &host.address;
    let lab = kitchen(&format!(
        "fetch:\n  kind: git-tree\n  tree: {address}/tree\n  folders: [ann, bob]\n  files: {address}/files/\n  \
         lfs: true\n  bytes: 6\n"
    ));
    let ended = fetch(&lab, &host, &["kitchen"]).expect(1);
    assert!(ended.stderr.contains("bob/cross-2.wav failed verification twice"), "{}", ended.stderr);
    assert!(!lab.path("data/Kitchen").exists());
    // What came right the first time is not asked for again.
    altered.store(false, Ordering::Relaxed);
    fetch(&lab, &host, &["kitchen"]).expect(0);
    the_kitchen_is_there(&lab, "");
    let asked_for = |name: &str| host.questions().iter().filter(|question| question.ends_with(name)).count();
    assert_eq!((asked_for("hungry-1.wav"), asked_for("cross-2.wav"), asked_for("notes.txt")), (1, 3, 0));
}

#[test]
fn a_corpus_comes_from_a_dataverse() {
    let host = StandIn::new(|asked| match asked.path.as_str() {
        "/api/datasets/:persistentId/?persistentId=doi:10/KIT" => {
            // `printf one | md5sum`, `printf two | md5sum`
            let file = |id: u32, folder: &str, name: &str, md5: &str| {
                let file = serde_json::json!({ "id": id, "filename": name, "filesize": 3, "md5": md5 });
                serde_json::json!({ "directoryLabel": folder, "dataFile": file })
            };
            let files = [
                file(7, "ann", "hungry-1.wav", "f97c5d29941bfb1b2fdab0874906ab82"),
                file(8, "bob", "cross-2.wav", "b8a9f715dbb64fd5c56e7783c6820a61"),
            ];
            let answer = serde_json::json!({ "data": { "latestVersion": { "files": files } } });
            Answer { body: answer.to_string().into_bytes(), ..Answer::status(200) }
        }
        "/api/access/datafile/7" => Answer::file(asked, b"one"),
        "/api/access/datafile/8" => Answer::file(asked, b"two"),
        _ => Answer::status(404),
    });
    let address = &host.address;
    let lab = kitchen(&format!(
        "fetch: {{ kind: dataverse, server: '{address}', dataset: 'doi:10/KIT', bytes: 6 }}\n"
    ));
    fetch(&lab, &host, &["kitchen"]).expect(0);
    the_kitchen_is_there(&lab, "");
}

#[test]
fn a_corpus_behind_a_registration_says_how_to_get_it() {
    let lab = Lab::empty();
    let host = StandIn::new(|_| Answer::status(500));
    let ended = fetch(&lab, &host, &["savee"]).expect(1);
    assert!(ended.stderr.contains("SAVEE cannot be fetched by a program"), "{}", ended.stderr);
    assert!(ended.stderr.contains("register with the University of Surrey"), "{}", ended.stderr);
    let mut command = command(&lab, &host, &["ravdess"]);
    command.env("AFFEKT_DATA", "");
    let ended = Ended::of(command).expect(2);
    assert!(ended.stderr.contains("pass `--data DIR` or set AFFEKT_DATA"), "{}", ended.stderr);
    assert!(host.asked().is_empty());
}
