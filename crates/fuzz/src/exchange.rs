//! What processes tell each other, at once or later: the workers' protocol, journals, records of results.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use affekt_cli::out::say;
use affekt_graph::protocol::{Measured, Reply, Request, receive, send};
use affekt_graph::{
    Hello, Item, Job, Journal, JournalRow, Key, KeyPart, LastRun, Listing, NodeId, NodeRow, Output, PROTOCOL,
    Port, Record, Store, hash_bytes,
};
use serde_json::json;

use crate::target::Subject;

/// Frames in both directions: what a runner hears, and what a worker does.
pub fn protocol(folder: &Path) -> Subject {
    let digest = hash_bytes(b"waveforms");
    let job = Job {
        node: "train[fold=1,seed=2]".into(),
        op: "train".into(),
        version: 3,
        params: json!({ "network": { "kind": "cnn" }, "training": { "lr": 1e-3 } }),
        inputs: vec![Port {
            name: "features".into(),
            items: vec![Item { digest, path: folder.join("object") }],
        }],
        outputs: BTreeMap::from([("model".into(), folder.join("model"))]),
        seed: Some(2),
        numerics: BTreeMap::from([("device".into(), "cpu".into())]),
        state: Some(folder.to_owned()),
    };
    let texts = |name: &str| BTreeMap::from([(name.to_owned(), "2.11.0".to_owned())]);
    let hello = Hello {
        protocol: PROTOCOL,
        ops: BTreeMap::from([("train".into(), 3)]),
        provenance: texts("libtorch"),
    };
    let measured = Measured { provenance: texts("kernels"), memory_mib: Some(300) };
    let (mut replies, mut requests) = (Vec::new(), Vec::new());
    for reply in [
        Reply::Hello(hello),
        Reply::Progress { done: 3, total: 7, note: "epoch 3".into() },
        Reply::Done(measured),
        Reply::Failed(affekt_graph::Failure::Failed { message: "out of memory".into() }),
        Reply::Failed(affekt_graph::Failure::Damaged { digest, what: "too short".into() }),
    ] {
        send(&mut replies, &reply).expect("memory takes all");
    }
    for request in [Request::Run(Box::new(job.clone())), Request::Stop, Request::Run(Box::new(job.clone()))] {
        send(&mut requests, &request).expect("memory takes all");
    }
    let words =
        ["{\"hello\":", "{\"run\":", "\"progress\"", "\"done\"", "\"failed\"", "\"params\":", "[[[[", "null"];
    Subject::new(vec![replies, requests], &words, |bytes| {
        let mut replies = bytes;
        while let Ok(Some(reply)) = receive::<Reply>(&mut replies) {
            if let Reply::Failed(failure) = reply {
                say!("{failure}");
            }
        }
        let mut requests = bytes;
        while let Ok(Some(_)) = receive::<Request>(&mut requests) {}
    })
}

/// The journal of an earlier run.
pub fn journal(folder: &Path) -> Subject {
    let path = folder.join("journal.jsonl");
    let digest = hash_bytes(b"model");
    let part = |name: &str, value: &str| KeyPart { name: name.into(), value: value.into() };
    let parts = vec![part("op", "train"), part("version", "3")];
    let node = |id: &str, state: &str| {
        JournalRow::Node(NodeRow {
            id: id.into(),
            op: "train".into(),
            state: state.into(),
            key: Some(Key::of(&parts)),
            seconds: Some(12.5),
            parts: parts.clone(),
            outputs: vec![Output { name: "model".into(), digest, bytes: 5 }],
            failure: (state == "failed").then(|| "diverged".into()),
        })
    };
    let rows = [
        JournalRow::RunStarted {
            version: 1,
            experiment: "cnn".into(),
            command: vec!["run".into(), "cnn.yaml".into()],
        },
        JournalRow::Started { id: "train[fold=1,seed=1]".into(), gpu: None },
        node("train[fold=1,seed=1]", "ran"),
        node("train[fold=1,seed=2]", "failed"),
        JournalRow::Grown { id: "train[fold=*,seed=1]".into() },
        JournalRow::RunFinished { outcome: "failed".into(), seconds: 13.0 },
    ];
    let written = Journal::open(&path).and_then(|mut journal| journal.write(&rows));
    written.expect("the folder can be written to");
    let pool = vec![fs::read(&path).expect("it was just written")];
    let words = ["{\"event\":\"node\"", "\"seconds\":", "\"parts\":[", "\n{", "}\n", "[[[["];
    Subject::new(pool, &words, move |bytes| {
        fs::write(&path, bytes).expect("the folder can be written to");
        let last = LastRun::read(&path);
        let rows = last.rows().count();
        let id = NodeId::from("train[fold=1,seed=1]");
        let pattern = [NodeId::from("train[fold=*,seed=*]")];
        let took = last.took(&pattern).count();
        let _ = (last.row(&id), last.estimate(&id, "train"));
        assert!(rows <= bytes.len() && took <= bytes.len());
    })
}

/// Records of results, as they lie in a store or come from another, and lists of what is pinned.
pub fn records(folder: &Path) -> Subject {
    let store = Store::open(&folder.join("store")).expect("an empty folder takes a store");
    let key = Key::of(&[KeyPart { name: "op".into(), value: "train".into() }]);
    let record = Record {
        version: Record::VERSION,
        key,
        op: "train".into(),
        outputs: vec![Output { name: "model".into(), digest: hash_bytes(b"model"), bytes: 5 }],
        seconds: 12.5,
        reproducible: true,
        memory_mib: Some(300),
        provenance: BTreeMap::from([("processor".into(), "x86-64".into())]),
    };
    store.publish(record).expect("an empty store takes a record");
    let name = key.to_string();
    let path = store.root().join("results").join(&name[..2]).join(&name).with_extension("json");
    let listing = Listing::new("best".into(), Some(folder.to_owned()), [key].into());
    let pool = vec![fs::read(&path).expect("it was just written"), listing.to_bytes()];
    let words = [
        "\"version\": 1",
        "\"outputs\": []",
        "\"digest\": \"",
        "\"keys\": [",
        "\n}",
        "[[[[",
        "\"bytes\": -1",
    ];
    let subject = Subject::new(pool, &words, move |bytes| {
        fs::write(&path, bytes).expect("the folder can be written to");
        let read = store.lookup(key);
        assert!(read.is_none_or(|record| record.key == key), "a record of another key");
        let _ = store.receive_record(key, bytes);
        if let Some(listing) = Listing::from_bytes(bytes) {
            let _ = listing.path(affekt_graph::Listed::Pin);
        }
    });
    Subject { repair: repair_record, ..subject }
}

/// Writes the digest that a record ends with.
fn repair_record(bytes: &mut [u8]) {
    const BEFORE: &[u8] = b",\n  \"digest\": \"";
    let Some(at) = bytes.windows(BEFORE.len()).rposition(|window| window == BEFORE) else { return };
    let digest = hash_bytes(&bytes[..at]).to_string();
    if let Some(place) = bytes.get_mut(at + BEFORE.len()..at + BEFORE.len() + digest.len()) {
        place.copy_from_slice(digest.as_bytes());
    }
}
