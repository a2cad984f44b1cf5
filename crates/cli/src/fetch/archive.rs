//! Unpacks archives without trusting them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use zip::ZipArchive;

use super::download::size;

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
) -> Result<usize, String> {
    let damaged = |error: &dyn std::fmt::Display| format!("{} is damaged: {error}", archive.display());
    let file = File::open(archive).map_err(|error| damaged(&error))?;
    let mut zip = ZipArchive::new(file).map_err(|error| damaged(&error))?;
    let (mut bytes, mut files) = (0, 0);
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|error| damaged(&error))?;
        let name = entry.name().map_err(|error| damaged(&error))?.into_owned();
        if entry.is_dir() || !wanted(&name) {
            continue;
        }
        let Some(path) = entry.enclosed_name().filter(|_| !entry.is_symlink()) else {
            return Err(format!("{} is refused: `{name}` leads out of its folder", archive.display()));
        };
        let claimed = entry.size();
        bytes += claimed;
        if bytes > limit {
            return Err(format!("{} is refused: it unpacks to more than {}", archive.display(), size(limit)));
        }
        let path = folder.join(path);
        let written = write(&mut entry.by_ref().take(claimed.saturating_add(1)), &path);
        let written =
            written.map_err(|error| format!("failed to unpack `{name}` to {}: {error}", path.display()))?;
        if written != claimed {
            return Err(damaged(&format!("`{name}` has not the {claimed} bytes that it claims")));
        }
        files += 1;
        there(bytes);
    }
    Ok(files)
}

fn write(from: &mut impl Read, path: &Path) -> io::Result<u64> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    io::copy(from, &mut File::create_new(path)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

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

        fn unpack(&self, limit: u64) -> Result<usize, String> {
            let path = self.0.path();
            let wanted = |name: &str| name.ends_with(".wav");
            unpack(&path.join("a.zip"), &path.join("to"), limit, &wanted, &|_| ())
                .map_err(|error| error.replace(path.to_str().unwrap(), "W"))
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
        for name in ["../evil.wav", "a/../../evil.wav"] {
            let world = World::new(&[(name, b"x")]);
            let told = world.unpack(8).unwrap_err();
            assert_eq!(told, format!("W/a.zip is refused: `{name}` leads out of its folder"));
            assert!(!world.0.path().join("evil.wav").exists());
        }
        // What an absolute name means is decided by the library; it never means that place.
        let world = World::new(&[("/tmp/affekt-evil.wav", b"x")]);
        let _ = world.unpack(8);
        assert!(!Path::new("/tmp/affekt-evil.wav").exists());
    }

    #[test]
    fn sizes_are_bounded_and_bytes_checked() {
        let world = World::new(&[("a.wav", b"12345678"), ("b.wav", b"9")]);
        assert_eq!(world.unpack(8).unwrap_err(), "W/a.zip is refused: it unpacks to more than 8 B");
        let world = World::new(&[("a.wav", b"12345678")]);
        let path = world.0.path().join("a.zip");
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(8).position(|window| window == b"12345678").unwrap();
        bytes[at] = b'0';
        fs::write(&path, bytes).unwrap();
        assert!(world.unpack(8).unwrap_err().contains("failed to unpack `a.wav`"));
        fs::write(&path, b"no archive").unwrap();
        assert!(world.unpack(8).unwrap_err().starts_with("W/a.zip is damaged"));
    }
}
