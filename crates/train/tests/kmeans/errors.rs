//! What cannot be clustered says why.

use std::ops::{ControlFlow, Range};

use affekt_train::kmeans::{
    Clustering, InMemory, KmeansConfig, KmeansError, Points, Seeding, assign, kmeans,
};
use tch::Device;

use crate::formula;

fn refusal<P: Points>(points: &P, config: &KmeansConfig, from: Option<Clustering>) -> KmeansError<P::Error> {
    kmeans(points, config, Device::Cpu, from, &mut |_| ControlFlow::Continue(())).err().unwrap()
}

#[test]
fn settings_and_points_must_make_a_clustering() {
    let rows = formula::points(10, 4, 2);
    let points = InMemory::new(&rows, 4);
    let usual = KmeansConfig { clusters: 5, ..KmeansConfig::default() };
    let said = |config: KmeansConfig| refusal(&points, &config, None).to_string();
    assert_eq!(said(KmeansConfig { clusters: 0, ..usual.clone() }), "clusters is 0: expected 1 to 65536");
    assert_eq!(
        said(KmeansConfig { clusters: 65_537, ..usual.clone() }),
        "clusters is 65537: expected 1 to 65536"
    );
    assert_eq!(said(KmeansConfig { iterations: 0, ..usual.clone() }), "iterations is 0: expected 1 or more");
    assert_eq!(
        said(KmeansConfig { clusters: 11, ..usual.clone() }),
        "there are 10 points for 11 clusters: try fewer clusters, or look at which utterances the points come from"
    );
    let other =
        Clustering { width: 4, centroids: vec![0.0; 8], counts: vec![0; 2], objective: vec![], refilled: 0 };
    assert_eq!(
        refusal(&points, &usual, Some(other)).to_string(),
        "the clustering to go on from has 8 values, which is not a centroid of 4 values for each cluster"
    );
    let sink = &mut |_: &[u16]| ControlFlow::Continue(());
    assert_eq!(
        assign(&points, &[0.0; 7], Device::Cpu, sink).unwrap_err().to_string(),
        "the matrix of centroids has 7 values, which is not a centroid of 4 values for each cluster"
    );
}

#[test]
fn values_must_be_numbers_to_compute_with() {
    let config = KmeansConfig { clusters: 4, ..KmeansConfig::default() };
    for wrong in [f32::NAN, f32::NEG_INFINITY, 1e16] {
        let mut rows = formula::points(9_000, 3, 2);
        rows[8_500 * 3 + 1] = wrong;
        let points = InMemory::new(&rows, 3);
        let error = refusal(&points, &config, None).to_string();
        let expected = format!(
            "point 8500 holds {wrong}: expected a finite number of at most 1e15; look at the network that the points come from"
        );
        assert_eq!(error, expected);
        let error = assign(&points, &rows[..6], Device::Cpu, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

/// Points of which some cannot be read.
struct Damaged(Range<usize>);

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("points {0:?} are damaged")]
struct Damage(Range<usize>);

impl Points for Damaged {
    type Error = Damage;

    fn len(&self) -> usize {
        20_000
    }

    fn width(&self) -> usize {
        2
    }

    fn read(&self, range: Range<usize>, into: &mut [f32]) -> Result<(), Damage> {
        if range.start < self.0.end && self.0.start < range.end {
            return Err(Damage(self.0.clone()));
        }
        let values = into.as_chunks_mut().0.iter_mut().zip(range);
        values.for_each(|(point, number)| *point = [number as f32, -1.0]);
        Ok(())
    }
}

#[test]
fn what_reading_fails_with_is_passed_on() {
    let config = KmeansConfig { clusters: 3, seeding: Seeding::Random, ..KmeansConfig::default() };
    let error = refusal(&Damaged(19_990..19_991), &config, None);
    assert!(matches!(&error, KmeansError::Points(damage) if *damage == Damage(19_990..19_991)), "{error}");
    assert!(kmeans(&Damaged(0..0), &config, Device::Cpu, None, &mut |_| ControlFlow::Continue(())).is_ok());
}
