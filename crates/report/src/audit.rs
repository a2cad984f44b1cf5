//! How a variant's examples were parted, and what its parts share.

use serde::Serialize;

use affekt_eval::Description;

use crate::report::{Audit, Sharing};
use crate::table::{Cell, Column, Row, Table};
use crate::text::{count, plural};

/// How many things of one kind that stand in two roles are listed.
const LISTED: usize = 20;

/// The audit of a variant's folds.
#[derive(Serialize)]
pub(crate) struct AuditView {
    /// What was asked for and what was found, as name and value.
    facts: Vec<(String, String)>,
    pub table: Table,
    crossings: Vec<Crossings>,
}

/// What of one kind stands in two roles of a fold.
#[derive(Serialize)]
struct Crossings {
    what: String,
    number: String,
    listed: Vec<String>,
    /// How many are not listed.
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
        let speakers = fold.parts.map(|part| Cell::count(part.speakers));
        let shared = [fold.test_and_others, fold.train_and_dev].map(|Sharing { speakers, audio, texts }| {
            [("speaker", speakers), ("audio", audio), ("text", texts)].map(|(what, number)| {
                let is_grave = number > 0 && audit.disjoint.iter().any(|name| name == what);
                Cell::count(number).strong_if(is_grave)
            })
        });
        let cells = sizes.into_iter().chain(speakers).chain(shared.into_iter().flatten());
        Row::new(fold.fold.to_string(), cells.collect())
    });
    let caption = "How large the parts of each fold are, and what two of them share.";
    AuditView {
        facts: facts(audit),
        table: Table::new(format!("audit-{slug}"), "Audit of the split", caption, "Fold", columns)
            .of_results(Some(about))
            .rows(None, rows),
        crossings: crossings(audit),
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

fn crossings(audit: &Audit) -> Vec<Crossings> {
    let mut kinds: Vec<(&str, Vec<&str>)> = Vec::new();
    for crossing in &audit.crossings {
        match kinds.iter_mut().find(|(what, _)| *what == crossing.what) {
            Some((_, all)) => all.push(&crossing.description),
            None => kinds.push((&crossing.what, vec![&crossing.description])),
        }
    }
    let view = |(what, all): (&str, Vec<&str>)| Crossings {
        what: what.to_owned(),
        number: count(all.len() as u64),
        listed: all.iter().take(LISTED).map(|&text| text.to_owned()).collect(),
        more: all.len().checked_sub(LISTED).filter(|more| *more > 0).map(|more| count(more as u64)),
    };
    kinds.into_iter().map(view).collect()
}
