//! `plan`: every node, its state and why, and how long it is likely to take.

use affekt_graph::{NodeIndex, State, Work, changes};
use serde::Serialize;

use crate::context::{ExperimentArguments, ExperimentContext, Viewed, print_json};
use crate::exit::{Exit, Stop};
use crate::out::{out, say};
use crate::problems;
use crate::remarks;
use crate::timing::{Estimates, Expected, Signatures};

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    experiment: ExperimentArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit with 3 if anything would or may run
    #[arg(long)]
    check: bool,
    /// Only this node and what it needs
    #[arg(long, value_name = "NODE")]
    only: Option<String>,
}

#[derive(Serialize)]
struct Plan {
    version: u32,
    /// The profile that the experiment is made with.
    profile: Option<String>,
    nodes: Vec<Row>,
    /// What is left, summed up; `None` where nothing is.
    expected: Option<Expected>,
    problems: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    id: String,
    op: String,
    state: &'static str,
    reason: String,
    key: Option<String>,
    estimate_s: Option<f64>,
}

/// Plans.
pub fn plan(arguments: &Arguments) -> Result<Exit, Stop> {
    let context = ExperimentContext::open(&arguments.experiment)?;
    let viewed = context.view(arguments.only.as_deref())?;
    let timings = context.timings();
    let signatures = Signatures::new(&context);
    let estimates = Estimates::new(&viewed.walk, &viewed.last, &timings, &signatures);
    let rows = viewed.walk.order().into_iter().filter_map(|at| row(&viewed, &estimates, at));
    let rows: Vec<Row> = rows.collect();
    let failed: Vec<String> = rows
        .iter()
        .filter(|row| row.state == "failed")
        .map(|row| format!("{}: {}", row.id, row.reason))
        .collect();
    let work_left = rows.iter().any(|row| row.state != "cached");
    let has_failed = !failed.is_empty();
    // What is not wrong with the plan, but with what it will be about.
    let mut said = problems::left_out(&context.ops.problems());
    said.extend(remarks::remarks(&context));
    said.extend(context.nothing_evaluated().filter(|_| arguments.only.is_none()));
    let (profile, expected) = (context.experiment.profile.clone(), estimates.expected());
    if arguments.json {
        let problems = failed.into_iter().chain(said).collect();
        print_json(&Plan { version: 1, profile, nodes: rows, expected, problems })?;
    } else {
        said.iter().for_each(|remark| say!("warning: {remark}"));
        print_table(&rows, profile.as_deref());
        expected.iter().for_each(|expected| out!("{}", expected.line()));
    }
    Ok(match () {
        () if has_failed => Exit::Failed,
        () if arguments.check && work_left => Exit::WorkLeft,
        () => Exit::Done,
    })
}

fn row(viewed: &Viewed<'_>, estimates: &Estimates<'_>, at: NodeIndex) -> Option<Row> {
    let (node, state) = (&viewed.walk.graph().nodes()[at], &viewed.walk.states()[at]);
    if matches!(state, State::Skipped) {
        return None;
    }
    let (reason, key) = match state {
        State::Waiting { on } => (format!("awaits `{}`", viewed.walk.graph().nodes()[*on].id), None),
        State::Ready { key, reason } => (why(viewed, at).unwrap_or_else(|| reason.clone()), *key),
        State::Done { record, .. } => (String::new(), record.as_ref().map(|record| record.key)),
        State::Failed { failure } => (failure.to_string(), None),
        State::Running { .. } | State::Skipped => (String::new(), None),
    };
    // A node that has grown is only the name of what it yielded.
    if matches!((&node.work, state), (Work::Grow(_), State::Done { .. })) {
        return None;
    }
    let estimate_s = match state {
        State::Done { .. } => Some(0.0),
        _ => estimates.seconds(at),
    };
    let (id, op) = (node.id.to_string(), node.op.clone());
    Some(Row { id, op, state: state.name(), reason, key: key.map(|key| key.to_string()), estimate_s })
}

/// Why a node must run, where the last run knew another key for it.
fn why(viewed: &Viewed<'_>, at: NodeIndex) -> Option<String> {
    let before = viewed.last.row(&viewed.walk.graph().nodes()[at].id)?;
    let changed = changes(&before.parts, &viewed.walk.parts(at)?);
    let first = changed.first()?;
    let show = |value: &Option<String>| match value {
        Some(value) if value.len() > 24 => format!("{}…", value.chars().take(12).collect::<String>()),
        Some(value) => value.clone(),
        None => "nothing".to_owned(),
    };
    let more = if changed.len() > 1 { format!(" and {} more", changed.len() - 1) } else { String::new() };
    Some(format!("{} was {}, is {}{more}", first.name, show(&first.before), show(&first.after)))
}

fn print_table(rows: &[Row], profile: Option<&str>) {
    let width = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
    for row in rows.iter().filter(|row| row.state != "cached" || rows.len() <= 60) {
        let estimate = match row.estimate_s {
            Some(seconds) if row.state != "cached" => format!("~{seconds:.1} s"),
            _ => String::new(),
        };
        let line = format!("{:<8} {:<width$} {estimate:>9}  {}", row.state, row.id, row.reason);
        out!("{}", line.trim_end());
    }
    let count = |state: &str| rows.iter().filter(|row| row.state == state).count();
    let profile = profile.map_or_else(String::new, |name| format!("with profile `{name}`: "));
    out!(
        "{profile}{} nodes: {} cached, {} to run, {} that may run",
        rows.len(),
        count("cached"),
        count("run"),
        count("may-run")
    );
}
