//! The audit of a variant's split: the sizes of its parts, and what they share.

use serde::Serialize;

use affekt_eval::Description;

use crate::report::{Audit, Sharing};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{count, plural};

/// The maximum number of overlaps of one kind that are listed.
const LISTED: usize = 20;

/// The audit of a variant's folds.
#[derive(Serialize)]
pub(crate) struct AuditView {
    /// What was required and what was found, as names and values.
    facts: Vec<(String, String)>,
    pub table: Table,
    overlaps: Vec<Overlaps>,
}

/// The overlaps of one kind between the roles of a fold.
#[derive(Serialize)]
struct Overlaps {
    what: String,
    number: String,
    listed: Vec<String>,
    /// The number of those not listed.
    more: Option<String>,
}

pub(crate) fn audit(audit: &Audit, about: &Description, slug: &str) -> AuditView {
    let roles = ["train", "dev", "test"];
    let of = |heading, titles: [&str; 3]| titles.map(|title| Column::number(title).under(heading));
    let shared = ["speakers", "recordings", "texts"];
    let columns = of("Utterances", roles)
        .into_iter()
        .chain(of("Speakers", roles))
        .chain(of("In test and in train or dev", shared))
        .chain(of("In train and in dev", shared))
        .collect();
    let rows = audit.folds.iter().map(|fold| {
        let sizes = fold.parts.map(|part| Cell::count(part.utterances));
        let speakers = fold.parts.map(|part| Cell::count_known(part.speakers));
        let shared = [fold.test_and_others, fold.train_and_dev].map(|Sharing { speakers, audio, texts }| {
            [("speaker", speakers), ("audio", audio), ("text", texts)].map(|(what, number)| {
                let is_grave = number > Some(0) && audit.disjoint.iter().any(|name| name == what);
                Cell::count_known(number).strong_if(is_grave)
            })
        });
        let cells = sizes.into_iter().chain(speakers).chain(shared.into_iter().flatten());
        TableRow::new(fold.fold.to_string(), cells.collect())
    });
    let caption = "The sizes of the parts of each fold, and what each two of them share.";
    AuditView {
        facts: facts(audit),
        table: Table::new(format!("audit-{slug}"), "Audit of the split", caption, "Fold", columns)
            .of_results(Some(about))
            .rows(None, rows),
        overlaps: overlaps(audit),
    }
}

fn facts(audit: &Audit) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut say = |name: &str, value: String| facts.push((name.to_owned(), value));
    let list = |names: &[String]| match names {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    say("Must not be shared", list(&audit.disjoint));
    say("Permitted as unsafe", list(&audit.permitted));
    let digest = audit.split.to_string();
    say("Digest of the split", digest.chars().take(16).collect());
    let utterances = |number: usize, verb: &str| {
        let be = if number == 1 { "is" } else { "are" };
        format!("{} {be} {verb}", plural(number, "utterance"))
    };
    if audit.never_tested > 0 {
        say("Not tested", utterances(audit.never_tested, "in no fold’s test part"));
    }
    if audit.tested_again > 0 {
        say("Tested again", utterances(audit.tested_again, "in more than one fold’s test part"));
    }
    audit.remarks.iter().for_each(|remark| say("Remark", remark.clone()));
    facts
}

fn overlaps(audit: &Audit) -> Vec<Overlaps> {
    let mut kinds: Vec<(&str, Vec<&str>)> = Vec::new();
    for overlap in &audit.overlaps {
        match kinds.iter_mut().find(|(what, _)| *what == overlap.what) {
            Some((_, all)) => all.push(&overlap.description),
            None => kinds.push((&overlap.what, vec![&overlap.description])),
        }
    }
    let view = |(what, all): (&str, Vec<&str>)| Overlaps {
        what: what.to_owned(),
        number: count(all.len() as u64),
        listed: all.iter().take(LISTED).map(|&text| text.to_owned()).collect(),
        more: all.len().checked_sub(LISTED).filter(|more| *more > 0).map(|more| count(more as u64)),
    };
    kinds.into_iter().map(view).collect()
}
