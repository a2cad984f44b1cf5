//! Half precision on the CPU, the settings of a thread, and the state of its generator.

use std::sync::{Mutex, MutexGuard, PoisonError};

use affekt_torch::{Autocast, AutocastError, generator_state, set_generator_state, without_autocast};
use tch::{Device, Kind, Tensor};

/// Casts and the generator are kept for all threads: tests that use them take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ones() -> Tensor {
    Tensor::ones([4, 4], (Kind::Float, Device::Cpu))
}

fn product() -> Kind {
    ones().matmul(&ones()).kind()
}

#[test]
fn guards_nest_and_restore() {
    let _turn = turn();
    assert_eq!(product(), Kind::Float);
    {
        let _outer = Autocast::new(Device::Cpu, Kind::BFloat16).unwrap();
        assert_eq!(product(), Kind::BFloat16);
        {
            let _inner = Autocast::new(Device::Cpu, Kind::Half).unwrap();
            assert_eq!(product(), Kind::Half);
        }
        assert_eq!(product(), Kind::BFloat16);
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(product(), Kind::Float)); // each thread's own
        });
    }
    assert_eq!(product(), Kind::Float);
}

#[test]
fn some_things_are_computed_without() {
    let _turn = turn();
    let _guard = Autocast::new(Device::Cpu, Kind::BFloat16).unwrap();
    assert_eq!(without_autocast(product), Kind::Float);
    assert_eq!(product(), Kind::BFloat16);
}

#[test]
fn a_guard_for_a_gpu_leaves_the_cpu_alone() {
    let _turn = turn();
    let _guard = Autocast::new(Device::Cuda(0), Kind::BFloat16).unwrap();
    assert_eq!(product(), Kind::Float);
}

#[test]
fn training_is_close_to_that_in_single_precision() {
    let _turn = turn();
    let gradient = |half: bool| {
        let weight = (ones() / 3.0).set_requires_grad(true);
        let guard = half.then(|| Autocast::new(Device::Cpu, Kind::BFloat16).unwrap());
        let loss = ones().matmul(&weight).square().mean(Kind::Float);
        drop(guard);
        loss.backward();
        weight.grad()
    };
    let (half, single) = (gradient(true), gradient(false));
    assert_eq!(half.kind(), Kind::Float);
    let error = (&half - &single).abs().max().double_value(&[]);
    assert!(error > 0.0 && error < 0.01 * single.abs().max().double_value(&[]), "{error}");
}

#[test]
fn casts_do_not_outlive_the_outermost_guard() {
    let _turn = turn();
    let weight = ones().set_requires_grad(true);
    let product = || ones().matmul(&weight).double_value(&[0, 0]);
    {
        let _outer = Autocast::new(Device::Cpu, Kind::BFloat16).unwrap();
        drop(Autocast::new(Device::Cpu, Kind::BFloat16).unwrap());
        assert_eq!(product(), 4.0);
        let _ = tch::no_grad(|| weight.shallow_clone().fill_(2.0));
        assert_eq!(product(), 4.0, "the cast is kept");
    }
    let _guard = Autocast::new(Device::Cpu, Kind::BFloat16).unwrap();
    assert_eq!(product(), 8.0);
}

#[test]
fn only_halves_are_taken() {
    let error = Autocast::new(Device::Cpu, Kind::Double).unwrap_err();
    assert_eq!(error, AutocastError(Kind::Double));
    assert_eq!(error.to_string(), "autocast to Double: expected BFloat16 or Half");
}

#[test]
fn a_generator_goes_on_from_its_state() {
    let _turn = turn();
    let draw = || Tensor::rand([5], (Kind::Float, Device::Cpu));
    let state = generator_state(Device::Cpu).unwrap();
    let first = draw();
    assert_ne!(draw(), first);
    set_generator_state(Device::Cpu, &state).unwrap();
    assert_eq!(draw(), first);
    assert!(set_generator_state(Device::Cpu, &Tensor::zeros([3], (Kind::Uint8, Device::Cpu))).is_err());
}

#[test]
fn no_generator_of_a_gpu_that_is_not_there() {
    assert!(generator_state(Device::Cuda(4096)).is_err());
    assert!(set_generator_state(Device::Cuda(4096), &generator_state(Device::Cpu).unwrap()).is_err());
}
