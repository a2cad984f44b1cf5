//! `docs`: writes the reference, `docs/reference`, from the definitions in the source.

use affekt_cli::exit::{Exit, Stop};
use affekt_cli::reference;

use crate::checkout;

/// Writes every page and JSON Schema.
pub fn docs() -> Result<Exit, Stop> {
    let folder = checkout::root().join("docs/reference");
    for (path, text) in reference::files() {
        let path = folder.join(path);
        let written =
            path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
        written
            .map_err(|error| Stop::failed(format!("error: failed to write {}: {error}", path.display())))?;
    }
    Ok(Exit::Done)
}
