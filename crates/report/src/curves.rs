//! Training histories as small multiples: one panel per training run, all on the same scales.

use affekt_domain::{Epoch, Stage};
use serde::Serialize;

use crate::report::History;
use crate::scale::nice;
use crate::text::percent;

/// The panels of one variant.
#[derive(Serialize)]
pub(crate) struct Curves {
    panels: Vec<Panel>,
    /// The top of the loss scale.
    loss_top: String,
    /// Whether losses above the top are clipped.
    clipped: bool,
    has_dev: bool,
    /// The score drawn below the losses, if any: `accuracy`, `CCC`.
    score: Option<&'static str>,
    /// Whether that of the training part is drawn.
    has_train_score: bool,
    /// Whether that of the dev part is.
    has_dev_score: bool,
    /// Whether networks were retrained after the number of epochs was selected.
    has_refit: bool,
    last_epoch: u32,
    frame: Frame,
}

/// The frames of a panel's two plots, in its own units.
#[derive(Serialize)]
struct Frame {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    loss_top: f64,
    loss_bottom: f64,
    score_top: f64,
    score_bottom: f64,
}

#[derive(Serialize)]
struct Panel {
    title: String,
    /// The text alternative of the panel.
    description: String,
    train_loss: String,
    refit_loss: String,
    dev_loss: String,
    train_score: String,
    refit_score: String,
    dev_score: String,
    kept: Option<KeptEpoch>,
}

/// The epoch whose weights were kept, as marks on its curves.
#[derive(Serialize)]
struct KeptEpoch {
    x: String,
    loss_y: String,
    score_y: Option<String>,
    number: u32,
}

const FRAME: Frame = Frame {
    width: 220.0,
    height: 158.0,
    left: 26.0,
    right: 214.0,
    loss_top: 6.0,
    loss_bottom: 84.0,
    score_top: 98.0,
    score_bottom: 142.0,
};

/// Builds the curves of `histories`; `None` if nothing was trained.
pub(crate) fn curves(histories: &[History]) -> Option<Curves> {
    let epochs = || histories.iter().flat_map(searched);
    let mut losses: Vec<f64> = epochs()
        .flat_map(|epoch| [Some(epoch.train_loss), epoch.dev_loss])
        .flatten()
        .filter(|loss| loss.is_finite())
        .collect();
    losses.sort_by(f64::total_cmp);
    let highest = *losses.last()?;
    // A few outliers in the first epochs would flatten all others.
    let usual = 2.0 * losses[(losses.len() - 1) * 9 / 10];
    let top = nice(if highest > 2.0 * usual { usual } else { highest });
    let last_epoch = epochs().map(|epoch| epoch.number).max()?;
    let scales = Scales { top, last_epoch };
    let has_train_score = epochs().any(|epoch| epoch.train_accuracy.is_some());
    let of_dev = epochs().find_map(|epoch| dev_score(epoch).map(|(name, _)| name));
    let score = of_dev.or(has_train_score.then_some("accuracy"));
    let frame = if score.is_some() { FRAME } else { Frame { height: FRAME.loss_bottom + 16.0, ..FRAME } };
    Some(Curves {
        panels: histories.iter().map(|history| scales.panel(history)).collect(),
        loss_top: format!("{top}"),
        clipped: highest > top,
        has_dev: epochs().any(|epoch| epoch.dev_loss.is_some()),
        score,
        has_train_score,
        has_dev_score: of_dev.is_some(),
        has_refit: histories.iter().any(|history| refitted(history).next().is_some()),
        last_epoch,
        frame,
    })
}

struct Scales {
    top: f64,
    last_epoch: u32,
}

impl Scales {
    fn panel(&self, history: &History) -> Panel {
        let title = format!("fold {} · seed {}", history.fold, history.seed);
        let points = |epochs: &mut dyn Iterator<Item = &Epoch>, y: &dyn Fn(&Epoch) -> Option<f64>| {
            let point = |epoch: &Epoch| Some(format!("{:.1},{:.1}", self.x(epoch.number), y(epoch)?));
            epochs.filter_map(point).collect::<Vec<_>>().join(" ")
        };
        let line = |y: &dyn Fn(&Epoch) -> Option<f64>| points(&mut searched(history), y);
        // In a retrained network, the epoch that determined the number of epochs.
        let kept = history.epochs.iter().find(|epoch| epoch.kept);
        let kept = kept.and_then(|kept| searched(history).find(|epoch| epoch.number == kept.number));
        Panel {
            description: describe(&title, history, kept),
            title,
            train_loss: line(&|epoch| self.loss_y(epoch.train_loss)),
            refit_loss: points(&mut refitted(history), &|epoch| self.loss_y(epoch.train_loss)),
            dev_loss: line(&|epoch| self.loss_y(epoch.dev_loss?)),
            train_score: line(&|epoch| score_y(epoch.train_accuracy?)),
            refit_score: points(&mut refitted(history), &|epoch| score_y(epoch.train_accuracy?)),
            dev_score: line(&|epoch| score_y(dev_score(epoch)?.1)),
            kept: kept.and_then(|epoch| {
                Some(KeptEpoch {
                    x: format!("{:.1}", self.x(epoch.number)),
                    loss_y: format!("{:.1}", self.loss_y(epoch.dev_loss.unwrap_or(epoch.train_loss))?),
                    score_y: dev_score(epoch)
                        .map(|(_, score)| score)
                        .or(epoch.train_accuracy)
                        .and_then(score_y)
                        .map(|y| format!("{y:.1}")),
                    number: epoch.number,
                })
            }),
        }
    }

    fn x(&self, epoch: u32) -> f64 {
        let steps = f64::from(self.last_epoch.max(2) - 1);
        FRAME.left + (FRAME.right - FRAME.left) * f64::from(epoch.saturating_sub(1)) / steps
    }

    fn loss_y(&self, loss: f64) -> Option<f64> {
        let share = (loss / self.top).clamp(0.0, 1.0);
        loss.is_finite().then_some(FRAME.loss_bottom - (FRAME.loss_bottom - FRAME.loss_top) * share)
    }
}

/// Returns the epochs of the search stage, from which one was selected.
pub(crate) fn searched(history: &History) -> impl Iterator<Item = &Epoch> {
    history.epochs.iter().filter(|epoch| epoch.stage == Stage::Search)
}

/// Returns the epochs of retraining.
pub(crate) fn refitted(history: &History) -> impl Iterator<Item = &Epoch> {
    history.epochs.iter().filter(|epoch| epoch.stage == Stage::Refit)
}

/// Returns the dev score of an epoch with its name.
fn dev_score(epoch: &Epoch) -> Option<(&'static str, f64)> {
    let accuracy = epoch.dev_accuracy.map(|accuracy| ("accuracy", accuracy));
    accuracy.or(epoch.dev_ccc.map(|ccc| ("CCC", ccc)))
}

/// Returns the vertical position of a score; below 0 it is drawn at 0.
fn score_y(score: f64) -> Option<f64> {
    let height = FRAME.score_bottom - FRAME.score_top;
    score.is_finite().then_some(FRAME.score_bottom - height * score.clamp(0.0, 1.0))
}

fn describe(title: &str, history: &History, kept: Option<&Epoch>) -> String {
    let epochs = searched(history).count();
    let Some(kept) = kept else { return format!("{title}: {epochs} epochs, none kept") };
    let score = dev_score(kept).map(|(name, score)| format!(", dev {name} {} %", percent(score)));
    let score = score.unwrap_or_default();
    let dev = kept.dev_loss.map(|loss| format!(", dev loss {loss:.2}")).unwrap_or_default();
    let anew = if refitted(history).next().is_some() { ", then retrained for as many" } else { "" };
    let train = kept.train_accuracy.map(|accuracy| format!(", train accuracy {} %", percent(accuracy)));
    let train = train.unwrap_or_default();
    format!(
        "{title}: {epochs} epochs, kept {} (train loss {:.2}{dev}{train}{score}){anew}",
        kept.number, kept.train_loss
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(losses: &[f64]) -> History {
        let epoch = |(i, loss): (usize, &f64)| Epoch {
            stage: Stage::Search,
            number: i as u32 + 1,
            learning_rate: 1e-3,
            train_loss: *loss,
            train_accuracy: None,
            dev_loss: None,
            dev_accuracy: None,
            dev_uar: None,
            dev_ccc: None,
            kept: i == 1,
        };
        History { fold: 1, seed: 2, epochs: losses.iter().enumerate().map(epoch).collect() }
    }

    #[test]
    fn points_lie_on_the_scales() {
        let curves = curves(&[history(&[2.0, 1.0, f64::NAN])]).unwrap();
        assert_eq!((curves.loss_top.as_str(), curves.clipped, curves.last_epoch), ("2", false, 3));
        let panel = &curves.panels[0];
        assert_eq!(panel.train_loss, "26.0,6.0 120.0,45.0");
        assert_eq!(panel.dev_loss, "");
        assert_eq!(panel.description, "fold 1 · seed 2: 3 epochs, kept 2 (train loss 1.00)");
    }

    #[test]
    fn a_refit_is_told_of_and_not_drawn() {
        let mut twice = history(&[2.0, 1.0, 1.5]);
        let anew = twice.epochs[..2].to_vec();
        twice.epochs[1].kept = false;
        twice.epochs.extend(anew.into_iter().map(|epoch| Epoch {
            stage: Stage::Refit,
            train_loss: 9.0,
            ..epoch
        }));
        let panel = &curves(&[twice]).unwrap().panels[0];
        assert_eq!(panel.train_loss.split(' ').count(), 3);
        assert_eq!(panel.kept.as_ref().map(|kept| kept.number), Some(2));
        let told = "fold 1 · seed 2: 3 epochs, kept 2 (train loss 1.00), then retrained for as many";
        assert_eq!(panel.description, told);
    }

    #[test]
    fn concordance_is_drawn_where_there_is_no_accuracy() {
        let mut numbers = history(&[2.0, 1.0, 1.5]);
        for (epoch, ccc) in numbers.epochs.iter_mut().zip([-0.1, 0.5, 0.25]) {
            epoch.dev_ccc = Some(ccc);
        }
        let curves = curves(&[numbers]).unwrap();
        assert_eq!((curves.score, curves.frame.height), (Some("CCC"), FRAME.height));
        assert_eq!(curves.panels[0].dev_score, "26.0,142.0 120.0,120.0 214.0,131.0");
        let told = "fold 1 · seed 2: 3 epochs, kept 2 (train loss 1.00, dev CCC 50.0 %)";
        assert_eq!(curves.panels[0].description, told);
    }

    #[test]
    fn accuracy_in_training_is_drawn_without_a_dev_part_too() {
        let mut alone = history(&[2.0, 1.0]);
        for (epoch, accuracy) in alone.epochs.iter_mut().zip([0.25, 0.5]) {
            epoch.train_accuracy = Some(accuracy);
        }
        let curves = curves(&[alone]).unwrap();
        assert_eq!(
            (curves.score, curves.has_train_score, curves.has_dev_score),
            (Some("accuracy"), true, false)
        );
        let panel = &curves.panels[0];
        assert_eq!((panel.train_score.as_str(), panel.dev_score.as_str()), ("26.0,131.0 214.0,120.0", ""));
        assert_eq!(panel.kept.as_ref().and_then(|kept| kept.score_y.as_deref()), Some("120.0"));
        assert_eq!(
            panel.description,
            "fold 1 · seed 2: 2 epochs, kept 2 (train loss 1.00, train accuracy 50.0 %)"
        );
    }

    #[test]
    fn wild_epochs_are_cut() {
        let mut losses = vec![1.0; 20];
        losses[0] = 50.0;
        let curves = curves(&[history(&losses)]).unwrap();
        assert_eq!((curves.loss_top.as_str(), curves.clipped), ("2", true));
        assert!(curves.panels[0].train_loss.starts_with("26.0,6.0 "));
    }

    #[test]
    fn nothing_trained() {
        assert!(curves(&[]).is_none());
        assert!(curves(&[history(&[])]).is_none());
    }
}
