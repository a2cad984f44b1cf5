//! The kinds of artefact that flow between ops.

use std::fmt;

use affekt_domain::Role;

/// What an output holds. A port states what it takes, so that a graph that would fit a network to test rows
/// (or feed waveforms to one made for features) is refused before anything runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The utterances of one corpus.
    Manifest,
    /// What is not as it should be in one corpus.
    Problems,
    /// What single people say of the utterances of one corpus.
    Ratings,
    /// The labelled utterances of an experiment.
    Examples,
    /// The roles of the examples in every fold.
    Folds,
    /// The leakage audit of the folds.
    Audit,
    /// The examples of one role of one fold.
    Rows(Role),
    /// Mono waveforms.
    Waveforms,
    /// Fixed-shape features.
    Features,
    /// Features drawn as images.
    SpectrogramImages,
    /// Means and deviations of features.
    Standardiser,
    /// A pretrained encoder of speech.
    Encoder,
    /// What became of every tensor of a checkpoint.
    KeyMappingReport,
    /// A network that gives states of frames, and what it was fitted with.
    FrameTeacher,
    /// States of the frames of training rows.
    States,
    /// The centres of clusters of states.
    Clusters,
    /// The cluster of every frame of training rows.
    PseudoLabels,
    /// A training that can be gone on with.
    TrainingState,
    /// Settings that did best among those that were tried.
    Chosen,
    /// What was tried.
    Trials,
    /// A trained network.
    Model,
    /// The epochs of a training run.
    History,
    /// What trained networks say about dev and test rows.
    Predictions,
    /// The figures of a variant.
    Metrics,
    /// How variants differ.
    Comparison,
    /// What networks say about a test part, as its organisers want it.
    Submission,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("a manifest"),
            Self::Problems => f.write_str("a table of problems"),
            Self::Ratings => f.write_str("ratings of single people"),
            Self::Examples => f.write_str("examples"),
            Self::Folds => f.write_str("folds"),
            Self::Audit => f.write_str("an audit"),
            Self::Rows(role) => write!(f, "rows of role {}", role.name()),
            Self::Waveforms => f.write_str("waveforms"),
            Self::Features => f.write_str("features"),
            Self::SpectrogramImages => f.write_str("spectrogram images"),
            Self::Standardiser => f.write_str("a standardiser"),
            Self::Encoder => f.write_str("an encoder"),
            Self::KeyMappingReport => f.write_str("a key mapping report"),
            Self::FrameTeacher => f.write_str("a frame-level teacher"),
            Self::States => f.write_str("states of training rows"),
            Self::Clusters => f.write_str("clusters"),
            Self::PseudoLabels => f.write_str("pseudo-labels of training rows"),
            Self::TrainingState => f.write_str("the state of a training"),
            Self::Chosen => f.write_str("chosen settings"),
            Self::Trials => f.write_str("trials"),
            Self::Model => f.write_str("a model"),
            Self::History => f.write_str("a history"),
            Self::Predictions => f.write_str("predictions"),
            Self::Metrics => f.write_str("metrics"),
            Self::Comparison => f.write_str("a comparison"),
            Self::Submission => f.write_str("a submission"),
        }
    }
}

/// Rows that fit networks, normalisers and clusters.
pub(crate) const TRAIN: Kind = Kind::Rows(Role::Train);
/// Rows that choose epochs and hyper-parameters.
pub(crate) const DEV: Kind = Kind::Rows(Role::Dev);
/// Rows that figures come from.
pub(crate) const TEST: Kind = Kind::Rows(Role::Test);
