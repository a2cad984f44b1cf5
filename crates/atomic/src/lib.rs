//! Files, links and folders that are there whole or not at all: made beside their place and moved there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

/// Something could not be put in its place.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct AtomicError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl From<AtomicError> for io::Error {
    fn from(error: AtomicError) -> Self {
        error.source
    }
}

/// What the names of things that are being made begin with. A crash may leave some.
const PREFIX: &str = ".writing-";

/// Lets `fill` write a file beside `path`, then moves it to `path` durably: after a crash at any moment `path` holds its old
/// contents or all of the new.
///
/// # Errors
/// Those of `fill`, in which case `path` is untouched, and of the file system.
pub fn write_atomically<E: From<AtomicError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    write_atomically_by_way_of(parent(path), path, fill)
}

/// Does the same with the file being written in the folder `by_way_of`, on the same file system.
///
/// # Errors
/// As those of [`write_atomically`].
pub fn write_atomically_by_way_of<E: From<AtomicError>>(
    by_way_of: &Path,
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let unfinished = unfinished_file(by_way_of).map_err(failed(by_way_of))?;
    fill(&unfinished)?;
    sync(&unfinished)?;
    unfinished.persist(path).map_err(|error| failed(path)(error.error))?;
    sync(parent(path))?;
    Ok(())
}

/// Points the symbolic link `link` to `target`, in place of whatever it pointed to.
///
/// # Errors
/// Those of the file system.
#[cfg(unix)]
pub fn link_atomically(target: &Path, link: &Path) -> Result<(), AtomicError> {
    let made = Builder::new()
        .prefix(PREFIX)
        .make_in(parent(link), |path| std::os::unix::fs::symlink(target, path))
        .map_err(failed(link))?;
    made.into_temp_path().persist(link).map_err(|error| failed(link)(error.error))
}

/// Lets `fill` fill a folder beside `folder`, then moves it to `folder`, where there is none or an empty one.
///
/// # Errors
/// Those of `fill`, in which case `folder` is untouched, and of the file system.
pub fn make_folder_atomically<E: From<AtomicError>>(
    folder: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    // Within one that only its owner enters, for what is being made has the permissions that it is to have.
    let beside = Builder::new().prefix(PREFIX).tempdir_in(parent(folder)).map_err(failed(folder))?;
    let unfinished = beside.path().join("folder");
    fs::create_dir(&unfinished).map_err(failed(&unfinished))?;
    fill(&unfinished)?;
    fs::rename(&unfinished, folder).map_err(failed(folder))?;
    Ok(())
}

/// Makes a file with the permissions that the umask leaves, as for any other; the default of temporary files is 0600.
fn unfinished_file(folder: &Path) -> io::Result<TempPath> {
    let mut builder = Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    Ok(builder.tempfile_in(folder)?.into_temp_path())
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync(path: &Path) -> Result<(), AtomicError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> AtomicError {
    move |source| AtomicError { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page");
        write_atomically(&path, |unfinished| fs::write(unfinished, "old")).unwrap();

        let failed = write_atomically(&path, |unfinished| {
            fs::write(unfinished, "half of the n")?;
            Err(io::Error::other("no"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");

        let elsewhere = folder.path().join("tmp");
        fs::create_dir(&elsewhere).unwrap();
        write_atomically_by_way_of(&elsewhere, &path, |unfinished| {
            assert_eq!(unfinished.parent(), Some(&*elsewhere));
            fs::write(unfinished, "new")
        })
        .unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        fs::remove_dir(&elsewhere).unwrap();
        assert_eq!(names(folder.path()), ["page"]);
    }

    #[test]
    fn a_link_is_pointed_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("latest");
        for target in ["first", "second"] {
            link_atomically(Path::new(target), &link).unwrap();
            assert_eq!(fs::read_link(&link).unwrap(), Path::new(target));
        }
        assert_eq!(names(folder.path()), ["latest"]);
    }

    #[test]
    fn a_folder_is_filled_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made");
        let failed = make_folder_atomically(&made, |unfinished| {
            fs::write(unfinished.join("one"), "")?;
            Err(io::Error::other("no"))
        });
        assert!(failed.is_err() && names(folder.path()).is_empty());
        make_folder_atomically(&made, |unfinished| fs::write(unfinished.join("one"), "")).unwrap();
        assert_eq!((names(folder.path()), names(&made)), (vec!["made".to_owned()], vec!["one".to_owned()]));
        let again = make_folder_atomically(&made, |_| Ok::<_, AtomicError>(()));
        assert!(again.is_err(), "it is not empty");
    }
}
