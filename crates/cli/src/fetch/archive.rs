//! Unpacks archives without trusting them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use affekt_config::is_contained;
use zip::ZipArchive;

use super::download::size;

/// Why an archive was not unpacked.
#[derive(Debug, PartialEq, Eq)]
pub enum UnpackError {
    /// It is no whole archive: another download may be.
    Damaged(String),
    /// What it holds is not accepted.
    Refused(String),
    /// Its files cannot be written.
    Disk(String),
}

/// Unpacks the files of a ZIP archive that `wanted` selects into `folder`; returns how many. `limit` is the largest number of
/// bytes that they may have together.
///
/// # Errors
/// In words: damage, files that would land outside the folder, links, more bytes than the limit, a full disk.
pub fn unpack(
    archive: &Path,
    folder: &Path,
    limit: u64,
    wanted: &dyn Fn(&str) -> bool,
    there: &dyn Fn(u64),
) -> Result<usize, UnpackError> {
    let damaged = |error: &dyn std::fmt::Display| {
        UnpackError::Damaged(format!("{} is damaged: {error}", archive.display()))
    };
    let refused = |why: &str| UnpackError::Refused(format!("{} is refused: {why}", archive.display()));
    let file = File::open(archive).map_err(|error| damaged(&error))?;
    let mut zip = ZipArchive::new(file).map_err(|error| damaged(&error))?;
    let (mut bytes, mut files) = (0, 0);
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|error| damaged(&error))?;
        let name = entry.name().map_err(|error| damaged(&error))?.into_owned();
        if entry.is_dir() || !wanted(&name) {
            continue;
        }
        if !is_contained(&name) || entry.is_symlink() {
            return Err(refused(&format!("`{name}` leads out of its folder")));
        }
        let claimed = entry.size();
        bytes += claimed;
        if bytes > limit {
            return Err(refused(&format!("it unpacks to more than {}", size(limit))));
        }
        let path = folder.join(&name);
        let written = write(&mut entry.by_ref().take(claimed.saturating_add(1)), &path);
        let written = written.map_err(|error| match error {
            CopyError::Read(error) => damaged(&format!("failed to unpack `{name}`: {error}")),
            CopyError::Write(error) => {
                UnpackError::Disk(format!("failed to unpack `{name}` to {}: {error}", path.display()))
            }
        })?;
        if written != claimed {
            return Err(damaged(&format!("`{name}` has not the {claimed} bytes that it claims")));
        }
        files += 1;
        there(bytes);
    }
    Ok(files)
}

/// Which side of a copy failed.
enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

fn write(from: &mut impl Read, path: &Path) -> Result<u64, CopyError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(CopyError::Write)?;
    }
    let mut to = File::create_new(path).map_err(CopyError::Write)?;
    let (mut written, mut chunk) = (0, vec![0; 1 << 16]);
    loop {
        match from.read(&mut chunk).map_err(CopyError::Read)? {
            0 => return Ok(written),
            read => {
                to.write_all(&chunk[..read]).map_err(CopyError::Write)?;
                written += read as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    struct World(tempfile::TempDir);

    impl World {
        fn new(files: &[(&str, &[u8])]) -> Self {
            let world = Self(tempfile::tempdir().unwrap());
            let mut zip = ZipWriter::new(File::create(world.0.path().join("a.zip")).unwrap());
            for (name, bytes) in files {
                let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
                zip.start_file(*name, options).unwrap();
                zip.write_all(bytes).unwrap();
            }
            zip.finish().unwrap();
            world
        }

        fn unpack(&self, limit: u64) -> Result<usize, UnpackError> {
            let path = self.0.path();
            let wanted = |name: &str| name.ends_with(".wav");
            let anonymous = |text: String| text.replace(path.to_str().unwrap(), "W");
            unpack(&path.join("a.zip"), &path.join("to"), limit, &wanted, &|_| ()).map_err(
                |error| match error {
                    UnpackError::Damaged(text) => UnpackError::Damaged(anonymous(text)),
                    UnpackError::Refused(text) => UnpackError::Refused(anonymous(text)),
                    UnpackError::Disk(text) => UnpackError::Disk(anonymous(text)),
                },
            )
        }

        fn damage(&self, limit: u64) -> String {
            match self.unpack(limit) {
                Err(UnpackError::Damaged(text)) => text,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_is_wanted_is_unpacked() {
        let world = World::new(&[("b/a.wav", b"one"), ("b/readme", b"two"), ("c.wav", b"three")]);
        assert_eq!(world.unpack(8), Ok(2));
        assert_eq!(fs::read(world.0.path().join("to/b/a.wav")).unwrap(), b"one");
        assert!(!world.0.path().join("to/b/readme").exists());
    }

    #[test]
    fn nothing_lands_outside() {
        for name in ["../evil.wav", "a/../../evil.wav", "/tmp/affekt-evil.wav", "a//b.wav", "a\\..\\b.wav"] {
            let world = World::new(&[(name, b"x")]);
            let told = format!("W/a.zip is refused: `{name}` leads out of its folder");
            assert_eq!(world.unpack(8), Err(UnpackError::Refused(told)));
            assert!(!world.0.path().join("evil.wav").exists());
        }
        assert!(!Path::new("/tmp/affekt-evil.wav").exists());
    }

    #[test]
    fn sizes_are_bounded_and_bytes_checked() {
        let world = World::new(&[("a.wav", b"12345678"), ("b.wav", b"9")]);
        let told = "W/a.zip is refused: it unpacks to more than 8 B".to_owned();
        assert_eq!(world.unpack(8), Err(UnpackError::Refused(told)));
        let world = World::new(&[("a.wav", b"12345678")]);
        let path = world.0.path().join("a.zip");
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(8).position(|window| window == b"12345678").unwrap();
        bytes[at] = b'0';
        fs::write(&path, &bytes).unwrap();
        assert!(world.damage(8).contains("failed to unpack `a.wav`"));
        fs::write(&path, &bytes[..bytes.len() - 30]).unwrap();
        assert!(world.damage(8).starts_with("W/a.zip is damaged"));
        fs::write(&path, b"no archive").unwrap();
        assert!(world.damage(8).starts_with("W/a.zip is damaged"));
        let world = World::new(&[("a.wav", b"12345678")]);
        fs::write(world.0.path().join("to"), b"no folder").unwrap();
        assert!(matches!(world.unpack(8), Err(UnpackError::Disk(_))));
    }
}
