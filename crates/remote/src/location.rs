//! Names of places: `/a/folder`, `ssh://user@host/folder`, `s3://bucket/prefix`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::RemoteError;

/// A place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder, here or on a mounted disk.
    Folder(PathBuf),
    /// A folder on a host that the user's `sftp` reaches.
    Ssh(Host),
    /// A bucket, or what begins with a prefix in it.
    Bucket {
        /// Its name.
        bucket: String,
        /// What names begin with; empty, or ends with a slash.
        prefix: String,
    },
}

/// A folder on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The host, with the user where one is named: `sftp`'s destination.
    pub destination: String,
    /// The port, where it is not that of the user's configuration.
    pub port: Option<u16>,
    /// The folder. One that does not begin with a slash lies in the user's home.
    pub folder: String,
}

impl FromStr for Location {
    type Err = RemoteError;

    fn from_str(text: &str) -> Result<Self, RemoteError> {
        let wrong = |why: &str| {
            RemoteError::Location(format!(
                "`{text}`: {why}\nhint: expected a folder, ssh://[USER@]HOST[:PORT]/FOLDER or s3://BUCKET[/PREFIX]"
            ))
        };
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text {
                "" => Err(wrong("it names no place")),
                _ => Ok(Self::Folder(PathBuf::from(text))),
            };
        };
        if rest.chars().any(|letter| letter.is_control() || letter == '"' || letter == '\\') {
            return Err(wrong("quotes, backslashes and control characters cannot be used"));
        }
        match scheme {
            "s3" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let is_name = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
                if bucket.is_empty() || !bucket.chars().all(is_name) {
                    return Err(wrong("this is no name of a bucket"));
                }
                let prefix = prefix.trim_matches('/');
                let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
                Ok(Self::Bucket { bucket: bucket.to_owned(), prefix })
            }
            "ssh" => {
                let (authority, folder) = rest.split_once('/').unwrap_or((rest, ""));
                let (user, host) =
                    authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
                let (host, port) = match host.split_once(':') {
                    Some((host, port)) => {
                        (host, Some(port.parse().map_err(|_| wrong("its port is no number"))?))
                    }
                    None => (host, None),
                };
                // What a host or a user may be called; and nothing that `sftp` would take for an option.
                let is_name = |letter: char| letter.is_ascii_alphanumeric() || ".-_+".contains(letter);
                let is_good =
                    |name: &str| !name.is_empty() && !name.starts_with('-') && name.chars().all(is_name);
                if user.is_some_and(|user| user.contains(':')) {
                    return Err(RemoteError::Location(
                        "a place has no password in its name\nhint: have `ssh` ask its agent, or name a key in ~/.ssh/config"
                            .to_owned(),
                    ));
                }
                if !is_good(host) || !user.is_none_or(is_good) {
                    return Err(wrong("this is no name of a host"));
                }
                let folder = match folder.strip_prefix("~/") {
                    Some(in_home) => in_home.to_owned(),
                    None => format!("/{folder}"),
                };
                let folder = folder.trim_end_matches('/').to_owned();
                if folder.is_empty() {
                    return Err(wrong("it names no folder"));
                }
                let destination = user.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
                Ok(Self::Ssh(Host { destination, port, folder }))
            }
            _ => Err(wrong("there is no such kind of place")),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Ssh(host) => host.fmt(f),
            Self::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { destination, port, folder } = self;
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let home = if folder.starts_with('/') { "" } else { "/~/" };
        write!(f, "ssh://{destination}{port}{home}{folder}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        let host = |destination: &str, port, folder: &str| {
            Location::Ssh(Host { destination: destination.into(), port, folder: folder.into() })
        };
        for (text, expected) in [
            ("/mnt/shared", Location::Folder("/mnt/shared".into())),
            ("../shared", Location::Folder("../shared".into())),
            ("ssh://lab/srv/affekt", host("lab", None, "/srv/affekt")),
            ("ssh://ann@lab.example:2222/~/affekt", host("ann@lab.example", Some(2222), "affekt")),
            ("s3://voices/", Location::Bucket { bucket: "voices".into(), prefix: String::new() }),
            ("s3://voices/a/b/", Location::Bucket { bucket: "voices".into(), prefix: "a/b/".into() }),
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location, expected, "{text}");
            assert_eq!(location.to_string().trim_end_matches('/'), text.trim_end_matches('/'));
        }
    }

    #[test]
    fn what_could_become_an_option_or_a_command_is_refused() {
        for text in [
            "",
            "ftp://lab/a",
            "ssh://-oProxyCommand=touch%20x/a",
            "ssh://ann@-oProxyCommand=x/a",
            "ssh://lab;touch x/a",
            "ssh://lab/a\n!touch x",
            "ssh://lab/a\"b",
            "ssh://lab",
            "ssh://lab:x/a",
            "ssh://ann:secret@lab/a",
            "s3://",
            "s3://key:secret@bucket/a",
        ] {
            let told = text.parse::<Location>().unwrap_err().to_string();
            assert!(!told.contains("secret") || text.starts_with("s3"), "{told}");
        }
    }
}
