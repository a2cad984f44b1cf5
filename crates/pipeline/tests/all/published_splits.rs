//! Published splits, by name: found beside the cards, and part of what a resolved experiment brings.

use crate::compiled::{compile_file, environment};

fn told(name: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.yaml");
    let text = format!(
        "name: own\ncorpora: {{ ravdess: }}\nlabels: native\nprotocol: {{ kind: published, name: {name} }}\n\
         use: pipelines/cnn.yaml\nwith: {{ train.training.stopping: {{ kind: fixed }} }}\n"
    );
    std::fs::write(&path, text).unwrap();
    let (compiled, told) = compile_file(&path, &environment(&[]));
    (compiled.is_some(), told)
}

#[test]
fn a_published_split_is_found_by_its_name() {
    assert_eq!(told("emobox-ravdess"), (true, String::new()));
    let (is_compiled, message) = told("emobox-ravdes");
    assert!(!is_compiled && message.contains("did you mean `emobox-ravdess`?"), "{message}");
}
