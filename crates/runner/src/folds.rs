//! Body of `folds`.

use affekt_corpus::{describe_leaks, what_to_do};
use affekt_domain::{Fold, Role};
use affekt_graph::{Failure, Job};
use affekt_ops::folds::Params;
use affekt_spec::protocol::Rules;
use affekt_spec::{Spec, View};
use affekt_table::folds::Folds;
use std::collections::BTreeSet;

pub fn run(job: &Job) -> Result<(), Failure> {
    let Params { protocol, disjoint, permitted }: Params = affekt_ops::params(job)?;
    let rules = Rules::new(disjoint, permitted);
    let examples = affekt_ops::table::read_port(job, "examples", affekt_table::examples::read)?.examples;
    let folds = affekt_corpus::folds(&protocol, &examples).map_err(|error| Failure::because(&error))?;
    let trains = folds.iter().flat_map(Fold::rows).any(|(_, role)| role == Role::Train);
    if let Some(error) = affekt_corpus::one_class(&examples).filter(|_| trains) {
        return Err(Failure::because(&error));
    }
    let audit = affekt_corpus::audit(&folds, &examples, &rules.forbidden());
    let stamps: BTreeSet<String> = protocol.stamps().into_iter().chain(audit.stamps()).collect();
    let table =
        Folds { protocol: protocol.view(View::Key).to_string(), stamps: stamps.into_iter().collect(), folds };
    affekt_table::folds::write(job.output("folds")?, &table).map_err(affekt_ops::table::unwritten)?;
    crate::json::write(job.output("audit")?, &audit)?;
    if let Some(message) = audit.untold(&rules) {
        return Err(Failure::Failed { message });
    }
    let leaks = audit.leaks(&rules);
    if leaks.is_empty() {
        return Ok(());
    }
    let (rows, try_this) = (describe_leaks(&leaks).join("\n  "), what_to_do(&leaks, &examples));
    let message = format!("the folds share what they must not: {try_this}\n  {rows}");
    Err(Failure::Failed { message })
}
