//! Body of `examples`.

use affekt_domain::{LabelScheme, Task};
use affekt_graph::{Failure, Job};
use affekt_ops::examples::Params;
use affekt_table::examples::Examples;

pub fn run(job: &Job) -> Result<(), Failure> {
    let Params { schemes } = affekt_ops::params(job)?;
    let schemes = schemes.0;
    let mut examples = Vec::new();
    let mut tasks: Vec<Task> = Vec::new();
    for manifest in job.open("manifests")? {
        let utterances = affekt_ops::table::read(&manifest, affekt_table::manifest::read)?;
        let Some(corpus) = utterances.first().map(|utterance| utterance.corpus.clone()) else { continue };
        let scheme = schemes.get(&corpus).ok_or_else(|| Failure::Failed {
            message: format!("there is no label scheme for corpus {corpus}"),
        })?;
        let labelled = affekt_corpus::label(scheme, utterances);
        tasks.push(labelled.task);
        examples.extend(labelled.examples);
    }
    if examples.iter().all(|example| example.target.is_none()) {
        let message = "no utterance has a class or values under these label schemes";
        return Err(Failure::Failed { message: message.into() });
    }
    let is_native = |scheme: &LabelScheme| scheme.class_rules().is_some_and(|rules| rules.classes.is_none());
    let mut task = one_task(tasks)?;
    if let Task::Classes(classes) = &mut task
        && schemes.values().any(is_native)
    {
        classes.sort();
    }
    let mut names: Vec<&str> = schemes.values().map(|scheme| scheme.name.as_str()).collect();
    names.dedup();
    let mut notes: Vec<&str> = schemes.values().filter_map(|scheme| scheme.note.as_deref()).collect();
    notes.dedup();
    let note = (!notes.is_empty()).then(|| notes.join(" "));
    let table = Examples { scheme: names.join(", "), task, note, examples };
    affekt_table::examples::write(job.output("examples")?, &table).map_err(affekt_ops::table::unwritten)
}

/// One task for all corpora. Schemes with fixed classes or targets all name the same ones; native ones add theirs.
fn one_task(tasks: Vec<Task>) -> Result<Task, Failure> {
    let mut tasks = tasks.into_iter();
    let mut all = tasks.next().unwrap_or(Task::Classes(Vec::new()));
    for task in tasks {
        match (&mut all, task) {
            (Task::Classes(all), Task::Classes(more)) => {
                let new: Vec<String> = more.into_iter().filter(|class| !all.contains(class)).collect();
                all.extend(new);
            }
            (Task::Outputs(all), Task::Outputs(same)) if *all == same => {}
            (all, other) => {
                let (names, others) = (all.names().join(", "), other.names().join(", "));
                let message =
                    format!("corpora are labelled with {names} and with {others}: use one label scheme");
                return Err(Failure::Failed { message });
            }
        }
    }
    Ok(all)
}
