//! One rater's judgement of an utterance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One rater's judgement of one recording, for corpora that publish more than the aggregate: soft labels and
/// agreement are computed from these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// The utterance's id.
    pub utterance: String,
    /// The rater, as `<corpus>/<rater>`. May be the speaker; the corpus decides how raters are named.
    pub rater: String,
    /// The rater's categorical labels, in the rater's own words and order; empty if numbers were asked for.
    pub labels: Vec<String>,
    /// The rater's numeric judgements, by the names on the corpus card. All finite; those left blank are absent.
    pub values: BTreeMap<String, f32>,
    /// The rater's free-text comment.
    pub comment: Option<String>,
}
