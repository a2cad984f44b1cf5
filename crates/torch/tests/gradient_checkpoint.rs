//! Segments that are computed again in the backward pass, beside the same segments kept.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use affekt_torch::{Autocast, gradient_checkpoint};
use tch::{Device, Kind, Tensor};

fn wave(shape: &[i64], frequency: f64) -> Tensor {
    let count = shape.iter().product::<i64>();
    let values: Vec<f32> = (0..count).map(|i| (frequency * i as f64).sin() as f32).collect();
    Tensor::from_slice(&values).view(shape)
}

/// libtorch has one generator for all threads: tests that draw take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn parameter(frequency: f64) -> Tensor {
    wave(&[8, 8], frequency).set_requires_grad(true)
}

type Segment = Box<dyn Fn(&[Tensor]) -> Tensor + Send>;

/// A layer with this share of dropout.
fn layer(weight: &Tensor, dropout: f64) -> Segment {
    let weight = weight.shallow_clone();
    Box::new(move |inputs| inputs[0].matmul(&weight).gelu("none").dropout(dropout, true))
}

#[allow(clippy::needless_pass_by_value, reason = "as `checkpointed`")]
fn kept(inputs: &[Tensor], segment: Segment) -> Tensor {
    segment(inputs)
}

fn checkpointed(inputs: &[Tensor], segment: Segment) -> Tensor {
    gradient_checkpoint(inputs, segment).unwrap()
}

/// A network of four layers, the middle ones by `run`: loss, what is drawn before and behind the backward pass, gradients.
fn trained(run: fn(&[Tensor], Segment) -> Tensor) -> [Vec<Tensor>; 3] {
    tch::manual_seed(7);
    let xs = wave(&[5, 8], 0.37).set_requires_grad(true);
    let weights = [0.61, 0.83, 1.21, 0.45].map(parameter);
    let first = layer(&weights[0], 0.5)(&[xs.shallow_clone()]);
    let second = run(&[first], layer(&weights[1], 0.5));
    let third = run(&[second.shallow_clone()], layer(&weights[2], 0.5));
    let loss = (layer(&weights[3], 0.5)(&[third]) + second).square().sum(Kind::Float);
    let draw = || Tensor::rand([3], (Kind::Float, Device::Cpu));
    let before = draw();
    loss.backward();
    let gradients = weights.iter().chain([&xs]).map(Tensor::grad).collect();
    [vec![loss.detach()], vec![before, draw()], gradients]
}

#[test]
fn gradients_and_random_numbers_are_the_same_to_the_bit() {
    let _turn = turn();
    let (plain, recomputed) = (trained(kept), trained(checkpointed));
    assert!(plain[2].iter().all(|gradient| gradient.abs().max().double_value(&[]) > 0.0));
    assert_eq!(plain, recomputed);
}

#[test]
fn a_segment_may_hold_segments() {
    let _turn = turn();
    let gradients = |nested: bool| {
        tch::manual_seed(3);
        let (weight, xs) = (parameter(0.61), wave(&[5, 8], 0.37));
        let (outer, inner) = (weight.shallow_clone(), weight.shallow_clone());
        let segment = move |inputs: &[Tensor]| {
            let run = if nested { checkpointed } else { kept };
            layer(&outer, 0.5)(&[run(inputs, layer(&inner, 0.5))])
        };
        let ys = checkpointed(&[xs], Box::new(segment));
        ys.square().sum(Kind::Float).backward();
        weight.grad()
    };
    assert_eq!(gradients(true), gradients(false));
}

#[test]
fn captured_parameters_learn_where_no_input_needs_a_gradient() {
    let _turn = turn();
    let weight = parameter(0.61);
    let ys = checkpointed(&[wave(&[5, 8], 0.37)], layer(&weight, 0.5));
    ys.sum(Kind::Float).backward();
    assert!(weight.grad().abs().max().double_value(&[]) > 0.0);
}

#[test]
fn whole_numbers_and_inputs_passed_on_are_in_order() {
    let xs = wave(&[5, 8], 0.37).set_requires_grad(true);
    let rows = Tensor::from_slice(&[3_i64, 1]);
    let ys =
        checkpointed(&[xs.shallow_clone(), rows], Box::new(|inputs| inputs[0].index_select(0, &inputs[1])));
    let same = checkpointed(&[ys], Box::new(|inputs| inputs[0].shallow_clone()));
    same.sum(Kind::Float).backward();
    assert_eq!(
        Vec::<f32>::try_from(xs.grad().sum_dim_intlist(1, false, Kind::Float)).unwrap(),
        [0.0, 8.0, 0.0, 8.0, 0.0]
    );
}

#[test]
fn the_segment_runs_twice_or_once_where_gradients_are_off() {
    let _turn = turn();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = |runs: &Arc<AtomicUsize>| -> Segment {
        let (runs, layer) = (runs.clone(), layer(&parameter(0.61), 0.5));
        Box::new(move |inputs| {
            runs.fetch_add(1, Ordering::Relaxed);
            layer(inputs)
        })
    };
    let xs = [wave(&[5, 8], 0.37)];
    let ys = tch::no_grad(|| checkpointed(&xs, counted(&runs)));
    assert!(!ys.requires_grad());
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    checkpointed(&xs, counted(&runs)).sum(Kind::Float).backward();
    assert_eq!(runs.load(Ordering::Relaxed), 3);
}

#[test]
fn what_the_segment_holds_is_released_with_the_graph() {
    let held = Arc::new(());
    let holding = |held: &Arc<()>| -> Segment {
        let held = held.clone();
        Box::new(move |inputs| {
            let _ = &held;
            &inputs[0] * 2.0
        })
    };
    let xs = [wave(&[5, 8], 0.37).set_requires_grad(true)];
    let ys = checkpointed(&xs, holding(&held)).sum(Kind::Float);
    assert_eq!(Arc::strong_count(&held), 2);
    ys.backward(); // frees what the graph keeps
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(ys.f_backward().is_err());
    drop(checkpointed(&xs, holding(&held)));
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn gradients_of_chosen_tensors_are_refused() {
    let _turn = turn();
    // Those of captured tensors come along, and nobody can say whether they are wanted.
    let xs = wave(&[5, 8], 0.37).set_requires_grad(true);
    let ys = checkpointed(&[xs.shallow_clone()], layer(&parameter(0.61), 0.5)).sum(Kind::Float);
    let asked =
        Tensor::f_run_backward(&[&ys], &[&xs], /* keep graph */ false, /* create graph */ false);
    let error = asked.unwrap_err().to_string();
    assert!(error.contains("gradients of chosen tensors"), "{error}");
}

#[test]
fn a_panic_in_the_backward_pass_is_an_error() {
    let _turn = turn();
    let (runs, random) = (AtomicUsize::new(0), || Tensor::rand([1], (Kind::Float, Device::Cpu)));
    tch::manual_seed(1);
    let xs = [wave(&[5, 8], 0.37).set_requires_grad(true)];
    let ys = checkpointed(
        &xs,
        Box::new(move |inputs| {
            assert_eq!(runs.fetch_add(1, Ordering::Relaxed), 0, "the second\0time");
            inputs[0].dropout(0.5, true)
        }),
    );
    let next = {
        let state = affekt_torch::generator_state(Device::Cpu).unwrap();
        let next = random();
        affekt_torch::set_generator_state(Device::Cpu, &state).unwrap();
        next
    };
    let error = ys.sum(Kind::Float).f_backward().unwrap_err().to_string();
    assert!(error.contains("a checkpointed segment panicked") && error.contains("the second"), "{error}");
    // Random numbers go on as if nothing had happened, and so does everything else.
    assert_eq!(random(), next);
    checkpointed(&xs, Box::new(|inputs| &inputs[0] * 2.0)).sum(Kind::Float).backward();
    assert!(xs[0].grad().defined());
}

#[test]
#[should_panic(expected = "at once")]
fn a_panic_in_the_forward_pass_is_one() {
    let _ = checkpointed(&[wave(&[5, 8], 0.37)], Box::new(|_| panic!("at once")));
}

#[test]
fn autocast_is_the_same_in_both_calls() {
    let _turn = turn();
    let gradients = |run: fn(&[Tensor], Segment) -> Tensor, inside: bool| {
        let weight = parameter(0.61);
        let guard = Autocast::new(Device::Cpu, Kind::BFloat16).unwrap();
        let ys = run(&[wave(&[5, 8], 0.37)], layer(&weight, 0.0));
        // The weight's cast in the segment, made where gradients are off, must not serve this.
        let ys = ys + wave(&[5, 8], 0.11).matmul(&weight);
        assert_eq!(ys.kind(), Kind::BFloat16);
        let loss = ys.to_kind(Kind::Float).square().sum(Kind::Float);
        if inside {
            loss.backward();
        } else {
            drop(guard);
            loss.backward();
        }
        weight.grad()
    };
    let reference = gradients(kept, false);
    assert_eq!(gradients(checkpointed, false), reference);
    assert_eq!(gradients(checkpointed, true), reference);
}
