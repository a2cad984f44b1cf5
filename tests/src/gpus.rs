//! GPUs: which one each worker sees, how nodes are dealt out, and what happens when one fails.
//!
//! `AFFEKT_FAKE_GPUS` stands for a machine with GPUs; its nodes compute on the CPU. Workers are started by a script that writes down
//! which GPU they see.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::binaries;
use crate::journal::Journal;
use crate::lab::{Ended, Lab, Run, TINY, skipped};

/// A lab of short trainings with two seeds a fold, which can start at one time. Workers are started by a script, which writes down
/// what they see and then does `before`.
fn lab(before: &str) -> Lab {
    let lab = Lab::tiny();
    lab.write(
        "tiny.yaml",
        &TINY.replace("seeds: [1]", "seeds: [1, 2]").replace("max_epochs: 2", "max_epochs: 1"),
    );
    let seen = lab.path("seen.txt");
    let text = format!(
        "#!/bin/sh\necho \"$CUDA_VISIBLE_DEVICES\" >> '{}'\n{before}\nexec '{}'\n",
        seen.display(),
        binaries::worker().display()
    );
    lab.write("worker.sh", &text);
    fs::set_permissions(lab.path("worker.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    lab
}

/// A command on a machine with so many GPUs, of which the user shows those in `list`.
fn on_gpus(lab: &Lab, words: &[&str], gpus: &str, list: Option<&str>) -> Command {
    let mut command = lab.command(words);
    command.env("AFFEKT_FAKE_GPUS", gpus).env("AFFEKT_WORKER", lab.path("worker.sh"));
    if let Some(list) = list {
        command.env("CUDA_VISIBLE_DEVICES", list);
    }
    command
}

fn run(lab: &Lab, device: &str, gpus: &str, list: Option<&str>) -> Run {
    lab.run_by("tiny", on_gpus(lab, &["run", "tiny.yaml", "--device", device], gpus, list))
}

/// What workers saw, each once.
fn seen(lab: &Lab) -> BTreeSet<String> {
    let text = fs::read_to_string(lab.path("seen.txt")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The most nodes that ran at one time, by the GPUs that they ran on.
fn busiest(journal: &Journal) -> Vec<String> {
    let mut running = BTreeMap::new();
    let mut busiest: Vec<String> = Vec::new();
    for row in &journal.rows {
        let id = row["id"].as_str().unwrap_or_default();
        match (row["event"].as_str(), row["gpu"].as_str()) {
            (Some("started"), Some(gpu)) => _ = running.insert(id, gpu.to_owned()),
            (Some("node"), _) => _ = running.remove(id),
            _ => {}
        }
        if running.len() > busiest.len() {
            busiest = running.values().cloned().collect();
        }
    }
    busiest.sort();
    busiest
}

#[test]
fn all_gpus_work_at_once_and_results_are_the_cpus() {
    for (gpus, names) in [("2", &["cuda:0", "cuda:1"][..]), ("4", &["cuda:0", "cuda:1", "cuda:2", "cuda:3"])]
    {
        let lab = lab("");
        lab.write("tiny.yaml", &TINY.replace("seeds: [1]", "seeds: [1, 2, 3, 4]"));
        let run = run(&lab, "cuda", gpus, None).expect(0);
        assert_eq!(busiest(&run.journal), names, "one node a GPU");
        assert_eq!(seen(&lab).len(), names.len(), "each worker sees one, and each GPU has a worker");
        // Every training and prediction ran on a GPU, and nothing else.
        for row in run.journal.rows.iter().filter(|row| row["event"] == "started") {
            let id = row["id"].as_str().unwrap();
            let is_in_worker = id.starts_with("train") || id.starts_with("predict");
            assert_eq!(row["gpu"].is_string(), is_in_worker, "{row}");
        }
        // Key, record and report say cpu.
        let train =
            run.journal.rows.iter().find(|row| row["event"] == "node" && row["op"] == "train").unwrap();
        let part = |name: &str| {
            let parts = train["parts"].as_array().unwrap().iter();
            parts.filter(|part| part["name"] == name).map(|part| part["value"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(part("numerics.device"), ["cpu"]);
        assert_eq!(part("numerics.threads"), ["1"]);
        assert!(run.text("report.md").contains("| device | cpu |"), "{}", run.text("report.md"));
        let again = lab.run("tiny", &[]).expect(0);
        assert_eq!(again.ran(), [""; 0], "the CPU's results are the same ones");
    }
}

#[test]
fn the_record_of_a_result_says_what_it_was_computed_on() {
    let lab = lab("");
    let run = run(&lab, "auto", "2", None).expect(0);
    let train = run.journal.rows.iter().find(|row| row["op"] == "train").unwrap();
    let explained =
        lab.xtask(&["explain", "tiny.yaml", train["id"].as_str().unwrap(), "--device", "cpu"]).expect(0);
    let key = train["key"].as_str().unwrap();
    assert!(explained.stdout.contains(key), "{explained:#?}");
    let records: Vec<serde_json::Value> = fs::read_dir(lab.path(".affekt/results"))
        .unwrap()
        .flatten()
        .flat_map(|entry| fs::read_dir(entry.path()).into_iter().flatten().flatten())
        .map(|entry| serde_json::from_slice(&fs::read(entry.path()).unwrap()).unwrap())
        .collect();
    let record = records.iter().find(|record| record["key"] == train["key"]).unwrap();
    assert_eq!(record["provenance"]["device"], "cpu", "{record}");
    assert!(record["memory_mib"].as_u64().unwrap() > 0, "{record}");
}

#[test]
fn each_worker_sees_its_own_entry_of_the_users_list() {
    let cases: [(&str, Option<&str>, &str, &[&str]); 7] = [
        ("cuda:0", Some("3"), "4", &["3"]),
        ("auto", Some("3"), "4", &["3"]),
        ("cuda", Some("2,0"), "4", &["0", "2"]),
        ("cuda:1", Some("2,0"), "4", &["0"]),
        ("cuda:0,1", Some("2, 0, 1"), "4", &["0", "2"]),
        (
            "cuda:0",
            Some("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"),
            "2",
            &["GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"],
        ),
        ("auto", Some(""), "4", &[""]),
    ];
    for (device, list, gpus, expected) in cases {
        let lab = lab("");
        let run = run(&lab, device, gpus, list).expect(0);
        assert_eq!(seen(&lab), set(expected), "{device} of {list:?}");
        assert_eq!(busiest(&run.journal).is_empty(), list == Some(""), "{device} of {list:?}");
    }
}

#[test]
fn gpus_that_are_not_visible_are_refused_in_the_users_numbers() {
    let lab = lab("");
    let refused = |device: &str, gpus: &str, list: Option<&str>| {
        let Ended { code, stderr, .. } =
            Ended::of(on_gpus(&lab, &["run", "tiny.yaml", "--device", device], gpus, list));
        assert_eq!(code, Some(2), "{stderr}");
        stderr
    };
    let said = refused("cuda:0", "4", Some(""));
    assert!(said.contains("error: no GPU is visible: CUDA_VISIBLE_DEVICES is ``"), "{said}");
    let said = refused("cuda:2", "4", Some("2,0"));
    assert!(said.contains("error: no `cuda:2`: CUDA_VISIBLE_DEVICES=2,0 shows 2 GPUs"), "{said}");
    assert!(said.contains("hint: cuda:0 is `2`, cuda:1 is `0`"), "{said}");
    let said = refused("cuda", "0", None);
    assert!(said.contains("error: no GPU is visible: this machine has none"), "{said}");
    assert!(seen(&lab).is_empty(), "no worker was started");
    assert!(!lab.path("runs").exists(), "no run was begun");
}

#[test]
fn a_gpu_that_does_not_start_is_set_aside_and_its_node_runs_elsewhere() {
    let lab = lab("[ \"$CUDA_VISIBLE_DEVICES\" = 3 ] && { echo 'CUDA error: no device' >&2; exit 1; }");
    let run = run(&lab, "cuda", "4", Some("2,3")).expect(0);
    let aside: Vec<_> = run.journal.rows.iter().filter(|row| row["event"] == "gpu-set-aside").collect();
    assert_eq!(aside.len(), 1, "once for all nodes: {aside:?}");
    assert_eq!((&aside[0]["gpu"], &aside[0]["visible"]), (&"cuda:1".into(), &"3".into()));
    assert!(aside[0]["failure"].as_str().unwrap().contains("CUDA error: no device"), "{}", aside[0]);
    let id = aside[0]["id"].as_str().unwrap();
    let stderr = &run.ended.stderr;
    let said = format!(
        "warning: cuda:1 (CUDA_VISIBLE_DEVICES=3) failed and is set aside; {id} runs on another GPU: "
    );
    assert!(stderr.contains(&said), "{stderr}");
    assert!(stderr.contains("warning: set aside because they failed: cuda:1\n"), "{stderr}");
    let starts: Vec<&str> = run
        .journal
        .rows
        .iter()
        .filter(|row| row["event"] == "started" && row["id"] == id)
        .map(|row| row["gpu"].as_str().unwrap())
        .collect();
    assert_eq!(starts, ["cuda:1", "cuda:0"]);
    assert_eq!(run.journal.nodes("failed"), [""; 0]);
}

#[test]
fn a_gpu_that_fails_at_work_changes_no_result() {
    // A training lasts some seconds: the GPU fails in the middle of one.
    let long =
        TINY.replace("max_epochs: 2", "max_epochs: 200") + "  train.training.stopping: { kind: fixed }\n";
    let undisturbed = lab("");
    undisturbed.write("tiny.yaml", &long);
    let expected = run(&undisturbed, "cuda", "2", None).expect(0).bytes("predictions.arrow");
    let lab = lab("[ \"$CUDA_VISIBLE_DEVICES\" = 1 ] && { (sleep 1; kill -9 $$) & }");
    lab.write("tiny.yaml", &long);
    let run = run(&lab, "cuda", "2", None).expect(0);
    assert_eq!(run.bytes("predictions.arrow"), expected);
    let aside: Vec<_> = run.journal.rows.iter().filter(|row| row["event"] == "gpu-set-aside").collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(
        aside[0]["failure"].as_str().unwrap().contains("the worker was killed (signal 9"),
        "{}",
        aside[0]
    );
}

#[test]
fn a_node_that_fails_on_every_gpu_has_failed() {
    let lab = lab("echo 'no libtorch' >&2; exit 1");
    let run = run(&lab, "cuda", "2", None).expect(1);
    assert!(run.ended.stderr.contains("error: node `train[fold="), "{}", run.ended.stderr);
    assert!(run.ended.stderr.contains("no libtorch"), "{}", run.ended.stderr);
    let aside = run.journal.rows.iter().filter(|row| row["event"] == "gpu-set-aside").count();
    assert_eq!(aside, 1, "the last one stays");
}

#[test]
fn small_networks_share_a_gpu_by_the_memory_that_others_were_measured_to_need() {
    let lab = lab("");
    let run = |gpus: &str, more: &[&str]| {
        let words = [&["run", "tiny.yaml", "--device", "cuda", "--jobs", "4"], more].concat();
        lab.run_by("tiny", on_gpus(&lab, &words, gpus, None)).expect(0)
    };
    run("1:65536", &["--set", "protocol.seeds=[1]"]);
    let shared = run("1:65536", &["--set", "protocol.seeds=[2,3]"]);
    let busiest = busiest(&shared.journal);
    assert!(busiest.len() > 1 && busiest.iter().all(|gpu| gpu == "cuda:0"), "{busiest:?}");
    let small = run("1:1024", &["--set", "protocol.seeds=[4]"]);
    assert_eq!(self::busiest(&small.journal), ["cuda:0"], "two contexts alone are more than that");
}

/// A driver's library for a machine with two GPUs of which nobody has to have one.
const NVML: &str = r#"
#include <string.h>
int nvmlInit_v2(void) { return 0; }
const char *nvmlErrorString(int status) { return "an error"; }
int nvmlSystemGetDriverVersion(char *text, unsigned length) { strncpy(text, DRIVER, length); return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = CUDA; return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned number, void **gpu) { *gpu = (void *)(long)(number + 1); return 0; }
int nvmlDeviceGetUUID(void *gpu, char *text, unsigned length) {
  strncpy(text, (long)gpu == 1 ? "GPU-11111111-aaaa" : "GPU-22222222-bbbb", length);
  return 0;
}
int nvmlDeviceGetName(void *gpu, char *text, unsigned length) { strncpy(text, "NVIDIA Test", length); return 0; }
int nvmlDeviceGetMemoryInfo(void *gpu, unsigned long long *memory) { memory[0] = 16ull << 30; return 0; }
int nvmlDeviceGetMigMode(void *gpu, unsigned *now, unsigned *pending) { return 3; }
int nvmlDeviceGetMaxMigDeviceCount(void *gpu, unsigned *count) { return 3; }
int nvmlDeviceGetMigDeviceHandleByIndex(void *gpu, unsigned number, void **instance) { return 3; }
"#;

/// A lab on a machine with such a driver, and a libtorch with the libraries of CUDA 13. `None` where nothing compiles C.
fn with_driver(driver: &str, cuda: &str) -> Option<Lab> {
    let lab = lab("exit 1");
    lab.write("nvml.c", NVML);
    fs::create_dir(lab.path("driver")).unwrap();
    let defined = [format!("-DDRIVER=\"{driver}\""), format!("-DCUDA={cuda}")];
    let mut compiler = Command::new("cc");
    compiler.args(defined).args(["-shared", "-fPIC", "-o", "driver/libnvidia-ml.so.1", "nvml.c"]);
    if !compiler.current_dir(lab.path("")).status().is_ok_and(|status| status.success()) {
        skipped("there is no C compiler");
        return None;
    }
    for file in ["lib/libtorch.so", "lib/libtorch_cpu.so", "lib/libtorch_cuda.so"] {
        lab.write(&format!("torch/{file}"), "");
    }
    lab.write("torch/build-version", "2.11.0+cu130\n");
    Some(lab)
}

fn by_driver(lab: &Lab, words: &[&str]) -> Command {
    let mut command = lab.command(words);
    command
        .env("AFFEKT_WORKER", lab.path("worker.sh"))
        .env("LD_LIBRARY_PATH", lab.path("driver"))
        .env("LIBTORCH", lab.path("torch"));
    command
}

#[test]
fn a_driver_that_is_too_old_is_refused_before_work_starts() {
    let Some(lab) = with_driver("535.104.05", "12020") else { return };
    for device in ["auto", "cuda"] {
        let ended = Ended::of(by_driver(&lab, &["run", "tiny.yaml", "--device", device])).expect(2);
        let said = ended.stderr;
        assert!(said.contains("error: the NVIDIA driver is too old for libtorch in "), "{said}");
        assert!(
            said.contains("driver 535.104.05 supports CUDA 12.2, its libraries are of CUDA 13.0"),
            "{said}"
        );
        assert!(said.contains("hint: install driver 580 or later"), "{said}");
    }
    assert!(seen(&lab).is_empty() && !lab.path("runs").exists());
    Ended::of(by_driver(&lab, &["plan", "tiny.yaml", "--device", "cuda"])).expect(0);
}

#[test]
fn without_a_list_workers_are_narrowed_to_what_the_driver_calls_a_gpu() {
    let Some(lab) = with_driver("580.65.06", "13000") else { return };
    // The workers of this lab end at once: what counts is what they were given.
    let run = lab.run_by("tiny", by_driver(&lab, &["run", "tiny.yaml"])).expect(1);
    assert_eq!(seen(&lab), set(&["GPU-11111111-aaaa", "GPU-22222222-bbbb"]));
    // The first to fail is set aside, whichever it is; the last one stays.
    let said = run.ended.stderr;
    let aside = [
        "cuda:0 (CUDA_VISIBLE_DEVICES=GPU-11111111-aaaa)",
        "cuda:1 (CUDA_VISIBLE_DEVICES=GPU-22222222-bbbb)",
    ];
    assert_eq!(
        aside.iter().filter(|gpu| said.contains(&format!("warning: {gpu} failed"))).count(),
        1,
        "{said}"
    );
    let plan = Ended::of(by_driver(&lab, &["explain", "tiny.yaml", "train[fold=1,seed=1]"])).expect(0);
    assert!(plan.stdout.contains("cuda"), "{}", plan.stdout);
}
