//! Body of `predictions-file`.

use std::collections::HashMap;
use std::path::Path;

use affekt_corpus::{Encoding, delimiter, table_text};
use affekt_domain::{Digest, Task};
use affekt_graph::{Failure, Job, hash_bytes};
use affekt_table::predictions::Predictions;

/// The column that names recordings.
const UTTERANCE: &str = "utterance";

/// The column of a predicted class, where there are no logits.
const PREDICTED: &str = "predicted";

/// The seed of predictions whose training is unknown.
const SEED: u64 = 1;

/// Returns the digest of the file's bytes.
pub fn fingerprint(path: &Path) -> Result<Digest, Failure> {
    Ok(hash_bytes(&read(path)?))
}

pub fn run(job: &Job, path: &Path) -> Result<(), Failure> {
    let text = table_text(read(path)?, Encoding::Unicode).map_err(|why| failed(path, &why.to_string()))?;
    let mut predictions: Option<Predictions> = None;
    let mut said = None;
    for object in job.open("rows")? {
        let rows = affekt_ops::table::read_predictable(&object)?;
        let known =
            predictions.get_or_insert_with(|| Predictions { task: rows.task.clone(), rows: Vec::new() });
        if said.is_none() {
            said = Some(parse(&text, &rows.task).map_err(|why| failed(path, &why))?);
        }
        let said = said.get_or_insert_default();
        let mut missing = Vec::new();
        for row in rows.rows {
            let within = row.utterance.strip_prefix(&row.corpus).and_then(|rest| rest.strip_prefix('/'));
            let outputs = said.get(&row.utterance).or_else(|| said.get(within?));
            let Some(outputs) = outputs else {
                missing.push(row.utterance);
                continue;
            };
            known.rows.push(row.predicted(rows.fold, rows.role, SEED, outputs.clone()));
        }
        if let Some(first) = missing.first() {
            let (count, role) = (missing.len(), rows.role.name());
            return Err(failed(path, &format!("{count} {role} rows have no line, such as `{first}`")));
        }
    }
    let predictions = predictions.ok_or_else(|| failed(path, "there are no rows to predict"))?;
    affekt_table::predictions::write(job.output("predictions")?, &predictions)
        .map_err(affekt_ops::table::unwritten)
}

/// Parses the file: what is said of each recording, one number for each class or output.
fn parse(text: &str, task: &Task) -> Result<HashMap<String, Vec<f32>>, String> {
    let mut table = csv::ReaderBuilder::new().delimiter(delimiter(text)).from_reader(text.as_bytes());
    let header: Vec<String> = table
        .headers()
        .map_err(|error| error.to_string())?
        .iter()
        .map(|name| name.trim().to_owned())
        .collect();
    let column = |name: &str| header.iter().position(|known| known == name);
    let utterance = column(UTTERANCE).ok_or_else(|| format!("there is no column `{UTTERANCE}`"))?;
    let outputs: Option<Vec<usize>> = task.names().iter().map(|name| column(name)).collect();
    let predicted = column(PREDICTED).filter(|_| task.classes().is_some());
    if outputs.is_none() && predicted.is_none() {
        let or =
            if task.classes().is_some() { format!(", or one called `{PREDICTED}`") } else { String::new() };
        return Err(format!("expected a column for each of {}{or}", task.names().join(", ")));
    }
    let mut said = HashMap::new();
    for record in table.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |at: usize| record.get(at).unwrap_or_default().trim();
        let values = match (&outputs, predicted) {
            (Some(outputs), _) => {
                let value = |at: &usize| {
                    let value = cell(*at).parse().ok().filter(|value: &f32| value.is_finite());
                    value.ok_or_else(|| format!("line {line}: expected a number, found `{}`", cell(*at)))
                };
                outputs.iter().map(value).collect::<Result<_, _>>()?
            }
            (None, Some(at)) => one_hot(task, cell(at)).ok_or_else(|| {
                format!("line {line}: expected one of {}, found `{}`", task.names().join(", "), cell(at))
            })?,
            (None, None) => Vec::new(),
        };
        if said.insert(cell(utterance).to_owned(), values).is_some() {
            return Err(format!("line {line}: `{}` has a line already", cell(utterance)));
        }
    }
    Ok(said)
}

/// Returns outputs of which the class has the highest.
fn one_hot(task: &Task, class: &str) -> Option<Vec<f32>> {
    let place = task.names().iter().position(|known| known == class)?;
    Some((0..task.names().len()).map(|at| if at == place { 1.0 } else { 0.0 }).collect())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| failed(path, &error.to_string()))
}

fn failed(path: &Path, why: &str) -> Failure {
    Failure::Failed { message: format!("failed to read predictions from {}: {why}", path.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        Task::Classes(vec!["a".into(), "b".into()])
    }

    #[test]
    fn logits_or_classes_are_read() {
        let logits = parse("b,utterance,a,other\n0.5,C/1,-1,x\n 2 ,C/2,3,y\n", &task()).unwrap();
        assert_eq!((&logits["C/1"], &logits["C/2"]), (&vec![-1.0, 0.5], &vec![3.0, 2.0]));
        let classes = parse("utterance,predicted\n1,b\n2,a\n", &task()).unwrap();
        assert_eq!((&classes["1"], &classes["2"]), (&vec![0.0, 1.0], &vec![1.0, 0.0]));
        let spreadsheet = parse("utterance;a;b\r\nC/1;-1;0.5\r\n", &task()).unwrap();
        assert_eq!(spreadsheet["C/1"], [-1.0, 0.5]);
        let numbers = parse("utterance,x\n1,0.25\n", &Task::Outputs(vec!["x".into()])).unwrap();
        assert_eq!(numbers["1"], [0.25]);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let told = |text: &str| parse(text, &task()).unwrap_err();
        assert_eq!(told("file,a,b\n"), "there is no column `utterance`");
        assert_eq!(told("utterance,a\n"), "expected a column for each of a, b, or one called `predicted`");
        assert_eq!(told("utterance,a,b\n1,0,x\n"), "line 2: expected a number, found `x`");
        assert_eq!(told("utterance,a,b\n1,0,nan\n"), "line 2: expected a number, found `nan`");
        assert_eq!(told("utterance,predicted\n1,a\n2,c\n"), "line 3: expected one of a, b, found `c`");
        assert_eq!(told("utterance,predicted\n1,a\n1,b\n"), "line 3: `1` has a line already");
    }
}
