//! fairseq's settings of wav2vec. Source: `Wav2VecConfig` of `fairseq/models/wav2vec/wav2vec.py`.

use serde_json::{Map, Value as Json, json};

use super::Settings;
use affekt_spec::encoder::Wav2VecConfig;

use crate::EncoderError;

/// The type of these models.
pub(super) const MODEL: &str = Wav2VecConfig::MODEL_TYPE;

/// fairseq's default, which has one more layer than `wav2vec_large`.
const FEATURE_LAYERS: &str = "[(512, 10, 5), (512, 8, 4), (512, 4, 2), (512, 4, 2), (512, 4, 2), (512, 1, 1), (512, 1, 1), \
                              (512, 1, 1)]";

const AGGREGATOR_LAYERS: &str = "[(512, 2, 1), (512, 3, 1), (512, 4, 1), (512, 5, 1), (512, 6, 1), (512, 7, 1), (512, 8, 1), \
                                 (512, 9, 1), (512, 10, 1), (512, 11, 1), (512, 12, 1), (512, 13, 1)]";

/// Returns the fields of a [`Wav2VecConfig`].
pub(super) fn known_fields(settings: &Settings<'_>) -> Result<Map<String, Json>, EncoderError> {
    // A quantiser between encoder and aggregator makes it vq-wav2vec.
    settings.supports([("aggregator", json!("cnn")), ("vq_type", json!("none"))])?;
    let mut known_fields = Map::from_iter([
        ("model_type".to_owned(), json!(MODEL)),
        ("conv_feature_layers".to_owned(), json!(settings.layers("conv_feature_layers", FEATURE_LAYERS)?)),
        (
            "conv_aggregator_layers".to_owned(),
            json!(settings.layers("conv_aggregator_layers", AGGREGATOR_LAYERS)?),
        ),
    ]);
    for (name, default) in [
        ("activation", json!("relu")),
        ("log_compression", json!(true)),
        ("skip_connections_feat", json!(false)),
        ("skip_connections_agg", json!(true)),
        ("residual_scale", json!(0.5)),
        ("agg_zero_pad", json!(false)),
        ("no_conv_bias", json!(false)),
        ("non_affine_group_norm", json!(false)),
        ("dropout", json!(0.0)),
        ("dropout_features", json!(0.0)),
        ("dropout_agg", json!(0.0)),
    ] {
        let value = settings.json(settings.encoder, name)?.unwrap_or(default);
        known_fields.insert(name.to_owned(), value);
    }
    Ok(known_fields)
}
