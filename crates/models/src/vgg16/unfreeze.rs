//! How much of a frozen base is trained after all, and so where it is cut.

use affekt_spec::encoder::{Vgg16Config, Vgg16Layer};
use affekt_spec::network::Unfreeze;

use crate::BuildError;

/// A base in two.
#[derive(Debug)]
pub struct Cut {
    /// The convolutions that stay as they are.
    pub frozen: Vec<Vgg16Layer>,
    /// Those behind them, which are trained.
    pub trained: Vec<Vgg16Layer>,
}

impl Cut {
    /// A base that is frozen but for what `unfreeze` says.
    pub fn of(config: &Vgg16Config, unfreeze: Option<Unfreeze>) -> Result<Self, BuildError> {
        config.check()?;
        let mut frozen = config.layers();
        let blocks = config.channels.len();
        let trained = match unfreeze {
            None => 0,
            Some(Unfreeze::Layers(layers)) => checked("layers", layers, frozen.len())?,
            Some(Unfreeze::Blocks(asked)) => {
                let first = blocks - checked("blocks", asked, blocks)?;
                frozen.iter().filter(|layer| layer.block >= first).count()
            }
        };
        let trained = frozen.split_off(frozen.len() - trained);
        Ok(Self { frozen, trained })
    }

    /// A base that is trained whole.
    pub fn nothing(config: &Vgg16Config) -> Result<Self, BuildError> {
        config.check()?;
        Ok(Self { frozen: vec![], trained: config.layers() })
    }
}

fn checked(what: &'static str, asked: usize, most: usize) -> Result<usize, BuildError> {
    if (1..=most).contains(&asked) { Ok(asked) } else { Err(BuildError::Unfreeze { what, asked, most }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is trained beside the classifier's 12 945 415. The published counts of one, two and three layers step by one
    /// convolution of 512 → 512.
    #[test]
    fn the_published_cuts() {
        let config = Vgg16Config::default();
        let trained = |unfreeze| {
            let Cut { frozen, trained } = Cut::of(&config, unfreeze).unwrap();
            assert_eq!([&frozen[..], &trained[..]].concat(), config.layers());
            trained.iter().map(Vgg16Layer::parameters).sum::<usize>() + 12_945_415
        };
        assert_eq!(trained(None), 12_945_415);
        let layers = [1, 2, 3, 13].map(|layers| trained(Some(Unfreeze::Layers(layers))));
        assert_eq!(layers, [15_305_223, 17_665_031, 20_024_839, 27_660_103]);
        // The second block from behind begins with 256 → 512, 1 180 160; the third is 128 → 256 and two of 256 → 256.
        let blocks = [1, 2, 3, 5].map(|blocks| trained(Some(Unfreeze::Blocks(blocks))));
        assert_eq!(blocks, [20_024_839, 25_924_615, 27_399_943, 27_660_103]);
    }
}
