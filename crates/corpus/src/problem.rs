//! Every way in which a file of a corpus can be wrong, and whether it is left out for it.

use affekt_domain::Problem;

/// A kind of problem. [`ProblemKind::name`] is what [`Problem::kind`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// Its path does not fit the card's grammar. Left out.
    UnparsedName,
    /// Its label is not in the card's table. Left out.
    UnknownLabel,
    /// It has no bytes. Left out.
    EmptyFile,
    /// It cannot be decoded, or holds no sample, or samples that are no finite numbers. Left out.
    Unreadable,
    /// It is the same recording as another file: the same name, the same audio. Left out.
    SecondCopy,
    /// It goes by the name of another file's recording and holds other audio. Left out.
    ConflictingCopy,
    /// It ends before it should. Kept as far as it goes.
    Truncated,
    /// All its samples are zero. Kept.
    Silent,
    /// Another utterance holds the very same audio. Kept.
    IdenticalAudio,
    /// Its rate or its number of channels is not that of most files. Kept.
    UnusualFormat,
    /// The card does not tell the sex of its speaker. Kept.
    UnknownSex,
    /// The card tells official parts, and none for it. Kept.
    UnknownPart,
    /// A label file of the card is not there. Keeps all.
    MissingTable,
    /// A cell of a label file is not understood. Keeps all.
    OddCell,
    /// The label files have no row for it. Kept.
    Unlisted,
    /// The label files have a row for a recording that is not there.
    MissingRecording,
    /// The card has a remark on this file. Kept.
    KnownOddity,
}

impl ProblemKind {
    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnparsedName => "unparsed-name",
            Self::UnknownLabel => "unknown-label",
            Self::EmptyFile => "empty-file",
            Self::Unreadable => "unreadable",
            Self::SecondCopy => "second-copy",
            Self::ConflictingCopy => "conflicting-copy",
            Self::Truncated => "truncated",
            Self::Silent => "silent",
            Self::IdenticalAudio => "identical-audio",
            Self::UnusualFormat => "unusual-format",
            Self::UnknownSex => "unknown-sex",
            Self::UnknownPart => "unknown-part",
            Self::MissingTable => "missing-table",
            Self::OddCell => "odd-cell",
            Self::Unlisted => "unlisted",
            Self::MissingRecording => "missing-recording",
            Self::KnownOddity => "known-oddity",
        }
    }

    /// Whether files are left out for it.
    #[must_use]
    pub const fn drops(self) -> bool {
        matches!(
            self,
            Self::UnparsedName
                | Self::UnknownLabel
                | Self::EmptyFile
                | Self::Unreadable
                | Self::SecondCopy
                | Self::ConflictingCopy
        )
    }

    /// A problem of this kind with the file at `path`.
    pub(crate) fn of(self, corpus: &str, path: &str, message: impl Into<String>) -> Problem {
        Problem {
            corpus: corpus.to_owned(),
            path: path.to_owned(),
            kind: self.name().to_owned(),
            message: message.into(),
            dropped: self.drops(),
        }
    }
}
