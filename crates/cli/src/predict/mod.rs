//! `predict`: what an exported model says about recordings, or about speech as it comes in. One JSON line each.

mod model;
mod windows;

use std::io::Read;
use std::path::PathBuf;

use affekt_domain::Task;
use affekt_encoders::Hub;
use affekt_encoders::hub::locate_model;
use affekt_graph::Pool;
use serde_json::{Map, Value, json};

use self::model::{Clip, Model, TIMEOUTS};
use self::windows::Windows;
use crate::exit::{Exit, Stop, error};
use crate::out::{out, say};
use crate::place::program;
use crate::run::cores;
use crate::{device, worker};

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder that `export` made, or a repository of the Hub with its files that `fetch` has brought: OWNER/NAME
    model: String,
    /// Recordings; `-` listens to standard input: mono 16-bit samples (little-endian) at 16 kHz
    #[arg(required = true)]
    audio: Vec<PathBuf>,
    /// Look at so many seconds at a time [default: recordings as in training; standard input: the model's length, or 3]
    #[arg(long, value_name = "SECONDS")]
    window: Option<f64>,
    /// From the beginning of a window to that of the next [default: the window]
    #[arg(long, value_name = "SECONDS")]
    hop: Option<f64>,
    /// What networks compute on: auto, cpu, or a GPU: cuda, cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
}

/// The version of the lines.
const VERSION: u32 = 1;

/// How many recordings or windows go to the worker at a time.
const BATCH: usize = 32;

/// The rate of what is read from standard input, in Hz.
const STREAM_HZ: u32 = 16_000;

/// Shorter than a frame of any network: what is left of a stream that ends.
const LEAST_SECONDS: f64 = 0.1;

/// A piece of a recording, and where it lies.
struct Piece {
    audio: String,
    start: f64,
    clip: Clip,
}

/// Prints a line for each recording or window. A recording that cannot be read is said, and the others go on.
pub fn predict(arguments: &Arguments) -> Result<Exit, Stop> {
    let device = device::parse(&arguments.device)?;
    worker::check()?;
    device.check()?;
    let worker = worker::when_needed();
    let folder = locate_model(&arguments.model, None, &Hub::of_environment());
    let folder = folder.map_err(|error| {
        Stop::wrong(format!("error: not a model: {error}\nhint: `{} export` makes one", program()))
    })?;
    let model = Model::open(&folder, Pool::new(&worker, TIMEOUTS), &device, cores())?;
    let mut exit = Exit::Done;
    let mut waiting = Vec::new();
    let mut flush = |waiting: &mut Vec<Piece>| {
        let all_are_done = flush(&model, waiting)?;
        if !all_are_done {
            exit = Exit::Failed;
        }
        Ok::<(), Stop>(())
    };
    let mut unread = false;
    for path in &arguments.audio {
        if path.as_os_str() == "-" {
            flush(&mut waiting)?;
            listen(&model, arguments)?;
            continue;
        }
        match affekt_audio::decode(path) {
            Ok(decoded) => {
                let whole = Clip {
                    name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
                    samples: decoded.mono().into_owned(),
                    rate: decoded.rate(),
                };
                for piece in pieces(path.display().to_string(), whole, arguments)? {
                    waiting.push(piece);
                    if waiting.len() == BATCH {
                        flush(&mut waiting)?;
                    }
                }
            }
            Err(cause) => {
                say!("{}", error(&format!("no prediction for {}", path.display()), &cause).text());
                unread = true;
            }
        }
    }
    flush(&mut waiting)?;
    Ok(if unread { Exit::Failed } else { exit })
}

/// A recording as it is, or its windows.
fn pieces(audio: String, whole: Clip, arguments: &Arguments) -> Result<Vec<Piece>, Stop> {
    let Some(seconds) = arguments.window else {
        return Ok(vec![Piece { audio, start: 0.0, clip: whole }]);
    };
    let rate = f64::from(whole.rate);
    let windows = windows(seconds, arguments.hop, rate)?;
    let piece = |(start, end): (usize, usize)| Piece {
        audio: audio.clone(),
        start: start as f64 / rate,
        clip: Clip {
            name: whole.name.clone(),
            samples: whole.samples[start..end].to_vec(),
            rate: whole.rate,
        },
    };
    Ok(windows.of(whole.samples.len()).map(piece).collect())
}

/// Windows of standard input, each as soon as it is full.
fn listen(model: &Model<'_>, arguments: &Arguments) -> Result<(), Stop> {
    let seconds = arguments.window.or_else(|| model.seconds()).unwrap_or(3.0);
    let rate = f64::from(STREAM_HZ);
    let windows = windows(seconds, arguments.hop, rate)?;
    let mut input = std::io::stdin().lock();
    let mut samples: Vec<f32> = Vec::new();
    let mut start = 0; // of `samples` in the stream
    loop {
        let missing = windows.length - samples.len();
        let more = read_samples(&mut input, missing)?;
        let is_over = more.len() < missing;
        samples.extend(more);
        let has_news = windows.has_news(start, start + samples.len());
        if is_over && !(has_news && samples.len() as f64 >= LEAST_SECONDS * rate) {
            return if start == 0 { Err(too_short_a_stream(samples.len())) } else { Ok(()) };
        }
        let clip = Clip { name: "stream".to_owned(), samples: samples.clone(), rate: STREAM_HZ };
        let piece = Piece { audio: "-".to_owned(), start: start as f64 / rate, clip };
        if !flush(model, &mut vec![piece])? {
            return Err(Stop::failed(format!("error: no prediction for the stream at {start} samples")));
        }
        if is_over {
            return Ok(());
        }
        samples.drain(..windows.hop);
        start += windows.hop;
    }
}

/// What is said of a stream that holds too little to predict anything.
fn too_short_a_stream(samples: usize) -> Stop {
    let held = match samples {
        0 => "held no samples".to_owned(),
        1 => "held 1 sample".to_owned(),
        samples => format!("held {samples} samples"),
    };
    Stop::failed(format!(
        "error: standard input {held}: expected at least {LEAST_SECONDS} s of 16-bit little-endian PCM, one channel at \
         {STREAM_HZ} Hz"
    ))
}

/// So many samples, or what is left of the stream.
fn read_samples(input: &mut impl Read, count: usize) -> Result<Vec<f32>, Stop> {
    let mut bytes = Vec::with_capacity(2 * count);
    let read = input.take(2 * count as u64).read_to_end(&mut bytes);
    read.map_err(|cause| error("failed to read standard input", &cause))?;
    let (samples, _) = bytes.as_chunks::<2>();
    Ok(samples.iter().map(|&sample| f32::from(i16::from_le_bytes(sample)) / 32768.0).collect())
}

fn windows(seconds: f64, hop: Option<f64>, rate: f64) -> Result<Windows, Stop> {
    let hop = hop.unwrap_or(seconds);
    let samples = |seconds: f64| (seconds * rate).round() as usize;
    let windows = Windows { length: samples(seconds), hop: samples(hop) };
    if !(LEAST_SECONDS..=600.0).contains(&seconds) {
        let least = LEAST_SECONDS;
        return Err(Stop::wrong(format!("error: a window of {seconds} s: expected {least} to 600 seconds")));
    }
    if !(1..=windows.length).contains(&windows.hop) {
        return Err(Stop::wrong(format!(
            "error: a hop of {hop} s: expected more than 0 and at most the window, {seconds} s"
        )));
    }
    Ok(windows)
}

/// Predicts what waits and prints it: together, and where that fails one by one, so that each has its line or its error. Returns
/// whether all have a line.
fn flush(model: &Model<'_>, waiting: &mut Vec<Piece>) -> Result<bool, Stop> {
    let mut pieces = std::mem::take(waiting);
    let count = pieces.len();
    pieces.retain(|piece| {
        let is_sound = piece.clip.samples.iter().all(|sample| sample.is_finite());
        if !is_sound {
            say!("error: no prediction for {}: it has samples that are no numbers", piece.audio);
        }
        is_sound
    });
    let mut said = pieces.len();
    if let Ok(outputs) = predict_all(model, &pieces) {
        pieces.iter().zip(outputs).try_for_each(|(piece, outputs)| print(model, piece, &outputs))?;
    } else {
        for piece in &pieces {
            match predict_all(model, std::slice::from_ref(piece)) {
                Ok(outputs) => outputs.iter().try_for_each(|outputs| print(model, piece, outputs))?,
                Err(stop) => {
                    say!("error: no prediction for {}:\n{}", piece.audio, stop.text());
                    said -= 1;
                }
            }
        }
    }
    Ok(said == count)
}

/// Logits or values of each piece, all of them numbers.
fn predict_all(model: &Model<'_>, pieces: &[Piece]) -> Result<Vec<Vec<f32>>, Stop> {
    if pieces.is_empty() {
        return Ok(Vec::new());
    }
    let clips: Vec<&Clip> = pieces.iter().map(|piece| &piece.clip).collect();
    model.outputs(&clips)
}

fn print(model: &Model<'_>, piece: &Piece, outputs: &[f32]) -> Result<(), Stop> {
    let Piece { audio, start, clip } = piece;
    let given = clip.samples.len() as f64 / f64::from(clip.rate);
    // Of a longer clip the network hears the beginning.
    let heard = model.seconds().map_or(given, |seconds| given.min(seconds));
    let mut line = json!({ "version": VERSION, "audio": audio, "start": start, "seconds": heard });
    match &model.task {
        Task::Classes(classes) => {
            line["predicted"] = json!(model.task.predicted(outputs));
            line["probabilities"] = by_name(classes, softmax(outputs));
        }
        Task::Outputs(names) => {
            line["outputs"] = by_name(names, outputs.iter().copied().map(f64::from).collect());
        }
    }
    out!("{line}");
    Ok(())
}

fn by_name(names: &[String], values: Vec<f64>) -> Value {
    names.iter().cloned().zip(values.into_iter().map(Value::from)).collect::<Map<_, _>>().into()
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = logits.iter().map(|&logit| f64::from(logit - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|exponential| exponential / sum).collect()
}
