//! Download sources of corpora: the section `fetch` of a card.

use affekt_config::{Field, Section};

/// The download source of a corpus' recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorpusOrigin {
    /// The server and its protocol.
    pub source: Source,
    /// The approximate size of the download in bytes.
    pub bytes: u64,
}

/// The way in which a server offers recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A single ZIP archive.
    Archive {
        /// The URL.
        url: String,
        /// The MD5 in hexadecimal digits, if published.
        md5: Option<String>,
        /// The approximate total size of its files in bytes.
        unpacked: u64,
    },
    /// Single files in git: GitHub lists a tree with git's checksum of every file.
    GitTree {
        /// The URL that lists the root of the tree.
        tree: String,
        /// The folders in it that have the recordings.
        folders: Vec<String>,
        /// The URL to which a file's path is appended.
        files: String,
        /// Whether git holds pointers (LFS) in place of the files.
        lfs: bool,
    },
    /// Single files in a Dataverse, which lists a dataset with the MD5 of every file.
    Dataverse {
        /// The server's URL.
        server: String,
        /// The dataset's persistent identifier.
        dataset: String,
    },
}

const KINDS: [(&str, Kind); 3] =
    [("archive", Kind::Archive), ("git-tree", Kind::GitTree), ("dataverse", Kind::Dataverse)];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Archive,
    GitTree,
    Dataverse,
}

/// Reads the section `fetch` of a card.
pub(crate) fn read(fetch: &mut Section) -> Option<CorpusOrigin> {
    let kind = fetch.required_one_of("kind", &KINDS);
    let bytes: Option<i64> = fetch.required_integer("bytes", 1..);
    let address = |field: Field| {
        let text = field.text()?;
        let is_address = text.starts_with("https://") || text.starts_with("http://");
        if !is_address {
            field.expected("a URL, `https://…`");
        }
        is_address.then(|| text.to_owned())
    };
    let source = match kind? {
        Kind::Archive => {
            let url = fetch.required("url").and_then(address);
            let md5 = fetch.optional("md5").map(read_md5);
            let unpacked: Option<i64> = fetch.required_integer("unpacked", 1..);
            let md5 = match md5 {
                Some(read) => Some(read?),
                None => None,
            };
            Source::Archive { url: url?, md5, unpacked: unpacked?.unsigned_abs() }
        }
        Kind::GitTree => {
            let [tree, files] = ["tree", "files"].map(|key| fetch.required(key).and_then(address));
            let folders = fetch.required_list("folders");
            let lfs = fetch.boolean("lfs", false);
            let folders: Option<Vec<String>> =
                folders?.into_iter().map(|folder| folder.text().map(str::to_owned)).collect();
            Source::GitTree { tree: tree?, folders: folders?, files: files?, lfs }
        }
        Kind::Dataverse => {
            let server = fetch.required("server").and_then(address);
            let dataset = fetch.required_text("dataset");
            Source::Dataverse { server: server?, dataset: dataset? }
        }
    };
    Some(CorpusOrigin { source, bytes: bytes?.unsigned_abs() })
}

fn read_md5(field: Field) -> Option<String> {
    let md5 = field.text()?;
    let is_md5 = md5.len() == 32 && md5.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
    if !is_md5 {
        field.expected("an MD5: 32 hexadecimal digits");
    }
    is_md5.then(|| md5.to_owned())
}
