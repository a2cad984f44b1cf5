//! What an operation does, in sentences that a publication can print.

/// What a sentence is about: those of one topic stand in one paragraph, paragraphs in the order of topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// What becomes of recordings before anything is computed of them.
    Recordings,
    /// A network that was trained before.
    Encoder,
    /// What networks read.
    Features,
    /// What encoders learn without labels, or before the network that is evaluated.
    Pretraining,
    /// What that network consists of.
    Network,
    /// How it is trained.
    Training,
}

/// A whole sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// What it is about.
    pub topic: Topic,
    /// What it says.
    pub text: String,
}

impl Topic {
    /// Returns the heading of its paragraph.
    #[must_use]
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Recordings => "Recordings",
            Self::Encoder => "Encoder",
            Self::Features => "Features",
            Self::Pretraining => "Pretraining",
            Self::Network => "Network",
            Self::Training => "Training",
        }
    }

    /// Returns a sentence about it.
    pub(crate) fn says(self, text: impl Into<String>) -> Sentence {
        Sentence { topic: self, text: text.into() }
    }

    /// Returns sentences about it.
    pub(crate) fn all(self, texts: Vec<String>) -> Vec<Sentence> {
        texts.into_iter().map(|text| self.says(text)).collect()
    }
}
