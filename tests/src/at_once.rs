//! Two runs that share a store at one time.

use std::collections::BTreeSet;

use crate::lab::Lab;

#[test]
fn two_runs_share_the_work() {
    let lab = Lab::tiny();
    let (one, other) = (lab.start("tiny", &[]), lab.start("tiny", &[]));
    let (one, other) = (one.end().expect(0), other.end().expect(0));
    assert_ne!(one.folder, other.folder);
    assert_eq!(one.bytes("predictions.arrow"), other.bytes("predictions.arrow"));
    assert_eq!(one.bytes("metrics.json"), other.bytes("metrics.json"));
    let (ran, also): (BTreeSet<_>, BTreeSet<_>) =
        (one.ran().into_iter().collect(), other.ran().into_iter().collect());
    assert_eq!(ran.intersection(&also).collect::<Vec<_>>(), [""; 0], "nothing is computed twice");
    assert_eq!(ran.union(&also).count(), 18);
    assert_eq!(lab.run("tiny", &[]).expect(0).ran(), [""; 0]);
}
