//! What a batch system runs: a shell script with what the jobs ask for in its head.

use std::fmt::Write;
use std::path::Path;

use super::batch::Batch;
use super::profile::{Profile, System};
use super::system::quoted;

/// What a batch asks for beside what its profile says.
pub struct Asked {
    /// Whether its jobs need a GPU.
    pub gpu: bool,
}

/// Returns the script of a batch in `folder`. The program takes the shell's place, so that signals reach it.
pub fn script(profile: &Profile, batch: &Batch, folder: &Path, program: &Path, asked: &Asked) -> String {
    let mut text = "#!/bin/sh\n".to_owned();
    let task = match profile.kind {
        System::Slurm => {
            let mut option = |name: &str, value: &str| {
                let _ = writeln!(text, "#SBATCH --{name}={value}");
            };
            option("job-name", &batch.name);
            let at_once = profile.at_once.map_or_else(String::new, |at_once| format!("%{at_once}"));
            option("array", &format!("0-{}{at_once}", batch.tasks.len() - 1));
            option("output", &format!("{}", batch.logs.join("%x-%a.log").display()));
            option("open-mode", "append");
            option("ntasks", "1");
            option("cpus-per-task", &batch.cpus.to_string());
            option("signal", &format!("B:USR1@{}", profile.stop_seconds));
            let worded = [
                ("partition", &profile.partition),
                ("account", &profile.account),
                ("constraint", &profile.constraint),
            ];
            for (name, value) in worded {
                value.iter().for_each(|value| option(name, value));
            }
            profile.time_minutes.iter().for_each(|minutes| option("time", &minutes.to_string()));
            batch.memory_mib.iter().for_each(|mib| option("mem", &format!("{mib}M")));
            if asked.gpu {
                option("gres", profile.gres.as_deref().unwrap_or("gpu:1"));
            }
            text.push_str("#SBATCH --requeue\n");
            "\"$SLURM_ARRAY_TASK_ID\""
        }
        System::Command => "0",
    };
    for line in profile.options.iter().chain(&profile.preamble) {
        let _ = writeln!(text, "{line}");
    }
    let program = quoted(&program.to_string_lossy());
    let _ = writeln!(text, "exec {program} job {} {task}", quoted(&folder.to_string_lossy()));
    text
}
