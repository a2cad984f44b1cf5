//! Adam and AdamW against `torch.optim`'s, and against itself interrupted. The golden's script stands beside it.

use affekt_torch::{Adam, AdamConfig, Checkpoint, NamedTensors};
use serde::Deserialize;
use tch::{Kind, Tensor};

#[derive(Deserialize)]
struct Golden {
    decoupled: bool,
    weight_decay: f64,
    losses: Vec<f64>,
    weight: Vec<f64>,
    bias: Vec<f64>,
}

/// The least-squares problem of the golden.
struct Problem {
    inputs: Tensor,
    targets: Tensor,
    weight: Tensor,
    bias: Tensor,
}

impl Problem {
    fn new() -> Self {
        let (weight, bias) = (wave(&[3, 5], 0.9, 1.0), wave(&[3], 0.4, 2.0));
        Self {
            inputs: wave(&[16, 5], 0.7, 0.0),
            targets: wave(&[16, 3], 1.3, 0.5),
            weight: weight.set_requires_grad(true),
            bias: bias.set_requires_grad(true),
        }
    }

    fn parameters(&self) -> NamedTensors {
        [("weight", &self.weight), ("bias", &self.bias)]
            .map(|(n, t)| (n.to_owned(), t.shallow_clone()))
            .into()
    }

    fn step(&self, optimiser: &mut Adam) -> f64 {
        let outputs = self.inputs.matmul(&self.weight.tr()) + &self.bias;
        let loss = (outputs - &self.targets).square().mean(None);
        loss.backward();
        optimiser.step().unwrap();
        loss.double_value(&[])
    }
}

fn wave(shape: &[i64], frequency: f64, phase: f64) -> Tensor {
    let count = shape.iter().product::<i64>();
    let values: Vec<f32> = (0..count).map(|i| (frequency * i as f64 + phase).sin() as f32).collect();
    Tensor::from_slice(&values).view(shape)
}

fn config(weight_decay: f64, decoupled: bool) -> AdamConfig {
    AdamConfig { learning_rate: 0.05, weight_decay, decoupled, ..AdamConfig::default() }
}

#[test]
fn fifty_steps_like_pytorch() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/models/adam.json");
    let golden: Vec<Golden> = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    assert_eq!(golden.len(), 3);
    for golden in golden {
        let problem = Problem::new();
        let mut optimiser = Adam::new(problem.parameters(), config(golden.weight_decay, golden.decoupled));
        let losses: Vec<f64> = golden.losses.iter().map(|_| problem.step(&mut optimiser)).collect();
        close("losses", &Tensor::from_slice(&losses), &golden.losses);
        close("weight", &problem.weight, &golden.weight);
        close("bias", &problem.bias, &golden.bias);
    }
}

fn close(what: &str, ours: &Tensor, theirs: &[f64]) {
    let theirs = Tensor::from_slice(theirs);
    let difference = (ours.flatten(0, -1).to_kind(Kind::Double) - &theirs).abs().max().double_value(&[]);
    let scale = theirs.abs().max().double_value(&[]);
    assert!(difference <= 2e-6 * scale, "{what} differ by {difference:e} of {scale:e}");
}

/// Also where the step's number counts: Keras' epsilon is larger in the first steps.
#[test]
fn resumed_training_takes_the_same_steps() {
    let keras = AdamConfig { epsilon: 0.01, epsilon_before_correction: true, ..config(0.0, false) };
    for config in [config(0.01, true), keras] {
        resumed_as_straight(config);
    }
}

fn resumed_as_straight(config: AdamConfig) {
    let (straight, first) = (Problem::new(), Problem::new());
    let mut optimiser = Adam::new(straight.parameters(), config);
    for _ in 0..20 {
        straight.step(&mut optimiser);
    }

    let mut interrupted = Adam::new(first.parameters(), config);
    for _ in 0..7 {
        first.step(&mut interrupted);
    }
    let bytes = |tensors| Checkpoint { tensors, ..Checkpoint::default() }.to_bytes().unwrap();
    let (parameters, state) = (bytes(first.parameters()), bytes(interrupted.state()));

    let second = Problem::new();
    let mut resumed = Adam::new(second.parameters(), config);
    resumed.load_state(&Checkpoint::from_bytes(&state).unwrap().tensors).unwrap();
    for (name, saved) in Checkpoint::from_bytes(&parameters).unwrap().tensors {
        tch::no_grad(|| second.parameters()[&name].shallow_clone().copy_(&saved));
    }
    for _ in 7..20 {
        second.step(&mut resumed);
    }
    assert_eq!(second.parameters(), straight.parameters());
    assert_eq!(resumed.state(), optimiser.state());
}

/// By hand: the first step is lr · g / (|g| + ε / √(1 − β₂)), and not lr · g / (|g| + ε).
#[test]
fn epsilon_counts_before_or_after_correction() {
    for (epsilon_before_correction, expected) in [(false, 0.5), (true, 1.0 / (1.0 + 1000.0_f64.sqrt()))] {
        let parameter = Tensor::from_slice(&[1.0_f64]).set_requires_grad(true);
        let config = AdamConfig {
            learning_rate: 0.1,
            epsilon: 0.25,
            epsilon_before_correction,
            ..AdamConfig::default()
        };
        let mut optimiser = Adam::new([("x".to_owned(), parameter.shallow_clone())].into(), config);
        (&parameter * 0.25).sum(Kind::Double).backward();
        optimiser.step().unwrap();
        let step = (1.0 - parameter.double_value(&[0])) / 0.1;
        assert!((step - expected).abs() < 1e-6, "{step} of {expected}");
    }
}

#[test]
fn a_parameter_without_gradient_stays_as_it_is() {
    let problem = Problem::new();
    let mut parameters = problem.parameters();
    parameters.insert("idle".into(), Tensor::from_slice(&[1.0_f32]).set_requires_grad(true));
    let mut optimiser = Adam::new(parameters, config(0.5, true));
    problem.step(&mut optimiser);
    let state = optimiser.state();
    assert_eq!(state["step.idle"], Tensor::from(0.0_f32));
    assert_eq!(state["step.weight"], Tensor::from(1.0_f32));
    assert!(!problem.weight.grad().defined());
}

#[test]
fn the_state_of_another_network_is_refused() {
    let problem = Problem::new();
    let mut optimiser = Adam::new(problem.parameters(), config(0.0, false));
    let mut state = optimiser.state();
    state.insert("mean.bias".into(), Tensor::from_slice(&[0.0_f32; 4]));
    let error = optimiser.load_state(&state).unwrap_err().to_string();
    assert!(error.contains("`mean.bias` is [4] where [3] is needed"), "{error}");
    state.remove("mean.bias");
    assert!(optimiser.load_state(&state).unwrap_err().to_string().contains("`mean.bias`"));
}
