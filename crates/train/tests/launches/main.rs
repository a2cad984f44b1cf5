//! What a GPU is asked to do in a step of training, which must not grow unnoticed. docs/decisions/launches-per-step.md has the table.
//!
//! `cargo test -p affekt-train --test launches -- --nocapture` prints every operator.

mod steps;

use steps::STEPS;

/// Of a step: launches and copies, at most.
const LIMITS: &[(&str, u64, u64)] = &[
    ("V-FT", 667, 6),
    ("V-FT, fp16", 1097, 4),
    ("TAPT", 801, 4),
    ("P-TAPT, frame-level teacher", 244, 7),
    ("P-TAPT, pseudo-labels", 701, 7),
    ("B3", 335, 0),
];

#[test]
#[expect(clippy::print_stdout, reason = "whoever lowers a figure looks at them")]
fn steps_launch_no_more_than_they_did_and_wait_for_nothing() {
    let mut grown = String::new();
    for (step, &(name, launches, copies)) in STEPS.iter().zip(LIMITS) {
        assert_eq!(step.name, name);
        let counted = step.count();
        println!("{name}: {counted}");
        let most = &counted.largest;
        if most.launch_count() > launches || most.copies > copies || counted.wait_count() > 0 {
            grown += &format!("{name}, at most {launches} launches and {copies} copies: {counted}\n");
        }
    }
    assert!(grown.is_empty(), "{grown}");
}
