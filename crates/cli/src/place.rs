//! Where things lie: built-in files, the checkout, the data, the store.

use std::env;
use std::path::{Path, PathBuf};

use affekt_config::{BuiltIn, Folder};
use affekt_corpus::Card;

use crate::exit::Stop;

/// The cards, pipelines and experiments that the program carries.
const BUILT_IN: BuiltIn = include!(concat!(env!("OUT_DIR"), "/built_in.rs"));

/// Lists the folders whose `datasets/`, `pipelines/` and `experiments/` are looked through, the first first: the current
/// one, then what is built in.
pub fn folders() -> Vec<Folder> {
    vec![PathBuf::new().into(), Folder::built_in(BUILT_IN)]
}

/// Finds the checkout of this repository that the user is in, or that this program was built in.
pub fn checkout() -> Option<PathBuf> {
    let is_checkout = |folder: &&Path| folder.join("crates/worker/Cargo.toml").is_file();
    let places = [env::current_dir(), env::current_exe()];
    places.iter().flatten().find_map(|place| place.ancestors().find(is_checkout)).map(Path::to_owned)
}

/// Returns the folder that libtorch is set up in: the checkout, else one for the user's data.
pub fn setup_root() -> PathBuf {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = || variable("XDG_DATA_HOME").or_else(|| Some(variable("HOME")?.join(".local/share")));
    checkout().unwrap_or_else(|| data().unwrap_or_default().join("affekt"))
}

/// Returns the path of a file or folder beside this program.
pub fn beside_program(name: &str) -> Option<PathBuf> {
    Some(env::current_exe().ok()?.canonicalize().ok()?.with_file_name(name))
}

/// Returns how the user calls this program.
pub fn program() -> &'static str {
    let is_xtask = env::args_os().next().is_some_and(|name| Path::new(&name).ends_with("xtask"));
    if is_xtask { "cargo xtask" } else { "affekt" }
}

/// The store: `--cache`, else `AFFEKT_CACHE`, else `.affekt/`.
///
/// # Errors
/// As [`check_name`].
pub fn cache(given: Option<&Path>) -> Result<PathBuf, Stop> {
    let folder = given_or(given, "AFFEKT_CACHE").unwrap_or_else(|| PathBuf::from(".affekt"));
    check_name(&folder)?;
    Ok(folder)
}

/// Refuses a folder whose name is not UTF-8, as what workers and journals are told of it must be.
///
/// # Errors
/// The input is wrong where it is not.
pub fn check_name(folder: &Path) -> Result<(), Stop> {
    match folder.to_str() {
        Some(_) => Ok(()),
        None => Err(Stop::wrong(format!(
            "error: the name of the folder `{}` is not UTF-8\nhint: give it another name, or a link to it",
            folder.display()
        ))),
    }
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

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn folders_that_workers_cannot_be_told_of_are_refused() {
        let folder = Path::new(OsStr::from_bytes(b"caf\xe9"));
        for refused in [cache(Some(folder)).map(drop), check_name(folder)] {
            let told = refused.unwrap_err().text();
            assert!(told.starts_with("error: the name of the folder `caf\u{fffd}` is not UTF-8"), "{told}");
        }
        assert_eq!(cache(Some(Path::new("café"))).unwrap(), Path::new("café"));
    }
}
