//! What cards of corpora and label schemes can hold, as data: for reference pages and JSON Schemas. The keys are those that the
//! readers of cards and schemes read.

use affekt_domain::Role;
use affekt_spec::{FieldSchema, Schema, VariantSchema, Word, version_field};

/// Documents a corpus' card, `datasets/<name>.yaml`.
#[must_use]
pub fn card_schema() -> Schema {
    Schema::section(
        "A corpus: whose it is, where its recordings are had, and what their paths say.",
        vec![
            version_field(),
            FieldSchema::required("name", "The name, which is the file's too, in any case.", Schema::Text),
            FieldSchema::required("title", "The full name.", Schema::Text),
            FieldSchema::required("licence", "What may be done with the recordings.", Schema::Text),
            FieldSchema::required("citation", "The publication to cite.", Schema::Text),
            FieldSchema::required("origin", "Where it is published.", Schema::Text),
            FieldSchema::required("obtain", "How the recordings are had, in a sentence.", Schema::Text),
            FieldSchema::optional("expect", "What there is of it when it is whole.", expected()),
            FieldSchema::optional("tables", "What label files say.", tables()),
            FieldSchema::optional("fetch", "Where `fetch` finds the recordings.", fetch()),
            FieldSchema::optional("emotions", EMOTIONS_ABOUT, Schema::list(WORD)),
            FieldSchema::optional(
                "labels",
                "The corpus' own labels, each with the emotion that it means. Required without `tables`.",
                Schema::map("label", Schema::OneOf(vec![Schema::Text, label()])),
            ),
            FieldSchema::optional(
                "ignore",
                "Regular expressions for files that are no recordings of the corpus.",
                texts(),
            ),
            FieldSchema::optional(
                "oddities",
                "What is strange about some files, and which.",
                Schema::list(Schema::OneOf(vec![
                    Schema::Text,
                    Schema::section(
                        "",
                        vec![
                            FieldSchema::required(
                                "files",
                                "A regular expression for their paths.",
                                Schema::Text,
                            ),
                            FieldSchema::required("remark", "What is strange.", Schema::Text),
                        ],
                    ),
                ])),
            ),
            FieldSchema::required(
                "path",
                "A regular expression for the whole path of a recording, with named groups.",
                Schema::Text,
            ),
            FieldSchema::required(
                "speaker",
                "Who speaks, or why nobody knows.",
                Schema::OneOf(vec![
                    rule(),
                    Schema::section("", vec![FieldSchema::required("unknown", "Why.", Schema::Text)]),
                ]),
            ),
            FieldSchema::optional("text", "What is said.", rule()),
            FieldSchema::optional("intensity", "How strongly.", rule()),
            FieldSchema::optional("style", "Acted, improvised, and the like.", rule()),
            FieldSchema::optional("session", "The session.", rule()),
            FieldSchema::optional("recording", "The recording, of which an utterance is a part.", rule()),
            FieldSchema::optional(
                "metadata",
                "Everything else that is worth keeping, by name.",
                Schema::map("name", rule()),
            ),
            FieldSchema::optional("sex", "The speaker's sex.", sex()),
            FieldSchema::optional("part", "The part that the corpus assigns.", part()),
            FieldSchema::optional("label", "The corpus' own label. Required without `tables`.", rule()),
        ],
    )
}

/// Documents a label scheme, `datasets/labels/<name>.yaml`.
#[must_use]
pub fn label_scheme_schema() -> Schema {
    let renamed = || Schema::map("emotion", Schema::Text);
    let corpus = Schema::section(
        "",
        vec![
            FieldSchema::optional("everything", "The class of every utterance.", Schema::Text),
            FieldSchema::optional("rename", "Emotions that count as others, in this corpus.", renamed()),
        ],
    );
    Schema::section(
        "A label scheme: which classes or targets there are, and how the labels of corpora become them.",
        vec![
            version_field(),
            FieldSchema::required("name", "The name.", Schema::Text),
            FieldSchema::optional("note", "What to know about it.", Schema::Text),
            FieldSchema::optional("styles", "The styles that are meant, where not all speech is.", texts()),
            FieldSchema::optional(
                "column",
                "The metadata whose values are the labels, in place of emotions.",
                Schema::Text,
            ),
            FieldSchema::optional(
                "targets",
                "Names of values that are predicted in place of classes.",
                texts(),
            ),
            FieldSchema::optional(
                "classes",
                "The classes; without them, those that the corpora have.",
                texts(),
            ),
            FieldSchema::optional("rename", "Emotions that count as others.", renamed()),
            FieldSchema::optional("corpora", "Rules of single corpora.", Schema::map("corpus", corpus)),
        ],
    )
}

/// A word as written: identifiers such as `1002` need no quotes.
const WORD: Schema = Schema::Any { about: "a word; numbers need no quotes" };
const EMOTIONS_ABOUT: &str = "Words for emotions that are not among the common ones.";

fn texts() -> Schema {
    Schema::list(Schema::Text)
}

fn count() -> Schema {
    Schema::integer(1.0, 1e15)
}

fn expected() -> Schema {
    Schema::section(
        "",
        vec![
            FieldSchema::optional("files", "Recordings.", count()),
            FieldSchema::optional("speakers", "Speakers.", count()),
            FieldSchema::optional("note", "Why publications count otherwise.", Schema::Text),
        ],
    )
}

fn label() -> Schema {
    let files = Schema::OneOf(vec![count(), Schema::map("session", count())]);
    Schema::section(
        "",
        vec![
            FieldSchema::required(
                "emotion",
                "The emotion, one of the common words or of `emotions`.",
                Schema::Text,
            ),
            FieldSchema::optional("files", "How many recordings have it, of all or of each session.", files),
        ],
    )
}

/// A template, or a template whose outcome is replaced.
fn rule() -> Schema {
    Schema::OneOf(vec![
        Schema::Text,
        Schema::section(
            "",
            vec![template(), FieldSchema::required("replace", "Value to value.", Schema::map("value", WORD))],
        ),
    ])
}

fn template() -> FieldSchema {
    FieldSchema::required("from", "Text with names of groups of `path` in braces: `{speaker}`.", Schema::Text)
}

fn sex() -> Schema {
    let word = || Schema::words(["female", "male"]);
    let optional = |name, about, schema| FieldSchema::optional(name, about, schema);
    Schema::OneOf(vec![
        word(),
        Schema::section(
            "",
            vec![
                template(),
                optional("odd", "The sex of odd numbers.", word()),
                optional("even", "The sex of even numbers.", word()),
                optional("female", "Values of female speakers.", Schema::list(WORD)),
                optional("male", "Values of male speakers.", Schema::list(WORD)),
            ],
        ),
    ])
}

fn roles() -> Schema {
    Schema::words(Role::ALL.map(Role::name))
}

fn part() -> Schema {
    let replaced = FieldSchema::optional("replace", "Value to part.", Schema::map("value", roles()));
    let lists = Role::ALL
        .map(|role| FieldSchema::optional(role.name(), "Values that mean this part.", Schema::list(WORD)));
    Schema::OneOf(vec![
        Schema::Text,
        Schema::section("", [template(), replaced].into_iter().chain(lists).collect()),
    ])
}

fn tables() -> Schema {
    let file = Schema::section(
        "",
        vec![
            FieldSchema::or("optional", "Whether it may be missing.", Schema::Boolean, false),
            encoding(),
            FieldSchema::optional(
                "recording",
                "A template for what this file calls a recording, where it is not what the others do.",
                Schema::Text,
            ),
            FieldSchema::optional(
                "id",
                "The column with that, where it is not that of the others.",
                row_name(),
            ),
            FieldSchema::optional(
                "lines",
                "A regular expression for lines of a text that is no table.",
                Schema::Text,
            ),
            FieldSchema::optional("label", "The column with the label.", Schema::Text),
            FieldSchema::optional("transcript", "The column with what is said, word for word.", Schema::Text),
            FieldSchema::optional("text", "The column with what is said, by a name for it.", Schema::Text),
            FieldSchema::optional("intensity", "The column with how strongly.", Schema::Text),
            FieldSchema::optional("style", "The column with the style.", Schema::Text),
            FieldSchema::optional("session", "The column with the session.", Schema::Text),
            FieldSchema::optional("sex", "The column with the speaker's sex.", sex_column()),
            FieldSchema::optional("values", "The columns with values.", Schema::list(WORD)),
            FieldSchema::optional("metadata", "The columns that are kept as text.", Schema::list(WORD)),
            FieldSchema::optional("ratings", "Regular expressions for lines of single raters.", texts()),
            FieldSchema::optional(
                "rater",
                "The column with the rater, where every row is what one rater says of one recording.",
                Schema::Text,
            ),
            FieldSchema::optional("labels", "The columns with a rater's labels.", Schema::list(WORD)),
            FieldSchema::optional("comment", "The column with a rater's comment.", Schema::Text),
        ],
    );
    Schema::section(
        "",
        vec![
            FieldSchema::required("recording", "A template for what tables call a recording.", Schema::Text),
            FieldSchema::optional("id", "The column with that. Required here or in every file.", row_name()),
            FieldSchema::optional("part", "The column with the part.", part_column()),
            FieldSchema::optional("speaker", "The column with the speaker.", Schema::Text),
            FieldSchema::optional(
                "withheld",
                "Parts whose labels are withheld from most: they count in a file where the part's rows do not all say the same, as placeholders do.",
                Schema::list(roles()),
            ),
            FieldSchema::optional("absent", "Words for values that are not there.", Schema::list(WORD)),
            FieldSchema::optional("speakers", "The file that tells of speakers.", speakers()),
            FieldSchema::optional(
                "segments",
                "The file that tells which parts of long recordings are utterances.",
                segments(),
            ),
            FieldSchema::required("files", "The label files, by their paths.", Schema::map("path", file)),
        ],
    )
}

fn column() -> FieldSchema {
    FieldSchema::required("column", "The column.", Schema::Text)
}

/// A column, a template of columns, or what counts of either.
fn row_name() -> Schema {
    let pattern =
        FieldSchema::required("pattern", "A regular expression for what of it counts.", Schema::Text);
    Schema::OneOf(vec![Schema::Text, Schema::section("", vec![column(), pattern])])
}

fn part_column() -> Schema {
    let replace = FieldSchema::optional("replace", "Word to part.", Schema::map("word", roles()));
    Schema::OneOf(vec![Schema::Text, Schema::section("", vec![column(), replace])])
}

fn sex_column() -> Schema {
    let words = |name, about| FieldSchema::required(name, about, Schema::list(WORD));
    let female = words("female", "Words for female speakers.");
    let male = words("male", "Words for male speakers.");
    Schema::OneOf(vec![Schema::Text, Schema::section("", vec![column(), female, male])])
}

fn encoding() -> FieldSchema {
    let words = Schema::words(["unicode", "latin-1"]);
    FieldSchema::optional("encoding", "How its letters are written; UTF-8 or UTF-16 without it.", words)
}

fn path() -> FieldSchema {
    FieldSchema::required("path", "The file, in the corpus' folder.", Schema::Text)
}

fn speakers() -> Schema {
    Schema::section(
        "",
        vec![
            path(),
            encoding(),
            FieldSchema::required("id", "The column with the speaker.", row_name()),
            FieldSchema::optional("sex", "The column with the sex.", sex_column()),
            FieldSchema::optional("metadata", "The columns that are kept as text.", Schema::list(WORD)),
        ],
    )
}

fn segments() -> Schema {
    Schema::section(
        "",
        vec![
            path(),
            encoding(),
            FieldSchema::required("recording", "The column with the recording.", row_name()),
            FieldSchema::required("id", "The column with the segment.", row_name()),
            FieldSchema::required("start", "The column with the start.", Schema::Text),
            FieldSchema::required("end", "The column with the end.", Schema::Text),
            FieldSchema::or(
                "seconds",
                "The unit of start and end in seconds.",
                Schema::number(1e-9, 3600.0),
                1.0,
            ),
            FieldSchema::optional(
                "channel",
                "The column with the channel, from 1, where several people speak on one each.",
                Schema::Text,
            ),
        ],
    )
}

fn fetch() -> Schema {
    let bytes = || FieldSchema::required("bytes", "About how many bytes come in.", count());
    let text = |name, about| FieldSchema::required(name, about, Schema::Text);
    let kind = |name, about, own: Vec<FieldSchema>| VariantSchema {
        word: Word::new(name, about),
        fields: [bytes()].into_iter().chain(own).collect(),
    };
    Schema::Tagged {
        about: "",
        tag: "kind",
        default: None,
        bare: false,
        variants: vec![
            kind(
                "archive",
                "All in one ZIP archive.",
                vec![
                    text("url", "Where it is."),
                    FieldSchema::optional("md5", "Its MD5 in hexadecimal digits.", Schema::Text),
                    FieldSchema::required("unpacked", "About how many bytes its files have.", count()),
                ],
            ),
            kind(
                "git-tree",
                "One by one, from a git repository.",
                vec![
                    text("tree", "The address that lists the root of the tree."),
                    FieldSchema::required("folders", "The folders in it that hold recordings.", texts()),
                    text("files", "The address that a file's path is appended to."),
                    FieldSchema::or(
                        "lfs",
                        "Whether git holds pointers in place of the files.",
                        Schema::Boolean,
                        false,
                    ),
                ],
            ),
            kind(
                "dataverse",
                "One by one, from a Dataverse.",
                vec![
                    text("server", "The server's address."),
                    text("dataset", "The dataset's persistent identifier."),
                ],
            ),
        ],
    }
}
