//! The reference: pages and JSON Schemas of everything that can be written in files, made from the definitions.

use std::fmt::Write;

use affekt_ops::{Arity, Definition, Grain};
use affekt_spec::network::NetworkConfig;
use affekt_spec::{Schema, SpecTagged, Value, VariantSchema, Word, json, json_schema, markdown};

/// Something that has a name and can be described.
pub struct Topic {
    /// What it is: `operation`.
    pub kind: &'static str,
    /// Its name, and older names.
    pub word: Word,
    /// What to know of it, in Markdown.
    pub text: String,
}

/// A kind of file that people write.
pub struct FileKind {
    /// Its name: `experiment`.
    pub name: &'static str,
    /// What it is called in text.
    pub title: &'static str,
    /// What can be in it.
    pub schema: fn() -> Schema,
    /// Whether `$name` may stand for a value.
    pub has_variables: bool,
    /// Keys of which each may give what the file lacks, but for its name.
    pub overlays: &'static [&'static str],
}

/// All kinds of files.
pub const FILES: [FileKind; 7] = [
    FileKind {
        name: "experiment",
        title: "Experiment files",
        schema: affekt_pipeline::experiment_schema,
        has_variables: false,
        overlays: &["variants", "sweep", "profiles"],
    },
    FileKind {
        name: "pipeline",
        title: "Pipeline files",
        schema: affekt_pipeline::pipeline_schema,
        has_variables: true,
        overlays: &[],
    },
    FileKind {
        name: "corpus-card",
        title: "Corpus cards",
        schema: affekt_corpus::card_schema,
        has_variables: false,
        overlays: &[],
    },
    FileKind {
        name: "label-scheme",
        title: "Label schemes",
        schema: affekt_corpus::label_scheme_schema,
        has_variables: false,
        overlays: &[],
    },
    FileKind {
        name: "published-split",
        title: "Published splits",
        schema: affekt_corpus::published_split_schema,
        has_variables: false,
        overlays: &[],
    },
    FileKind {
        name: "encoder-card",
        title: "Encoder cards",
        schema: affekt_encoders::card_schema,
        has_variables: false,
        overlays: &[],
    },
    FileKind {
        name: "executor",
        title: "Executor profiles",
        schema: crate::executor::profile::schema,
        has_variables: false,
        overlays: &[],
    },
];

/// Keys whose values have a page of their own.
const LINKED: [markdown::Linked; 3] =
    [("network", "networks.md"), ("protocol", "protocols.md"), ("nodes", "operations.md")];

/// The head of every generated page.
const GENERATED: &str = "<!-- Written by `cargo xtask docs` from the definitions in the source. -->\n";

impl FileKind {
    /// Returns its JSON Schema as text. What the file lacks, its overlays may give.
    #[must_use]
    pub fn json_schema(&self) -> String {
        let mut schema = json_schema(self.title, &(self.schema)(), self.has_variables);
        if !self.overlays.is_empty() {
            let required = schema["required"].take();
            let overlays: Vec<Value> = self.overlays.iter().map(|key| json!({ "required": [key] })).collect();
            schema["required"] = json!(["name"]);
            schema["if"] = json!({ "not": { "anyOf": overlays } });
            schema["then"] = json!({ "required": required });
        }
        let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
        text.push('\n');
        text
    }

    fn text(&self) -> String {
        let Schema::Section { about, fields } = (self.schema)() else { return String::new() };
        format!("{about}\n\n{}", markdown::keys(&fields, 2, &LINKED))
    }
}

/// Returns everything that can be described, in the order in which it is listed.
#[must_use]
pub fn topics() -> Vec<Topic> {
    let mut topics: Vec<Topic> = affekt_ops::of_pipelines().map(operation).collect();
    topics.extend(variants("network", NetworkConfig::documented()));
    if let Schema::Tagged { variants: protocols, .. } = affekt_pipeline::protocol_schema() {
        topics.extend(variants("protocol", protocols));
    }
    topics.extend(FILES.iter().map(|file| Topic {
        kind: "file",
        word: Word::new(file.name, file.title),
        text: file.text(),
    }));
    topics
}

/// Returns all generated files: path below `docs/reference`, and text.
#[must_use]
pub fn files() -> Vec<(String, String)> {
    let topics = topics();
    let page = |title: &str, about: &str, kind: &str| {
        let mut text = format!("{GENERATED}# {title}\n\n{about}\n");
        for topic in topics.iter().filter(|topic| topic.kind == kind) {
            let _ = write!(text, "\n## `{}`\n\n{}", topic.word.name, topic.text);
        }
        text
    };
    let mut files = vec![
        (
            "operations.md".to_owned(),
            page(
                "Operations",
                "What a step of a pipeline can be, under `op`. Every step has the keys `in`, `per` and `resources` too, see \
                 [pipeline.md](pipeline.md).",
                "operation",
            ),
        ),
        (
            "networks.md".to_owned(),
            page("Networks", "What `network` can be, under `kind`, in steps that train one.", "network"),
        ),
        (
            "protocols.md".to_owned(),
            page("Protocols", "How an experiment makes folds, under `protocol: { kind: … }`.", "protocol"),
        ),
    ];
    for (file, topic) in FILES.iter().zip(topics.iter().filter(|topic| topic.kind == "file")) {
        let mut text = topic.text.clone();
        if file.has_variables {
            let _ = write!(text, "\n{}", shared_by_steps());
        }
        files.push((format!("{}.md", file.name), format!("{GENERATED}# {}\n\n{text}", file.title)));
        files.push((format!("schema/{}.schema.json", file.name), file.json_schema()));
    }
    files
}

fn variants(kind: &'static str, variants: Vec<VariantSchema>) -> impl Iterator<Item = Topic> {
    variants.into_iter().map(move |variant| Topic {
        kind,
        text: markdown::variant_text(&variant, 2, &LINKED),
        word: variant.word,
    })
}

/// The keys of every step, with no ports of its own.
fn shared_by_steps() -> String {
    let fields = affekt_pipeline::step_fields(&[]);
    format!("## Keys of every step\n\n{}", markdown::keys(&fields, 3, &[("in", "operations.md")]))
}

fn operation(definition: &'static Definition) -> Topic {
    let word = definition.documented();
    let mut text = format!("{}\n\n", definition.about);
    if !word.aliases.is_empty() {
        let _ = writeln!(text, "Also accepted: `{}`.\n", word.aliases.join("`, `"));
    }
    let ports =
        |inputs: Vec<String>| if inputs.is_empty() { "nothing".to_owned() } else { inputs.join("; ") };
    let inputs = definition.inputs.iter().map(|port| {
        let kinds: Vec<String> = port.kinds.iter().map(ToString::to_string).collect();
        let arity = match port.arity {
            Arity::One => "",
            Arity::Optional => ", optional",
            Arity::Many => ", any number",
            Arity::Any => ", any number or none",
        };
        format!("`{}` ({}{arity})", port.name, kinds.join(" or "))
    });
    let outputs = definition.outputs.iter().map(|port| format!("`{}` ({})", port.name, port.kind));
    let _ = writeln!(text, "* Reads: {}.", ports(inputs.collect()));
    let _ = writeln!(text, "* Writes: {}.", ports(outputs.collect()));
    let runs = match definition.place {
        affekt_graph::Place::Worker => "in a worker, with libtorch",
        _ => "in the runner",
    };
    let grain = match definition.grain {
        Grain::Shard => "one node a shard",
        Grain::Whole => "one node",
    };
    let seeded = if definition.seeded { ", and draws random numbers from the seed" } else { "" };
    let _ = writeln!(text, "* Runs {runs}, {grain}{seeded}; version {}.\n", definition.version);
    text.push_str(&markdown::keys(&(definition.fields)(), 3, &LINKED));
    Topic { kind: "operation", word, text }
}
