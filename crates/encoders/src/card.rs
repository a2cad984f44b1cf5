//! The card of an encoder, `datasets/encoders/<name>.yaml`: its description, the source of its checkpoint and its
//! licence.

use std::fmt;
use std::path::Path;

use affekt_config::lookup::{self, LookupError};
use affekt_config::{Diagnostics, Field, Folder, Section, parse};
use affekt_spec::encoder::TrainedOn;
use affekt_spec::{FieldSchema, Limits, Schema, Spec};

use crate::hub::Repository;

/// The card of an encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderCard {
    /// The name in experiments: `wav2vec2-base`.
    pub name: String,
    /// The full name.
    pub title: String,
    /// The source of the checkpoint.
    pub origin: CheckpointOrigin,
    /// The approximate size of the download in bytes.
    pub bytes: u64,
    /// The licence.
    pub licence: String,
    /// The publication to cite.
    pub citation: String,
    /// What it was trained on, which audits read; `None` where nobody says. It is in no artefact and in no key.
    pub trained_on: Option<Vec<TrainedOn>>,
    /// A remark.
    pub note: Option<String>,
}

/// The branch of a repository whose card names no commit: its weights may change.
pub const UNPINNED: &str = "main";

/// The source of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointOrigin {
    /// A repository of the Hub.
    Hub {
        /// The repository.
        repository: Repository,
        /// The commit, so that the name always means the same weights; [`UNPINNED`] where the card names none.
        revision: String,
    },
    /// A single file on the web.
    File {
        /// The URL, which ends in the file's name.
        url: String,
    },
}

impl fmt::Display for CheckpointOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub { repository, revision } if revision == UNPINNED => {
                write!(f, "https://huggingface.co/{repository}, no commit of which is named")
            }
            Self::Hub { repository, revision } => {
                write!(f, "https://huggingface.co/{repository} at {revision}")
            }
            Self::File { url } => f.write_str(url),
        }
    }
}

impl EncoderCard {
    /// Finds the card called `name`, in any case, in the folder `encoders` of the first of the folders `datasets`
    /// that has one. Mistakes in it are added to `diagnostics`.
    ///
    /// # Errors
    /// Fails if there is no such card, or it cannot be read, or it has mistakes.
    pub fn find(datasets: &[Folder], name: &str, diagnostics: &Diagnostics) -> Result<Self, LookupError> {
        let (file, text) = lookup::read(&folders(datasets), "encoder", name)?;
        Self::parse(&file.to_string(), &text, diagnostics).ok_or(LookupError::Wrong { file })
    }

    /// Returns the names of all cards, sorted and in lower case.
    #[must_use]
    pub fn names(datasets: &[Folder]) -> Vec<String> {
        lookup::names(&folders(datasets))
    }

    /// Parses a card; `path` is shown to the user. Returns `None` if it has mistakes, which are added to `diagnostics`.
    #[must_use]
    pub fn parse(path: &str, text: &str, diagnostics: &Diagnostics) -> Option<Self> {
        // Only the card's own mistakes count, whatever else is in the caller's collection.
        let mistakes = Diagnostics::new();
        let card = parse(path, text, &mistakes)
            .and_then(|node| Field::new(&node, &mistakes).section("the card", |card| read(card, path)));
        let is_wrong = mistakes.has_errors();
        for mistake in mistakes.sorted() {
            diagnostics.push(mistake);
        }
        card.filter(|_| !is_wrong)
    }
}

/// Documents a card, for reference pages and JSON Schemas.
#[must_use]
pub fn card_schema() -> Schema {
    let text = |name, about| FieldSchema::required(name, about, Schema::Text);
    Schema::section(
        "An encoder: where its checkpoint lies and what may be done with it.",
        vec![
            affekt_spec::version_field(),
            text("name", "The name, which is the file's too."),
            text("title", "The full name."),
            text("licence", "What may be done with it."),
            text("citation", "The publication to cite."),
            FieldSchema::optional("url", "The address of a checkpoint that is one file.", Schema::Text),
            FieldSchema::optional("repository", "The repository of the Hub, `owner/name`.", Schema::Text),
            FieldSchema::optional(
                "revision",
                "Its commit, 40 hexadecimal digits. Without it, the name means whatever the branch `main` holds.",
                Schema::Text,
            ),
            FieldSchema::required(
                "bytes",
                "About how many bytes a download brings.",
                Schema::integer(1.0, 1e15),
            ),
            FieldSchema::optional(
                "trained_on",
                "What it was trained on, which audits read: saying it trains nothing anew. Without it, every table says that \
                 nobody knows.",
                Vec::<TrainedOn>::schema(&Limits::NONE),
            ),
            FieldSchema::optional("note", "What to know about it.", Schema::Text),
        ],
    )
}

fn folders(datasets: &[Folder]) -> Vec<Folder> {
    datasets.iter().map(|folder| folder.join("encoders")).collect()
}

fn read(card: &mut Section, path: &str) -> Option<EncoderCard> {
    // Everything is read before the first `?`, so that one mistake does not hide the next.
    card.check_file_version();
    let name = read_name(card, path);
    let [title, licence, citation] = ["title", "licence", "citation"].map(|key| card.required_text(key));
    let origin = read_origin(card);
    let bytes: Option<i64> = card.required_integer("bytes", 1..);
    let trained_on = card.optional("trained_on").map(|field| Vec::read(field, &Limits::NONE));
    let note = card.optional_text("note");
    Some(EncoderCard {
        name: name?,
        title: title?,
        origin: origin?,
        bytes: bytes?.unsigned_abs(),
        licence: licence?,
        citation: citation?,
        trained_on: match trained_on {
            Some(read) => Some(read?),
            None => None,
        },
        note,
    })
}

fn read_name(card: &mut Section, path: &str) -> Option<String> {
    let field = card.required("name")?;
    let name = field.text()?;
    let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if !name.eq_ignore_ascii_case(stem) {
        field.expected(&format!("the name of the card's file, `{stem}`"));
    }
    Some(name.to_owned())
}

/// Reads a `url`, or a `repository` and perhaps a `revision`.
fn read_origin(card: &mut Section) -> Option<CheckpointOrigin> {
    if let Some(url) = card.optional("url") {
        return Some(CheckpointOrigin::File { url: read_url(url)? });
    }
    let repository = card.required("repository").and_then(read_repository);
    let revision = match card.optional("revision") {
        Some(field) => read_revision(field),
        None => Some(UNPINNED.to_owned()),
    };
    Some(CheckpointOrigin::Hub { repository: repository?, revision: revision? })
}

fn read_url(field: Field) -> Option<String> {
    let url = field.text()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let name = rest.and_then(|rest| rest.rsplit_once('/')).map(|(_, name)| name);
    let is_file =
        name.is_some_and(|name| !name.is_empty() && !name.starts_with('.') && name.chars().all(is_plain));
    if !is_file {
        field.expected("the URL of a file, `https://…/name.pt`");
    }
    is_file.then(|| url.to_owned())
}

fn read_repository(field: Field) -> Option<Repository> {
    let repository = Repository::parse(field.text()?);
    if repository.is_none() {
        field.expected("a repository of the Hub, `owner/name`");
    }
    repository
}

/// Reads a commit; a branch is not accepted, as it may change.
fn read_revision(field: Field) -> Option<String> {
    let revision = field.text()?;
    let is_commit =
        revision.len() == 40 && revision.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    if !is_commit {
        field.expected("a commit: 40 hexadecimal digits");
    }
    is_commit.then(|| revision.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use affekt_spec::encoder::SeenLabels;

    use super::*;

    pub(crate) const CARD: &str = "\
name: tiny
title: A tiny encoder
repository: somebody/tiny
revision: 0123456789abcdef0123456789abcdef01234567
bytes: 1234
licence: CC0
citation: nobody
";

    fn mistakes(text: &str) -> String {
        let diagnostics = Diagnostics::new();
        assert_eq!(EncoderCard::parse("encoders/tiny.yaml", text, &diagnostics), None);
        diagnostics.to_string()
    }

    #[test]
    fn a_card_is_read() {
        let diagnostics = Diagnostics::new();
        let card = EncoderCard::parse("encoders/tiny.yaml", CARD, &diagnostics).unwrap();
        assert!(diagnostics.to_string().is_empty());
        assert_eq!((card.name.as_str(), card.bytes, card.note), ("tiny", 1234, None));
        assert_eq!(
            card.origin.to_string(),
            "https://huggingface.co/somebody/tiny at 0123456789abcdef0123456789abcdef01234567"
        );
    }

    #[test]
    fn a_card_may_name_no_commit() {
        let text: Vec<_> = CARD.lines().filter(|line| !line.starts_with("revision")).collect();
        let diagnostics = Diagnostics::new();
        let card = EncoderCard::parse("encoders/tiny.yaml", &text.join("\n"), &diagnostics).unwrap();
        assert_eq!(
            card.origin.to_string(),
            "https://huggingface.co/somebody/tiny, no commit of which is named"
        );
    }

    #[test]
    fn a_checkpoint_may_be_a_file() {
        let diagnostics = Diagnostics::new();
        let url = "https://example.org/models/tiny.pt";
        let text: Vec<_> = CARD.lines().filter(|line| !line.starts_with("re")).collect();
        let text = format!("{}\nurl: {url}\n", text.join("\n"));
        let card = EncoderCard::parse("encoders/tiny.yaml", &text, &diagnostics).unwrap();
        assert_eq!(card.origin, CheckpointOrigin::File { url: url.into() });
        let told = mistakes(&text.replace("https", "file"));
        assert!(told.contains("expected the URL of a file, `https://…/name.pt`"), "{told}");
        let told = mistakes(&text.replace("tiny.pt", ".."));
        assert!(told.contains("expected the URL of a file"), "{told}");
        let told = mistakes(&format!("{text}revision: main\n"));
        assert!(told.contains("unknown key `revision`"), "{told}");
    }

    #[test]
    fn a_card_may_say_what_it_was_trained_on() {
        let diagnostics = Diagnostics::new();
        let text = format!(
            "{CARD}trained_on:\n- {{ corpus: LibriSpeech, labels: transcripts }}\n\
             - {{ corpus: RAVDESS, speakers: ['01', '02'], labels: emotions }}\n- corpus: unknown\n"
        );
        let card = EncoderCard::parse("encoders/tiny.yaml", &text, &diagnostics).unwrap();
        let entry = |corpus: &str, speakers: &[&str], labels| TrainedOn {
            corpus: corpus.into(),
            speakers: speakers.iter().map(|&speaker| speaker.into()).collect(),
            labels,
        };
        let expected = [
            entry("LibriSpeech", &[], SeenLabels::Transcripts),
            entry("RAVDESS", &["01", "02"], SeenLabels::Emotions),
            entry("unknown", &[], SeenLabels::None),
        ];
        assert_eq!(card.trained_on.as_deref(), Some(&expected[..]));
        let told = mistakes(&text.replace("emotions", "emotion"));
        assert!(told.contains("encoders/tiny.yaml:10:"), "{told}");
        assert!(told.contains("did you mean `emotions`?"), "{told}");
    }

    #[test]
    fn mistakes_have_their_lines() {
        let text = CARD.replace("somebody/tiny", "tiny").replace("0123456789abcdef01234567", "main");
        let told = mistakes(&text);
        assert!(told.contains("expected a repository of the Hub, `owner/name`, found `tiny`"), "{told}");
        assert!(told.contains("encoders/tiny.yaml:3:13"), "{told}");
        assert!(told.contains("expected a commit: 40 hexadecimal digits"), "{told}");
        let told = mistakes(&CARD.replace("name: tiny", "name: small"));
        assert!(told.contains("the name of the card's file, `tiny`"), "{told}");
        let told = mistakes(&CARD.replace("licence", "license"));
        assert!(told.contains("did you mean `licence`, which it needs?"), "{told}");
    }

    #[test]
    fn the_cards_of_the_workspace_are_right() {
        let datasets = [Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets").into()];
        let names = EncoderCard::names(&datasets);
        assert!(names.contains(&"wav2vec2-base".to_owned()), "{names:?}");
        for name in names {
            let diagnostics = Diagnostics::new();
            EncoderCard::find(&datasets, &name, &diagnostics).unwrap_or_else(|_| panic!("{diagnostics}"));
        }
    }
}
