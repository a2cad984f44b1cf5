//! What one person says of an utterance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One person's judgement of one recording, where a corpus keeps more than what all of them came to: soft labels and
/// agreement are made of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// The utterance's id.
    pub utterance: String,
    /// Who judges: `<corpus>/<rater>`. It may be the speaker: how raters are called is the corpus' business.
    pub rater: String,
    /// The labels, in the rater's own words and order; none where numbers were asked for.
    pub labels: Vec<String>,
    /// The numbers, by the names on the corpus' card. All are finite; one that the rater left out is not there.
    pub values: BTreeMap<String, f32>,
    /// What the rater remarked.
    pub comment: Option<String>,
}
