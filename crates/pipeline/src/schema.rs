//! What experiment and pipeline files can hold, as data: for reference pages and JSON Schemas.
//!
//! Parameters of operations and kinds of protocols come from their definitions; the keys around them are those that
//! [`crate::settings`], [`crate::sweep`], [`crate::tuning`], [`crate::published`] and [`crate::step`] read.

use affekt_domain::{Monitor, Role};
use affekt_eval::Measure;
use affekt_ops::{Arity, Definition, InputPort};
use affekt_spec::protocol::{Permission, Protocol};
use affekt_spec::{
    FieldSchema, Limits, Schema, Spec, SpecFields, SpecTagged, VariantSchema, Word, version_field,
};

use crate::protocol::ProtocolSection;

const SETTING: Schema = Schema::Any { about: "any value that the setting may have" };

/// Documents an experiment file.
#[must_use]
pub fn experiment_schema() -> Schema {
    let settings = || Schema::map("path", SETTING);
    Schema::section(
        "An experiment: which corpora and folds, which pipeline with which settings, and what the report compares.",
        vec![
            version_field(),
            FieldSchema::required(
                "name",
                "The name of the file, without `.yaml`; `resolved.yaml` alone keeps the name of what was run.",
                Schema::Text,
            ),
            FieldSchema::required(
                "corpora",
                "The corpora, by the names of their cards.",
                Schema::map("corpus", Schema::OneOf(vec![Schema::Null, corpus()])),
            ),
            FieldSchema::or(
                "labels",
                "The label scheme of every corpus that names none.",
                Schema::Text,
                "native",
            ),
            FieldSchema::required("protocol", "How folds are made.", protocol_schema()),
            FieldSchema::or(
                "unsafe",
                "What the experiment does although honest evaluation forbids it; every table says so.",
                Schema::list(Permission::schema(&Limits::NONE)),
                Vec::<String>::new(),
            ),
            FieldSchema::required("use", "The pipeline: `pipelines/cnn.yaml`.", Schema::Text),
            FieldSchema::optional(
                "with",
                "Values of the pipeline's variables, and of parameters of its nodes by path: `train.training.lr`.",
                settings(),
            ),
            FieldSchema::optional(
                "profile",
                "The profile that is chosen; `none` chooses none.",
                Schema::Text,
            ),
            FieldSchema::optional(
                "profiles",
                "Settings under one name, laid over the whole file by path.",
                Schema::map("profile", settings()),
            ),
            FieldSchema::optional(
                "variants",
                "Overlays on the file, each a row of the report: path to value.",
                Schema::map("variant", Schema::OneOf(vec![Schema::Null, settings()])),
            ),
            FieldSchema::optional("sweep", "Combinations of values, each a variant.", sweep()),
            FieldSchema::optional("tune", "A search for hyper-parameters on the dev part.", tune()),
            FieldSchema::optional("report", "What the report shows and compares.", report()),
            FieldSchema::optional(
                "remote",
                "The place that is asked for results before they are computed: a folder, `ssh://HOST/FOLDER` or `s3://BUCKET`, as \
                 for `push`. `AFFEKT_REMOTE` names another; `none` names none.",
                Schema::Text,
            ),
            FieldSchema::optional(
                "folder",
                "Where relative paths begin, if not at the file's folder; `resolved.yaml` of a run has it where it needs to.",
                Schema::Text,
            ),
        ],
    )
}

/// Documents a pipeline file. `$name` may stand for any value in it.
#[must_use]
pub fn pipeline_schema() -> Schema {
    let values = || Schema::map("variable", SETTING);
    Schema::section(
        "A pipeline: steps, what each reads, and variables that experiments give values to.",
        vec![
            version_field(),
            FieldSchema::optional(
                "defaults",
                "Values of variables that an experiment does not give; a variable is written `$name`.",
                values(),
            ),
            FieldSchema::optional(
                "profiles",
                "Other such values, for an experiment that chooses them by this name.",
                Schema::map("profile", values()),
            ),
            FieldSchema::optional(
                "choices",
                "Such values that follow from that of a variable: variable to its words, to what each of them sets.",
                Schema::map("variable", Schema::map("word", values())),
            ),
            FieldSchema::optional(
                "published",
                "What the document behind the pipeline used, by `step.parameter`, or by a path below the experiment's `corpora`, \
                 `labels`, `protocol` or `tune`; `{ unavailable: … }` where this is not offered, `{ described: … }` where it can \
                 only be said in words, `{ unpublished: … }` where the document leaves it open, each with `when: { parameter: \
                 value }` if it counts only where the step is so. A report beside published figures says in what a variant is \
                 otherwise, and what was chosen where the document leaves it open.",
                Schema::map("path", SETTING),
            ),
            FieldSchema::required(
                "nodes",
                "The steps, by names of the file's own.",
                Schema::map(
                    "step",
                    Schema::Tagged {
                        about: "",
                        tag: "op",
                        default: None,
                        bare: false,
                        variants: affekt_ops::of_pipelines().map(step).collect(),
                    },
                ),
            ),
        ],
    )
}

/// Documents the section `protocol`.
#[must_use]
pub fn protocol_schema() -> Schema {
    let beside: Vec<FieldSchema> = ProtocolSection::fields();
    let with_shared = |variant: VariantSchema| {
        // Only a final model is trained for a number of epochs that the protocol says.
        let is_final = variant.word.name == Protocol::None.kind();
        let is_shared = |name: &str| ["disjoint", "seeds"].contains(&name) || is_final && name == "epochs";
        let shared = beside.iter().filter(|field| is_shared(field.name)).cloned();
        VariantSchema { word: variant.word, fields: variant.fields.into_iter().chain(shared).collect() }
    };
    Schema::Tagged {
        about: "",
        tag: "kind",
        default: None,
        bare: false,
        variants: Protocol::documented().into_iter().map(with_shared).collect(),
    }
}

/// Documents the keys that every step has beside its parameters: its `inputs`, and how it runs.
#[must_use]
pub fn step_fields(inputs: &[InputPort]) -> Vec<FieldSchema> {
    let reference = Schema::one_or_list(&Schema::Text);
    let ports = inputs.iter().map(|port| match port.arity {
        Arity::One | Arity::Many => FieldSchema::required(port.name, "", reference.clone()),
        Arity::Optional | Arity::Any => FieldSchema::optional(port.name, "", reference.clone()),
    });
    let ports = Schema::section("", ports.collect());
    vec![
        FieldSchema::optional(
            "in",
            "What the step reads: names of steps, or port by port; `split.train` is an output of a step.",
            Schema::OneOf(vec![reference, ports]),
        ),
        FieldSchema::optional(
            "per",
            "What the step is repeated for, beside what it reads.",
            Schema::one_or_list(&Schema::words([crate::axes::FOLD, crate::axes::SEED])),
        ),
        FieldSchema::optional(
            "resources",
            "What the step takes of the machine.",
            Schema::section(
                "",
                vec![
                    FieldSchema::or("cpu", "Cores.", Schema::integer(1.0, 1024.0), 1),
                    FieldSchema::or(
                        "gpu",
                        "GPUs that its time counts for; on a GPU, 1 in any case.",
                        Schema::integer(0.0, 1.0),
                        0,
                    ),
                    FieldSchema::or(
                        "memory_mib",
                        "Memory in MiB: nothing is started beside it that leaves less, and in a worker it may not take more (mapped files are \
                         not counted). 0: what comparable steps needed before counts, and nothing limits it.",
                        Schema::integer(0.0, (1_u64 << 40) as f64),
                        0,
                    ),
                    FieldSchema::or(
                        "timeout_s",
                        "Seconds that it may take at one attempt in a worker, which then stops at its next checkpoint. 0 sets no limit.",
                        Schema::integer(0.0, f64::from(u32::MAX)),
                        0,
                    ),
                    FieldSchema::or(
                        "retries",
                        "How often it is tried again in a worker where that died or it took too long: from its last checkpoint, and alone where \
                         memory ran out.",
                        Schema::integer(0.0, 100.0),
                        0,
                    ),
                ],
            ),
        ),
    ]
}

fn step(definition: &'static Definition) -> VariantSchema {
    let fields = (definition.fields)().into_iter().chain(step_fields(definition.inputs));
    VariantSchema { word: definition.documented(), fields: fields.collect() }
}

fn corpus() -> Schema {
    let seed = || FieldSchema::or("seed", "Which voices.", Schema::integer(0.0, f64::from(u32::MAX)), 0);
    let rate = || FieldSchema::or("rate_hz", "Sampling rate, Hz.", Schema::integer(8000.0, 48_000.0), 16_000);
    let few = || Schema::integer(1.0, 99.0);
    let synthetic = Schema::section(
        "A corpus that is made where there is no data; of `ravdess`, `hume-vb` and `iemocap`.",
        vec![
            FieldSchema::or("actors", "Speakers, of RAVDESS.", Schema::integer(2.0, 99.0), 8),
            FieldSchema::or("statements", "Sentences, of RAVDESS.", few(), 2),
            FieldSchema::or("repetitions", "Repetitions, of RAVDESS.", few(), 2),
            FieldSchema::optional(
                "parts",
                "Recordings of train, dev and test part, of HUME-VB.",
                Schema::List { items: Box::new(Schema::integer(1.0, 10_000.0)), length: Some(3) },
            ),
            FieldSchema::or(
                "test_labels",
                "Whether the test part's labels are there, of HUME-VB.",
                Schema::Boolean,
                false,
            ),
            FieldSchema::or("turns", "Turns of each dialogue, of IEMOCAP.", Schema::integer(1.0, 999.0), 8),
            seed(),
            rate(),
        ],
    );
    Schema::section(
        "",
        vec![
            FieldSchema::optional("labels", "Its label scheme.", Schema::Text),
            FieldSchema::optional(
                "expect",
                "Labelled utterances that the experiment counts on; another number is an error.",
                Schema::integer(1.0, 1e8),
            ),
            FieldSchema::or(
                "left_out",
                "Whether the experiment does without it, and reports say so first; what `--partial` sets for a missing one.",
                Schema::Boolean,
                false,
            ),
            FieldSchema::optional("synthetic", "What to make in place of the recordings.", synthetic),
        ],
    )
}

/// A list of values, or a range.
fn values() -> Schema {
    let positive = || Schema::at_least(1e-12);
    let number = || Schema::Number(Limits::NONE);
    Schema::OneOf(vec![
        Schema::list(SETTING),
        Schema::section(
            "Numbers from one to another, both included: in steps, by a factor, as so many points, or any between.",
            vec![
                FieldSchema::required("from", "The first.", number()),
                FieldSchema::required("to", "The last.", number()),
                FieldSchema::or(
                    "scale",
                    "How points lie, or are drawn.",
                    Schema::words(["linear", "log"]),
                    "linear",
                ),
                FieldSchema::optional("step", "What is added each time.", positive()),
                FieldSchema::optional(
                    "factor",
                    "What is multiplied by each time.",
                    Schema::at_least(1.000_001),
                ),
                FieldSchema::optional("points", "How many.", Schema::integer(2.0, 100_000.0)),
            ],
        ),
    ])
}

fn sweep() -> Schema {
    let paths = || Schema::map("path", values());
    let points = || Schema::one_or_list(&Schema::map("path", SETTING));
    Schema::section(
        "",
        vec![
            FieldSchema::optional("product", "Each value with each.", paths()),
            FieldSchema::optional(
                "zip",
                "The first values together, the second, and so on.",
                Schema::one_or_list(&paths()),
            ),
            FieldSchema::optional("exclude", "Combinations that are left out.", points()),
            FieldSchema::optional("include", "Combinations that are added.", points()),
        ],
    )
}

fn tune() -> Schema {
    let any = [
        FieldSchema::required(
            "space",
            "What is tried: key of `with` to its values.",
            Schema::map("setting", values()),
        ),
        FieldSchema::optional("step", "The training that is tuned, where there are several.", Schema::Text),
        FieldSchema::optional(
            "monitor",
            "What trials are judged by, where not by what the training stops by.",
            Monitor::schema(&Limits::NONE),
        ),
        FieldSchema::optional("max_epochs", "As far as any trial goes.", Schema::integer(1.0, 100_000.0)),
        FieldSchema::or(
            "seed",
            "What settings are drawn from.",
            Schema::integer(0.0, f64::from(u32::MAX)),
            0,
        ),
    ];
    let by = |name, about, own: Option<FieldSchema>| VariantSchema {
        word: Word::new(name, about),
        fields: own.into_iter().chain(any.iter().cloned()).collect(),
    };
    let search = Schema::Tagged {
        about: "",
        tag: "by",
        default: None,
        bare: false,
        variants: vec![
            by(
                "hyperband",
                "Many trials for few epochs, the best of them for more (Li et al. 2018, JMLR 18).",
                Some(FieldSchema::or(
                    "factor",
                    "By how much fewer trials go on, for as many times the epochs.",
                    Schema::integer(2.0, 100.0),
                    3,
                )),
            ),
            by(
                "random",
                "Settings drawn at random.",
                Some(FieldSchema::required("trials", "How many.", Schema::integer(1.0, 10_000.0))),
            ),
            by("grid", "Every combination.", None),
        ],
    };
    Schema::OneOf(vec![search, Schema::words(["none"])])
}

fn report() -> Schema {
    let primary = || Measure::PRIMARY.map(Measure::name);
    let figures = || {
        let figure = |measure: Measure| {
            let low = if measure == Measure::Ccc { -1.0 } else { 0.0 };
            FieldSchema::optional(measure.name(), "The figure, as a share of 1.", Schema::number(low, 1.0))
        };
        let spread =
            FieldSchema::optional("std", "The standard deviation of the figure.", Schema::number(0.0, 1.0));
        Measure::PRIMARY.into_iter().map(figure).chain([spread]).collect::<Vec<_>>()
    };
    let share = |name, about| FieldSchema::optional(name, about, Schema::number(0.0, 1.0));
    let loss = || Schema::at_least(0.0);
    let class = || {
        let figures = vec![
            share("precision", "Precision, as a share of 1."),
            share("recall", "Recall, as a share of 1."),
            share("f1", "F1, as a share of 1."),
            FieldSchema::optional("support", "Number of utterances.", Schema::integer(0.0, 1e8)),
        ];
        Schema::section("", figures)
    };
    let part = || {
        let figures = vec![
            share("wa", "Accuracy, as a share of 1."),
            FieldSchema::optional("loss", "Mean loss.", loss()),
        ];
        Schema::section("", figures)
    };
    let one = |own: FieldSchema| {
        let about_it = [
            FieldSchema::optional(
                "sessions",
                "The figures of single sessions.",
                Schema::map("session", Schema::section("", figures())),
            ),
            FieldSchema::optional("per_class", "The figures of each class.", Schema::map("class", class())),
            FieldSchema::optional("macro_average", "The means over classes.", class()),
            FieldSchema::optional(
                "weighted_average",
                "The means over classes, weighted by their numbers of utterances.",
                class(),
            ),
            FieldSchema::optional("test_loss", "The mean loss on the test part.", loss()),
            FieldSchema::optional("dev", "Figures of the dev part.", part()),
            FieldSchema::optional("epochs", "The epoch that was kept.", Schema::integer(1.0, 1e6)),
            FieldSchema::optional(
                "trials",
                "The trials of a search.",
                Schema::list(Schema::section(
                    "",
                    vec![
                        FieldSchema::required("settings", "What was tried.", Schema::map("path", SETTING)),
                        FieldSchema::optional("train", "Figures of the training part.", part()),
                        FieldSchema::optional("dev", "Figures of the dev part.", part()),
                    ],
                )),
            ),
            FieldSchema::optional("source", "The publication, and where in it.", Schema::Text),
            FieldSchema::optional("caveat", "What makes it another figure than ours.", Schema::Text),
            FieldSchema::optional(
                "part",
                "The part that it is of, where it is not of the one that is scored.",
                Schema::words([Role::Dev.name(), Role::Test.name()]),
            ),
            FieldSchema::optional(
                "recipe",
                "What it used, by `step.parameter`, beside or in place of the pipeline's `published`.",
                Schema::map("path", SETTING),
            ),
        ];
        Schema::section("", [own].into_iter().chain(figures()).chain(about_it).collect())
    };
    let published = one(FieldSchema::optional(
        "when",
        "Settings of the variants that it is about.",
        Schema::map("path", SETTING),
    ));
    let cited = one(FieldSchema::required("name", "What it is called.", Schema::Text));
    Schema::section(
        "",
        vec![
            FieldSchema::or(
                "primary",
                "The measure that variants are ranked by.",
                Schema::words(primary()),
                "uar",
            ),
            FieldSchema::optional(
                "published",
                "What a publication has for this system.",
                Schema::one_or_list(&published),
            ),
            FieldSchema::optional("cited", "What publications have for other systems.", Schema::list(cited)),
            FieldSchema::optional(
                "table",
                "One table of all variants, by two of their settings.",
                Schema::section(
                    "",
                    vec![
                        FieldSchema::required("rows", "The setting that rows stand for.", Schema::Text),
                        FieldSchema::required("columns", "The setting that columns stand for.", Schema::Text),
                    ],
                ),
            ),
            FieldSchema::optional(
                "sweep",
                "The settings that variants go through, by which they are shown, the best first; `sweep` fills it in.",
                Schema::list(Schema::Text),
            ),
            FieldSchema::optional("baseline", "The variant that others are compared with.", Schema::Text),
        ],
    )
}
