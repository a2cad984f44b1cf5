//! Body of `submission`.

use affekt_domain::{Role, Task, is_formula};
use affekt_graph::{Failure, Job};
use affekt_ops::submission::Params;

pub fn run(job: &Job) -> Result<(), Failure> {
    let params: Params = affekt_ops::params(job)?;
    let failed = |message: String| Failure::Failed { message };
    let mut task: Option<Task> = None;
    let mut said = std::collections::BTreeMap::<String, Vec<Vec<f32>>>::new();
    for object in job.open("predictions")? {
        let table = affekt_ops::table::read(&object, affekt_table::predictions::read)?;
        let known = task.get_or_insert_with(|| table.task.clone());
        if *known != table.task {
            return Err(failed("predictions of different classes or outputs are no one submission".into()));
        }
        for row in table.rows.into_iter().filter(|row| row.role == Role::Test) {
            said.entry(row.utterance).or_default().push(row.outputs);
        }
    }
    let (Some(task), Some(times)) = (task, said.values().map(Vec::len).max()) else {
        let message = "there are no predictions of role test: predict the rows of the test part as well";
        return Err(failed(message.into()));
    };
    if let Some((utterance, few)) = said.iter().find(|(_, outputs)| outputs.len() < times) {
        let message =
            format!("`{utterance}` is predicted {} times, others {times}: predict all alike", few.len());
        return Err(failed(message));
    }
    let csv = written(&params, &task, &said).map_err(|error| Failure::because(&error))?;
    let path = job.output("submission")?;
    std::fs::write(path, csv).map_err(|error| Failure::unwritten(path, &error))
}

fn written(
    params: &Params,
    task: &Task,
    said: &std::collections::BTreeMap<String, Vec<Vec<f32>>>,
) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut line = |cells: Vec<&str>| match cells.iter().find(|cell| is_formula(cell)) {
        // With an apostrophe in front it would be another name to the organisers.
        Some(formula) => {
            let message = format!("a spreadsheet takes `{formula}` for a formula: give it another beginning");
            Err(csv::Error::from(std::io::Error::other(message)))
        }
        None => table.write_record(cells),
    };
    let columns = match task {
        Task::Classes(_) => std::slice::from_ref(&params.class_column),
        Task::Outputs(outputs) => outputs,
    };
    line(std::iter::once(&params.id_column).chain(columns).map(String::as_str).collect())?;
    for (utterance, outputs) in said {
        let name = utterance.rsplit_once('/').map_or(utterance.as_str(), |(_, name)| name);
        let mut record = vec![params.id.replace("{name}", name)];
        match task {
            Task::Outputs(_) => {
                record.extend(mean(outputs, |values| values.clone()).iter().map(f32::to_string))
            }
            Task::Classes(_) => {
                let class = task.predicted(&mean(outputs, |logits| softmax(logits)));
                record.extend(class.map(str::to_owned));
            }
        }
        line(record.iter().map(String::as_str).collect())?;
    }
    table.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// The mean of what each of some networks says.
fn mean(outputs: &[Vec<f32>], of: impl Fn(&Vec<f32>) -> Vec<f32>) -> Vec<f32> {
    let mut sums = vec![0.0_f64; outputs.first().map_or(0, Vec::len)];
    for one in outputs {
        sums.iter_mut().zip(of(one)).for_each(|(sum, value)| *sum += f64::from(value));
    }
    sums.into_iter().map(|sum| (sum / outputs.len() as f64) as f32).collect()
}

/// Probabilities from logits.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = logits.iter().map(|logit| (logit - highest).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}
