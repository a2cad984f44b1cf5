//! Writes a folder of synthetic vocal bursts with HUME-VB's file names and label files, for `--data`.
//!
//! ```text
//! cargo run -p affekt-corpus --example bursts -- FOLDER
//! cargo xtask run experiments/avb-extractors.yaml --data FOLDER
//! ```

use std::env;
use std::error::Error;
use std::path::Path;

use affekt_corpus::{SyntheticBursts, generate_bursts};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("usage: bursts FOLDER")?;
    generate_bursts(Path::new(&folder), &SyntheticBursts::default())?;
    Ok(())
}
