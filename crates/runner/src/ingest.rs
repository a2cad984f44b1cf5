//! Body of `ingest`.

use affekt_graph::{Failure, Job};

pub fn run(job: &Job, ingested: &affekt_corpus::Ingested) -> Result<(), Failure> {
    if ingested.utterances.is_empty() {
        return Err(Failure::Failed { message: nothing_left(&ingested.problems) });
    }
    let (manifest, problems) = (job.output("manifest")?, job.output("problems")?);
    affekt_table::manifest::write(manifest, &ingested.utterances).map_err(affekt_ops::table::unwritten)?;
    affekt_table::problems::write(problems, &ingested.problems).map_err(affekt_ops::table::unwritten)?;
    affekt_table::ratings::write(job.output("ratings")?, &ingested.ratings)
        .map_err(affekt_ops::table::unwritten)
}

/// A corpus of which nothing is left is no corpus: an experiment without it would go unnoticed.
fn nothing_left(problems: &[affekt_domain::Problem]) -> String {
    let dropped: Vec<_> = problems.iter().filter(|problem| problem.dropped).collect();
    match &dropped[..] {
        [] => "no recording can be used".to_owned(),
        [first, ..] => format!(
            "no recording of {} can be used, {} are left out; `{}`, for one: {}",
            first.corpus,
            dropped.len(),
            first.path,
            first.message
        ),
    }
}
