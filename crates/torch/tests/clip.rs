//! Clipped gradients, worked out by hand.

use affekt_torch::clip_gradients;
use tch::Tensor;

/// Parameters with these gradients, and one without.
fn parameters(gradients: &[&[f32]]) -> Vec<Tensor> {
    let mut parameters: Vec<Tensor> = gradients
        .iter()
        .map(|gradient| {
            let parameter = Tensor::zeros_like(&Tensor::from_slice(gradient)).set_requires_grad(true);
            (&parameter * Tensor::from_slice(gradient)).sum(None).backward();
            parameter
        })
        .collect();
    parameters.push(Tensor::from_slice(&[1.0_f32]).set_requires_grad(true));
    parameters
}

fn gradients(parameters: &[Tensor]) -> Vec<Vec<f32>> {
    let defined = parameters.iter().map(Tensor::grad).filter(Tensor::defined);
    defined.map(|gradient| Vec::<f32>::try_from(gradient).unwrap()).collect()
}

#[test]
fn the_norm_is_that_of_all_gradients_together() {
    // √(2² + 1² + 2² + 4²) = 5.
    let parameters = parameters(&[&[2.0, -1.0], &[2.0, 0.0, 4.0]]);
    clip_gradients(&parameters, 1.0).unwrap();
    let clipped = gradients(&parameters);
    let expected = [vec![0.4, -0.2], vec![0.4, 0.0, 0.8]];
    for (found, expected) in clipped.iter().flatten().zip(expected.iter().flatten()) {
        // PyTorch adds 1e-6 to the norm.
        assert!((found - expected).abs() < 1e-6, "{clipped:?}");
    }
    assert!(!parameters[2].grad().defined());
}

#[test]
fn small_gradients_stay_as_they_are() {
    let parameters = parameters(&[&[0.3, -0.4]]);
    clip_gradients(&parameters, 0.51).unwrap();
    assert_eq!(gradients(&parameters), [vec![0.3, -0.4]]);
    clip_gradients(&[], 1.0).unwrap();
}
