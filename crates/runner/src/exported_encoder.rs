//! Body of `exported-encoder`: the file of an export becomes the artefact that it was made from.

use std::path::{Path, PathBuf};

use affekt_domain::Digest;
use affekt_graph::{Failure, Job, hash_bytes};
use affekt_ops::exported::{Exported, StepFile};
use affekt_ops::exported_encoder::Params;

use crate::file_digests::FileDigests;

/// Returns the digest of the file.
pub fn fingerprint(params: &Params, folder: &Path, digests: &FileDigests) -> Result<Digest, Failure> {
    let (path, digest) = named(params, folder)?;
    checked(&path, digest, digests.digest(&path).map_err(|error| failed(&path, &error))?)
}

pub fn run(job: &Job, folder: &Path) -> Result<(), Failure> {
    let bytes = read(&affekt_ops::params(job)?, folder)?;
    std::fs::write(job.output("encoder")?, bytes).map_err(|error| Failure::because(&error))
}

/// Reads the file, which must hold what the export says of it.
fn read(params: &Params, folder: &Path) -> Result<Vec<u8>, Failure> {
    let (path, digest) = named(params, folder)?;
    let bytes = std::fs::read(&path).map_err(|error| failed(&path, &error))?;
    checked(&path, digest, hash_bytes(&bytes)).map(|_| bytes)
}

/// Returns where the file lies, and what the export says of it.
fn named(Params { file, .. }: &Params, folder: &Path) -> Result<(PathBuf, Option<Digest>), Failure> {
    let exported = Exported::read(folder)?;
    let path = folder.join(file);
    let named: Option<&StepFile> =
        exported.steps.iter().flat_map(|step| &step.files).find(|it| it.file == *file);
    let named = named.ok_or_else(|| failed(&path, &"the export names no such file"))?;
    Ok((path, named.digest))
}

/// Refuses another digest than the one that the export says, where it says one.
fn checked(path: &Path, expected: Option<Digest>, digest: Digest) -> Result<Digest, Failure> {
    match expected {
        Some(expected) if expected != digest => {
            Err(failed(path, &"it is not the file that was exported: export the model again"))
        }
        _ => Ok(digest),
    }
}

fn failed(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::Failed { message: format!("{}: {why}", path.display()) }
}
