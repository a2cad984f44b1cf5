//! Body of `split`.

use affekt_domain::Role;
use affekt_graph::{Failure, Job};
use affekt_ops::split::Params;
use affekt_table::rows::{SplitRow, SplitRows};

pub fn run(job: &Job) -> Result<(), Failure> {
    let Params { fold }: Params = affekt_ops::params(job)?;
    let examples = affekt_ops::table::read_port(job, "examples", affekt_table::examples::read)?;
    let folds = affekt_ops::table::read_port(job, "folds", affekt_table::folds::read)?;
    let found = folds.folds.iter().find(|candidate| candidate.number() == fold);
    let found = found.ok_or_else(|| Failure::Failed { message: format!("there is no fold {fold}") })?;
    for role in Role::ALL {
        let of_role = examples.examples.iter().filter(|e| found.role(&e.utterance.id) == Some(role));
        let rows = of_role.map(|example| SplitRow {
            utterance: example.utterance.id.clone(),
            target: example.target.clone(),
            corpus: example.utterance.corpus.clone(),
            speaker: example.utterance.speaker.clone(),
            session: example.utterance.session.clone(),
            sex: example.utterance.sex,
            style: example.utterance.style.clone(),
        });
        let rows = SplitRows { role, fold, task: examples.task.clone(), rows: rows.collect() };
        affekt_table::rows::write(job.output(role.name())?, &rows).map_err(affekt_ops::table::unwritten)?;
    }
    Ok(())
}
