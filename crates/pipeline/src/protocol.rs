//! The `protocol` section.

use affekt_config::Section;
use affekt_corpus::{Group, GroupKfold, Protocol, Random};

#[derive(Clone, Copy)]
enum Kind {
    Random,
    GroupKfold,
}

/// The protocol and the seeds of its training runs.
pub fn read(section: &mut Section<'_>) -> Option<(Protocol, Vec<u64>)> {
    let kinds = [("random", Kind::Random), ("group-kfold", Kind::GroupKfold)];
    let kind = section.required_one_of("kind", &kinds);
    let split_seed = section.integer("split_seed", 0, 0..=i64::from(u32::MAX) as u64);
    let protocol = kind.map(|kind| match kind {
        Kind::Random => Protocol::Random(Random {
            test: section.float("test", 0.1, 0.001..=0.9),
            dev: section.float("dev", 0.1, 0.0..=0.9),
            split_seed,
        }),
        Kind::GroupKfold => Protocol::GroupKfold(GroupKfold {
            group: section.one_of("group", Group::Speaker, &[("speaker", Group::Speaker)]),
            folds: section.integer("folds", 5, 2..=1000),
            dev_folds: section.one_of("dev", 1, &[("next-fold", 1), ("none", 0)]),
            split_seed,
        }),
    });
    let seeds = read_seeds(section);
    if let Some(impossible) = protocol.as_ref().and_then(Protocol::impossible) {
        section.diagnostics().error(section.span(), impossible.to_string());
    }
    protocol.map(|protocol| (protocol, seeds))
}

fn read_seeds(section: &mut Section<'_>) -> Vec<u64> {
    let Some(field) = section.optional("seeds") else { return vec![1] };
    let seeds: Vec<u64> =
        field.list().into_iter().filter_map(|seed| seed.integer(0..=i64::MAX as u64)).collect();
    let mut once = seeds.clone();
    once.sort_unstable();
    once.dedup();
    if once.len() < seeds.len() {
        section.diagnostics().error(&field.node.span, "a seed is listed twice");
    }
    if seeds.is_empty() && !section.diagnostics().has_errors() {
        section.diagnostics().error(&field.node.span, "there is no seed");
    }
    seeds
}
