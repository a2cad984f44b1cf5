//! Writes a folder of synthetic emotional speech with RAVDESS' file names.
//!
//! ```text
//! cargo run -p affekt-audio --example voices -- FOLDER [--speakers N] [--sentences N] [--takes N] [--rate HZ]
//! ```
//! Writes `Actor_01/03-01-05-01-02-01-01.wav` and so on: the eight emotions at both intensities (neutral has one).

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use affekt_audio::voice::{Delivery, Emotion, Speaker, synthesise};
use affekt_audio::write_wav_i16;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let option = |name: &str, default: u32| {
        let word = arguments.iter().position(|word| word == name).and_then(|at| arguments.get(at + 1));
        word.map_or(Ok(default), |word| word.parse())
    };
    let folder = Path::new(arguments.first().ok_or("usage: voices FOLDER [--speakers N] [--sentences N] …")?);
    let (speakers, sentences, takes) =
        (option("--speakers", 8)?, option("--sentences", 2)?, option("--takes", 1)?);
    let rate_hz = option("--rate", 16_000)?;

    for number in 1..=speakers {
        let speaker = Speaker::new(number, 1);
        let actor = folder.join(format!("Actor_{number:02}"));
        fs::create_dir_all(&actor)?;
        for (index, emotion) in Emotion::ALL.into_iter().enumerate() {
            for strong in [false, true] {
                if strong && emotion == Emotion::Neutral {
                    continue;
                }
                for sentence in 1..=sentences {
                    for repetition in 1..=takes {
                        let delivery = Delivery { emotion, strong, sentence, repetition };
                        let name = format!(
                            "03-01-{:02}-{:02}-{sentence:02}-{repetition:02}-{number:02}.wav",
                            index + 1,
                            1 + u32::from(strong)
                        );
                        write_wav_i16(&actor.join(name), &synthesise(&speaker, &delivery, rate_hz), rate_hz)?;
                    }
                }
            }
        }
    }
    Ok(())
}
