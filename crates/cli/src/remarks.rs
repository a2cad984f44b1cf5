//! What somebody should know of the recordings before anything is trained on them: a card that reads few of its corpus' files,
//! recordings without a label, clips that are far longer than the others.

use std::collections::BTreeMap;

use affekt_config::list_names;
use affekt_corpus::{CardYield, Labelled, Without};
use affekt_domain::{Example, LabelScheme, Role};
use affekt_pipeline::Variant;

use crate::context::ExperimentContext;
use crate::problems;

/// From how many seconds on, and from how many times the median on, a clip is far longer than the others.
/// `docs/decisions/long-clips.md` has what was measured.
const FAR_LONGER: (f64, f64) = (60.0, 20.0);

/// How many recordings a remark names.
const NAMED: usize = 3;

/// Returns remarks on the corpora that were read in this process, a line each.
pub fn remarks(context: &ExperimentContext) -> Vec<String> {
    let poor = context.ops.yields().into_iter().filter(CardYield::is_poor);
    let mut remarks: Vec<String> = poor
        .map(|card_yield| format!("{card_yield}: look at `path`, `labels` and `tables` of the card"))
        .collect();
    let mut known: BTreeMap<(&str, &str), Option<Labelled>> = BTreeMap::new();
    for variant in &context.experiment.variants {
        for (corpus, scheme) in cards(context, variant) {
            known.entry((corpus, &scheme.name)).or_insert_with(|| context.ops.labelled(corpus, scheme));
        }
        let of_variant: Vec<&Labelled> = cards(context, variant)
            .filter_map(|(corpus, scheme)| known[&(corpus, scheme.name.as_str())].as_ref())
            .collect();
        let unlabelled = of_variant.iter().filter_map(|labelled| without_label(&labelled.examples));
        let hears_whole = variant.audio.as_ref().is_some_and(|audio| audio.seconds.is_none());
        let clips = of_variant.iter().flat_map(|labelled| &labelled.examples).map(|example| {
            let utterance = &example.utterance;
            (utterance.id.as_str(), utterance.seconds())
        });
        let long = if hears_whole { far_longer(clips.collect()) } else { None };
        for remark in unlabelled.chain(long) {
            if !remarks.contains(&remark) {
                remarks.push(remark);
            }
        }
    }
    remarks
}

/// Returns what became of the files of the corpora that were read in this process: what cards read, problems by kind, what label
/// schemes leave out.
pub fn of_files(context: &ExperimentContext) -> Vec<String> {
    let mut lines: Vec<String> = context.ops.yields().iter().map(ToString::to_string).collect();
    lines.extend(problems::by_kind(&context.ops.problems()));
    lines.extend(left_out(context));
    lines
}

/// Describes what label schemes leave out, a line for each corpus and scheme.
fn left_out(context: &ExperimentContext) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for variant in &context.experiment.variants {
        for (corpus, scheme) in cards(context, variant) {
            let labelled = context.ops.labelled(corpus, scheme);
            let left_out = labelled.map(|labelled| labelled.left_out).unwrap_or_default();
            let kinds: Vec<String> = left_out.iter().map(|((_, why), n)| format!("{n} × {why}")).collect();
            let utterances: usize = left_out.values().sum();
            let line = format!(
                "{corpus}: {utterances} utterances left out by the label scheme `{}` ({})",
                scheme.name,
                kinds.join(", ")
            );
            if utterances > 0 && !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

/// The cards of a variant's corpora by name, with their label schemes.
fn cards<'c>(
    context: &'c ExperimentContext,
    variant: &'c Variant,
) -> impl Iterator<Item = (&'c str, &'c LabelScheme)> {
    let of_corpus = |(name, scheme)| Some((context.experiment.corpora.get(name)?.card.name.as_str(), scheme));
    variant.corpora.iter().filter_map(of_corpus)
}

/// Returns the recordings of which nobody says the label; those of an official test part may be withheld and are not among them.
pub fn unlabelled(examples: &[Example]) -> Without {
    let is_unlabelled =
        |example: &&Example| example.target.is_none() && example.utterance.part != Some(Role::Test);
    let examples: Vec<Example> = examples.iter().filter(is_unlabelled).cloned().collect();
    Without::new(&examples, |_| true)
}

fn without_label(examples: &[Example]) -> Option<String> {
    let without = unlabelled(examples);
    let it = if without.utterances == 1 { "it trains" } else { "they train" };
    let remark = || format!("{without} no label: {it} nothing, and predictions are not scored");
    (without.utterances > 0).then(remark)
}

/// Names clips, in seconds, that are far longer than the others: batches are padded to their longest row.
fn far_longer(mut clips: Vec<(&str, f64)>) -> Option<String> {
    clips.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    let median = clips.get(clips.len() / 2)?.1;
    let (seconds, times) = FAR_LONGER;
    let long = clips.iter().take_while(|clip| clip.1 > seconds && clip.1 > times * median).count();
    let (first, longest) = *clips.first().filter(|_| long > 0)?;
    let mut named = vec![format!("`{first}` has {longest:.0} s")];
    named.extend(clips[1..long.min(NAMED)].iter().map(|(name, seconds)| format!("`{name}` {seconds:.0} s")));
    let more = if long > NAMED { format!(" and {} more", long - NAMED) } else { String::new() };
    let mut corpora: Vec<&str> =
        clips[..long].iter().filter_map(|(name, _)| Some(name.split_once('/')?.0)).collect();
    corpora.sort_unstable();
    corpora.dedup();
    let cards = if corpora.len() == 1 { "the card" } else { "the cards" };
    let (them, they) = if long == 1 { ("it", "it needs") } else { ("them", "they need") };
    Some(format!(
        "far longer than the median of {median:.1} s, and heard whole: {}{more}. A batch is padded to its longest row, so {they} \
         much memory and time: cut {them} (`seconds` of the step `audio`), or leave {them} out (`ignore` in {cards} of {})",
        named.join(", "),
        list_names(&corpora)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_far_longer_than_the_others_are_named_with_what_cuts_them() {
        let short: Vec<(String, f64)> =
            (0..40).map(|take| (format!("C/{take:02}"), 2.0 + f64::from(take) / 20.0)).collect();
        let with = |long: &[(&'static str, f64)]| {
            let clips = short.iter().map(|(name, seconds)| (name.as_str(), *seconds));
            far_longer(clips.chain(long.iter().copied()).collect())
        };
        assert_eq!(with(&[]), None);
        // Half a minute among sentences, as IEMOCAP has it, is usual.
        assert_eq!(with(&[("C/turn", 34.1), ("C/minute", 60.0)]), None);
        let told = with(&[("C/lecture", 1500.0)]).unwrap();
        let beginning = "far longer than the median of 3.0 s, and heard whole: `C/lecture` has 1500 s. ";
        assert!(
            told.starts_with(beginning) && told.contains("cut it (`seconds` of the step `audio`)"),
            "{told}"
        );
        assert!(told.ends_with("leave it out (`ignore` in the card of `C`)"), "{told}");
        let many: [(&str, f64); 4] = [("D/1", 100.0), ("C/2", 300.0), ("C/3", 200.0), ("C/4", 90.0)];
        let told = with(&many).unwrap();
        let named = "`C/2` has 300 s, `C/3` 200 s, `D/1` 100 s and 1 more. ";
        assert!(told.contains(named) && told.ends_with("(`ignore` in the cards of `C`, `D`)"), "{told}");
        // Lectures among lectures are none.
        assert_eq!(far_longer(vec![("a", 1400.0), ("b", 1500.0), ("c", 1600.0)]), None);
    }
}
