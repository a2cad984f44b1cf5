//! The canonical form: one safetensors file with everything in f32 under canonical names, and the configuration.
//!
//! Its bytes depend on the encoder only: names are sorted, and the files it came from are not mentioned. The layout
//! is that of affekt-torch's checkpoints, whose reader opens it: aligned, with the digest of the rest of the file as
//! the metadata entry `blake3`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::weights::Weights;
use affekt_spec::encoder::Family;

use crate::{Encoder, EncoderCard, EncoderError};

/// The metadata key of the [`ArtefactCard`].
pub const CARD: &str = "card";

/// The metadata key of the digest.
const DIGEST: &str = "blake3";

/// The description of the encoder within an artefact. Its texts are stored: changing them changes artefacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArtefactCard {
    /// The version of this layout: 1.
    pub version: u32,
    /// The name on the encoder's card, otherwise [`UNNAMED`].
    pub name: String,
    /// The configuration; its `model_type` is the family.
    pub config: Family,
    /// Whether input waveforms are standardised to zero mean and unit variance.
    pub normalise: bool,
    /// The origin, in words.
    pub origin: String,
    /// The licence, if known.
    pub licence: Option<String>,
    /// Whether the weights were trained. If not, there are none, and whoever uses the encoder draws them from `seed`.
    pub pretrained: bool,
    /// The seed of untrained weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// The name of a checkpoint given by its path, as the location of a file is not part of its identity.
pub const UNNAMED: &str = "unnamed";

impl ArtefactCard {
    /// Creates the description of a checkpoint that was read; `known` is its card, if it was located by name.
    #[must_use]
    pub fn of(encoder: &Encoder, known: Option<&EncoderCard>) -> Self {
        let origin = match known {
            Some(known) => known.origin.to_string(),
            None => "a checkpoint that no card describes".to_owned(),
        };
        Self {
            version: 1,
            name: known.map_or_else(|| UNNAMED.to_owned(), |known| known.name.clone()),
            config: encoder.config.clone(),
            normalise: encoder.normalise,
            origin,
            licence: known.map(|known| known.licence.clone()),
            pretrained: true,
            seed: None,
        }
    }

    /// Creates the description of an untrained encoder, to be initialised from `seed`.
    #[must_use]
    pub fn untrained(config: impl Into<Family>, normalise: bool, seed: u64) -> Self {
        Self {
            version: 1,
            name: "random".into(),
            config: config.into(),
            normalise,
            origin: format!("drawn at random from seed {seed}: not pretrained"),
            licence: None,
            pretrained: false,
            seed: Some(seed),
        }
    }
}

/// Writes an artefact tensor by tensor, with memory for some thousand elements.
///
/// # Errors
/// Fails if the file cannot be written or a weight is not finite.
pub fn write(
    path: &Path,
    card: &ArtefactCard,
    tensors: &BTreeMap<String, Weights>,
) -> Result<(), EncoderError> {
    write_with_card(path, card, tensors)
}

/// Writes weights with a card, as the worker reads them.
///
/// # Errors
/// Fails if the file cannot be written or a weight is not finite.
pub fn write_with_card(
    path: &Path,
    card: &impl Serialize,
    tensors: &BTreeMap<String, Weights>,
) -> Result<(), EncoderError> {
    let card = serde_json::to_string(card).map_err(|error| EncoderError::io(path)(error.into()))?;
    write_safetensors(path, &BTreeMap::from([(CARD.to_owned(), card)]), tensors)
}

/// Writes f32 tensors in the order of names, with metadata and the digest of both.
pub(crate) fn write_safetensors(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    tensors: &BTreeMap<String, Weights>,
) -> Result<(), EncoderError> {
    let io = || EncoderError::io(path);
    let plain = header(metadata, tensors);
    let mut digest = blake3::Hasher::new();
    digest.update(&plain);

    let mut metadata = metadata.clone();
    // The digest is only known in the end; until then its place is reserved.
    metadata.insert(DIGEST.to_owned(), "0".repeat(64));
    let head = padded(header(&metadata, tensors));
    let mut file = BufWriter::new(File::create(path).map_err(io())?);
    file.write_all(&head).map_err(io())?;
    for (name, weights) in tensors {
        write_values(&mut file, &mut digest, weights)
            .map_err(io())?
            .map_err(|NotFinite| EncoderError::NotFinite { name: name.clone() })?;
    }
    metadata.insert(DIGEST.to_owned(), digest.finalize().to_hex().to_string());
    file.seek(SeekFrom::Start(0)).map_err(io())?;
    file.write_all(&padded(header(&metadata, tensors))).map_err(io())?;
    file.flush().map_err(io())
}

/// An error for a weight that is not finite.
struct NotFinite;

fn write_values(
    file: &mut impl Write,
    digest: &mut blake3::Hasher,
    weights: &Weights,
) -> io::Result<Result<(), NotFinite>> {
    let (mut outcome, mut is_finite) = (Ok(()), true);
    let mut bytes = Vec::new();
    weights.each_chunk(|values| {
        bytes.clear();
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        is_finite &= values.iter().all(|value| value.is_finite());
        if outcome.is_ok() && is_finite {
            digest.update(&bytes);
            outcome = file.write_all(&bytes);
        }
    });
    outcome.map(|()| if is_finite { Ok(()) } else { Err(NotFinite) })
}

/// Formats names, types, shapes and offsets as JSON with sorted keys.
fn header(metadata: &BTreeMap<String, String>, tensors: &BTreeMap<String, Weights>) -> Vec<u8> {
    let mut entries = BTreeMap::from([("__metadata__", json!(metadata))]);
    let mut start = 0;
    for (name, weights) in tensors {
        let end = start + weights.count() * size_of::<f32>();
        let entry = BTreeMap::from([
            ("data_offsets", json!([start, end])),
            ("dtype", json!("F32")),
            ("shape", json!(weights.shape())),
        ]);
        entries.insert(name, json!(entry));
        start = end;
    }
    json!(entries).to_string().into_bytes()
}

/// Prepends the length to the header and pads it so that the elements are aligned.
fn padded(mut header: Vec<u8>) -> Vec<u8> {
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut header);
    bytes
}
