//! Tasks and targets in tables: the task in the metadata, each row's target in one column.
//!
//! A table of classes has the metadata `classes` and a text column; one of numbers has the metadata `outputs` and a
//! column of lists in the order of the outputs. In a row without a target, the corpus withholds the truth.

use affekt_domain::{Target, Task};
use arrow_array::ArrayRef;
use arrow_schema::{DataType, Field};

use crate::columns::{Columns, Gaps, Lists, floats, json_list, lists, optional_texts};
use crate::{TableError, TableFile};

/// The names of the target column: for classes, and for numbers.
pub(crate) struct Names {
    pub class: &'static str,
    pub values: &'static str,
}

/// The names in tables of examples and rows.
pub(crate) const EXAMPLES: Names = Names { class: "class", values: "values" };

/// The names in tables of predictions.
pub(crate) const PREDICTIONS: Names = Names { class: "label", values: "targets" };

/// Returns the metadata key and value of a task.
pub(crate) fn metadata(task: &Task) -> (&'static str, String) {
    let key = match task {
        Task::Classes(_) => "classes",
        Task::Outputs(_) => "outputs",
    };
    (key, json_list(task.names()))
}

/// Reads the task of a table.
pub(crate) fn task(file: &TableFile) -> Result<Task, TableError> {
    match (file.metadata("classes"), file.metadata("outputs")) {
        (Some(_), None) => Ok(Task::Classes(file.required_json("classes")?)),
        (None, Some(_)) => Ok(Task::Outputs(file.required_json("outputs")?)),
        (None, None) => Err(TableError::Malformed("the metadata lacks `classes` or `outputs`".into())),
        (Some(_), Some(_)) => {
            Err(TableError::Malformed("the metadata has both `classes` and `outputs`".into()))
        }
    }
}

/// Returns the field of the target column.
pub(crate) fn field(task: &Task, names: &Names, nullable: bool) -> Field {
    match task {
        Task::Classes(_) => Field::new(names.class, DataType::Utf8, nullable),
        Task::Outputs(_) => Field::new(names.values, floats(), nullable),
    }
}

/// Builds the target column from targets that [`check`] has accepted.
pub(crate) fn column<'a>(task: &Task, targets: impl Iterator<Item = Option<&'a Target>>) -> ArrayRef {
    match task {
        Task::Classes(_) => optional_texts(targets.map(|target| target.and_then(Target::class))),
        Task::Outputs(_) => lists(targets.map(|target| target.and_then(Target::values))),
    }
}

/// A reader of the target column.
pub(crate) enum Reader<'a> {
    Classes(Gaps<'a>),
    Values(Lists<'a>),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(columns: &Columns<'a>, task: &Task, names: &Names) -> Result<Self, TableError> {
        Ok(match task {
            Task::Classes(_) => Self::Classes(columns.optional_text(names.class)?),
            Task::Outputs(_) => Self::Values(columns.optional_list(names.values)?),
        })
    }

    pub(crate) fn target(&self, row: usize) -> Result<Option<Target>, TableError> {
        match self {
            Self::Classes(classes) => Ok(classes.owned(row).map(Target::Class)),
            Self::Values(values) => Ok(values.value(row)?.map(Target::Values)),
        }
    }
}

/// Checks that every target fits the task and that none is missing where it is required; describes the first that
/// fails.
pub(crate) fn check<'a>(
    task: &Task,
    rows: impl Iterator<Item = (&'a str, Option<&'a Target>)>,
    may_lack: bool,
) -> Result<(), String> {
    for (utterance, target) in rows {
        match target {
            Some(target) => task.check(target).map_err(|misfit| format!("`{utterance}`: {misfit}"))?,
            None if may_lack => {}
            None => return Err(format!("`{utterance}` has no target, which is only allowed for test rows")),
        }
    }
    Ok(())
}
