//! Tasks and targets: a class out of several, or several numbers.

use serde::{Deserialize, Serialize};

/// What a network predicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// One of these classes, in the order used by networks and tables.
    Classes(Vec<String>),
    /// A number for each of these names, in the order used by networks and tables.
    Outputs(Vec<String>),
}

/// The target of one utterance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A class of the task.
    Class(String),
    /// One finite number per output of the task, in the task's order.
    Values(Vec<f32>),
}

/// An error for a target that does not fit the task.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TargetError {
    /// A class that is not in the task.
    #[error("class `{class}` is not one of {}", classes.join(", "))]
    UnknownClass {
        /// The class.
        class: String,
        /// The classes of the task.
        classes: Vec<String>,
    },
    /// A number of values other than the number of outputs.
    #[error("{values} values for {outputs} outputs")]
    Length {
        /// Number of values.
        values: usize,
        /// Number of outputs.
        outputs: usize,
    },
    /// A value that is not finite.
    #[error("`{output}` is {value}, expected a finite number")]
    NotFinite {
        /// The name of the output.
        output: String,
        /// Its value.
        value: f32,
    },
    /// A class where values are expected, or values where a class is expected.
    #[error("{found} where {expected} are predicted")]
    Kind {
        /// The kind of the target.
        found: &'static str,
        /// The kind that the task expects.
        expected: &'static str,
    },
}

impl Task {
    /// Returns the names of the outputs: of the classes, or of the numbers.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::Classes(names) | Self::Outputs(names) => names,
        }
    }

    /// Returns the classes, if the task is a classification.
    #[must_use]
    pub fn classes(&self) -> Option<&[String]> {
        match self {
            Self::Classes(classes) => Some(classes),
            Self::Outputs(_) => None,
        }
    }

    /// Returns the predicted class of a vector of logits, if the task is a classification: see [`predicted_class`].
    #[must_use]
    pub fn predicted(&self, outputs: &[f32]) -> Option<&str> {
        predicted_class(self.classes()?, outputs)
    }

    /// Checks that a target fits this task.
    ///
    /// # Errors
    /// Fails if the target is of the other kind, of an unknown class, of another length or not finite.
    pub fn check(&self, target: &Target) -> Result<(), TargetError> {
        match (self, target) {
            (Self::Classes(classes), Target::Class(class)) => {
                let unknown = || TargetError::UnknownClass { class: class.clone(), classes: classes.clone() };
                classes.contains(class).then_some(()).ok_or_else(unknown)
            }
            (Self::Outputs(outputs), Target::Values(values)) => {
                if values.len() != outputs.len() {
                    return Err(TargetError::Length { values: values.len(), outputs: outputs.len() });
                }
                match outputs.iter().zip(values).find(|(_, value)| !value.is_finite()) {
                    Some((output, value)) => {
                        Err(TargetError::NotFinite { output: output.clone(), value: *value })
                    }
                    None => Ok(()),
                }
            }
            (Self::Classes(_), Target::Values(_)) => {
                Err(TargetError::Kind { found: "values", expected: "classes" })
            }
            (Self::Outputs(_), Target::Class(_)) => {
                Err(TargetError::Kind { found: "a class", expected: "values" })
            }
        }
    }
}

/// Returns the place of the first of the highest outputs; `None` where there are none.
#[must_use]
pub fn first_highest(outputs: &[f32]) -> Option<usize> {
    (0..outputs.len()).reduce(|best, place| if outputs[place] > outputs[best] { place } else { best })
}

/// The class that a network's outputs, one logit a class, speak for: the first of the highest. `None` where there are
/// no classes, or more or fewer outputs than classes.
#[must_use]
pub fn predicted_class<'c>(classes: &'c [String], outputs: &[f32]) -> Option<&'c str> {
    if classes.len() != outputs.len() {
        return None;
    }
    classes.get(first_highest(outputs)?).map(String::as_str)
}

impl Target {
    /// Returns the class, if this is one.
    #[must_use]
    pub fn class(&self) -> Option<&str> {
        match self {
            Self::Class(class) => Some(class),
            Self::Values(_) => None,
        }
    }

    /// Returns the values, if these are values.
    #[must_use]
    pub fn values(&self) -> Option<&[f32]> {
        match self {
            Self::Class(_) => None,
            Self::Values(values) => Some(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_first_of_the_highest_is_predicted() {
        let task = Task::Classes(names(&["a", "b", "c"]));
        assert_eq!(task.predicted(&[-1.0, 2.0, 0.5]), Some("b"));
        assert_eq!(task.predicted(&[1.0, 1.0, 1.0]), Some("a"));
        assert_eq!(task.predicted(&[1.0, 2.0]), None);
        assert_eq!(Task::Outputs(names(&["a"])).predicted(&[1.0]), None);
        assert_eq!(Task::Classes(Vec::new()).predicted(&[]), None);
    }

    #[test]
    fn targets_are_held_to_their_task() {
        let (classes, outputs) = (Task::Classes(names(&["a", "b"])), Task::Outputs(names(&["x", "y"])));
        let mismatch = |task: &Task, target| task.check(&target).unwrap_err().to_string();
        assert_eq!(classes.check(&Target::Class("b".into())), Ok(()));
        assert_eq!(outputs.check(&Target::Values(vec![0.0, -1.5])), Ok(()));
        assert_eq!(mismatch(&classes, Target::Class("x".into())), "class `x` is not one of a, b");
        assert_eq!(mismatch(&classes, Target::Values(vec![1.0])), "values where classes are predicted");
        assert_eq!(mismatch(&outputs, Target::Class("x".into())), "a class where values are predicted");
        assert_eq!(mismatch(&outputs, Target::Values(vec![1.0])), "1 values for 2 outputs");
        let wrong = mismatch(&outputs, Target::Values(vec![1.0, f32::NAN]));
        assert_eq!(wrong, "`y` is NaN, expected a finite number");
    }

    #[test]
    fn a_task_is_one_key_in_json() {
        let json = |task: &Task| serde_json::to_string(task).unwrap();
        assert_eq!(json(&Task::Classes(names(&["a", "b"]))), r#"{"classes":["a","b"]}"#);
        assert_eq!(json(&Task::Outputs(names(&["x"]))), r#"{"outputs":["x"]}"#);
        let read: Task = serde_json::from_str(r#"{"outputs":["x"]}"#).unwrap();
        assert_eq!(read, Task::Outputs(names(&["x"])));
    }
}
