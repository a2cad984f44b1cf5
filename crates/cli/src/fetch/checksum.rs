//! What the bytes of a file must be.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ring::digest;

/// A checksum as some server or card publishes it, in lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// Of large files of the Hub, and of cards.
    Sha256(String),
    /// Of small files of the Hub and of GitHub: git's name for the content.
    GitBlob(String),
    /// Of files that git keeps elsewhere (LFS): git's name for the pointer that stands in their place. The pointer
    /// holds SHA-256 and size of the file and nothing else, so it can be written anew from the file.
    GitPointer(String),
    /// Of Zenodo and Dataverse.
    Md5(String),
}

impl Checksum {
    /// What an ETag of the Hub says: the SHA-256 of a large file, or git's name of a small one.
    pub fn of_etag(etag: &str) -> Option<Self> {
        let is_hex = etag.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
        match etag.len() {
            64 if is_hex => Some(Self::Sha256(etag.to_owned())),
            40 if is_hex => Some(Self::GitBlob(etag.to_owned())),
            _ => None,
        }
    }

    /// Whether a file has it.
    pub fn holds(&self, path: &Path) -> io::Result<bool> {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(match self {
            Self::Sha256(expected) => sha256(&mut file)? == *expected,
            Self::GitBlob(expected) => {
                let mut context = git_blob(bytes);
                feed(&mut file, |chunk| context.update(chunk))?;
                hex(context.finish().as_ref()) == *expected
            }
            Self::GitPointer(expected) => {
                let sha256 = sha256(&mut file)?;
                let pointer = format!(
                    "version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {bytes}\n"
                );
                let mut context = git_blob(pointer.len() as u64);
                context.update(pointer.as_bytes());
                hex(context.finish().as_ref()) == *expected
            }
            Self::Md5(expected) => {
                let mut context = md5::Context::new();
                feed(&mut file, |chunk| context.consume(chunk))?;
                format!("{:x}", context.finalize()) == *expected
            }
        })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hex) => write!(f, "SHA-256 {hex}"),
            Self::GitBlob(hex) => write!(f, "git's SHA-1 {hex}"),
            Self::GitPointer(hex) => write!(f, "the SHA-256 in git's pointer {hex}"),
            Self::Md5(hex) => write!(f, "MD5 {hex}"),
        }
    }
}

/// The SHA-256 of what can be read.
pub fn sha256(from: &mut impl Read) -> io::Result<String> {
    let mut context = digest::Context::new(&digest::SHA256);
    feed(from, |chunk| context.update(chunk))?;
    Ok(hex(context.finish().as_ref()))
}

/// git's SHA-1 of a file of so many bytes, begun.
fn git_blob(bytes: u64) -> digest::Context {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(format!("blob {bytes}\0").as_bytes());
    context
}

fn feed(from: &mut impl Read, mut to: impl FnMut(&[u8])) -> io::Result<()> {
    let mut chunk = vec![0; 1 << 18];
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(()),
            read => to(&chunk[..read]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'hello\n'`, then `sha256sum`, `git hash-object`, `md5sum`; the pointer's by `git lfs pointer` and `git
    /// hash-object`.
    #[test]
    fn as_other_tools_have_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hello");
        std::fs::write(&path, "hello\n").unwrap();
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let all = [
            Checksum::Sha256(sha256.to_owned()),
            Checksum::GitBlob("ce013625030ba8dba906f756967f9e9ca394464a".to_owned()),
            Checksum::GitPointer("fa61e1ef71c9908c0926776a4aa3504b3a27f159".to_owned()),
            Checksum::Md5("b1946ac92492d2347c6235b4d2611184".to_owned()),
        ];
        for checksum in &all {
            assert!(checksum.holds(&path).unwrap(), "{checksum}");
        }
        std::fs::write(&path, "hallo\n").unwrap();
        for checksum in &all {
            assert!(!checksum.holds(&path).unwrap(), "{checksum}");
        }
        assert_eq!(Checksum::of_etag(sha256), Some(all[0].clone()));
        assert_eq!(Checksum::of_etag("ce013625030ba8dba906f756967f9e9ca394464a"), Some(all[1].clone()));
        assert_eq!(Checksum::of_etag("0x8D9"), None);
    }
}
