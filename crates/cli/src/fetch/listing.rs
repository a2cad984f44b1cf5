//! What files a server has, with their checksums.

use affekt_config::is_contained;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::checksum::Checksum;
use super::http::{Client, host};
use crate::out::say;

/// A list of ten thousand files has some megabytes.
const LARGEST: u64 = 200_000_000;

/// A file of a corpus on its server.
pub struct RemoteFile {
    /// Its path in the corpus' folder.
    pub path: String,
    /// Where it is.
    pub url: String,
    /// How many bytes it has, where the list tells.
    pub bytes: Option<u64>,
    /// What its bytes must be.
    pub checksum: Checksum,
}

/// The files in some folders of a tree of git, as GitHub lists it.
///
/// # Errors
/// In words for the person.
pub fn git_tree(
    client: &Client,
    tree: &str,
    folders: &[String],
    files: &str,
    lfs: bool,
) -> Result<Vec<RemoteFile>, String> {
    #[derive(Deserialize)]
    struct Tree {
        tree: Vec<Entry>,
        #[serde(default)]
        truncated: bool,
    }
    #[derive(Deserialize)]
    struct Entry {
        path: String,
        r#type: String,
        sha: String,
        size: Option<u64>,
        url: Option<String>,
    }
    let root: Tree = get(client, tree)?;
    let mut found = Vec::new();
    for folder in folders {
        let entry = root.tree.iter().find(|entry| entry.path == *folder && entry.r#type == "tree");
        let url = entry.and_then(|entry| entry.url.as_deref());
        let missing = || format!("{} lists no folder `{folder}`: the repository has changed", host(tree));
        let listed: Tree = get(client, url.ok_or_else(missing)?)?;
        if listed.truncated {
            return Err(format!("{} lists only a part of `{folder}`", host(tree)));
        }
        for entry in listed.tree.into_iter().filter(|entry| entry.r#type == "blob") {
            let path = plain(format!("{folder}/{}", entry.path))?;
            let checksum = if lfs { Checksum::GitPointer(entry.sha) } else { Checksum::GitBlob(entry.sha) };
            let url = format!("{files}{}", escaped(&path));
            let bytes = entry.size.filter(|_| !lfs);
            found.push(RemoteFile { path, url, bytes, checksum });
        }
    }
    Ok(found)
}

/// The files of a dataset in a Dataverse.
///
/// # Errors
/// In words for the person.
pub fn dataverse(client: &Client, server: &str, dataset: &str) -> Result<Vec<RemoteFile>, String> {
    #[derive(Deserialize)]
    struct Answer {
        data: Dataset,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Dataset {
        latest_version: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        files: Vec<Entry>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Entry {
        directory_label: Option<String>,
        data_file: DataFile,
    }
    #[derive(Deserialize)]
    struct DataFile {
        id: u64,
        filename: String,
        filesize: Option<u64>,
        md5: Option<String>,
    }
    let answer: Answer =
        get(client, &format!("{server}/api/datasets/:persistentId/?persistentId={dataset}"))?;
    let file = |Entry { directory_label, data_file }: Entry| {
        let DataFile { id, filename, filesize, md5 } = data_file;
        let path = plain(match directory_label {
            Some(folder) => format!("{folder}/{filename}"),
            None => filename,
        })?;
        let md5 = md5.ok_or_else(|| format!("{} tells no MD5 of `{path}`", host(server)))?;
        let url = format!("{server}/api/access/datafile/{id}");
        Ok(RemoteFile { path, url, bytes: filesize, checksum: Checksum::Md5(md5) })
    };
    answer.data.latest_version.files.into_iter().map(file).collect()
}

fn get<T: DeserializeOwned>(client: &Client, url: &str) -> Result<T, String> {
    let say = |text: &str| say!("{text}");
    let text = client.with_retries(&say, || client.get(url, &[], None)?.read_text(LARGEST));
    let text = text.map_err(|error| {
        format!("{}\nhint: check the network; a proxy is taken from HTTPS_PROXY", error.text)
    })?;
    serde_json::from_str(&text)
        .map_err(|error| format!("{} answers with another list than it used to: {error}", host(url)))
}

/// A path that stays in its folder.
fn plain(path: String) -> Result<String, String> {
    match is_contained(&path) {
        true => Ok(path),
        false => Err(format!("refused: the list names `{path}`, which leads out of its folder")),
    }
}

/// A path as it stands in an address.
fn escaped(path: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    path.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_plain_and_escaped() {
        assert_eq!(plain("a/b.wav".to_owned()), Ok("a/b.wav".to_owned()));
        assert!(plain("../a".to_owned()).is_err());
        assert_eq!(escaped("a b/ü#.wav"), "a%20b/%C3%BC%23.wav");
    }
}
