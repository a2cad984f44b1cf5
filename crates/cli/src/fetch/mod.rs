//! `fetch`: corpora and encoders, by the names of their cards, and any checkpoint of the Hub.
//!
//! A file gets its name only when it is complete and verified. Interrupted downloads resume.

mod archive;
mod checksum;
mod corpus;
mod download;
mod file;
mod http;
mod hub;
mod listing;
mod lock;
mod progress;
mod space;

use std::path::{Path, PathBuf};
use std::time::Duration;

use affekt_config::{Diagnostics, Folder, nearest};
use affekt_corpus::Card;
use affekt_encoders::hub::{parse_repository, weights};
use affekt_encoders::{CheckpointOrigin, EncoderCard, Hub, Repository};

use crate::exit::{Exit, Stop};
use crate::out::{out, say};
use crate::place;
use download::size;
use http::Client;
use hub::Checkpoint;
pub use space::free_space;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// What to fetch: names of cards, or repositories of the Hugging Face Hub as OWNER/NAME or OWNER/NAME@REVISION
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The folder that holds one folder a corpus [default: $AFFEKT_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How often to retry without progress in between
    #[arg(long, value_name = "N", default_value_t = 5)]
    retries: u32,
    /// Seconds without a byte after which a request times out
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

/// Tells whether the person has a token for the Hugging Face Hub.
pub fn has_hub_token() -> bool {
    hub::has_token(&Hub::of_environment())
}

/// Something that can be fetched.
enum Thing {
    Corpus(Box<Card>),
    Encoder(EncoderCard),
    Repository { name: String, repository: Repository, revision: String },
}

/// Fetches what is named; lists what there is where nothing is.
pub fn fetch(arguments: &Arguments) -> Result<Exit, Stop> {
    let datasets: Vec<Folder> = place::folders().iter().map(|folder| folder.join("datasets")).collect();
    let hub = Hub::of_environment();
    let data = place::data(arguments.data.as_deref());
    if arguments.names.is_empty() {
        return list(&datasets, &hub, data.as_deref());
    }
    // All names before the first byte: a misspelt one is not told an hour later.
    let things: Vec<Thing> =
        arguments.names.iter().map(|name| find(name, &datasets)).collect::<Result<_, _>>()?;
    let needs_data = |thing: &&Thing| matches!(thing, Thing::Corpus(card) if card.fetch.is_some());
    if data.is_none() && things.iter().any(|thing| needs_data(&thing)) {
        let text = "error: no data folder for corpora\nhint: pass `--data DIR` or set AFFEKT_DATA";
        return Err(Stop::wrong(text));
    }
    let client = Client::new(Duration::from_secs(arguments.timeout), arguments.retries);
    for (name, thing) in arguments.names.iter().zip(&things) {
        match thing {
            Thing::Corpus(card) => corpus::fetch(&client, data.as_deref().unwrap_or(Path::new("")), card)?,
            Thing::Encoder(card) => match &card.origin {
                CheckpointOrigin::Hub { repository, revision } => {
                    hub::fetch(&client, &hub, &Checkpoint { name, repository, revision, card: Some(card) })?;
                }
                CheckpointOrigin::File { url } => file::fetch(&client, &hub, card, url)?,
            },
            Thing::Repository { name, repository, revision } => {
                hub::fetch(&client, &hub, &Checkpoint { name, repository, revision, card: None })?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Says what comes and on what terms, before it comes.
fn introduce(title: &str, licence: &str, citation: &str) {
    say!("{title}\nlicence: {licence}\ncite: {citation}");
}

fn find(name: &str, datasets: &[Folder]) -> Result<Thing, Stop> {
    let (encoders, corpora) = (EncoderCard::names(datasets), Card::names(datasets));
    let lower = name.to_lowercase();
    let diagnostics = Diagnostics::new();
    let wrong = |error: &dyn std::error::Error| Stop::wrong(format!("{diagnostics}\nerror: {error}"));
    if encoders.contains(&lower) {
        return Ok(Thing::Encoder(
            EncoderCard::find(datasets, name, &diagnostics).map_err(|error| wrong(&error))?,
        ));
    }
    if corpora.contains(&lower) {
        let card = Card::find(datasets, name, &diagnostics).map_err(|error| wrong(&error))?;
        return Ok(Thing::Corpus(Box::new(card)));
    }
    if let Some((repository, revision)) = parse_repository(name) {
        return Ok(Thing::Repository { name: name.to_owned(), repository, revision: revision.to_owned() });
    }
    let names = || encoders.iter().chain(&corpora).map(String::as_str);
    let hint = match nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    let all = affekt_config::list_names(&names().collect::<Vec<_>>());
    Err(Stop::wrong(format!(
        "error: unknown corpus or encoder `{name}`\nhint: {hint}there are {all}, and every `owner/name` of the Hugging Face Hub"
    )))
}

/// A corpus that no program may fetch.
fn by_hand(card: &Card) -> Stop {
    let how = card.obtain.trim().replace('\n', "\n      ");
    Stop::failed(format!(
        "error: {} cannot be fetched by a program ({})\nhint: {how}",
        card.name, card.licence
    ))
}

fn list(datasets: &[Folder], hub: &Hub, data: Option<&Path>) -> Result<Exit, Stop> {
    let diagnostics = Diagnostics::new();
    out!("encoders, in {}", hub.cache().display());
    for name in EncoderCard::names(datasets) {
        let Ok(card) = EncoderCard::find(datasets, &name, &diagnostics) else { continue };
        let there = match &card.origin {
            CheckpointOrigin::Hub { repository, revision } => {
                hub.snapshot(repository, revision).is_some_and(|folder| weights(&folder).is_ok())
            }
            CheckpointOrigin::File { url } => hub.file(url).is_file(),
        };
        row(&card.name, &size(card.bytes), &card.licence, if there { "there" } else { "" });
    }
    out!("");
    match data {
        Some(data) => out!("corpora, in {}", data.display()),
        None => out!("corpora; `--data DIR` or AFFEKT_DATA says where they belong"),
    }
    for name in Card::names(datasets) {
        let Ok(card) = Card::find(datasets, &name, &diagnostics) else { continue };
        let there = data.and_then(|data| place::corpus_folder(data, &card)).is_some();
        let bytes = card.fetch.as_ref().map_or("by hand".to_owned(), |origin| size(origin.bytes));
        row(&card.name, &bytes, &card.licence, if there { "there" } else { "" });
    }
    out!("\nand every checkpoint of wav2vec 2.0 on the Hugging Face Hub, as `owner/name`");
    if diagnostics.has_errors() {
        return Err(Stop::wrong(diagnostics.to_string()));
    }
    Ok(Exit::Done)
}

fn row(name: &str, size: &str, licence: &str, there: &str) {
    out!("{}", format!("  {name:<24}{size:>11}  {licence:<44}{there}").trim_end());
}
