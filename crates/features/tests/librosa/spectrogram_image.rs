//! Spectrogram images: librosa's decibels, PyTorch's resizing, matplotlib's colours.

use affekt_features::{
    ColourMap, Feature, FeatureError, LogMel, LogMelConfig, Resize, SpectrogramImage, SpectrogramImageConfig,
    interleaved,
};

use crate::golden::{golden, golden_bytes, vowels};

/// Returns the index of a colour of magma, all of which are different.
fn number(colour: [u8; 3]) -> usize {
    let colours = golden_bytes("magma.u8");
    colours.as_chunks().0.iter().position(|known| *known == colour).unwrap()
}

/// Renders the image of the vowels, and librosa's decibels of them.
fn of_vowels(values: &[f32]) -> Vec<u8> {
    let picture = SpectrogramImage::new(
        &SpectrogramImageConfig { size: 96, ..SpectrogramImageConfig::default() },
        [128, 40],
    )
    .unwrap();
    assert_eq!(picture.shape(), [3, 96, 96]);
    picture.draw(values)
}

#[test]
fn colours_equal_matplotlibs() {
    let colours = golden_bytes("magma.u8");
    for (number, colour) in colours.as_chunks::<3>().0.iter().enumerate() {
        for share in [number as f32 / 256.0, (number as f32 + 0.999) / 256.0] {
            assert_eq!(ColourMap::Magma.of(share), *colour, "{share}");
        }
    }
    assert_eq!(ColourMap::Magma.of(1.0), ColourMap::Magma.of(0.999));
    assert_eq!(ColourMap::Magma.of(1.0), [252, 253, 191]);
}

#[test]
fn resizing_equals_pytorchs() {
    for (name, from, to) in [
        ("resize_smaller.f32", [13, 9], [4, 5]),
        ("resize_larger.f32", [4, 5], [13, 9]),
        ("resize_mixed.f32", [20, 3], [7, 8]),
        ("resize_same.f32", [5, 4], [5, 4]),
    ] {
        let matrix: Vec<f32> = (0..from[0] * from[1]).map(|entry| (entry * 37 % 101) as f32).collect();
        let (resized, expected) = (Resize::new(from, to).apply(&matrix), golden(name));
        assert_eq!(resized.len(), expected.len(), "{name}");
        let largest = resized.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // PyTorch finds places among up to 20 entries, and so weights, in f32: 2⁻²⁰ of values up to 100 where they
        // differ most.
        assert!(largest < 1e-4, "{name}: {largest:e}");
    }
}

#[test]
fn a_picture_equals_that_of_librosa_pytorch_and_matplotlib() {
    let expected = golden_bytes("picture_vowels.u8");
    assert!(of_vowels(&golden("logmel_vowels.f32")) == expected, "of librosa's own decibels");

    // Our decibels are some 1e-6 from librosa's, so that a few lie beyond the edge between two colours.
    let own = LogMel::new(&LogMelConfig::default()).unwrap().compute(&vowels());
    let numbers = |pixels: &[u8]| -> Vec<usize> {
        interleaved(pixels).as_chunks().0.iter().map(|colour| number(*colour)).collect()
    };
    let (drawn, expected) = (numbers(&of_vowels(&own)), numbers(&expected));
    let steps: Vec<usize> = drawn.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).collect();
    assert_eq!(steps.len(), 96 * 96);
    assert!(steps.iter().all(|step| *step <= 1), "by more than a colour");
    let others = steps.iter().filter(|step| **step > 0).count();
    assert!(others <= 9, "{others} pixels: more than a thousandth");
}

#[test]
fn low_frequencies_are_at_the_bottom_and_time_goes_to_the_right() {
    let config =
        SpectrogramImageConfig { size: 2, range_db: [0.0, 4.0], ..SpectrogramImageConfig::default() };
    // Two bands of two frames.
    let pixels = SpectrogramImage::new(&config, [2, 2]).unwrap().draw(&[1.0, 2.0, 3.0, 4.0]);
    let at = |value: f32| ColourMap::Magma.of(value / 4.0);
    assert_eq!(interleaved(&pixels), [at(3.0), at(4.0), at(1.0), at(2.0)].concat());
    let red: Vec<u8> = [3.0, 4.0, 1.0, 2.0].map(|value| at(value)[0]).into();
    assert_eq!(pixels[..4], red, "channel by channel");
}

#[test]
fn what_lies_beyond_the_range_gets_its_edges_colour() {
    let config =
        SpectrogramImageConfig { size: 3, range_db: [-60.0, -20.0], ..SpectrogramImageConfig::default() };
    let draw = |value: f32| SpectrogramImage::new(&config, [4, 5]).unwrap().draw(&[value; 20]);
    let all = |share: f32| ColourMap::Magma.of(share).map(|value| [value; 9]).concat();
    for (value, share) in
        [(-80.0, 0.0), (-60.0, 0.0), (-40.0, 0.5), (-20.0, 1.0), (0.0, 1.0), (f32::INFINITY, 1.0)]
    {
        assert_eq!(draw(value), all(share), "{value}");
    }
    // Clipped first, then resized: what is far beyond does not outshine its neighbours.
    let far = SpectrogramImage::new(&SpectrogramImageConfig { size: 1, ..config }, [1, 2]).unwrap();
    assert_eq!(far.draw(&[1e6, -60.0]), ColourMap::Magma.of(0.5));
}

#[test]
fn pictures_that_cannot_be_are_refused() {
    let refusal =
        |config: SpectrogramImageConfig, shape| SpectrogramImage::new(&config, shape).err().unwrap();
    let default = SpectrogramImageConfig::default;
    let small = |name| FeatureError::TooSmall { name, value: 0, least: 1 };
    assert_eq!(refusal(SpectrogramImageConfig { size: 0, ..default() }, [128, 40]), small("size"));
    assert_eq!(refusal(default(), [0, 40]), small("bands"));
    assert_eq!(refusal(default(), [128, 0]), small("frames"));
    for (lowest, highest) in [(0.0, -80.0), (5.0, 5.0), (f32::NAN, 1.0), (f32::NEG_INFINITY, 0.0)] {
        let error = refusal(SpectrogramImageConfig { range_db: [lowest, highest], ..default() }, [128, 40]);
        let expected =
            format!("`range_db` is {lowest} to {highest}: expected two finite numbers, the lower one first");
        assert_eq!(error.to_string(), expected);
    }
}
