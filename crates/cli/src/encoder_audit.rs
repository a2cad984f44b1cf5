//! Encoders of an experiment beside its folds: what they were trained on stands on their cards and in exports, outside the
//! graph, so that saying it makes nothing anew.

use affekt_corpus::EncoderAudit;
use affekt_domain::{Example, Fold};
use affekt_graph::State;
use affekt_pipeline::Variant;
use affekt_spec::encoder::SeenLabels;
use affekt_spec::protocol::Permission;

use crate::context::ExperimentContext;
use crate::exit::Stop;
use crate::run::run_only;

/// Audits every encoder of a variant.
pub fn encoders(
    context: &ExperimentContext,
    variant: &Variant,
    folds: &[Fold],
    examples: &[Example],
) -> Vec<EncoderAudit> {
    let audit =
        |name: &String| EncoderAudit::new(name, context.ops.trained_on(name).as_deref(), folds, examples);
    variant.checkpoints.iter().map(audit).collect()
}

/// Refuses to begin where an encoder was trained with the labels of test speakers. Makes the folds first where an encoder
/// knows a corpus of the experiment, and reads nothing otherwise.
pub fn refuse_leaks(context: &ExperimentContext) -> Result<(), Stop> {
    let suspects: Vec<&Variant> =
        context.experiment.variants.iter().filter(|variant| may_leak(context, variant)).collect();
    if suspects.is_empty() {
        return Ok(());
    }
    let walk = run_only(context, "folds")?;
    for variant in suspects {
        let read = |node, output: usize| {
            let at = walk.graph().find(node);
            match at.map(|at| &walk.states()[at]) {
                Some(State::Done { record: Some(record), .. }) => Ok(context
                    .store
                    .object(record.outputs[output].digest)
                    .map_err(affekt_graph::Failure::from)?),
                _ => Err(Stop::failed(format!("error: `{node}` has no result"))),
            }
        };
        let examples = affekt_ops::table::read(&read(&variant.examples, 0)?, affekt_table::examples::read)?;
        let folds = affekt_ops::table::read(&read(&variant.folds, 0)?, affekt_table::folds::read)?;
        let audits = encoders(context, variant, &folds.folds, &examples.examples);
        let leaks: Vec<String> = audits.iter().flat_map(|audit| audit.leaks(&variant.rules)).collect();
        if !leaks.is_empty() {
            let (needed, id) = (Permission::EarlierTestLabels, &variant.id);
            return Err(Stop::failed(format!(
                "error: variant `{id}` tests speakers whose labels its encoder was trained with\n  {}\n\
                 hint: test on other speakers, or say `unsafe: [{}]`; every table then says `{}`",
                leaks.join("\n  "),
                needed.name(),
                needed.stamp()
            )));
        }
    }
    Ok(())
}

/// Whether an encoder was trained with labels of a corpus that the variant uses.
fn may_leak(context: &ExperimentContext, variant: &Variant) -> bool {
    let is_used = |corpus: &String| variant.corpora.keys().any(|used| used.eq_ignore_ascii_case(corpus));
    !variant.rules.permitted().contains(&Permission::EarlierTestLabels)
        && variant.checkpoints.iter().any(|name| {
            let entries = context.ops.trained_on(name).unwrap_or_default();
            entries.iter().any(|entry| entry.labels == SeenLabels::Emotions && is_used(&entry.corpus))
        })
}
