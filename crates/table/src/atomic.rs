//! Writing a file so that it is there whole or not at all.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::TableError;

/// Lets `write` fill a temporary file beside `path`, then moves it to `path` durably: after a crash at any moment
/// `path` holds its old contents or all of the new.
///
/// # Errors
/// Those of `write`, in which case `path` is untouched, and of the file system.
pub fn write_atomically<E: From<TableError>>(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    #[cfg(unix)]
    {
        // What the umask leaves of this, as for any other file; the default of temporary files is 0600.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let temporary = builder.tempfile_in(&folder).map_err(TableError::io(&folder))?.into_temp_path();
    write(&temporary)?;
    sync(&temporary)?;
    temporary.persist(path).map_err(|error| TableError::io(path)(error.error))?;
    sync(&folder)?;
    Ok(())
}

fn sync(path: &Path) -> Result<(), TableError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(TableError::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(path: &Path, text: &str) -> Result<(), TableError> {
        std::fs::write(path, text).map_err(TableError::io(path))
    }

    #[test]
    fn all_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page");
        write_atomically(&path, |temporary| fill(temporary, "old")).unwrap();

        let failed = write_atomically(&path, |temporary| {
            fill(temporary, "half of the n")?;
            Err(TableError::Unwritable("no".into()))
        });
        assert!(matches!(failed, Err(TableError::Unwritable(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");

        write_atomically(&path, |temporary| fill(temporary, "new")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
