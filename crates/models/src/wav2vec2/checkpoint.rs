//! Which tensor of a checkpoint is which parameter of ours. Ours have `affekt_encoders`' canonical names.

use std::collections::{BTreeMap, BTreeSet};

use affekt_encoders::{Format, canonical};

/// What goes where, and what does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameMap {
    /// Our name and the checkpoint's, for every parameter that can be loaded.
    pub tensors: BTreeMap<String, String>,
    /// Ours that the checkpoint does not have.
    pub missing: Vec<String>,
    /// The checkpoint's that we do not have, or that say again what another says.
    pub unexpected: Vec<String>,
    /// Those of equal name and other shape.
    pub mis_shaped: Vec<MisShaped>,
}

/// A tensor of another shape than the parameter of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MisShaped {
    /// Its name in the checkpoint.
    pub name: String,
    /// Its shape there.
    pub found: Vec<i64>,
    /// Our parameter's shape.
    pub expected: Vec<i64>,
}

/// Goes over the names and shapes of a checkpoint of transformers' and of the parameters of ours. Every name of either
/// side is in the result once.
#[must_use]
pub fn map_names(checkpoint: &BTreeMap<String, Vec<i64>>, ours: &BTreeMap<String, Vec<i64>>) -> NameMap {
    let mut map = NameMap::default();
    let mut named = BTreeSet::new();
    for (name, found) in checkpoint {
        let own = canonical(Format::Transformers, name);
        match ours.get(&own) {
            Some(expected) if !named.contains(&own) => {
                if found == expected {
                    map.tensors.insert(own.clone(), name.clone());
                } else {
                    let (name, found, expected) = (name.clone(), found.clone(), expected.clone());
                    map.mis_shaped.push(MisShaped { name, found, expected });
                }
                named.insert(own);
            }
            _ => map.unexpected.push(name.clone()),
        }
    }
    map.missing = ours.keys().filter(|own| !named.contains(*own)).cloned().collect();
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(list: &[(&str, &[i64])]) -> BTreeMap<String, Vec<i64>> {
        list.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect()
    }

    #[test]
    fn every_way_of_writing_a_name_is_understood() {
        let ours = shapes(&[
            ("encoder.pos_conv_embed.conv.weight_g", &[1, 1, 4]),
            ("encoder.pos_conv_embed.conv.weight_v", &[8, 2, 4]),
            ("lm_head.bias", &[5]),
        ]);
        let old = [
            "wav2vec2.encoder.pos_conv_embed.conv.weight_g",
            "wav2vec2.encoder.pos_conv_embed.conv.weight_v",
        ];
        let new = [
            "encoder.pos_conv_embed.conv.parametrizations.weight.original0",
            "encoder.pos_conv_embed.conv.parametrizations.weight.original1",
        ];
        for [length, direction] in [old, new] {
            let map = map_names(
                &shapes(&[(length, &[1, 1, 4]), (direction, &[8, 2, 4]), ("lm_head.bias", &[5])]),
                &ours,
            );
            assert_eq!(map.tensors.values().collect::<Vec<_>>(), [length, direction, "lm_head.bias"]);
            assert!(map.tensors.keys().eq(ours.keys()));
            assert_eq!(NameMap { tensors: BTreeMap::new(), ..map }, NameMap::default());
        }
    }

    #[test]
    fn what_does_not_fit_is_listed() {
        let ours = shapes(&[("a", &[2]), ("b", &[3]), ("c", &[4])]);
        let checkpoint =
            shapes(&[("a", &[2]), ("quantizer.weight", &[9]), ("wav2vec2.a", &[2]), ("wav2vec2.b", &[5])]);
        let map = map_names(&checkpoint, &ours);
        assert_eq!(map.tensors, BTreeMap::from([("a".to_owned(), "a".to_owned())]));
        assert_eq!(map.missing, ["c"]);
        assert_eq!(map.unexpected, ["quantizer.weight", "wav2vec2.a"]);
        let mis_shaped = MisShaped { name: "wav2vec2.b".into(), found: vec![5], expected: vec![3] };
        assert_eq!(map.mis_shaped, [mis_shaped]);
    }
}
