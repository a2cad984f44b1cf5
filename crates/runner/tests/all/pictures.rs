//! The op `picture`, and pictures read back shard by shard.

use affekt_features::{SpectrogramImage, SpectrogramImageConfig};
use affekt_graph::{Failure, Item, Object, Ops};
use affekt_ops::feature_set::{FeatureSet, Layout};
use affekt_table::features::FeatureWriter;
use affekt_table::spectrogram_images::SpectrogramImages;
use serde_json::json;

use crate::bench::{Bench, Unwatched, params};

impl Bench {
    /// Stored features of this shape of these utterances and copies.
    fn spectrograms(&self, shape: &[usize], rows: &[(&str, i32)]) -> Item {
        let path = self.path("spectrograms");
        let mut writer = FeatureWriter::create(&path, shape).unwrap();
        for (utterance, copy) in rows {
            writer.push(utterance, *copy, &decibels(shape, *copy)).unwrap();
        }
        writer.finish().unwrap();
        self.adopt(&path)
    }

    fn draw(&self, yaml: &str, features: &Item) -> Result<Item, Failure> {
        let outputs = self.run("picture", params("picture", yaml).unwrap(), &[("features", &[features])])?;
        Ok(outputs["pictures"].clone())
    }

    fn object(&self, item: &Item) -> Object {
        self.store.object(item.digest).unwrap()
    }
}

/// From -90 dB up.
fn decibels(shape: &[usize], copy: i32) -> Vec<f32> {
    (0..shape.iter().product()).map(|value| -90.0 + value as f32 + copy as f32).collect()
}

#[test]
fn every_row_becomes_a_picture_and_copies_stay_copies() {
    let bench = Bench::new();
    let features = bench.spectrograms(&[4, 6], &[("a/1", 0), ("a/1", 1), ("a/2", 0)]);
    let pictures = SpectrogramImages::open(bench.open(&bench.draw("size: 16", &features).unwrap())).unwrap();
    assert_eq!(pictures.shape(), [3, 16, 16]);
    let names =
        (0..pictures.len()).map(|row| (pictures.utterance(row).unwrap(), pictures.copy(row).unwrap()));
    assert!(names.eq([("a/1", 0), ("a/1", 1), ("a/2", 0)]));
    let config = SpectrogramImageConfig { size: 16, ..SpectrogramImageConfig::default() };
    let expected = SpectrogramImage::new(&config, [4, 6]).unwrap();
    assert_eq!(pictures.pixels(0).unwrap(), expected.draw(&decibels(&[4, 6], 0)));
    assert_eq!(pictures.pixels(1).unwrap(), expected.draw(&decibels(&[4, 6], 1)));
    assert_eq!(pictures.pixels(2).unwrap(), pictures.pixels(0).unwrap());
    let narrower = SpectrogramImages::open(
        bench.open(&bench.draw("{ size: 16, range_db: [-90, -70] }", &features).unwrap()),
    );
    assert_ne!(narrower.unwrap().pixels(0).unwrap(), pictures.pixels(0).unwrap());
}

#[test]
fn only_spectrograms_are_drawn() {
    let bench = Bench::new();
    let error = bench.draw("{}", &bench.spectrograms(&[7], &[("a/1", 0)])).err().unwrap().to_string();
    assert_eq!(
        error,
        "features of shape [7] cannot be drawn: expected bands and frames, as `logmel` gives them"
    );
    let features = bench.spectrograms(&[4, 6], &[("a/1", 0)]);
    let job = bench.job("picture", params("picture", "{}").unwrap(), &[("features", &[&features])]);
    assert_eq!(bench.ops().run(&job, &mut Unwatched { cancelled: true }), Err(Failure::Cancelled));
}

#[test]
fn pictures_are_read_as_pixels_and_features_as_values() {
    let bench = Bench::new();
    let [first, second] = ["a/1", "a/2"].map(|name| bench.spectrograms(&[4, 6], &[(name, 0), (name, 1)]));
    let [left, right] = [&first, &second].map(|features| bench.draw("size: 8", features).unwrap());
    let pictures = FeatureSet::open(&[bench.object(&left), bench.object(&right)]).unwrap();
    assert_eq!(*pictures.layout(), Layout::Pictures([3, 8, 8]));
    let copies = pictures.copies("a/2").unwrap();
    assert_eq!(copies.len(), 2);
    let table = SpectrogramImages::open(bench.open(&right)).unwrap();
    for (row, at) in copies.iter().enumerate() {
        pictures.verify(*at).unwrap();
        assert_eq!(pictures.pixels(*at).unwrap(), table.pixels(row).unwrap());
    }
    let error = |failure: Failure| failure.to_string();
    let found = error(pictures.values(copies[0]).unwrap_err());
    assert!(found.contains("expected a table of kind `features`, found `pictures`"), "{found}");
    let found = error(pictures.shape().unwrap_err());
    assert_eq!(found, "pictures of 3 × 8 × 8: expected features of shape [bands, frames]");

    let features = FeatureSet::open(&[bench.object(&first)]).unwrap();
    let found = error(features.pixels(features.original("a/1").unwrap()).unwrap_err());
    assert!(found.contains("expected a table of kind `pictures`, found `features`"), "{found}");
    let larger = bench.draw("size: 9", &second).unwrap();
    let found = error(FeatureSet::open(&[bench.object(&left), bench.object(&larger)]).err().unwrap());
    assert_eq!(found, "pictures of 3 × 8 × 8 and pictures of 3 × 9 × 9 cannot be used together");
}

#[test]
fn mistakes_in_parameters() {
    let plain = json!({ "size": 224, "range_db": [-80.0, 0.0], "colours": "magma" });
    assert_eq!(params("picture", "{}").unwrap(), plain);
    for (yaml, expected) in [
        ("size: 0", "expected a whole number between 8 and 2048, found `0`"),
        ("range_db: -80", "expected a list, found `-80`"),
        ("range_db: [-80]", "expected the decibels of the first and the last colour, such as [-80, 0]"),
        ("range_db: [0, -80]", "expected a number between 1 and 1000, found `-80`"),
        ("colours: viridis", "unknown colours `viridis`"),
    ] {
        let mistakes = params("picture", yaml).err().unwrap_or_default();
        assert!(mistakes.contains(expected), "{yaml}: {mistakes}");
    }
}
