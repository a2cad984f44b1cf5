//! `train`: a network is fitted to the training rows, its epoch chosen on the dev rows.

use affekt_domain::Role;
use affekt_graph::{Context, Failure, Job, Object};
use affekt_ops::choose::Chosen;
use affekt_ops::feature_set::FeatureSet;
use affekt_ops::train::Params;
use affekt_ops::{standardise, table};
use affekt_spec::network::NetworkConfig;
use affekt_table::history;
use affekt_table::rows::{self, SplitRows};
use affekt_torch::{NamedTensors, fp32_convolutions};
use affekt_train::{DevPart, Refit, Training, TrainingPart};
use tch::Device;

use super::feature_dataset::{FeatureDataset, check_lengths};
use super::progress::TrainingProgress;
use super::{device, failed, resume};
use crate::artefact::encoder::EncoderCard;
use crate::artefact::model::Card;
use crate::artefact::{self, Card as _};

pub fn run(job: &Job, device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    let mut params: Params = affekt_ops::params(job)?;
    if let Some(chosen) = job.open("chosen")?.first() {
        let Chosen { params: chosen, .. } =
            serde_json::from_slice(chosen.all()?).map_err(|error| Failure::because(&error))?;
        params = Params { select_on_test: params.select_on_test, ..chosen };
    }
    device::file_training(&params.training.optimisation, device, context);
    let (card, trained) = with_training(job, params, device, |training, fold, encoder| {
        let mut progress = TrainingProgress::in_epochs(context);
        let trained = affekt_train::train(training, &mut |heard| progress.hear(&heard));
        let trained = trained.map_err(|error| failed(&error))?;
        progress.tell_outcome(&trained.state);
        let card = Card {
            version: Card::VERSION,
            network: training.network.clone(),
            task: training.task.clone(),
            input: training.trained_on.dataset().input(),
            standardise: training.standardiser.cloned(),
            encoder: encoder.map(EncoderCard::origin),
            parameters: trained.parameters,
            fold,
            seed: training.seed,
            training_rows: trained.trained_rows,
            epochs: trained.history.len() as u32,
            stage: trained.stage,
            kept_epoch: trained.kept_epoch,
            layer_weights: affekt_models::learnt_weights(training.network, &trained.weights)
                .map_err(|error| Failure::because(&error))?,
        };
        Ok((card, trained))
    })?;
    artefact::write(job, "model", &card, trained.weights)?;
    history::write(job.output("history")?, &trained.history, &fp32_convolutions()).map_err(table::unwritten)
}

/// Calls `run` with the training that a job of `train` or `trial` describes, its fold, and the card of its encoder.
pub fn with_training<T>(
    job: &Job,
    mut params: Params,
    device: Device,
    run: impl FnOnce(&Training<'_>, u32, Option<&EncoderCard>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let seed = job.seed.ok_or_else(|| Failure::Failed { message: "training needs a seed".into() })?;
    let encoder = job.open("encoder")?.first().map(artefact::read::<EncoderCard>).transpose()?;
    let encoder = encoder.map(|encoder| begin_with(&mut params.network, encoder)).transpose()?;
    let train_rows = table::read_port(job, "train", |file| rows::read(file, Role::Train))?;
    if let Some((card, _)) = &encoder {
        card.check_fold(train_rows.fold)?;
    }
    let dev_rows =
        job.open("dev")?.first().map(|object| selecting(object, params.select_on_test)).transpose()?;
    // A protocol without a dev part has an empty one.
    let dev_rows = dev_rows.filter(|dev| !dev.rows.is_empty());
    let mut tables = vec![&train_rows];
    tables.extend(&dev_rows);
    let features = FeatureSet::open(&job.open("features")?)?;
    check_lengths(&features, params.network.least_samples())?;
    let dataset = FeatureDataset::new(&features, &tables)?;
    let trained_on = TrainingPart::of(&dataset);
    let selected_on = dev_rows.as_ref().map(|_| DevPart::of(&dataset));
    let together = match (&dev_rows, params.training.refit) {
        (Some(_), Refit::BestEpochsWithDev) if params.select_on_test => {
            let message = "`refit: best-epochs-with-dev` would train on the test rows that chose the epoch: \
                           refit on `best-epochs`, or choose on a dev part";
            return Err(Failure::Failed { message: message.into() });
        }
        (Some(dev), Refit::BestEpochsWithDev) => Some(SplitRows { role: Role::Train, ..dev.clone() }),
        _ => None,
    };
    let together =
        together.as_ref().map(|dev| FeatureDataset::new(&features, &[&train_rows, dev])).transpose()?;
    let refitted_on = together.as_ref().map(|dataset| TrainingPart::of(dataset));

    let standardiser = job.open("standardise")?.first().map(standardise::read).transpose()?;
    if let Some(fitted) = standardiser.as_ref().filter(|fitted| fitted.fold != train_rows.fold) {
        let (own, other) = (train_rows.fold, fitted.fold);
        let message = format!("a standardiser of fold {other} must not be used to train in fold {own}");
        return Err(Failure::Failed { message });
    }
    let standardiser = standardiser.map(|fitted| fitted.standardiser);
    let resume = resume(job);
    let training = Training {
        network: &params.network,
        config: &params.training,
        encoder: encoder.as_ref().and_then(|(_, weights)| weights.as_ref()),
        task: &train_rows.task,
        seed,
        trained_on: &trained_on,
        selected_on: selected_on.as_ref(),
        refitted_on: refitted_on.as_ref(),
        standardiser: standardiser.as_ref(),
        device,
        resume: resume.as_ref(),
    };
    run(&training, train_rows.fold, encoder.as_ref().map(|(card, _)| card))
}

/// Gives a network the configuration of its encoder, and the weights that it begins with. A wav2vec 2.0 without any begins at random,
/// as the rest of the network; a VGG16 as its card says, for what is frozen of it may have been computed already.
fn begin_with(
    network: &mut NetworkConfig,
    (card, weights): (EncoderCard, NamedTensors),
) -> Result<(EncoderCard, Option<NamedTensors>), Failure> {
    let weights = match network {
        NetworkConfig::Wav2Vec2(network) => {
            network.encoder = card.speech("train")?.clone();
            network.normalise = card.normalise;
            card.pretrained.then_some(weights)
        }
        NetworkConfig::Vgg16(network) => {
            network.encoder = card.vgg16("train")?.clone();
            Some(card.base(&network.encoder, weights)?)
        }
        _ => card.pretrained.then_some(weights),
    };
    Ok((card, weights))
}

/// The rows that choose the epoch. Test rows are read as such where the experiment allows it, and nowhere else.
fn selecting(object: &Object, on_test: bool) -> Result<SplitRows, Failure> {
    if on_test {
        return Ok(SplitRows { role: Role::Dev, ..table::read_predictable(object)? });
    }
    table::read(object, |file| rows::read(file, Role::Dev))
}
