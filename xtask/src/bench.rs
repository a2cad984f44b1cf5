//! `bench`: our speed beside a named reference library's, in one run.
//!
//! Ours and the reference are the same work as two programs, run in turn (A B A B …), because machines drift; the
//! figure is the median of the ratios of neighbours. The reference runs without the variables that limit the kernels and
//! threads of numerical libraries, and says what it computes with.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use affekt_cli::exit::{Exit, Stop};
use affekt_cli::libtorch;
use affekt_cli::out;

use crate::checkout::cargo;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// A Python that has the reference libraries (CONTRIBUTING.md says which)
    #[arg(
        long,
        value_name = "PYTHON",
        global = true,
        env = "AFFEKT_REFERENCE_PYTHON",
        default_value = "python3"
    )]
    python: PathBuf,
    /// How often to run each
    #[arg(long, default_value_t = 5, global = true)]
    rounds: usize,
}

#[derive(clap::Subcommand)]
enum What {
    /// Decode, resample, fit and features on one core, against librosa
    Features {
        /// A folder of recordings
        folder: PathBuf,
        /// How many of its files
        #[arg(long, default_value_t = 200)]
        files: usize,
        /// `mfcc` or `logmel`
        #[arg(long, default_value = "mfcc", value_parser = ["mfcc", "logmel"])]
        feature: String,
    },
    /// A training step of a network on the CPU, against PyTorch eager
    Training {
        /// `cnn`, `two-cnns` or `parallel-cnn`
        #[arg(long, default_value = "cnn")]
        network: String,
        /// Batch norm over `time` or `channel`
        #[arg(long, default_value = "time")]
        norm_axis: String,
        /// Intra-op threads
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// A step of fine-tuning wav2vec 2.0 BASE on the CPU, against transformers
    Finetuning {
        /// Clips a step
        #[arg(long, default_value_t = 4)]
        batch: usize,
        /// Length of each
        #[arg(long, default_value_t = 3)]
        seconds: usize,
        /// Intra-op threads
        #[arg(long, default_value_t = 2)]
        threads: usize,
    },
    /// Training a VGG16 on what its frozen base gave, against computing the base in every epoch
    FrozenBase {
        /// Pictures a step
        #[arg(long, default_value_t = 32)]
        batch: usize,
        /// Intra-op threads
        #[arg(long, default_value_t = 2)]
        threads: usize,
    },
    /// A training step of VGG16 on pictures on the CPU, against PyTorch eager
    Vgg16 {
        /// How many of its last convolutions are trained; the others are frozen
        #[arg(long, default_value_t = 1)]
        layers: usize,
        /// Pictures a step
        #[arg(long, default_value_t = 32)]
        batch: usize,
        /// Intra-op threads
        #[arg(long, default_value_t = 2)]
        threads: usize,
    },
    /// k-means of points of 512 values on the CPU, against faiss: the same points from the same centroids
    Kmeans {
        /// How many points
        #[arg(long, default_value_t = 200_000)]
        points: usize,
        /// How many clusters; one comparison for each
        #[arg(long, value_delimiter = ',', default_value = "64,512")]
        clusters: Vec<usize>,
        /// How many iterations
        #[arg(long, default_value_t = 20)]
        iterations: usize,
        /// Threads
        #[arg(long, default_value_t = 2)]
        threads: usize,
    },
}

/// What is set side by side.
struct Comparison {
    /// Of the first figure that each prints: the more of them, the faster.
    unit: &'static str,
    reference: &'static str,
    /// Of both programs.
    threads: usize,
    /// What the second figure is, if there is one: it tells whether both did the same.
    outcome: Option<&'static str>,
}

/// Measures and prints.
pub fn bench(arguments: &Arguments) -> Result<Exit, Stop> {
    let python = |script: &str, rest: &[String]| {
        let mut command = Command::new(&arguments.python);
        command.arg(script).args(rest);
        unhindered(&mut command);
        command
    };
    match &arguments.what {
        What::Features { folder, files, feature } => {
            let rest = [folder.display().to_string(), files.to_string(), "1".to_owned(), feature.clone()];
            let ours = || {
                let arguments = [&rest[0], "--files", &rest[1], "--passes", "1", "--feature", feature];
                example("affekt-features", "files_per_second", &arguments)
            };
            let reference = || python("tests/goldens/features/librosa_files_per_second.py", &rest);
            let what = Comparison { unit: "files/s", reference: "librosa", threads: 1, outcome: None };
            compare(&what, arguments.rounds, &ours, &reference)
        }
        What::Training { network, norm_axis, threads } => {
            libtorch::require(false)?;
            let (batch, steps) = ("32".to_owned(), "12".to_owned());
            let rest = [network.clone(), norm_axis.clone(), batch, threads.to_string(), steps];
            let ours = || example("affekt-train", "cnn_throughput", &rest);
            let reference = || python("tests/goldens/models/pytorch_cnn_throughput.py", &rest);
            let what = Comparison {
                unit: "samples/s",
                reference: "PyTorch eager",
                threads: *threads,
                outcome: None,
            };
            compare(&what, arguments.rounds, &ours, &reference)
        }
        What::Finetuning { batch, seconds, threads } => {
            libtorch::require(false)?;
            let rest = [*batch, *seconds, *threads, /* steps */ 5].map(|number| number.to_string());
            let ours = || example("affekt-models", "finetuning_throughput", &rest);
            let reference = || python("tests/goldens/wav2vec2/transformers_finetuning_throughput.py", &rest);
            let what =
                Comparison { unit: "clips/s", reference: "transformers", threads: *threads, outcome: None };
            compare(&what, arguments.rounds, &ours, &reference)
        }
        What::FrozenBase { batch, threads } => {
            libtorch::require(false)?;
            let rest = [*batch, *threads, /* steps */ 3].map(|number| number.to_string());
            let way = |way: &str| vgg16(way, &rest);
            let what =
                Comparison { unit: "pictures/s", reference: "recomputing", threads: *threads, outcome: None };
            compare(&what, arguments.rounds, &|| way("cached"), &|| way("recomputed"))
        }
        What::Vgg16 { layers, batch, threads } => {
            libtorch::require(false)?;
            let rest = [*batch, *threads, /* steps */ 3, *layers].map(|number| number.to_string());
            let ours = || vgg16("recomputed", &rest);
            let reference = || python("tests/goldens/models/pytorch_vgg16_throughput.py", &rest);
            let what = Comparison {
                unit: "pictures/s",
                reference: "PyTorch eager",
                threads: *threads,
                outcome: None,
            };
            compare(&what, arguments.rounds, &ours, &reference)
        }
        What::Kmeans { points, clusters, iterations, threads } => {
            libtorch::require(false)?;
            for k in clusters {
                out!("{k} clusters:");
                let rest = [*points, *k, *threads, *iterations].map(|number| number.to_string());
                let ours = || example("affekt-train", "kmeans_throughput", &rest);
                let reference = || python("tests/goldens/kmeans/faiss_throughput.py", &rest);
                let outcome = Some("the last iteration's objective");
                let what =
                    Comparison { unit: "iterations/s", reference: "faiss", threads: *threads, outcome };
                compare(&what, arguments.rounds, &ours, &reference)?;
            }
            Ok(Exit::Done)
        }
    }
}

fn example(package: &str, name: &str, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", package, "--example", name, "--"]).args(arguments);
    command
}

/// The example that trains a VGG16, one `way` or the other.
fn vgg16(way: &str, rest: &[String]) -> Command {
    let mut command = example("affekt-models", "vgg16_throughput", &[way]);
    command.args(rest);
    command
}

/// Runs a reference without what the shell may have set to slow it down.
fn unhindered(command: &mut Command) {
    const LIMITS: [&str; 8] = ["OPENBLAS_", "GOTO_", "OMP_", "GOMP_", "KMP_", "MKL_", "NPY_", "NUMBA_"];
    let set = env::vars_os().map(|(name, _)| name);
    let limits = set.filter(|name| LIMITS.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)));
    limits.for_each(|name| {
        command.env_remove(name);
    });
}

/// Returns the name of this machine's processor, and of its instructions what kernels are chosen by.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let flags = field("flags").unwrap_or_default();
    let has = |flag: &&str| flags.split(' ').any(|word| word == *flag);
    let kinds: Vec<&str> = ["avx2", "avx512f", "avx512_vnni", "amx_tile"].into_iter().filter(has).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores, {}", field("model name").unwrap_or_else(|| "unknown".into()), kinds.join(" "))
}

fn compare(
    what: &Comparison,
    rounds: usize,
    ours: &dyn Fn() -> Command,
    reference: &dyn Fn() -> Command,
) -> Result<Exit, Stop> {
    let Comparison { unit, reference: reference_name, threads, outcome } = what;
    out!("processor: {}; threads: {threads}", processor());
    figures(ours())?; // built and in the page cache
    let mut rows = Vec::new();
    for round in 1..=rounds {
        let ((our_figures, _), (their_figures, said)) = (figures(ours())?, figures(reference())?);
        if round == 1 {
            said.lines().filter(|line| line.starts_with("peer: ")).for_each(|line| out!("{line}"));
        }
        let row = (our_figures[0], their_figures[0]);
        out!(
            "round {round}: {:.2} {unit}, {reference_name} {:.2} {unit}: {:.2} ×",
            row.0,
            row.1,
            row.0 / row.1
        );
        if let (Some(outcome), [_, our_outcome, ..], [_, their_outcome, ..]) =
            (outcome, &our_figures[..], &their_figures[..])
        {
            let ratio = our_outcome / their_outcome;
            out!("  {outcome}: {our_outcome:.6e}, {reference_name} {their_outcome:.6e}: {ratio:.6} ×");
        }
        rows.push(row);
    }
    let median = |of: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = rows.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    out!(
        "medians: {:.2} {unit}, {reference_name} {:.2} {unit}; ratio {:.2} ×",
        median(|row| row.0),
        median(|row| row.1),
        median(|row| row.0 / row.1)
    );
    Ok(Exit::Done)
}

/// Returns the numbers that a program prints, at least one, and what it says beside them.
fn figures(mut command: Command) -> Result<(Vec<f64>, String), Stop> {
    let output = command.output();
    let output =
        output.map_err(|error| Stop::failed(format!("error: failed to start {command:?}: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() && !numbers.is_empty() {
        return Ok((numbers, said));
    }
    Err(Stop::failed(format!("error: {command:?} gave no figure\n{}", said.trim_end())))
}
