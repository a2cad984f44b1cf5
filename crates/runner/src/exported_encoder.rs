//! Body of `exported-encoder`: the file of an export becomes the artefact that it was made from.

use std::path::Path;

use affekt_domain::Digest;
use affekt_graph::{Failure, Job, hash_bytes};
use affekt_ops::exported::{Exported, StepFile};
use affekt_ops::exported_encoder::Params;

/// Returns the digest of the file.
pub fn fingerprint(params: &Params, folder: &Path) -> Result<Digest, Failure> {
    read(params, folder).map(|bytes| hash_bytes(&bytes))
}

pub fn run(job: &Job, folder: &Path) -> Result<(), Failure> {
    let bytes = read(&affekt_ops::params(job)?, folder)?;
    std::fs::write(job.output("encoder")?, bytes).map_err(|error| Failure::because(&error))
}

/// Reads the file, which must hold what the export says of it.
fn read(Params { file, .. }: &Params, folder: &Path) -> Result<Vec<u8>, Failure> {
    let exported = Exported::read(folder)?;
    let path = folder.join(file);
    let failed =
        |why: &dyn std::fmt::Display| Failure::Failed { message: format!("{}: {why}", path.display()) };
    let named: Option<&StepFile> =
        exported.steps.iter().flat_map(|step| &step.files).find(|it| it.file == *file);
    let named = named.ok_or_else(|| failed(&"the export names no such file"))?;
    let bytes = std::fs::read(&path).map_err(|error| failed(&error))?;
    match named.digest {
        Some(digest) if digest != hash_bytes(&bytes) => {
            Err(failed(&"it is not the file that was exported: export the model again"))
        }
        _ => Ok(bytes),
    }
}
