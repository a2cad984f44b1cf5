//! What was predicted of the test rows whose truth is known.

use std::collections::HashSet;

use affekt_domain::{Prediction, Role, Target, predicted_class};

use crate::count::EvalError;

/// A test row, its class and the one that was predicted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub row: &'a Prediction,
    pub truth: &'a str,
    pub predicted: &'a str,
}

/// The test rows of `variant` that have a truth. Classes are those of their outputs, in their order.
pub(crate) fn answers<'a>(
    variant: &str,
    classes: &'a [String],
    predictions: &'a [Prediction],
) -> Result<Vec<Answer<'a>>, EvalError> {
    let known: HashSet<&str> = classes.iter().map(String::as_str).collect();
    let mut answers = Vec::with_capacity(predictions.len());
    for row in predictions.iter().filter(|row| row.role == Role::Test && row.variant == variant) {
        let Some(truth) = &row.truth else { continue };
        let Target::Class(truth) = truth else {
            return Err(EvalError::Outputs { variant: variant.to_owned() });
        };
        if !known.contains(truth.as_str()) {
            return Err(EvalError::UnknownClass {
                variant: variant.to_owned(),
                utterance: row.utterance.clone(),
                fold: row.fold,
                seed: row.seed,
                class: truth.clone(),
                classes: classes.to_vec(),
            });
        }
        let predicted =
            predicted_class(classes, &row.outputs).ok_or_else(|| EvalError::NotOneOutputAClass {
                variant: variant.to_owned(),
                utterance: row.utterance.clone(),
                fold: row.fold,
                seed: row.seed,
                outputs: row.outputs.len(),
                classes: classes.len(),
            })?;
        answers.push(Answer { row, truth, predicted });
    }
    Ok(answers)
}
