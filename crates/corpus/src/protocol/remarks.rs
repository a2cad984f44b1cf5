//! Remarks on folds for readers of the results, in sentences.

use std::collections::{BTreeMap, BTreeSet};

use affekt_config::list_names;
use affekt_domain::{Example, Fold, Role};

use super::error::NAMED;

/// Returns what a reader of the results should know about these folds, in sentences.
#[must_use]
pub fn remarks(folds: &[Fold], examples: &[Example]) -> Vec<String> {
    let seen = FoldContents::new(folds, examples);
    let mut remarks = seen.corpora();
    remarks.extend(seen.pairs_of_speakers());
    remarks.extend(seen.absent_classes());
    remarks.extend(seen.of_unknown_speakers());
    remarks.extend(seen.of_unknown_texts());
    remarks.extend(seen.blind());
    remarks.extend(seen.unlabelled());
    remarks.extend(seen.without_role());
    remarks.extend(seen.unknown());
    remarks
}

/// The contents of the folds.
struct FoldContents<'e> {
    folds: Vec<OneFold<'e>>,
    /// The speakers of each corpus.
    corpora: BTreeMap<&'e str, BTreeSet<&'e str>>,
    classes: BTreeSet<&'e str>,
    examples: usize,
    /// Number of examples by unknown speakers.
    of_unknown_speakers: usize,
    /// Number of examples of which no text is known.
    of_unknown_texts: usize,
    /// Examples without a target that a fold leaves out: those that would have trained or chosen.
    unlabelled: BTreeSet<&'e str>,
    unknown: BTreeSet<&'e str>,
}

/// The contents of one fold.
struct OneFold<'e> {
    number: u32,
    /// The speakers of each role, by corpus.
    speakers: BTreeMap<Role, BTreeMap<&'e str, BTreeSet<&'e str>>>,
    classes: BTreeMap<Role, BTreeSet<&'e str>>,
    examples: usize,
    /// Number of examples without a target.
    blind: usize,
}

impl<'e> FoldContents<'e> {
    fn new(folds: &'e [Fold], examples: &'e [Example]) -> Self {
        let by_id: BTreeMap<&str, &Example> =
            examples.iter().map(|example| (example.utterance.id.as_str(), example)).collect();
        let mut unknown = BTreeSet::new();
        let mut corpora: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for Example { utterance, .. } in examples {
            corpora.entry(&utterance.corpus).or_default().extend(utterance.known_speaker());
        }
        let mut see = |fold: &'e Fold| {
            let mut seen = OneFold {
                number: fold.number(),
                speakers: BTreeMap::new(),
                classes: BTreeMap::new(),
                examples: 0,
                blind: 0,
            };
            for (id, role) in fold.rows() {
                let Some(example) = by_id.get(id) else {
                    unknown.insert(id);
                    continue;
                };
                let utterance = &example.utterance;
                seen.examples += 1;
                seen.blind += usize::from(example.target.is_none());
                // A role without any known class lacks none.
                if let Some(class) = example.class() {
                    seen.classes.entry(role).or_default().insert(class);
                }
                let of_role = seen.speakers.entry(role).or_default();
                of_role.entry(&utterance.corpus).or_default().extend(utterance.known_speaker());
            }
            seen
        };
        Self {
            folds: folds.iter().map(&mut see).collect(),
            corpora,
            classes: examples.iter().filter_map(Example::class).collect(),
            examples: by_id.len(),
            of_unknown_speakers: examples.iter().filter(|it| it.utterance.known_speaker().is_none()).count(),
            of_unknown_texts: examples.iter().filter(|it| it.utterance.text.is_none()).count(),
            unlabelled: {
                let blind = examples.iter().filter(|example| example.target.is_none());
                let ids = blind.map(|example| example.utterance.id.as_str());
                ids.filter(|id| folds.iter().any(|fold| fold.role(id).is_none())).collect()
            },
            unknown,
        }
    }

    /// Describes in which folds each corpus is test or dev, if that differs.
    fn corpora(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let mut clauses: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (role, verb, clause) in
            [(Role::Test, "tests", "tested in"), (Role::Dev, "chooses on", "in the dev part of")]
        {
            if !self.folds.iter().any(|fold| fold.speakers.contains_key(&role)) {
                continue;
            }
            if let Some(alone) = self.one_corpus_each(role) {
                remarks.push(format!("every fold {verb} one corpus alone: {alone}"));
                continue;
            }
            for corpus in self.corpora.keys() {
                let (n, all) = (self.folds_with(corpus, role).len(), self.folds.len());
                if n < all {
                    clauses.entry(corpus).or_default().push(format!("{clause} {n} of {all} folds"));
                }
            }
        }
        for (corpus, clauses) in clauses {
            remarks.push(format!("{}: it is {}", self.with_speakers(corpus), clauses.join(" and ")));
        }
        remarks
    }

    /// Formats ``RAVDESS in 24 folds, TESS in 2``, if there are several corpora and each fold has only one in the role.
    fn one_corpus_each(&self, role: Role) -> Option<String> {
        let is_alone =
            |fold: &OneFold<'_>| fold.speakers.get(&role).is_some_and(|corpora| corpora.len() == 1);
        if self.corpora.len() < 2 || self.folds.len() < 2 || !self.folds.iter().all(is_alone) {
            return None;
        }
        let told = self.corpora.keys().filter_map(|corpus| match self.folds_with(corpus, role)[..] {
            [] => None,
            [fold] => Some(format!("{corpus} in fold {}", fold.number)),
            ref folds => Some(format!("{corpus} in {} folds", folds.len())),
        });
        Some(told.collect::<Vec<_>>().join(", "))
    }

    fn folds_with(&self, corpus: &str, role: Role) -> Vec<&OneFold<'e>> {
        let is_here = |fold: &&OneFold<'e>| {
            fold.speakers.get(&role).is_some_and(|corpora| corpora.contains_key(corpus))
        };
        self.folds.iter().filter(is_here).collect()
    }

    /// Formats `TESS has 2 speakers`.
    fn with_speakers(&self, corpus: &str) -> String {
        let speakers = self.corpora.get(corpus).map_or(0, BTreeSet::len);
        match speakers {
            0 => format!("the speakers of {corpus} are unknown"),
            1 => format!("{corpus} has 1 speaker"),
            _ => format!("{corpus} has {speakers} speakers"),
        }
    }

    /// Describes, for corpora with two speakers, the role of one while the other is tested, on which the meaning of
    /// figures depends.
    fn pairs_of_speakers(&self) -> Vec<String> {
        let pairs = self.corpora.iter().filter(|(_, speakers)| speakers.len() == 2);
        let remark = |(corpus, _): (&&str, &BTreeSet<&str>)| {
            let mut times = [0; 4];
            for fold in self.folds_with(corpus, Role::Test) {
                let tested = fold.speakers_of(corpus, Role::Test);
                let other = |role| fold.speakers_of(corpus, role).difference(&tested).next().is_some();
                if tested.len() == 1 {
                    times[usize::from(other(Role::Train)) + 2 * usize::from(other(Role::Dev))] += 1;
                }
            }
            let [nothing, trains, dev, both] = times;
            let told: Vec<(usize, String)> = [
                (trains, "trains".to_owned()),
                (dev, format!("is in dev, with nothing of {corpus} to train on")),
                (both, "trains and is in dev".to_owned()),
                (nothing, "has no role".to_owned()),
            ]
            .into_iter()
            .filter(|(times, _)| *times > 0)
            .collect();
            let told = match &told[..] {
                [] => return None,
                [(_, does)] => does.clone(),
                several => {
                    let does = several.iter().map(|(times, does)| format!("{does} (in {})", folds(*times)));
                    does.collect::<Vec<_>>().join(", or ")
                }
            };
            Some(format!("{}: when one is tested, the other {told}", self.with_speakers(corpus)))
        };
        pairs.filter_map(remark).collect()
    }

    /// Describes classes that are missing in a role of a fold.
    fn absent_classes(&self) -> Vec<String> {
        let mut absent: BTreeMap<(Role, Vec<&str>), Vec<u32>> = BTreeMap::new();
        for fold in &self.folds {
            for (role, present) in &fold.classes {
                let missing: Vec<&str> = self.classes.difference(present).copied().collect();
                if !missing.is_empty() {
                    absent.entry((*role, missing)).or_default().push(fold.number);
                }
            }
        }
        let told = |((role, missing), numbers): ((Role, Vec<&str>), Vec<u32>)| {
            let (missing, role) = (list_names(&missing), role.name());
            match numbers[..] {
                [number] => format!("fold {number} has no {missing} in {role}"),
                _ => format!("{} have no {missing} in {role}", folds(numbers.len())),
            }
        };
        absent.into_iter().map(told).collect()
    }

    /// Describes examples by unknown speakers.
    fn of_unknown_speakers(&self) -> Option<String> {
        let n = self.of_unknown_speakers;
        let told = || {
            format!(
                "shared speakers cannot be detected: the speakers of {n} of {} utterances are unknown",
                self.examples
            )
        };
        (n > 0).then(told)
    }

    /// Describes examples of unknown texts.
    fn of_unknown_texts(&self) -> Option<String> {
        let n = self.of_unknown_texts;
        let told = || {
            format!(
                "shared texts cannot be detected: the texts of {n} of {} utterances are unknown",
                self.examples
            )
        };
        (n > 0).then(told)
    }

    /// Describes examples without a target.
    fn blind(&self) -> Option<String> {
        let most = self.folds.iter().map(|fold| fold.blind).max()?;
        let (noun, verb, they) =
            if most == 1 { ("utterance", "has", "it is") } else { ("utterances", "have", "they are") };
        let told = || format!("{most} test {noun} {verb} no label: {they} predicted but not scored");
        (most > 0).then(told)
    }

    /// Describes examples without a target that are left out for it.
    fn unlabelled(&self) -> Option<String> {
        let n = self.unlabelled.len();
        let first: Vec<&str> = self.unlabelled.iter().take(NAMED).copied().collect();
        let more = if n > NAMED { ", …" } else { "" };
        let (noun, verb, they) =
            if n == 1 { ("utterance", "has", "it trains") } else { ("utterances", "have", "they train") };
        let told = || format!("{n} {noun} ({}{more}) {verb} no label: {they} nothing", list_names(&first));
        (n > 0).then(told)
    }

    /// Describes examples that folds leave out.
    fn without_role(&self) -> Option<String> {
        let left_out = || self.folds.iter().map(|fold| self.examples - fold.examples);
        let (least, most) = (left_out().min()?, left_out().max()?);
        let (all, n) = (self.examples, self.folds.len());
        match (most, n) {
            (0, _) => None,
            (_, 1) => Some(format!("{most} of {all} utterances have no role and are not used")),
            _ if least == most => {
                Some(format!("{most} of {all} utterances have no role in each of {n} folds"))
            }
            _ => Some(format!("{least} to {most} of {all} utterances have no role in some fold")),
        }
    }

    /// Describes names in the folds that the experiment does not have.
    fn unknown(&self) -> Option<String> {
        let n = self.unknown.len();
        let named: Vec<&str> = self.unknown.iter().take(NAMED).copied().collect();
        let more = if n > NAMED { ", …" } else { "" };
        let (noun, verb) = if n == 1 { ("utterance", "is") } else { ("utterances", "are") };
        let told =
            || format!("{n} {noun} of the split {verb} not in the experiment: {}{more}", list_names(&named));
        (n > 0).then(told)
    }
}

impl<'e> OneFold<'e> {
    fn speakers_of(&self, corpus: &str, role: Role) -> BTreeSet<&'e str> {
        self.speakers.get(&role).and_then(|corpora| corpora.get(corpus)).cloned().unwrap_or_default()
    }
}

fn folds(n: usize) -> String {
    format!("{n} {}", if n == 1 { "fold" } else { "folds" })
}
