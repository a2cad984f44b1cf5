//! How many settings Hyperband tries for how many epochs: Li et al., "Hyperband: A novel bandit-based approach to
//! hyperparameter optimization", JMLR 18 (2018), algorithm 1.

/// Settings that are tried side by side, of which fewer and fewer go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bracket {
    /// s of the paper: how often trials are weighed against each other. `None` where nothing is weighed.
    pub number: Option<u32>,
    /// One after the other.
    pub rungs: Vec<Rung>,
}

/// A part of a bracket's trials, and how far they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// How many trials, at the most.
    pub trials: usize,
    /// The epoch after which they pause.
    pub epochs: u32,
}

/// The brackets for trials of at most `max_epochs` (R), of which one in `factor` (η) goes on: the one that tries the most
/// settings first.
pub fn brackets(max_epochs: u32, factor: u32) -> Vec<Bracket> {
    let power = |exponent: u32| u64::from(factor).pow(exponent);
    // ⌊log R⌋ without a logarithm's rounding.
    let most = (0..).take_while(|&s| power(s) <= u64::from(max_epochs)).last().unwrap_or(0);
    let bracket = |s: u32| {
        let n = (u64::from(most + 1) * power(s)).div_ceil(u64::from(s + 1));
        let rung = |i: u32| Rung {
            trials: (n / power(i)) as usize,
            epochs: (u64::from(max_epochs) / power(s - i)).max(1) as u32,
        };
        Bracket { number: Some(s), rungs: (0..=s).map(rung).collect() }
    };
    (0..=most).rev().map(bracket).collect()
}

/// One bracket in which every one of so many trials goes to its end.
pub fn all_to_the_end(trials: usize, max_epochs: u32) -> Vec<Bracket> {
    vec![Bracket { number: None, rungs: vec![Rung { trials, epochs: max_epochs }] }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brackets_are_those_of_the_paper() {
        let table: Vec<Vec<(usize, u32)>> = brackets(81, 3)
            .iter()
            .map(|bracket| bracket.rungs.iter().map(|rung| (rung.trials, rung.epochs)).collect())
            .collect();
        // Table 1: R = 81, η = 3.
        assert_eq!(
            table,
            [
                vec![(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
                vec![(34, 3), (11, 9), (3, 27), (1, 81)],
                vec![(15, 9), (5, 27), (1, 81)],
                vec![(8, 27), (2, 81)],
                vec![(5, 81)],
            ]
        );
        assert_eq!(brackets(81, 3)[0].number, Some(4));
    }

    #[test]
    fn any_number_of_epochs_will_do() {
        let rungs = |max_epochs, factor| brackets(max_epochs, factor)[0].rungs.clone();
        assert_eq!(rungs(1, 3), [Rung { trials: 1, epochs: 1 }]);
        assert_eq!(rungs(100, 3).last(), Some(&Rung { trials: 1, epochs: 100 }));
        assert_eq!(rungs(100, 3)[0], Rung { trials: 81, epochs: 1 });
        assert_eq!(rungs(8, 2).iter().map(|rung| rung.epochs).collect::<Vec<_>>(), [1, 2, 4, 8]);
    }
}
