//! Differences of small synthetic variants, computed by hand, and variants that must not be compared.

mod timing;

use affekt_domain::{Prediction, Role, SplitMix64, Target, Task};
use affekt_eval::{Candidate, Compared, Comparison, Measure, Outcome, compare};

use timing::timed;

const CLASSES: [&str; 3] = ["a", "b", "c"];

fn row(variant: &str, seed: u64, utterance: &str, label: &str, predicted: &str) -> Prediction {
    Prediction {
        variant: variant.into(),
        utterance: utterance.into(),
        corpus: "C".into(),
        speaker: utterance.rsplit_once('/').unwrap().0.into(),
        session: None,
        sex: None,
        style: None,
        fold: 1,
        seed,
        role: Role::Test,
        truth: Some(Target::Class(label.into())),
        outputs: CLASSES.map(|class| f32::from(u8::from(class == predicted))).into(),
    }
}

/// `utterances` of each of `speakers`, of all classes, for each seed; right where `is_right(speaker, utterance,
/// seed)`.
fn variant(
    id: &str,
    speakers: usize,
    utterances: usize,
    seeds: &[u64],
    is_right: impl Fn(usize, usize, u64) -> bool,
) -> Vec<Prediction> {
    let mut rows = Vec::new();
    for &seed in seeds {
        for speaker in 0..speakers {
            for i in 0..utterances {
                let predicted = CLASSES[if is_right(speaker, i, seed) { i % 3 } else { (i + 1) % 3 }];
                rows.push(row(id, seed, &format!("C/{speaker:02}/{i:02}"), CLASSES[i % 3], predicted));
            }
        }
    }
    rows
}

/// Compares tables, each with the id in its rows.
fn all(tables: &[&[Prediction]], measure: Measure, baseline: Option<&str>) -> Comparison {
    compare(&candidates(tables, &task()), measure, baseline).unwrap()
}

/// Returns why tables are not compared at all.
fn refusal(tables: &[&[Prediction]], baseline: Option<&str>) -> String {
    compare(&candidates(tables, &task()), Measure::Uar, baseline).unwrap_err().to_string()
}

fn candidates<'a>(tables: &[&'a [Prediction]], task: &'a Task) -> Vec<Candidate<'a>> {
    let candidate = |rows: &&'a [Prediction]| Candidate { id: &rows[0].variant, task, predictions: rows };
    tables.iter().map(candidate).collect()
}

fn task() -> Task {
    classes(&CLASSES)
}

fn classes(names: &[&str]) -> Task {
    Task::Classes(names.iter().map(|&name| name.to_owned()).collect())
}

/// Returns the only pair of two tables.
fn pair(a: &[Prediction], b: &[Prediction]) -> Compared {
    match all(&[a, b], Measure::Wa, None).pairs.remove(0).outcome {
        Outcome::Compared(compared) => compared,
        Outcome::NotComparable(reason) => panic!("{reason}"),
    }
}

fn reason(a: &[Prediction], b: &[Prediction]) -> String {
    match all(&[a, b], Measure::Wa, None).pairs.remove(0).outcome {
        Outcome::Compared(compared) => panic!("{compared:?}"),
        Outcome::NotComparable(reason) => reason,
    }
}

#[test]
fn by_hand() {
    // Of 5 × 3 rows, both recognise those of speakers 1 to 4; `one` those of speaker 0 too, `other` none of them.
    let one = variant("one", 5, 3, &[1, 2], |_, _, _| true);
    let other = variant("other", 5, 3, &[1, 2], |speaker, _, _| speaker > 0);
    let compared = pair(&one, &other);
    assert!((compared.difference - 0.2).abs() < 1e-15);
    assert_eq!((compared.clusters, compared.notes.len()), (5, 0));

    let mcnemar = compared.mcnemar.unwrap();
    for (test, seed) in mcnemar.seeds.iter().zip([1, 2]) {
        assert_eq!((test.seed, test.only_a, test.only_b, test.p), (seed, 3, 0, 0.25));
    }
    assert_eq!((mcnemar.seeds.len(), mcnemar.p), (2, 0.5));

    // A draw shows no difference where speaker 0 is not in it: (4/5)⁵ of them. Four standard errors are allowed.
    let bootstrap = compared.bootstrap.unwrap();
    let share = 0.8_f64.powi(5);
    let allowed = 4.0 * (share * (1.0 - share) / 2000.0).sqrt();
    assert!((bootstrap.p - 2.0 * share).abs() < 2.0 * allowed, "{}", bootstrap.p);
    // Three fifths of a draw or more are speaker 0 in 5.8 %, four fifths or more in 0.7 %.
    assert_eq!(bootstrap.ci95[0], 0.0);
    assert!((bootstrap.ci95[1] - 0.6).abs() < 1e-15, "{bootstrap:?}");
    assert_eq!((bootstrap.p_holm, mcnemar.p_holm), (bootstrap.p, mcnemar.p));
}

#[test]
fn a_variant_does_not_differ_from_itself() {
    let one =
        variant("one", 6, 9, &[1, 2, 3], |speaker, i, seed| !(speaker + i + seed as usize).is_multiple_of(4));
    let copy: Vec<_> = one.iter().cloned().map(|row| Prediction { variant: "copy".into(), ..row }).collect();
    for measure in Measure::OF_CLASSES {
        let pairs = all(&[&one, &copy], measure, None).pairs;
        let Outcome::Compared(compared) = &pairs[0].outcome else { panic!("{pairs:?}") };
        let bootstrap = compared.bootstrap.unwrap();
        assert_eq!((compared.difference, bootstrap.ci95, bootstrap.p), (0.0, [0.0, 0.0], 1.0));
        assert_eq!(compared.mcnemar.as_ref().unwrap().p, 1.0);
    }
}

#[test]
fn rounding_breaks_no_tie() {
    // The same three networks under other seeds: the same mean, summed in another order.
    let right = |speaker: usize, i: usize, seed: u64| {
        (speaker * 7 + i * 5 + seed as usize).is_multiple_of(3 + seed as usize)
    };
    let one = variant("one", 7, 10, &[1, 2, 3], right);
    let other = variant("other", 7, 10, &[1, 2, 3], |speaker, i, seed| right(speaker, i, seed % 3 + 1));
    for measure in Measure::OF_CLASSES {
        let pairs = all(&[&one, &other], measure, None).pairs;
        let Outcome::Compared(compared) = &pairs[0].outcome else { panic!("{pairs:?}") };
        let bootstrap = compared.bootstrap.unwrap();
        assert_eq!((compared.difference, bootstrap.ci95, bootstrap.p), (0.0, [0.0, 0.0], 1.0));
    }
}

#[test]
fn swapping_mirrors() {
    let mut random = SplitMix64(3);
    for _ in 0..5 {
        let mut noisy = |id: &str, wrong: usize| {
            let wrong: Vec<bool> = (0..8 * 12 * 2).map(|_| random.below(10) < wrong).collect();
            variant(id, 8, 12, &[0, 1], move |speaker, i, seed| {
                !wrong[(speaker * 12 + i) * 2 + seed as usize]
            })
        };
        let (one, other) = (noisy("one", 3), noisy("other", 4));
        let (there, back) = (pair(&one, &other), pair(&other, &one));
        assert_eq!(there.difference, -back.difference);
        let (there_bootstrap, back_bootstrap) = (there.bootstrap.unwrap(), back.bootstrap.unwrap());
        assert_eq!(there_bootstrap.p, back_bootstrap.p);
        for end in [0, 1] {
            assert!((there_bootstrap.ci95[end] + back_bootstrap.ci95[1 - end]).abs() < 1e-15);
        }
        let (there, back) = (there.mcnemar.unwrap(), back.mcnemar.unwrap());
        assert_eq!(there.p, back.p);
        for (there, back) in there.seeds.iter().zip(&back.seeds) {
            assert_eq!((there.only_a, there.only_b, there.p), (back.only_b, back.only_a, back.p));
        }
    }
}

#[test]
fn better_with_every_speaker_is_significant() {
    let worse = variant("worse", 20, 9, &[1, 2], |speaker, i, _| i > 3 + speaker % 2);
    let better = variant("better", 20, 9, &[1, 2], |speaker, i, _| i > 2 + speaker % 2);
    let compared = pair(&better, &worse);
    let bootstrap = compared.bootstrap.unwrap();
    // No draw of speakers turns it round: the smallest p that 2 000 draws can give.
    assert_eq!(bootstrap.p, 2.0 / 2001.0);
    assert!(bootstrap.ci95[0] > 0.0);
    assert!(compared.mcnemar.unwrap().p < 1e-4);
}

#[test]
fn other_rows_are_not_compared() {
    let one = variant("one", 5, 6, &[1, 2], |_, _, _| true);
    let fewer = variant("other", 4, 6, &[1, 2], |_, _, _| true);
    assert_eq!(reason(&one, &fewer), "different test rows: 30 against 24, 24 in common");

    let other = || variant("other", 5, 6, &[1, 2], |_, _, _| true);
    let mut elsewhere = other();
    elsewhere.iter_mut().for_each(|row| row.utterance = row.utterance.replace("/05", "/06"));
    assert_eq!(reason(&one, &elsewhere), "different test rows: 30 against 30, 25 in common");

    let mut relabelled = other();
    relabelled
        .iter_mut()
        .filter(|row| row.utterance == "C/03/01")
        .for_each(|row| row.truth = Some(Target::Class("c".into())));
    assert_eq!(reason(&one, &relabelled), "different labels: `C/03/01` is b in one, c in the other");

    let mut spoken = other();
    spoken.iter_mut().filter(|row| row.utterance == "C/03/01").for_each(|row| row.speaker = "C/04".into());
    assert_eq!(reason(&one, &spoken), "different speakers: `C/03/01` is of C/03 in one, C/04 in the other");

    let mut by_seed = other();
    by_seed.retain(|row| row.seed == 1 || row.speaker != "C/00");
    assert_eq!(reason(&one, &by_seed), "different test rows from seed to seed");

    let (three, two) = (task(), classes(&["b", "a"]));
    let mut few = other();
    few.retain(|row| row.truth == Some(Target::Class("a".into())));
    few.iter_mut().for_each(|row| row.outputs = vec![0.0, 1.0]);
    let candidates = [
        Candidate { id: "one", task: &three, predictions: &one },
        Candidate { id: "other", task: &two, predictions: &few },
    ];
    let comparison = compare(&candidates, Measure::Uar, None).unwrap();
    assert_eq!(comparison.pairs[0].note(), "not comparable: different classes: a, b, c against a, b");
}

#[test]
fn folds_may_be_numbered_otherwise_and_classes_ordered_otherwise() {
    let one = variant("one", 5, 6, &[1], |speaker, _, _| speaker > 1);
    let mut other = variant("other", 5, 6, &[1], |_, i, _| i > 1);
    let expected = pair(&one, &other);
    other.iter_mut().for_each(|row| row.fold = if *row.speaker > *"C/02" { 7 } else { 3 });
    assert_eq!(pair(&one, &other), expected);

    other.iter_mut().for_each(|row| row.outputs.reverse());
    let (forwards, backwards) = (task(), classes(&["c", "b", "a"]));
    let candidates = [
        Candidate { id: "one", task: &forwards, predictions: &one },
        Candidate { id: "other", task: &backwards, predictions: &other },
    ];
    let comparison = compare(&candidates, Measure::Wa, None).unwrap();
    assert_eq!(comparison.pairs[0].outcome, Outcome::Compared(expected));
}

#[test]
fn too_few_speakers_have_no_interval() {
    let one = variant("one", 4, 6, &[1], |_, _, _| true);
    let other = variant("other", 4, 6, &[1], |_, i, _| i > 1);
    let compared = pair(&one, &other);
    assert_eq!((compared.bootstrap, compared.clusters), (None, 4));
    assert_eq!(compared.notes, ["no interval: 4 speakers, and under 5 say too little"]);
    assert_eq!(compared.mcnemar.unwrap().seeds[0].only_a, 8);
}

#[test]
fn seeds_in_common_are_tested() {
    let right = |_: usize, i: usize, _: u64| i > 1;
    let one = variant("one", 5, 6, &[1, 2, 3], |_, _, _| true);
    let some = pair(&one, &variant("other", 5, 6, &[2, 3, 4], right));
    let seeds: Vec<u64> = some.mcnemar.as_ref().unwrap().seeds.iter().map(|test| test.seed).collect();
    assert_eq!(
        (seeds, &some.notes[..]),
        (vec![2, 3], &["McNemar's test over the seeds in common: 2, 3".to_owned()][..])
    );

    let none = pair(&one, &variant("other", 5, 6, &[4], right));
    assert_eq!(
        (&none.mcnemar, &none.notes[..]),
        (&None, &["no McNemar test: no seed in common".to_owned()][..])
    );
    assert!(none.bootstrap.is_some());
}

#[test]
fn rows_tested_twice_are_not_paired() {
    let twice = |id: &str, right: bool| {
        let mut rows = variant(id, 5, 6, &[1], |_, _, _| right);
        let again: Vec<_> = rows.iter().cloned().map(|row| Prediction { fold: 2, ..row }).collect();
        rows.extend(again);
        rows
    };
    let compared = pair(&twice("one", true), &twice("other", false));
    assert_eq!((compared.difference, compared.mcnemar), (1.0, None));
    assert_eq!(compared.notes, ["no McNemar test: utterances are tested in more than one fold"]);
}

#[test]
fn pairs_and_their_correction() {
    let one = variant("one", 6, 9, &[1], |_, _, _| true);
    let two = variant("two", 6, 9, &[1], |_, i, _| i != 0);
    let three = variant("three", 6, 9, &[1], |speaker, i, _| i != 0 && (i != 1 || speaker > 1));
    let short = variant("short", 5, 9, &[1], |_, _, _| true);
    let tables: [&[Prediction]; 4] = [&one, &two, &three, &short];

    let each = all(&tables, Measure::Uar, None);
    let ids: Vec<String> = each.pairs.iter().map(|pair| format!("{} {}", pair.a, pair.b)).collect();
    assert_eq!(ids, ["one two", "one three", "one short", "two three", "two short", "three short"]);
    // 6 and 8 rows of one against none: p = 2/2⁶ and 2/2⁸; 2 of two: p = 1/2. Three comparable pairs.
    let mcnemar: Vec<Option<[f64; 2]>> = each
        .pairs
        .iter()
        .map(|pair| match &pair.outcome {
            Outcome::Compared(compared) => compared.mcnemar.as_ref().map(|test| [test.p, test.p_holm]),
            Outcome::NotComparable(_) => None,
        })
        .collect();
    let expected = [
        Some([2.0 / 64.0, 4.0 / 64.0]),
        Some([2.0 / 256.0, 6.0 / 256.0]),
        None,
        Some([0.5, 0.5]),
        None,
        None,
    ];
    for (ours, expected) in mcnemar.iter().zip(expected) {
        assert_eq!(ours.is_some(), expected.is_some());
        for (ours, expected) in ours.iter().flatten().zip(expected.iter().flatten()) {
            assert!((ours - expected).abs() < 1e-15, "{ours} {expected}");
        }
    }

    let baseline = all(&tables, Measure::Uar, Some("two"));
    let ids: Vec<String> = baseline.pairs.iter().map(|pair| format!("{} {}", pair.a, pair.b)).collect();
    assert_eq!(ids, ["one two", "three two", "short two"]);
    assert_eq!(baseline.baseline.as_deref(), Some("two"));

    let unknown = refusal(&tables, Some("zero"));
    assert_eq!(unknown, "there is no variant `zero` to compare with: expected one of one, two, three, short");
    let twice = refusal(&[&one, &one], None);
    assert_eq!(twice, "variant `one` was given twice: compare variants of different ids");
}

#[test]
fn order_does_not_matter_and_bytes_are_equal() {
    let one = variant("one", 6, 9, &[1, 2], |speaker, i, _| !(speaker + i).is_multiple_of(4));
    let other =
        variant("other", 6, 9, &[1, 2], |speaker, i, seed| !(speaker + i + seed as usize).is_multiple_of(3));
    let text = |a: &[Prediction], b: &[Prediction]| {
        serde_json::to_string(&all(&[a, b], Measure::MacroF1, None)).unwrap()
    };
    let expected = text(&one, &other);
    let mut random = SplitMix64(8);
    for _ in 0..3 {
        let mut shuffled = one.clone();
        (1..shuffled.len()).rev().for_each(|i| shuffled.swap(i, random.below(i + 1)));
        assert_eq!(text(&shuffled, &other), expected);
    }
    let back: Comparison = serde_json::from_str(&expected).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), expected);
    assert!(
        expected
            .starts_with(r#"{"version":1,"measure":"macro_f1","baseline":null,"resamples":2000,"pairs":["#)
    );
}

/// Corrected for many pairs, the smallest p of the draws must still be significant.
#[test]
fn many_pairs_have_more_draws() {
    let base = variant("base", 20, 9, &[1], |_, i, _| i > 5);
    let ids: Vec<String> = (0..40).map(|i| format!("v{i:02}")).collect();
    let better: Vec<Vec<Prediction>> =
        ids.iter().map(|id| variant(id, 20, 9, &[1], |speaker, i, _| i > 2 + speaker % 2)).collect();
    let tables = || better.iter().map(Vec::as_slice);
    let few: Vec<&[Prediction]> = tables().take(10).chain([&base[..]]).collect();
    let many: Vec<&[Prediction]> = tables().chain([&base[..]]).collect();
    let smallest = |comparison: &Comparison| {
        let compared = comparison.pairs.iter().map(|pair| match &pair.outcome {
            Outcome::Compared(compared) => compared.bootstrap.unwrap(),
            Outcome::NotComparable(reason) => panic!("{reason}"),
        });
        compared.map(|bootstrap| bootstrap.p_holm).fold(1.0, f64::min)
    };
    let few = all(&few, Measure::Uar, Some("base"));
    assert_eq!((few.resamples, few.pairs.len()), (2000, 10));
    assert!((smallest(&few) - 10.0 * 2.0 / 2001.0).abs() < 1e-15);
    let many = all(&many, Measure::Uar, Some("base"));
    assert_eq!((many.resamples, many.pairs.len()), (5200, 40));
    assert!((smallest(&many) - 40.0 * 2.0 / 5201.0).abs() < 1e-15);
}

/// A sweep of 20 variants, each tested on 1 440 utterances of 24 speakers with one seed, against one
/// baseline.
#[test]
fn a_sweep_takes_no_time() {
    let mut random = SplitMix64(1);
    let tables: Vec<Vec<Prediction>> = (0..20)
        .map(|v| {
            let rows = (0..1440).map(|i| {
                let predicted = CLASSES[if random.below(3) > 0 { i % 3 } else { random.below(3) }];
                row(&format!("v{v}"), 1, &format!("C/{:02}/{i:04}", i % 24), CLASSES[i % 3], predicted)
            });
            rows.collect()
        })
        .collect();
    let tables: Vec<&[Prediction]> = tables.iter().map(Vec::as_slice).collect();
    let (comparison, seconds) = timed(|| all(&tables, Measure::Uar, Some("v0")));
    assert_eq!((comparison.pairs.len(), comparison.resamples), (19, 2470));
    assert!(seconds < 2.0, "{seconds} s");
}

/// 15 pairs of six variants, each tested on 12 162 utterances of 121 speakers with three seeds.
#[test]
fn many_large_variants_take_no_time() {
    let mut random = SplitMix64(1);
    let ids: Vec<String> = (0..6).map(|i| format!("v{i}")).collect();
    let tables: Vec<Vec<Prediction>> = ids
        .iter()
        .map(|id| {
            let rows = (0..3 * 12_162_usize).map(|i| {
                let (seed, i) = (i / 12_162, i % 12_162);
                let predicted = CLASSES[if random.below(3) > 0 { i % 3 } else { random.below(3) }];
                row(id, seed as u64, &format!("C/{:03}/{i:05}", i % 121), CLASSES[i % 3], predicted)
            });
            rows.collect()
        })
        .collect();
    let tables: Vec<&[Prediction]> = tables.iter().map(Vec::as_slice).collect();
    let (comparison, seconds) = timed(|| all(&tables, Measure::Uar, None));
    assert_eq!(comparison.pairs.len(), 15);
    assert!(seconds < 3.0, "{seconds} s");
}
