//! Tensors in brief: numbers few enough to be stored, from which can be told how far two tensors are apart.

use affekt_torch::Random;
use tch::{Device, Kind, Tensor};

/// A norm and projections, or one number alone.
pub type Sketch = Vec<f64>;

/// On how many random vectors of signs tensors are projected.
const PROJECTIONS: usize = 8;

/// Sketches tensors as one vector.
pub fn sketch(tensors: &[Tensor]) -> Sketch {
    let mut signs = Random::new(0, "signs of sketches");
    let (mut square, mut projections) = (0.0, [0.0; PROJECTIONS]);
    for tensor in tensors {
        for entry in entries(tensor) {
            let bits = signs.bits();
            square += entry * entry;
            for (i, projection) in projections.iter_mut().enumerate() {
                *projection += if bits >> i & 1 == 1 { entry } else { -entry };
            }
        }
    }
    std::iter::once(square.sqrt()).chain(projections).collect()
}

/// Sketches gradients. Each parameter's is divided by the root of its norm, so that those of few and small numbers count, too;
/// what is nearly 0 beside the largest counts as such.
pub fn sketch_balanced(tensors: &[Tensor]) -> Sketch {
    let norms: Vec<f64> =
        tensors.iter().map(|tensor| entries(tensor).iter().map(|x| x * x).sum::<f64>().sqrt()).collect();
    let least = 1e-3 * norms.iter().copied().fold(0.0, f64::max);
    let balanced = |(tensor, norm): (&Tensor, f64)| tensor.to_kind(Kind::Double) / norm.max(least).sqrt();
    sketch(&tensors.iter().zip(norms).map(balanced).collect::<Vec<_>>())
}

/// Estimates how far what was sketched is from what it should be, relative to the latter's norm. The mean square of a
/// difference's projections estimates its squared norm. Not a number where they are no sketches of alike things.
pub fn distance(is: &[f64], should: &[f64]) -> f64 {
    match (is, should) {
        ([is], [should]) => (is - should).abs() / should.abs(),
        ([norm, is @ ..], [should_norm, should @ ..]) if is.len() == should.len() => {
            let square: f64 = is.iter().zip(should).map(|(a, b)| (a - b).powi(2)).sum();
            let apart = (square / is.len() as f64).sqrt();
            // `max` would pass over what is no number.
            let norms = (norm - should_norm).abs();
            (if norms > apart { norms } else { apart }) / should_norm
        }
        _ => f64::NAN,
    }
}

fn entries(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.to_device(Device::Cpu).to_kind(Kind::Double).flatten(0, -1);
    Vec::<f64>::try_from(flat).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_tensors() {
        let mut random = Random::new(1, "tensor");
        let values: Vec<f32> = (0..2000).map(|_| random.normal()).collect();
        let noise: Vec<f32> = (0..2000).map(|_| random.normal()).collect();
        let (tensor, noise) = (Tensor::from_slice(&values), Tensor::from_slice(&noise));
        let exact = sketch(&[tensor.shallow_clone()]);
        assert_eq!(distance(&exact, &exact), 0.0);
        for share in [1e-1, 1e-4] {
            let moved = sketch(&[&tensor + &noise * share]);
            let apart = distance(&moved, &exact);
            // Of 8 projections the root of the mean square is off by half at the very most.
            assert!((share / 2.0..share * 2.0).contains(&apart), "{share}: {apart}");
        }
    }

    #[test]
    fn small_parameters_count() {
        let large = Tensor::from_slice(&[1.0_f32; 100]);
        let small = |value: f32| Tensor::from_slice(&[value, -value]);
        let sketched = |value| sketch_balanced(&[large.shallow_clone(), small(value)]);
        let (right, wrong) = (sketched(0.03), sketched(0.04));
        assert!(distance(&wrong, &right) > 0.005, "{}", distance(&wrong, &right));
    }

    #[test]
    fn what_is_not_alike_has_no_distance() {
        assert!(distance(&[1.0, 2.0], &[1.0]).is_nan());
        assert!(distance(&[f64::NAN; 9], &[1.0; 9]).is_nan());
        assert!((distance(&[1.1], &[1.0]) - 0.1).abs() < 1e-12);
    }
}
