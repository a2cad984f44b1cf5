//! What training steps of the published systems take: their own learners in the training loop, with random weights and on noise.
//!
//! A GPU is given the stage's own batch; a CPU is given less, as the stage says, and what that would come to at the whole size is nobody's guess.

mod noise;
mod product;
mod readings;
mod sized;

use std::time::Instant;

use affekt_ops::doctor::{Stage, StepTime};
use affekt_torch::{first_line, forget_memory_peak, memory_use, release_cached_memory, return_freed_memory};
use affekt_train::Precision;
use tch::Device;

use self::product::product_flop_per_second;
use self::readings::{Readings, Taken};
use self::sized::SizedStage;
use super::attempt;
use super::outcome::Error;

/// Times the steps of stages one after the other, and tells of each. All have an equal share of the time that is left until `end`; then
/// none is begun any more.
///
/// # Errors
/// Those of `tell`. A stage that cannot be timed is told with the reason.
pub fn time_steps(
    stages: &[Stage],
    device: Device,
    end: Instant,
    mut tell: impl FnMut(StepTime) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut products = Vec::new();
    for (nth, stage) in stages.iter().enumerate() {
        let left = end.saturating_duration_since(Instant::now());
        let until = Instant::now() + left / (stages.len() - nth) as u32;
        tell(time(stage, device, until, &mut products))?;
    }
    Ok(())
}

fn time(stage: &Stage, device: Device, until: Instant, products: &mut Vec<(Precision, f64)>) -> StepTime {
    let sized = SizedStage::new(stage, device);
    let whole = SizedStage::new(&Stage { on_cpu: stage.size, ..stage.clone() }, device);
    let flop = |sized: &SizedStage| attempt(|| sized.flop()).unwrap_or(0);
    let of_step = flop(&sized);
    let mut time = StepTime {
        name: stage.name.clone(),
        batch: sized.described(),
        fraction: of_step as f64 / flop(&whole) as f64,
        milliseconds: None,
        peak_memory: None,
        flop: of_step,
        flop_use: None,
        why: None,
    };
    match attempt(|| taken(&sized, device, until)) {
        Ok((Taken { seconds, micro_batches }, peak)) => {
            time.milliseconds = Some(1e3 * seconds);
            time.peak_memory = peak;
            if micro_batches > 1 {
                time.batch += &format!(" in {micro_batches} micro-batches");
            }
            let product = attempt(|| product_in(sized.precision(), device, products)).ok();
            time.flop_use = product.map(|product| of_step as f64 / seconds / product);
        }
        Err(error) => time.why = Some(first_line(&error.to_string()).to_owned()),
    }
    time
}

const NO_TIME: &str = "no time was left";

/// Makes steps, and asks how much memory they needed.
fn taken(sized: &SizedStage, device: Device, until: Instant) -> Result<(Taken, Option<u64>), Error> {
    if Instant::now() >= until {
        return Err(NO_TIME.into());
    }
    // Neither what other stages left counts, nor what they needed.
    return_freed_memory();
    let _ = release_cached_memory(device);
    let _ = forget_memory_peak(device);
    let mut readings = Readings::new(device, until);
    sized.train(device, &mut |progress| readings.hear(&progress))?;
    let peak = memory_use(device).ok().map(|memory| memory.peak_bytes);
    Ok((readings.taken().ok_or(NO_TIME)?, peak))
}

/// Measures what a large matrix product reaches in a precision, once.
fn product_in(
    precision: Precision,
    device: Device,
    products: &mut Vec<(Precision, f64)>,
) -> Result<f64, Error> {
    if let Some((_, known)) = products.iter().find(|(of, _)| *of == precision) {
        return Ok(*known);
    }
    let measured = product_flop_per_second(precision, device)?;
    products.push((precision, measured));
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use affekt_ops::doctor::{StageLearner, StageSize};
    use affekt_ops::{pretrain, train};
    use affekt_spec::encoder::EncoderConfig;
    use affekt_spec::network::{CnnConfig, EncoderLayer, FineTunedConfig, NetworkConfig};
    use affekt_spec::training::{
        Batching, Counted, Crop, CropAt, Loss, Objective, Optimisation, PretrainConfig,
        PseudoLabelsObjective, Stopping, TrainConfig,
    };

    use super::*;

    fn encoder() -> EncoderConfig {
        EncoderConfig {
            hidden_size: 32,
            num_hidden_layers: 4,
            num_attention_heads: 2,
            intermediate_size: 48,
            conv_dim: vec![8; 7],
            num_conv_pos_embeddings: 16,
            num_conv_pos_embedding_groups: 4,
            mask_time_prob: 0.2,
            mask_time_length: 2,
            ..EncoderConfig::default()
        }
    }

    fn size(rows: usize, seconds: f64, layers: usize) -> StageSize {
        StageSize { rows, seconds, layers }
    }

    fn stages() -> Vec<Stage> {
        let optimisation = Optimisation { batch_size: 6, ..Optimisation::default() };
        let network = FineTunedConfig {
            encoder: encoder().into(),
            layer: EncoderLayer::Nth(3),
            ..FineTunedConfig::default()
        };
        let config = TrainConfig {
            loss: Loss::Ccc,
            stopping: Stopping::Early { monitor: affekt_domain::Monitor::DevCcc, patience: 3 },
            optimisation: optimisation.clone(),
            ..TrainConfig::default()
        };
        let train = |network, training| Box::new(train::Params { network, training, select_on_test: false });
        let params = train(NetworkConfig::Wav2Vec2(Box::new(network)), config);
        let tuned = StageLearner::Train { params, outputs: 3, frames: None };
        let small = CnnConfig { channels: vec![2], pools: vec![2], ..CnnConfig::default() };
        let params = train(
            NetworkConfig::Cnn(small),
            TrainConfig { optimisation: optimisation.clone(), ..TrainConfig::default() },
        );
        let cnn = StageLearner::Train { params, outputs: 3, frames: Some([8, 6]) };
        let pretrain = pretrain::Params {
            objective: Objective::PseudoLabels(PseudoLabelsObjective::default()),
            training: PretrainConfig {
                steps: 1000,
                optimisation: Optimisation {
                    batching: Batching::Bucketed {
                        seconds: Some(3.0),
                        counted: Counted::Unpadded,
                        noise: 0.1,
                    },
                    crop: Some(Crop { seconds: 0.5, at: CropAt::Random }),
                    drop_last: true,
                    ..optimisation
                },
                held_out: 0.1,
            },
            seed: 0,
        };
        let learner = StageLearner::Pretrain {
            params: Box::new(pretrain),
            encoder: Box::new(encoder()),
            clusters: vec![4, 7],
        };
        let stage =
            |name: &str, learner, size, on_cpu| Stage { name: name.to_owned(), learner, size, on_cpu };
        vec![
            stage("tuned", tuned, size(6, 0.5, 3), size(3, 0.25, 2)),
            stage("cnn", cnn, size(6, 0.0, 0), size(6, 0.0, 0)),
            stage("pretrained", learner, size(6, 0.5, 4), size(2, 0.5, 1)),
        ]
    }

    #[test]
    fn steps_of_all_kinds_are_timed() {
        let mut told = Vec::new();
        let tell = |step| {
            told.push(step);
            Ok(())
        };
        time_steps(&stages(), Device::Cpu, Instant::now() + Duration::from_secs(60), tell).unwrap();
        let batches: Vec<&str> = told.iter().map(|step| step.batch.as_str()).collect();
        let expected = [
            "3 of 6 clips of 0.25 of 0.5 s, 2 of 3 layers, fp32",
            "6 examples, fp32",
            "2 of 6 clips of 0.5 s, 1 of 4 layers, fp32",
        ];
        assert_eq!(batches, expected);
        for step in &told {
            assert_eq!(step.why, None, "{step:?}");
            assert!(step.milliseconds.is_some_and(|time| time > 0.0), "{step:?}");
            assert!(step.peak_memory.is_some_and(|bytes| bytes > 1 << 20), "{step:?}");
            assert!(step.flop > 0 && step.flop_use.is_some_and(|used| used > 0.0 && used < 1.0), "{step:?}");
        }
        assert_eq!(told[1].fraction, 1.0);
        assert!(told[0].fraction > 0.1 && told[0].fraction < 0.5, "{told:?}");
        assert!(told[2].fraction > 0.1 && told[2].fraction < 0.34, "{told:?}");
    }

    #[test]
    fn what_cannot_be_timed_says_why() {
        let mut stages = stages();
        stages.truncate(1);
        stages[0].on_cpu.seconds = 0.01;
        let mut told = Vec::new();
        let tell = |step| {
            told.push(step);
            Ok(())
        };
        time_steps(&stages, Device::Cpu, Instant::now() + Duration::from_secs(60), tell).unwrap();
        assert!(told[0].why.as_ref().is_some_and(|why| why.contains("160")), "{told:?}");
        assert_eq!((told[0].milliseconds, told[0].flop_use), (None, None));
        let tell = |step: StepTime| {
            assert_eq!((step.why.as_deref(), step.milliseconds), (Some(NO_TIME), None));
            Ok(())
        };
        time_steps(&stages, Device::Cpu, Instant::now(), tell).unwrap();
    }
}
