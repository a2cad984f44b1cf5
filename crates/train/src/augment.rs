//! Pictures of a training are mirrored, turned and zoomed at random, other ones in each epoch.
//!
//! As Keras' layers `RandomFlip("horizontal")`, `RandomRotation` and `RandomZoom` one after the other, with their defaults:
//! angles and zooms are uniform in ± what is given, the proportions are kept, pixels are interpolated linearly, and what lies
//! outside is the picture's mirror image (`reflect`). But turning and zooming are one step: pixels are interpolated, and
//! mirrored beyond the edges, once. A picture of bytes stays one, for values are rounded.

use affekt_spec::training::{Augment, Flip};
use affekt_torch::{Random, f_upload};
use tch::{Kind, Tensor};

use crate::TrainError;

/// What becomes of the pictures of one epoch.
#[derive(Debug, Clone, Copy)]
pub struct Augmentation {
    pub augment: Augment,
    pub seed: u64,
    pub epoch: u32,
}

/// What becomes of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distortion {
    /// First.
    pub mirrored: bool,
    /// Counter-clockwise.
    pub degrees: f64,
    /// How much of it is seen then, in height and width: of 1 all, of more its mirror images around it, too.
    pub seen: f64,
}

impl Augmentation {
    /// What is drawn for a copy of an utterance, whatever else is drawn.
    pub fn of(&self, name: &str, copy: usize) -> Distortion {
        let Augment { flip, rotation, zoom } = self.augment;
        let mut random = Random::new(self.seed, &format!("augment {} {copy} {name}", self.epoch));
        // All three are drawn whether they are wanted or not: one setting changes nothing about the others.
        let heads = random.bits() >> 63 == 1;
        let [turn, depth] = [0; 2].map(|_| f64::from(random.uniform(-1.0, 1.0)));
        Distortion {
            mirrored: heads && flip == Flip::Horizontal,
            degrees: rotation * turn,
            seen: 1.0 + zoom * depth,
        }
    }
}

/// Pictures `[batch, channels, height, width]`, turned and zoomed; they are mirrored already.
pub fn resampled(pictures: &Tensor, distortions: &[Distortion]) -> Result<Tensor, TrainError> {
    let values = interpolated(&pictures.f_to_kind(Kind::Float)?, distortions)?;
    Ok(values.f_round()?.f_to_kind(pictures.f_kind()?)?)
}

/// The same before rounding, of f32.
fn interpolated(pictures: &Tensor, distortions: &[Distortion]) -> Result<Tensor, TrainError> {
    let (_, _, height, width) = pictures.size4()?;
    let device = pictures.device();
    // Of each picture and pixel, where in the picture that was its value is found: -1 to 1 from edge to edge, as
    // `grid_sample` has it. libtorch's `affine_grid` multiplies matrices, whose rounding may depend on how many there are.
    let coefficient = |of: &dyn Fn(&Distortion) -> f64| -> Result<Tensor, TrainError> {
        let values: Vec<f32> = distortions.iter().map(|distortion| of(distortion) as f32).collect();
        Ok(f_upload(&Tensor::f_from_slice(&values)?.f_view([-1, 1, 1])?, device)?)
    };
    let centres = |count: i64| -> Result<Tensor, TrainError> {
        let centre = |pixel: i64| ((2 * pixel + 1) as f64 / count as f64 - 1.0) as f32;
        Ok(f_upload(&Tensor::f_from_slice(&(0..count).map(centre).collect::<Vec<_>>())?, device)?)
    };
    let (x, y) = (centres(width)?.f_view([1, 1, width])?, centres(height)?.f_view([1, height, 1])?);
    // Angles are those of square pixels, whatever the picture's proportions.
    let (down, across) = (height as f64 / width as f64, width as f64 / height as f64);
    let cosine = coefficient(&|d| d.seen * d.degrees.to_radians().cos())?;
    let from_x = (cosine.f_mul(&x)?)
        .f_sub(&coefficient(&|d| d.seen * d.degrees.to_radians().sin() * down)?.f_mul(&y)?)?;
    let from_y = (coefficient(&|d| d.seen * d.degrees.to_radians().sin() * across)?.f_mul(&x)?)
        .f_add(&cosine.f_mul(&y)?)?;
    let grid = Tensor::f_stack(&[from_x, from_y], -1)?;
    Ok(pictures.f_grid_sampler(
        &grid, /* bilinear */ 0, /* reflection */ 2, /* align_corners */ false,
    )?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use affekt_domain::Role;
    use affekt_models::InputShape;
    use tch::Device;

    use super::*;
    use crate::batches::Loader;
    use crate::{Dataset, Target};

    const SHAPE: [usize; 3] = [3, 9, 13];
    const ALL: Augment = Augment { flip: Flip::Horizontal, rotation: 20.0, zoom: 0.2 };

    /// The picture of `tests/goldens/augment/make.py`, a little different in each of six rows: two copies of three utterances.
    struct Pictures(Vec<Vec<u8>>);

    impl Pictures {
        fn new() -> Self {
            let pixel = |row: usize, i: usize| (i * 37 + i * i * 11 + row * 5) as u8;
            Self((0..6).map(|row| (0..SHAPE.iter().product()).map(|i| pixel(row, i)).collect()).collect())
        }

        fn augmented(&self, augment: Augment, epoch: u32) -> Loader<'_> {
            Loader { augmentation: Some(Augmentation { augment, seed: 7, epoch }), ..self.plain() }
        }

        fn plain(&self) -> Loader<'_> {
            let device = Device::Cpu;
            Loader { dataset: self, standardiser: None, window: None, augmentation: None, device }
        }
    }

    impl Dataset for Pictures {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn input(&self) -> InputShape {
            InputShape::Pictures(SHAPE)
        }
        fn values(&self, _: usize) -> &[f32] {
            unreachable!("pictures have pixels")
        }
        fn pixels(&self, row: usize) -> &[u8] {
            &self.0[row]
        }
        fn target(&self, _: usize) -> Target<'_> {
            Target::Class(0)
        }
        fn name(&self, row: usize) -> &str {
            ["C/a", "C/b", "C/c"][row / 2]
        }
        fn copy(&self, row: usize) -> usize {
            row % 2
        }
        fn speaker(&self, _: usize) -> &str {
            "C/1"
        }
        fn role(&self, _: usize) -> Option<Role> {
            Some(Role::Train)
        }
    }

    /// What a network reads of some rows, row by row.
    fn read(loader: &Loader, rows: &[usize]) -> Vec<Vec<u8>> {
        let inputs = loader.distorted(rows, loader.inputs(rows).unwrap()).unwrap();
        assert_eq!((inputs.xs.kind(), inputs.xs.size()), (Kind::Uint8, vec![rows.len() as i64, 3, 9, 13]));
        Vec::<Vec<u8>>::try_from(inputs.xs.flatten(1, -1)).unwrap()
    }

    fn tensor(pixels: &[u8]) -> Tensor {
        Tensor::from_slice(pixels).view(SHAPE.map(|side| side as i64)).unsqueeze(0)
    }

    fn turned(degrees: f64, seen: f64) -> Distortion {
        Distortion { mirrored: false, degrees, seen }
    }

    #[test]
    fn nothing_asked_for_changes_nothing() {
        let pictures = Pictures::new();
        assert_eq!(read(&pictures.plain(), &[0, 1, 2]), pictures.0[..3]);
        assert_eq!(read(&pictures.augmented(Augment::default(), 1), &[0, 1, 2]), pictures.0[..3]);
        // Turned by nothing it goes through interpolation, and comes back.
        let same = resampled(&tensor(&pictures.0[0]), &[turned(0.0, 1.0)]).unwrap();
        assert_eq!(same, tensor(&pictures.0[0]));
    }

    #[test]
    fn flips_are_exact_and_half_of_all() {
        let pictures = Pictures::new();
        let flip = Augment { flip: Flip::Horizontal, ..Augment::default() };
        let mirrored = Vec::<u8>::try_from(tensor(&pictures.0[3]).flip([3]).flatten(0, -1)).unwrap();
        let mut flips = 0;
        for epoch in 1..=400 {
            let [found] = <[_; 1]>::try_from(read(&pictures.augmented(flip, epoch), &[3])).unwrap();
            assert!(found == mirrored || found == pictures.0[3]);
            flips += usize::from(found == mirrored);
        }
        // A deviation of 10; the bounds are five of them.
        assert!((150..=250).contains(&flips), "{flips} of 400");
    }

    #[test]
    fn a_quarter_turn_is_a_permutation() {
        let square = tensor(&Pictures::new().0[0]).narrow(3, 2, 9);
        for (degrees, quarters) in [(90.0, 1), (180.0, 2), (-90.0, -1)] {
            let turned = resampled(&square, &[turned(degrees, 1.0)]).unwrap();
            assert_eq!(turned, square.rot90(quarters, [2, 3]), "{degrees}");
        }
    }

    #[test]
    fn turning_and_zooming_equal_keras_definitions() {
        let picture = tensor(&Pictures::new().0[0]);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/augment");
        for (name, degrees, seen) in [
            ("turned", 17.0, 1.0),
            ("turned_back", -40.0, 1.0),
            ("smaller", 0.0, 1.3),
            ("larger", 0.0, 0.7),
            ("both", 23.0, 1.25),
            ("far", 137.0, 1.9),
        ] {
            let bytes = std::fs::read(folder.join(format!("{name}.f32"))).unwrap();
            let expected: Vec<f32> =
                bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            let found = interpolated(&picture.to_kind(Kind::Float), &[turned(degrees, seen)]).unwrap();
            let found = Vec::<f32>::try_from(found.flatten(0, -1)).unwrap();
            let largest = found
                .iter()
                .zip(&expected)
                .map(|(found, expected)| (found - expected).abs())
                .fold(0.0, f32::max);
            // Places up to 13 beyond the edges are found in f32, to 2⁻¹⁹, between values up to 255 apart in both directions.
            assert!(found.len() == expected.len() && largest < 1e-3, "{name}: {largest:e}");
        }
    }

    #[test]
    fn what_is_drawn_is_of_the_row_alone() {
        let pictures = Pictures::new();
        let loader = pictures.augmented(ALL, 2);
        let together = read(&loader, &[0, 1, 2, 3, 4, 5]);
        let reversed = read(&loader, &[5, 4, 3, 2, 1, 0]);
        for row in 0..6 {
            assert_eq!(read(&loader, &[row]), [together[row].clone()], "in a batch of its own");
            assert_eq!(reversed[5 - row], together[row], "in another order");
        }
        assert_eq!(read(&pictures.augmented(ALL, 2), &[0, 1, 2, 3, 4, 5]), together, "drawn again");
        let drawn =
            |augmentation: Augmentation, row: usize| augmentation.of(pictures.name(row), pictures.copy(row));
        let own = Augmentation { augment: ALL, seed: 7, epoch: 2 };
        assert_ne!(drawn(own, 0), drawn(own, 1), "of two copies");
        assert_ne!(drawn(own, 0), drawn(own, 2), "of two utterances");
        assert_ne!(drawn(own, 0), drawn(Augmentation { epoch: 3, ..own }, 0), "of two epochs");
        assert_ne!(drawn(own, 0), drawn(Augmentation { seed: 8, ..own }, 0), "of two seeds");
        let only_turned = Augment { rotation: ALL.rotation, ..Augment::default() };
        let turned = drawn(Augmentation { augment: only_turned, ..own }, 0);
        assert_eq!((turned.degrees, turned.seen), (drawn(own, 0).degrees, 1.0), "whatever else is asked for");
    }

    #[test]
    fn draws_fill_their_ranges() {
        let drawn: Vec<Distortion> =
            (0..2000).map(|epoch| Augmentation { augment: ALL, seed: 1, epoch }.of("C/a", 0)).collect();
        for (of, middle, reach) in [
            (drawn.iter().map(|d| d.degrees).collect::<Vec<f64>>(), 0.0, 20.0),
            (drawn.iter().map(|d| d.seen).collect(), 1.0, 0.2),
        ] {
            assert!(of.iter().all(|value| (value - middle).abs() <= reach));
            // A uniform share of ±1 has the deviation 1/√3: of 2000, five standard errors are 0.065.
            let mean = of.iter().map(|value| (value - middle) / reach).sum::<f64>() / 2000.0;
            let square = of.iter().map(|value| ((value - middle) / reach).powi(2)).sum::<f64>() / 2000.0;
            assert!(mean.abs() < 0.065 && (square - 1.0 / 3.0).abs() < 0.034, "{mean}, {square}");
        }
    }
}
