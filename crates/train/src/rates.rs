//! How fast each parameter learns: factors of the learning rate by its name and its depth, and when it begins to learn at all.
//!
//! The depth is counted from above: 0 is what reads an encoder, 1 the encoder's last layer, and what is below all layers comes last
//! (a norm of the whole transformer too).

use affekt_spec::training::Optimisation;

use crate::TrainError;

/// How fast the parameters of a learner learn.
#[derive(Debug, Clone)]
pub struct Rates {
    factors: Vec<(String, f64)>,
    layer_decay: f64,
    unfreeze_every: Option<u32>,
    /// Layers of the encoder.
    layers: u32,
}

/// What the names of an encoder's parameters begin with.
const ENCODER: &str = "wav2vec2.";

impl Rates {
    /// Returns the rates that a training asks for, of a learner with parameters of these names.
    ///
    /// # Errors
    /// When no name begins as a factor says, or there are no layers to tell apart.
    pub fn new<'n>(
        optimisation: &Optimisation,
        names: impl Iterator<Item = &'n String> + Clone,
    ) -> Result<Self, TrainError> {
        let bad = |name, value, expected| Err(TrainError::Config { name, value, expected });
        let Optimisation { lr_factors, layer_decay, unfreeze_every, .. } = optimisation;
        for (prefix, factor) in lr_factors {
            if !names.clone().any(|name| name.starts_with(prefix)) {
                return bad(
                    "lr_factors",
                    prefix.clone(),
                    "the beginning of the name of a parameter that is trained",
                );
            }
            if !(*factor >= 0.0 && factor.is_finite()) {
                return bad("lr_factors", factor.to_string(), "numbers from 0");
            }
        }
        let layers = names.filter_map(|name| layer(name)).max().map_or(0, |last| last + 1);
        if layers == 0 && *layer_decay != 1.0 {
            return bad("layer_decay", layer_decay.to_string(), "1, for no layers of an encoder are trained");
        }
        if let Some(every) = unfreeze_every.filter(|_| layers == 0) {
            return bad(
                "unfreeze_every",
                every.to_string(),
                "nothing, for no layers of an encoder are trained",
            );
        }
        let factors = lr_factors.iter().map(|(prefix, factor)| (prefix.clone(), *factor)).collect();
        Ok(Self { factors, layer_decay: *layer_decay, unfreeze_every: *unfreeze_every, layers })
    }

    /// Returns what the learning rate of a parameter is multiplied by.
    pub fn factor(&self, name: &str) -> f64 {
        let of_name = self.factors.iter().filter(|(prefix, _)| name.starts_with(prefix));
        let of_name = of_name.max_by_key(|(prefix, _)| prefix.len()).map_or(1.0, |(_, factor)| *factor);
        match self.layer_decay {
            1.0 => of_name,
            decay => of_name * decay.powi(self.depth(name) as i32),
        }
    }

    /// Returns whether a parameter learns in an epoch, from 1.
    pub fn learns(&self, name: &str, epoch: u32) -> bool {
        self.unfreeze_every.is_none_or(|every| self.depth(name) <= (epoch - 1) / every)
    }

    /// Returns whether not all learn in every epoch.
    pub const fn is_gradual(&self) -> bool {
        self.unfreeze_every.is_some()
    }

    fn depth(&self, name: &str) -> u32 {
        match layer(name) {
            Some(layer) => self.layers - layer,
            None if name.starts_with(ENCODER) => self.layers + 1,
            None => 0,
        }
    }
}

/// Returns which layer of an encoder a parameter is of, from 0, where it is of one.
fn layer(name: &str) -> Option<u32> {
    let (number, _) = name.strip_prefix(ENCODER)?.split_once(".layers.")?.1.split_once('.')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = [
        "classifier.weight",
        "wav2vec2.encoder.layers.0.attention.q_proj.weight",
        "wav2vec2.encoder.layers.1.final_layer_norm.bias",
        "wav2vec2.feature_projection.projection.weight",
    ];

    fn rates(optimisation: &Optimisation) -> Result<Rates, TrainError> {
        Rates::new(optimisation, NAMES.map(str::to_owned).iter())
    }

    #[test]
    fn by_depth_and_name() {
        let plain = rates(&Optimisation::default()).unwrap();
        assert!(NAMES.iter().all(|name| plain.factor(name) == 1.0 && plain.learns(name, 1)));
        let optimisation = Optimisation {
            layer_decay: 0.5,
            lr_factors: [("classifier".to_owned(), 10.0), ("wav2vec2.encoder".to_owned(), 4.0)].into(),
            unfreeze_every: Some(2),
            ..Optimisation::default()
        };
        let rates_of = rates(&optimisation).unwrap();
        assert_eq!(NAMES.map(|name| rates_of.factor(name)), [10.0, 4.0 * 0.25, 4.0 * 0.5, 0.125]);
        let learning = |epoch| NAMES.map(|name| rates_of.learns(name, epoch));
        assert_eq!(learning(2), [true, false, false, false]);
        assert_eq!(learning(3), [true, false, true, false]);
        assert_eq!(learning(6), [true, true, true, false]);
        assert_eq!(learning(7), [true; 4]);
        let unknown =
            Optimisation { lr_factors: [("lstm".to_owned(), 2.0)].into(), ..Optimisation::default() };
        let error = rates(&unknown).unwrap_err().to_string();
        assert_eq!(
            error,
            "lr_factors is lstm: expected the beginning of the name of a parameter that is trained"
        );
    }
}
