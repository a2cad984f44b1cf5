//! A folder of made-up dialogues under IEMOCAP's names, evaluations and all: what `--data` takes. With a list of the
//! true utterances (columns `path,sample_rate,num_frames,label`) those, each as long as it is or cut at some seconds.
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
