//! Every screen of this processor finds what the definition says.

use affekt_domain::SplitMix64;

use crate::Centroids;
use affekt_simd::Level;

/// Uniform in −1..1.
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64(SplitMix64::mix(seed));
    (0..count).map(|_| (random.bits() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0).collect()
}

/// Scores of all centroids by the definition, in f64.
fn scores(point: &[f32], centroids: &[f32]) -> Vec<f64> {
    let distance = |centroid: &[f32]| -> f64 {
        point.iter().zip(centroid).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    };
    centroids.chunks_exact(point.len()).map(|centroid| -distance(centroid)).collect()
}

/// Checks ids at every level, and that they are the definition's but for what f64 cannot tell.
fn check(what: &str, points: &[f32], centroids: &[f32], width: usize) -> Vec<u16> {
    let find = |level| {
        let mut ids = vec![u16::MAX; points.len() / width];
        Centroids::at_level(centroids, width, level).nearest(points, &mut ids).unwrap();
        ids
    };
    let portable = find(Level::Portable);
    for level in Level::available() {
        assert_eq!(find(level), portable, "{what}, {level:?}");
    }
    for (number, (point, id)) in points.chunks_exact(width).zip(&portable).enumerate() {
        let scores = scores(point, centroids);
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let found = scores[usize::from(*id)];
        assert!(
            best - found <= 1e-9 * best.abs(),
            "{what}: point {number} at {found}, the nearest at {best}"
        );
    }
    portable
}

#[test]
fn every_screen_finds_the_nearest() {
    for (width, k, count) in
        [(1, 5, 60), (3, 1, 7), (19, 37, 200), (64, 33, 49), (96, 300, 150), (130, 64, 48)]
    {
        let what = format!("{count} points of {width}, {k} centroids");
        check(&what, &noise(1, count * width), &noise(2, k * width), width);
    }
}

/// Points whose centroids are all about as near, where bytes leave most of them.
#[test]
fn centroids_that_bytes_cannot_tell_apart() {
    let (width, k) = (48, 200);
    let points = noise(3, 2_000 * width);
    let centroids: Vec<f32> = noise(4, k * width).iter().map(|value| value * 1e-3).collect();
    check("centroids near 0", &points, &centroids, width);
}

#[test]
fn points_far_from_zero() {
    let width = 32;
    let far =
        |seed, count: usize| noise(seed, count * width).iter().map(|value| value + 1e4).collect::<Vec<_>>();
    check("a large mean", &far(5, 300), &far(6, 40), width);
}

#[test]
fn tiny_and_large_values() {
    let width = 24;
    for size in [1e-38, 1e-30, 1e-17, 1e-8, 1e12, 1e15] {
        let sized = |seed, count: usize| {
            noise(seed, count * width).iter().map(|value| value * size).collect::<Vec<_>>()
        };
        check(&format!("values of {size:e}"), &sized(7, 100), &sized(8, 40), width);
    }
}

#[test]
fn of_equal_ones_the_lowest_id() {
    let width = 40;
    let points = noise(9, 200 * width);
    // Every centroid three times, 70 places apart; 0 and −0 are equal.
    let mut once = noise(10, 70 * width);
    once[0] = 0.0;
    let mut centroids = once.repeat(3);
    centroids[70 * width] = -0.0;
    let ids = check("equal centroids", &points, &centroids, width);
    assert_eq!(ids, check("the same once", &points, &once, width));
    // All of them equal: no point is nearer to another.
    let ids = check("one centroid, 50 times", &points, &once[..width].repeat(50), width);
    assert!(ids.iter().all(|id| *id == 0));
}

#[test]
fn points_in_the_middle_go_to_the_lower_id() {
    let centroids = [1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0];
    assert_eq!(check("a cross", &[0.0, 0.0, 0.5, 0.5, -0.5, 0.5, -0.5, -0.5], &centroids, 2), [0, 0, 1, 1]);
}

/// Neighbours in a block or a tile change nothing.
#[test]
fn a_point_alone_gets_the_same_id() {
    let width = 17;
    let (points, centroids) = (noise(11, 131 * width), noise(12, 90 * width));
    let prepared = Centroids::new(&centroids, width);
    let mut together = vec![0; 131];
    prepared.nearest(&points, &mut together).unwrap();
    for (point, id) in points.chunks_exact(width).zip(together) {
        let mut alone = [0];
        prepared.nearest(point, &mut alone).unwrap();
        assert_eq!(alone, [id]);
    }
}

#[test]
fn values_beyond_are_found() {
    let width = 7;
    let (points, centroids) = (noise(13, 100 * width), noise(14, 5 * width));
    for level in Level::available() {
        for (at, value) in [(640, f32::NAN), (3, f32::INFINITY), (699, -1.1e15)] {
            let mut points = points.clone();
            points[at] = value;
            let found = Centroids::at_level(&centroids, width, level).nearest(&points, &mut [0; 100]);
            assert_eq!(found, Err(at), "{level:?}");
            points[at] = crate::LARGEST;
            assert_eq!(Centroids::at_level(&centroids, width, level).nearest(&points, &mut [0; 100]), Ok(()));
        }
    }
}
