//! `describe`: what an operation, a network, a protocol or a kind of file is, and which keys it has.

use affekt_config::{list_names, nearest};

use crate::exit::{Exit, Stop};
use crate::out::out;
use crate::reference::{FILES, Topic, topics};

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// An operation, a network, a protocol or a kind of file; without it, everything is listed
    name: Option<String>,
    /// Print the JSON Schema of a kind of file
    #[arg(long, requires = "name")]
    schema: bool,
}

/// Describes.
pub fn describe(arguments: &Arguments) -> Result<Exit, Stop> {
    let topics = topics();
    let Some(name) = &arguments.name else {
        list(&topics);
        return Ok(Exit::Done);
    };
    if arguments.schema {
        let Some(file) = FILES.iter().find(|file| file.name == name) else {
            return Err(unknown("kind of file", name, &FILES.map(|file| file.name)));
        };
        out!("{}", file.json_schema().trim_end());
        return Ok(Exit::Done);
    }
    let is_meant = |topic: &&Topic| topic.word.name == name || topic.word.aliases.contains(&name.as_str());
    let mut found = topics.iter().filter(is_meant).peekable();
    if found.peek().is_none() {
        let names: Vec<&str> = topics.iter().map(|topic| topic.word.name).collect();
        return Err(unknown("operation, network, protocol or kind of file", name, &names));
    }
    for topic in found {
        out!("# {} `{}`\n\n{}", topic.kind, topic.word.name, topic.text.trim_end());
    }
    Ok(Exit::Done)
}

fn list(topics: &[Topic]) {
    let width = topics.iter().map(|topic| topic.word.name.len()).max().unwrap_or(0);
    let mut kind = "";
    for topic in topics {
        if topic.kind != kind {
            kind = topic.kind;
            out!("{kind}s");
        }
        let about = topic.word.about.lines().next().unwrap_or_default();
        out!("  {:<width$}  {about}", topic.word.name);
    }
}

fn unknown(what: &str, name: &str, names: &[&str]) -> Stop {
    let near = nearest(name, names.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    Stop::wrong(format!("error: there is no {what} `{name}`\nhint: {near}there are {}", list_names(names)))
}
