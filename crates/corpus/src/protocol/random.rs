//! One random fold, stratified by class if there are classes and the protocol asks for it: the usual split in publications,
//! with speakers in several roles.

use std::collections::BTreeMap;

use affekt_domain::{Digest, Example, Role};
use affekt_spec::protocol::Random;

use super::{Assign, ProtocolError, Roles, shuffle};

impl Assign for Random {
    fn impossible(&self) -> Option<ProtocolError> {
        let Self { test, dev, .. } = *self;
        (!(test > 0.0 && dev >= 0.0 && test + dev < 1.0)).then_some(ProtocolError::Fractions { test, dev })
    }

    fn roles(&self, examples: &[Example]) -> Result<Vec<(u32, Roles)>, ProtocolError> {
        let Self { test, dev, stratify, split_seed } = *self;
        let n_test = part(test, examples.len());
        let n_dev = part(dev, examples.len());
        if n_test + n_dev >= examples.len() {
            return Err(ProtocolError::Fractions { test, dev });
        }

        let units = units(split_seed, examples, stratify);
        let sizes: Vec<usize> = units.iter().map(|units| units.iter().map(Vec::len).sum()).collect();
        let tests = apportion(&sizes, n_test);
        let rest: Vec<usize> = sizes.iter().zip(&tests).map(|(size, test)| size - test).collect();
        let devs = apportion(&rest, n_dev);

        let mut roles = vec![Some(Role::Train); examples.len()];
        for ((units, mut n_test), mut n_dev) in units.into_iter().zip(tests).zip(devs) {
            for unit in units {
                let (role, left) = match unit.len() {
                    n if n <= n_test => (Role::Test, &mut n_test),
                    n if n <= n_dev => (Role::Dev, &mut n_dev),
                    _ => continue,
                };
                *left -= unit.len();
                for index in unit {
                    roles[index] = Some(role);
                }
            }
        }
        Ok(vec![(1, roles)])
    }
}

fn part(fraction: f64, n: usize) -> usize {
    // 0.07 × 100 is slightly more than 7 in floating point, which must not round up to 8.
    (fraction * n as f64 - 1e-9).ceil() as usize
}

/// Returns, for each class (or for all examples, where there are none or the split is not stratified), its indivisible units
/// (examples with the same audio) in the order of the seed.
fn units(seed: u64, examples: &[Example], stratify: bool) -> Vec<Vec<Vec<usize>>> {
    let mut by_audio: BTreeMap<Option<&str>, BTreeMap<Digest, Vec<usize>>> = BTreeMap::new();
    for (index, example) in examples.iter().enumerate() {
        let of_class = by_audio.entry(example.class().filter(|_| stratify)).or_default();
        of_class.entry(example.utterance.audio).or_default().push(index);
    }
    let order = |units: BTreeMap<Digest, Vec<usize>>| {
        let mut units: Vec<_> = units
            .into_values()
            .map(|unit| {
                let first = unit.iter().map(|index| examples[*index].utterance.id.as_str()).min();
                (shuffle::place(seed, first.unwrap_or_default()), unit)
            })
            .collect();
        units.sort();
        units.into_iter().map(|(_, unit)| unit).collect()
    };
    by_audio.into_values().map(order).collect()
}

/// Distributes `n` seats among parties of these sizes by largest remainders; ties go to the earlier.
fn apportion(sizes: &[usize], n: usize) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    let mut seats: Vec<usize> = sizes.iter().map(|size| size * n / total).collect();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by_key(|party| std::cmp::Reverse(sizes[*party] * n % total));
    let left = n - seats.iter().sum::<usize>();
    for party in by_remainder.into_iter().take(left) {
        seats[party] += 1;
    }
    seats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_remainders() {
        assert_eq!(apportion(&[50, 30, 20], 10), [5, 3, 2]);
        assert_eq!(apportion(&[1, 1, 1], 2), [1, 1, 0]);
        assert_eq!(apportion(&[10, 1], 3), [3, 0]);
    }

    #[test]
    fn parts_round_up_but_not_floating_point() {
        assert_eq!((part(0.1, 12_162), part(0.07, 100), part(0.0, 5)), (1217, 7, 0));
    }
}
