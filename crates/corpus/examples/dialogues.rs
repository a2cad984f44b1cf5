//! Writes a folder of synthetic dialogues with IEMOCAP's file names and evaluations, for `--data`. Given a list of
//! the real utterances (columns `path,sample_rate,num_frames,label`), it writes those, with their lengths or
//! truncated.
//!
//! ```text
//! cargo run -p affekt-corpus --example dialogues -- FOLDER
//! cargo run -p affekt-corpus --example dialogues -- FOLDER LIST.csv [SECONDS]
//! ```

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use affekt_corpus::{SyntheticDialogues, generate_dialogues};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (folder, config) = match &arguments[..] {
        [folder] => (folder, SyntheticDialogues::few(8, 0, 16_000)),
        [folder, list] => {
            (folder, SyntheticDialogues::of_list(&fs::read_to_string(list)?, f64::INFINITY, 0)?)
        }
        [folder, list, seconds] => {
            (folder, SyntheticDialogues::of_list(&fs::read_to_string(list)?, seconds.parse()?, 0)?)
        }
        _ => return Err("usage: dialogues FOLDER [LIST.csv [SECONDS]]".into()),
    };
    generate_dialogues(Path::new(folder), &config)?;
    Ok(())
}
