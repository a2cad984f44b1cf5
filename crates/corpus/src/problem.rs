//! Kinds of defects of a corpus' files, and whether such files are left out. Names and messages are stored.

use affekt_domain::Problem;

/// A kind of problem. [`ProblemKind::name`] is the value of [`Problem::kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// The path does not match the card's grammar. Left out.
    UnparsedName,
    /// The label is not in the card's table. Left out.
    UnknownLabel,
    /// The file is empty. Left out.
    EmptyFile,
    /// The file cannot be decoded, or has no samples, or has samples that are not finite. Left out.
    Unreadable,
    /// The file is a duplicate of another: same name, same audio. Left out.
    SecondCopy,
    /// The file has the name of another file's recording and different audio. Left out.
    ConflictingCopy,
    /// The file is a compressed or a silent copy of another with the same name. Left out; reported once for all.
    WorseCopy,
    /// The file is no audio, nor a label file. Reported once for all of an extension.
    NoAudio,
    /// The table of segments has no row for the recording. Left out.
    NoSegments,
    /// The file ends early. Kept as far as it goes.
    Truncated,
    /// All samples are zero. Kept.
    Silent,
    /// Another utterance has identical audio. Kept.
    IdenticalAudio,
    /// The rate or the number of channels differs from that of most files. Kept.
    UnusualFormat,
    /// The card does not determine the speaker's sex. Kept.
    UnknownSex,
    /// The card determines official parts, but none for this file. Kept.
    UnknownPart,
    /// A label file of the card is missing. All files are kept.
    MissingTable,
    /// A cell of a label file cannot be interpreted. All files are kept.
    OddCell,
    /// The label files have no row for it. Kept.
    Unlisted,
    /// The label files have a row for a missing recording.
    MissingRecording,
    /// The card has a remark on this file. Kept.
    KnownOddity,
}

impl ProblemKind {
    /// Returns the stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnparsedName => "unparsed-name",
            Self::UnknownLabel => "unknown-label",
            Self::EmptyFile => "empty-file",
            Self::Unreadable => "unreadable",
            Self::SecondCopy => "second-copy",
            Self::ConflictingCopy => "conflicting-copy",
            Self::WorseCopy => "worse-copy",
            Self::NoAudio => "no-audio",
            Self::NoSegments => "no-segments",
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

    /// Returns whether files with this problem are left out.
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
                | Self::WorseCopy
                | Self::NoSegments
        )
    }

    /// Creates a problem of this kind with the file at `path`.
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
