//! Body of `choose`.

use affekt_domain::Epoch;
use affekt_graph::{Failure, Job};
use affekt_ops::choose::{Chosen, Params, SearchTrial};
use affekt_table::history;

pub fn run(job: &Job) -> Result<(), Failure> {
    let params: Params = affekt_ops::params(job)?;
    let mut histories = Vec::new();
    for object in job.open("histories")? {
        histories.push(affekt_ops::table::read(&object, history::read)?);
    }
    let (chosen, trials) = choose(&params, &histories)?;
    crate::json::write(job.output("chosen")?, &chosen.written())?;
    crate::json::write(job.output("trials")?, &trials)
}

/// The settings to take, and what there is to tell of all.
fn choose(params: &Params, histories: &[Vec<Epoch>]) -> Result<(Chosen, affekt_domain::Trials), Failure> {
    use affekt_domain::{Rung, Trial, TrialOutcome, TrialPart, Trials};

    let Params { search, objective, trials } = params;
    if trials.len() != histories.len() {
        let message = format!("{} histories of {} trials", histories.len(), trials.len());
        return Err(Failure::Failed { message });
    }
    let standings: Vec<Option<(u32, f64)>> =
        histories.iter().map(|history| objective.standing(history, u32::MAX)).collect();
    let figures: Vec<Option<f64>> =
        standings.iter().map(|standing| standing.map(|(_, figure)| figure)).collect();
    let ranking = objective.ranking(&figures);
    let best = ranking.into_iter().find(|&at| trials[at].is_finished && figures[at].is_some());
    let best = best.ok_or_else(|| Failure::Failed {
        message: format!(
            "none of {} trials came to its end with a `{}`: try smaller learning rates",
            trials.len(),
            objective.monitor.name()
        ),
    })?;
    let best_epoch = |at: usize| {
        let (best, _) = standings[at]?;
        histories[at].iter().find(|epoch| epoch.number == best)
    };
    let part = |at: usize, accuracy: fn(&Epoch) -> Option<f64>, loss: fn(&Epoch) -> Option<f64>| {
        let epoch = best_epoch(at);
        TrialPart {
            accuracy: epoch.and_then(accuracy),
            loss: epoch.and_then(loss).filter(|loss| loss.is_finite()),
        }
    };
    let told = |(at, tried): (usize, &SearchTrial)| Trial {
        trial: tried.trial,
        bracket: tried.bracket,
        settings: tried.settings.0.clone(),
        epochs: histories[at].last().map_or(0, |epoch| epoch.number),
        best_epoch: standings[at].map_or(0, |(epoch, _)| epoch),
        value: figures[at],
        train: part(at, |epoch| epoch.train_accuracy, |epoch| Some(epoch.train_loss)),
        dev: part(at, |epoch| epoch.dev_accuracy, |epoch| epoch.dev_loss),
        rungs: tried
            .rungs
            .iter()
            .map(|&epochs| Rung {
                epochs,
                value: objective.standing(&histories[at], epochs).map(|(_, figure)| figure),
            })
            .collect(),
        outcome: match () {
            () if at == best => TrialOutcome::Chosen,
            () if tried.is_finished => TrialOutcome::Finished,
            () => TrialOutcome::Pruned,
        },
    };
    let mut all: Vec<Trial> = trials.iter().enumerate().map(told).collect();
    all.sort_by_key(|trial| trial.trial);
    let SearchTrial { trial, settings, params, .. } = &trials[best];
    let chosen = Chosen { version: 1, settings: settings.clone(), params: params.clone() };
    let monitor = objective.monitor;
    Ok((chosen, Trials { version: 1, monitor, search: search.clone(), chosen: *trial, trials: all }))
}

#[cfg(test)]
mod tests {
    use affekt_domain::Monitor;
    use affekt_ops::choose::TuningObjective;
    use affekt_spec::Settings;
    use affekt_spec::network::{CnnConfig, NetworkConfig};
    use affekt_spec::training::TrainConfig;

    use affekt_domain::{Stage, TrialOutcome, TrialPart};

    use super::*;

    fn training() -> affekt_ops::train::Params {
        let network = NetworkConfig::Cnn(CnnConfig::default());
        affekt_ops::train::Params { network, training: TrainConfig::default(), select_on_test: false }
    }

    fn history(losses: &[f64]) -> Vec<Epoch> {
        let epoch = |(number, &loss): (u32, &f64)| Epoch {
            stage: Stage::Search,
            number,
            learning_rate: 1e-3,
            train_loss: loss,
            train_accuracy: Some(0.25 * f64::from(number)),
            dev_loss: (!loss.is_nan()).then_some(loss),
            dev_accuracy: None,
            dev_uar: None,
            dev_ccc: None,
            kept: false,
        };
        (1..).zip(losses).map(epoch).collect()
    }

    fn tried(trial: u32, rungs: &[u32], is_finished: bool) -> SearchTrial {
        SearchTrial {
            trial,
            bracket: Some(1),
            settings: Settings([("lr".to_owned(), trial.into())].into()),
            params: training(),
            rungs: rungs.to_vec(),
            is_finished,
        }
    }

    const BY_BEST: TuningObjective = TuningObjective { monitor: Monitor::DevLoss, last_epoch: false };

    #[test]
    fn the_best_finished_trial_is_chosen_and_all_are_told_of() {
        let trials = vec![tried(2, &[1, 3], true), tried(1, &[1], false), tried(3, &[1, 3], true)];
        let params = Params { search: "hyperband".into(), objective: BY_BEST, trials };
        let histories = [history(&[0.9, 0.4, 0.5]), history(&[0.95]), history(&[0.8, 0.4, f64::NAN])];
        let (chosen, told) = choose(&params, &histories).unwrap();
        assert_eq!(chosen.settings.0["lr"], 2);
        assert_eq!((told.chosen, told.monitor), (2, Monitor::DevLoss));
        let rows: Vec<_> =
            told.trials.iter().map(|t| (t.trial, t.epochs, t.best_epoch, t.value, t.outcome)).collect();
        assert_eq!(
            rows,
            [
                (1, 1, 1, Some(0.95), TrialOutcome::Pruned),
                (2, 3, 2, Some(0.4), TrialOutcome::Chosen),
                (3, 3, 0, None, TrialOutcome::Finished),
            ]
        );
        let of = |trial: usize| (told.trials[trial].train, told.trials[trial].dev);
        let chosen = TrialPart { accuracy: Some(0.5), loss: Some(0.4) };
        assert_eq!(of(1), (chosen, TrialPart { accuracy: None, ..chosen }), "of the best epoch");
        assert_eq!(of(2), (TrialPart::default(), TrialPart::default()));
        let rungs: Vec<_> = told.trials[2].rungs.iter().map(|rung| rung.value).collect();
        assert_eq!(rungs, [Some(0.8), None]);
    }

    #[test]
    fn the_last_epoch_counts_where_its_weights_are_kept() {
        let objective = TuningObjective { last_epoch: true, ..BY_BEST };
        assert_eq!(objective.standing(&history(&[0.9, 0.4, 0.5]), 9), Some((3, 0.5)));
        assert_eq!(objective.standing(&history(&[0.9, 0.4, 0.5]), 2), Some((2, 0.4)));
        assert_eq!(BY_BEST.standing(&history(&[0.9, 0.4, 0.5]), 9), Some((2, 0.4)));
        assert_eq!(BY_BEST.standing(&[], 9), None);
    }

    #[test]
    fn equal_ones_come_in_their_order_and_those_without_a_figure_last() {
        let figures = [None, Some(0.5), Some(0.2), Some(0.5), None];
        assert_eq!(BY_BEST.ranking(&figures), [2, 1, 3, 0, 4]);
        let accuracy = TuningObjective { monitor: Monitor::DevAccuracy, ..BY_BEST };
        assert_eq!(accuracy.ranking(&figures), [1, 3, 2, 0, 4]);
    }

    #[test]
    fn nothing_is_chosen_where_all_went_astray() {
        let trials = vec![tried(1, &[3], true)];
        let params = Params { search: "grid".into(), objective: BY_BEST, trials };
        let error = choose(&params, &[history(&[f64::NAN])]).unwrap_err().to_string();
        assert_eq!(error, "none of 1 trials came to its end with a `dev-loss`: try smaller learning rates");
    }
}
