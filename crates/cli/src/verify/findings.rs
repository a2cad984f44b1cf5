//! What was found by killing runs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victims {
    Runner,
    Workers,
    Both,
    WorkersThenRunner,
}

impl Victims {
    pub const ALL: [Self; 4] = [Self::Runner, Self::Workers, Self::Both, Self::WorkersThenRunner];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Runner => "runner",
            Self::Workers => "workers",
            Self::Both => "both",
            Self::WorkersThenRunner => "workers, then runner",
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    pub experiment: String,
    pub seed: u64,
    pub kills: BTreeMap<Victims, u32>,
    pub runs: u32,
    pub sequences: u32,
    /// Of each sequence with other results than the undisturbed run, some that differ.
    pub different: Vec<String>,
    /// Workers that lived on.
    pub orphans: usize,
    /// Leases that somebody held when all of a run had ended.
    pub stuck_leases: usize,
    /// Objects and records that were not whole when a sequence had ended.
    pub damaged: usize,
    /// How many outputs of nodes were compared.
    pub outputs: usize,
    /// How long the undisturbed run took.
    pub undisturbed: Duration,
    /// How long all took.
    pub took: Duration,
}

impl Findings {
    /// How often somebody was killed.
    pub fn killed(&self) -> u32 {
        self.kills.values().sum()
    }

    /// Whether killing did no harm.
    pub fn is_proven(&self) -> bool {
        self.different.is_empty() && self.orphans + self.stuck_leases + self.damaged == 0
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let kills: BTreeMap<&str, u32> =
            self.kills.iter().map(|(victims, count)| (victims.name(), *count)).collect();
        json!({
            "version": 1,
            "experiment": self.experiment,
            "seed": self.seed,
            "kills": kills,
            "runs": self.runs,
            "sequences": self.sequences,
            "outputs": self.outputs,
            "different": self.different,
            "orphans": self.orphans,
            "stuck_leases": self.stuck_leases,
            "damaged": self.damaged,
            "undisturbed_seconds": self.undisturbed.as_secs_f64(),
            "seconds": self.took.as_secs_f64(),
            "proven": self.is_proven(),
        })
    }

    /// As a table for a person.
    pub fn table(&self) -> String {
        let kills: Vec<String> =
            self.kills.iter().map(|(victims, count)| format!("{count} × {}", victims.name())).collect();
        let rows = [
            ("kills", format!("{} ({})", self.killed(), kills.join(", "))),
            ("runs started", self.runs.to_string()),
            ("sequences from an empty store", self.sequences.to_string()),
            ("results compared", format!("{} outputs of nodes, and the run's files", self.outputs)),
            ("sequences with other results", self.different.len().to_string()),
            ("orphaned processes", self.orphans.to_string()),
            ("stuck leases", self.stuck_leases.to_string()),
            ("damaged objects or records", self.damaged.to_string()),
            ("an undisturbed run", format!("{:.1} s", self.undisturbed.as_secs_f64())),
            ("all", format!("{:.1} s", self.took.as_secs_f64())),
        ];
        let mut lines = vec![format!("{}, seed {}", self.experiment, self.seed)];
        lines.extend(rows.iter().map(|(name, figure)| format!("  {name:<30}  {figure}")));
        lines.extend(self.different.iter().map(|different| format!("  DIFFERS in {different}")));
        let verdict = if self.is_proven() { "killing did no harm" } else { "DISPROVED: killing did harm" };
        lines.push(verdict.to_owned());
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_left_behind_disproves() {
        let whole = || Findings { kills: [(Victims::Both, 3)].into(), ..Findings::default() };
        assert!(whole().is_proven() && whole().table().ends_with("killing did no harm"));
        let harmed = [
            Findings { different: vec!["sequence 2: metrics.json".into()], ..whole() },
            Findings { orphans: 1, ..whole() },
            Findings { stuck_leases: 1, ..whole() },
            Findings { damaged: 1, ..whole() },
        ];
        for findings in harmed {
            assert!(!findings.is_proven() && findings.table().contains("DISPROVED"), "{}", findings.table());
            assert_eq!(findings.json()["proven"], false);
        }
    }
}
