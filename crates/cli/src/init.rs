//! `init`: starts a folder for experiments of one's own.

use std::fs;
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Stop};
use crate::out::{out, say};
use crate::place::program;

/// What a new folder holds.
const FILES: [(&str, &str); 3] = [
    ("experiments/first.yaml", include_str!("init/first.yaml")),
    ("README.md", include_str!("init/README.md")),
    (".gitignore", include_str!("init/gitignore")),
];

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder: a new one, or one that has none of the files
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes the files and says what to run. Changes none that is there.
pub fn init(arguments: &Arguments) -> Result<Exit, Stop> {
    let folder = &arguments.folder;
    if let Some((name, _)) = FILES.iter().find(|(name, _)| folder.join(name).exists()) {
        let text = format!(
            "error: {} is there already\nhint: name a folder that has none yet",
            folder.join(name).display()
        );
        return Err(Stop::wrong(text));
    }
    for (name, text) in FILES {
        let path = folder.join(name);
        write(&path, &text.replace("PROGRAM", program()))
            .map_err(|cause| Stop::failed(format!("error: failed to write {}: {cause}", path.display())))?;
        say!("wrote {}", path.display());
    }
    out!("cd {} && {} run {}", folder.display(), program(), FILES[0].0);
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create_new(path)?.write_all(text.as_bytes())
}
