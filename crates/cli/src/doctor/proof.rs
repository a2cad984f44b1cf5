//! The proof of a device: a worker that sees it alone, asked and heard to its end.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use affekt_graph::{Gpu, WorkerCommand};
use affekt_ops::doctor::{Check, DOCTOR, DoctorRequest, Finding, StepTime};

use crate::child::{end, ended_by};

/// How many bytes of what a worker says on its standard error are kept.
const LONGEST_COMPLAINT: u64 = 64 << 10;

/// How long what it said may take to arrive once it has ended. What it started may hold the pipe.
const COMPLAINT_WITHIN: Duration = Duration::from_secs(2);

/// How devices are proven.
pub struct Prover<'a> {
    pub worker: &'a WorkerCommand,
    pub request: &'a DoctorRequest,
    /// When a worker is ended that has not come to its end.
    pub until: Instant,
}

/// What a worker found.
#[derive(Debug, Default)]
pub struct Proof {
    pub facts: BTreeMap<String, String>,
    pub checks: Vec<Check>,
    pub steps: Vec<StepTime>,
}

impl Prover<'_> {
    /// Proves all GPUs at once, or without any the CPU: by name.
    pub fn prove(&self, gpus: &[Gpu]) -> Vec<(String, Proof)> {
        if gpus.is_empty() {
            return vec![("cpu".to_owned(), self.ask(None))];
        }
        thread::scope(|scope| {
            let asked: Vec<_> = gpus.iter().map(|gpu| scope.spawn(|| self.ask(Some(gpu)))).collect();
            let proofs = asked
                .into_iter()
                .map(|asked| asked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            gpus.iter().map(|gpu| gpu.name.clone()).zip(proofs).collect()
        })
    }

    /// Asks a worker that sees this GPU alone, or none. A worker that fails is a check that failed.
    fn ask(&self, gpu: Option<&Gpu>) -> Proof {
        let mut proof = Proof::default();
        if let Err(why) = self.hear(gpu, &mut proof) {
            proof.checks.push(Check::failed("worker", 0.0, why));
        }
        proof
    }

    fn hear(&self, gpu: Option<&Gpu>, proof: &mut Proof) -> Result<(), String> {
        let request = serde_json::to_string(self.request).map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.worker.program);
        command.args([DOCTOR, &request]).envs(self.worker.env.iter().map(|(name, value)| (name, value)));
        command.env("CUDA_VISIBLE_DEVICES", gpu.map_or("", |gpu| gpu.visible.as_str()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = self.worker.program.display();
        let mut child = command.spawn().map_err(|error| format!("failed to start {program}: {error}"))?;
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err("the worker has no pipes".to_owned());
        };
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok()
        });
        let (complain, complaint) = mpsc::channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.by_ref().take(LONGEST_COMPLAINT).read_to_end(&mut text);
            let _ = complain.send(String::from_utf8_lossy(&text).trim().to_owned());
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        });
        let overdue = || "it did not come to its end in five minutes and was ended".to_owned();
        loop {
            match lines.recv_timeout(self.until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Err(broken) = proof.take(&line) {
                        end(&mut child);
                        return Err(broken);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    end(&mut child);
                    return Err(overdue());
                }
            }
        }
        let status = ended_by(&mut child, self.until).ok_or_else(overdue)?;
        let complaint = complaint.recv_timeout(COMPLAINT_WITHIN).unwrap_or_default();
        match (status.success(), complaint.is_empty()) {
            (true, _) => Ok(()),
            (false, true) => Err(format!("it ended with {status}")),
            (false, false) => Err(format!("it ended with {status}: {complaint}")),
        }
    }
}

impl Proof {
    fn take(&mut self, line: &str) -> Result<(), String> {
        let finding = serde_json::from_str(line);
        match finding.map_err(|error| format!("protocol error: `{line}` from the worker: {error}"))? {
            Finding::Fact(name, value) => _ = self.facts.insert(name, value),
            Finding::Check(check) => self.checks.push(check),
            Finding::Step(step) => self.steps.push(step),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn asked(script: &str, seconds: u64) -> Proof {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("worker.sh");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let worker = WorkerCommand { program, env: Vec::new() };
        let request =
            DoctorRequest { cuda: false, goldens: None, write_goldens: None, stages: Vec::new(), seconds: 0 };
        let until = Instant::now() + Duration::from_secs(seconds);
        Prover { worker: &worker, request: &request, until }.ask(None)
    }

    #[test]
    fn what_was_found_before_a_worker_fails_is_kept() {
        let found = r#"echo '{"fact":["libtorch","2"]}'; echo '{"check":{"name":"a","value":0,"tolerance":1,"ok":true}}'"#;
        let step = r#"echo '{"step":{"name":"B3","batch":"all","fraction":1,"milliseconds":3,"peak_memory":4,"flop":5,"use":0.5}}'"#;
        let well = asked(&format!("{found}; {step}"), 60);
        assert_eq!((well.facts["libtorch"].as_str(), well.checks.len()), ("2", 1));
        assert_eq!((well.steps[0].name.as_str(), well.steps[0].flop_use), ("B3", Some(0.5)));
        let ends = [
            ("echo no memory >&2; exit 9", 60, "it ended with exit status: 9: no memory"),
            ("kill -SEGV $$", 60, "it ended with signal: 11"),
            ("echo hello", 60, "protocol error: `hello` from the worker"),
            ("exec sleep 60", 1, "it did not come to its end in five minutes"),
            ("exec >&-; exec sleep 60", 1, "it did not come to its end in five minutes"),
            ("sleep 60 >&- & exit 9", 60, "it ended with exit status: 9"),
        ];
        for (script, seconds, why) in ends {
            let proof = asked(&format!("{found}; {script}"), seconds);
            let [first, last] = &proof.checks[..] else { panic!("{proof:?}") };
            assert!(first.ok && !last.ok && last.name == "worker");
            assert!(last.why.as_ref().unwrap().starts_with(why), "{last:?}");
        }
    }
}
