//! Where things lie: the workspace, the data, the store, the runs.

use std::env;
use std::path::{Path, PathBuf};

use crate::exit::Stop;
use affekt_corpus::Card;

/// The workspace this program was built from: it holds `pipelines/`, `datasets/` and the worker's source.
pub fn workspace() -> PathBuf {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    // As seen from where the user stands, so that messages show short paths.
    match env::current_dir() {
        Ok(here) if here == built_in => PathBuf::new(),
        _ => built_in.to_owned(),
    }
}

/// The store: `--cache`, else `AFFEKT_CACHE`, else `.affekt/`.
pub fn cache(given: Option<&Path>) -> PathBuf {
    given_or(given, "AFFEKT_CACHE").unwrap_or_else(|| PathBuf::from(".affekt"))
}

/// The data: `--data`, else `AFFEKT_DATA`.
pub fn data(given: Option<&Path>) -> Option<PathBuf> {
    given_or(given, "AFFEKT_DATA")
}

fn given_or(given: Option<&Path>, variable: &str) -> Option<PathBuf> {
    given.map(Path::to_owned).or_else(|| env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from))
}

/// The folder of a corpus below the data, whatever the case of its name.
pub fn corpus_folder(data: &Path, card: &Card) -> Option<PathBuf> {
    let exact = data.join(card.folder_name());
    if exact.is_dir() {
        return Some(exact);
    }
    let entries = std::fs::read_dir(data).ok()?;
    let mut alike: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().eq_ignore_ascii_case(card.folder_name()))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    alike.sort();
    alike.into_iter().next()
}

/// What to say about corpora that are not there.
pub fn missing(cards: &[&Card], data: Option<&Path>) -> Stop {
    let one = |card: &&Card| {
        let looked = match data {
            Some(data) => format!("looked for it in {}", data.join(card.folder_name()).display()),
            None => "no data folder is given: pass `--data DIR` or set AFFEKT_DATA".to_owned(),
        };
        let how = card.obtain.trim().replace('\n', "\n      ");
        format!("error: corpus {} is missing\n  --> {looked}\nhint: {how}\n\n", card.name)
    };
    let all: String = cards.iter().map(one).collect();
    Stop::wrong(format!("{all}hint: `--partial` runs without the corpora that are missing"))
}
