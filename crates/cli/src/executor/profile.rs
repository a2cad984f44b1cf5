//! An executor profile: how a batch system is spoken to, and what its jobs ask for.

use std::env;
use std::path::{Path, PathBuf};

use affekt_config::{Diagnostics, parse};
use affekt_spec::{Schema, Section, Spec, SpecFields, version_field};

use crate::exit::{Stop, error};

/// The folder of profiles, beside an experiment and in the user's configuration folder.
const FOLDER: &str = "executors";

/// A batch system, and what its jobs ask for. In no key: where a result is computed is recorded with it.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Profile {
    /// Which batch system it is.
    #[spec(default = System::Slurm)]
    pub kind: System,
    /// The partition.
    #[spec(default = None)]
    pub partition: Option<String>,
    /// The account that jobs are counted on.
    #[spec(default = None)]
    pub account: Option<String>,
    /// Generic resources of jobs that need a GPU, as `--gres` takes them.
    #[spec(default = None)]
    pub gres: Option<String>,
    /// Features that nodes must have, as `--constraint` takes them.
    #[spec(default = None)]
    pub constraint: Option<String>,
    /// How long a job may take. One that needs longer stops before, is queued again, and goes on where it was.
    #[spec(default = None, range = 1..=525_600, none = "partition", noun = "a number of minutes", unit = "minutes")]
    pub time_minutes: Option<u32>,
    /// How long before its end a job is told to stop.
    #[spec(default = 120, range = 1..=3600, unit = "s")]
    pub stop_seconds: u32,
    /// Cores of a job; without it, the most that one of its steps asks for.
    #[spec(default = None, range = 1..=1024, none = "steps", noun = "a number of cores")]
    pub cpus: Option<u32>,
    /// Memory of a job; a job that is killed for its memory is tried again with twice as much.
    #[spec(default = None, range = 1..=100_000_000, none = "partition", noun = "a number of MiB", unit = "MiB")]
    pub memory_mib: Option<u64>,
    /// Further lines for the head of a job's script, whole, as `#SBATCH --qos=long`.
    #[spec(default = Vec::new())]
    pub options: Vec<String>,
    /// Lines of shell that a job begins with: `module load cuda`.
    #[spec(default = Vec::new())]
    pub preamble: Vec<String>,
    /// The most jobs of one array. It need not be less than the system's own limit.
    #[spec(default = 1000, range = 1..=1_000_000)]
    pub array_limit: u32,
    /// How many jobs of an array may run at one time.
    #[spec(default = None, range = 1..=1_000_000, none = "any", noun = "a number of jobs")]
    pub at_once: Option<u32>,
    /// How many shards in a row make a job.
    #[spec(default = 8, range = 1..=10_000)]
    pub shards_per_job: u64,
    /// How often a job that ended without a result is begun again.
    #[spec(default = 3, range = 0..=100)]
    pub retries: u32,
    /// How many times a minute the batch system is called at most.
    #[spec(default = 20, range = 1..=6000)]
    pub calls_per_minute: u32,
    /// How often it is asked what became of the jobs.
    #[spec(default = 30, range = 1..=3600, unit = "s")]
    pub poll_seconds: u32,
    /// The command that begins a job: `{script}`, `{name}` and `{log}` are replaced, and the number of the job is the last word
    /// that it prints. With `kind: command`.
    #[spec(default = None)]
    pub submit: Option<String>,
    /// The command that tells of jobs, `{ids}`: a line each of a number and a state. A job that is on no line is over. With
    /// `kind: command`.
    #[spec(default = None)]
    pub status: Option<String>,
    /// The command that ends jobs, `{ids}`. With `kind: command`.
    #[spec(default = None)]
    pub cancel: Option<String>,
    /// What is added to `submit` where a job is to begin after others, `{ids}`. Without it such jobs are begun when the others are
    /// over. With `kind: command`.
    #[spec(default = None)]
    pub after: Option<String>,
    /// What stands between the numbers of jobs in `{ids}`. With `kind: command`.
    #[spec(default = " ".to_owned())]
    pub separator: String,
}

/// A batch system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum System {
    /// Slurm.
    Slurm,
    /// Any other, by commands.
    Command,
}

/// Documents a profile, for reference pages and JSON Schemas.
#[must_use]
pub fn schema() -> Schema {
    let mut fields = vec![version_field()];
    fields.extend(Profile::fields());
    Schema::section(
        "How jobs of `affekt run --executor NAME` are run: `executors/NAME.yaml`, beside the experiment or in \
         `~/.config/affekt`.",
        fields,
    )
}

impl Profile {
    /// Reads the profile called `name`: beside the experiment, else in the user's configuration folder. For `slurm` there need be
    /// none.
    ///
    /// # Errors
    /// The input is wrong where there is none, or something is wrong in it.
    pub fn find(name: &str, experiment: &Path) -> Result<Self, Stop> {
        let beside = experiment.parent().unwrap_or(Path::new("")).join(FOLDER);
        let folders: Vec<PathBuf> =
            std::iter::once(beside).chain(configuration().map(|folder| folder.join(FOLDER))).collect();
        let files: Vec<PathBuf> = folders.iter().map(|folder| folder.join(format!("{name}.yaml"))).collect();
        if let Some(file) = files.iter().find(|file| file.is_file()) {
            return Self::read(file);
        }
        if name == "slurm" {
            return Self::parse("slurm", "kind: slurm\n");
        }
        let looked = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        Err(Stop::wrong(format!(
            "error: no executor profile `{name}`\nhint: looked for {looked}; `local` and `slurm` need none"
        )))
    }

    fn read(file: &Path) -> Result<Self, Stop> {
        let shown = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|cause| error(&format!("failed to read {shown}"), &cause))?;
        Self::parse(&shown, &text)
    }

    fn parse(shown: &str, text: &str) -> Result<Self, Stop> {
        let diagnostics = Diagnostics::new();
        let profile = parse(shown, text, &diagnostics).and_then(|node| {
            let mut section = Section::open(&node, &diagnostics, "the executor profile")?;
            section.check_file_version();
            let profile = Self::read_fields(&mut section);
            section.close();
            profile
        });
        let profile = profile.filter(|_| !diagnostics.has_errors());
        let profile = profile.ok_or_else(|| Stop::wrong(diagnostics.render(false)))?;
        if profile.kind == System::Command && (profile.submit.is_none() || profile.status.is_none()) {
            return Err(Stop::wrong(format!(
                "error: {shown}: `kind: command` needs `submit` and `status`\n\
                 hint: `submit: qsub -N {{name}} -o {{log}} {{script}}` and a command that prints a number and a state a line"
            )));
        }
        Ok(profile)
    }
}

/// The folder of the user's configuration.
fn configuration() -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
    folder.map(|folder| folder.join("affekt"))
}
