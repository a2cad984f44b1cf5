//! What `#[derive(Spec)]` makes of each attribute.

use affekt_config::{Diagnostics, parse};
use affekt_spec::{Limits, Schema, Spec, SpecFields, View, Words, from_json, read_root};
use serde_json::json;

/// Everything that a field can be.
#[derive(Debug, Clone, PartialEq, Spec)]
#[spec(check = check)]
struct Everything {
    /// Peak learning rate.
    #[spec(default = 1e-3, range = 1e-12..=10.0, free)]
    lr: f64,
    /// Number of micro-batches.
    #[spec(default = 1, range = 1..=64, key = "accumulate")]
    gradient_accumulation_steps: usize,
    /// Length.
    #[spec(default = Some(3.0), range = 0.5..=600.0, none = "whole", unit = "s")]
    seconds: Option<f64>,
    /// A word.
    #[spec(default = Colour::DeepRed, alias = "tint")]
    colour: Colour,
    /// Left out where it is nothing.
    #[spec(default = 0, omit)]
    extra: u32,
    /// Given by the program.
    #[spec(default = 0, hidden)]
    fold: u32,
    /// How it goes on.
    #[spec(default = Way::Fixed)]
    way: Way,
    #[spec(flatten)]
    shared: Shared,
    /// There is no default.
    name: String,
}

/// Fields that several structs have.
#[derive(Debug, Clone, PartialEq, Spec)]
struct Shared {
    /// How many.
    #[spec(default = 16, range = 1..=1024)]
    batch_size: usize,
}

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Spec)]
enum Colour {
    /// Red.
    #[spec(alias = "crimson")]
    DeepRed,
    /// Blue.
    #[spec(key = "azure")]
    Blue,
}

/// A way.
#[derive(Debug, Clone, Copy, PartialEq, Spec)]
#[spec(tag = "kind", bare)]
enum Way {
    /// As it is.
    Fixed,
    /// Towards an end.
    Linear(Linear),
}

/// A line.
#[derive(Debug, Clone, Copy, PartialEq, Spec)]
struct Linear {
    /// Share of it.
    #[spec(default = 0.1, range = 0.0..=1.0)]
    warmup: f64,
}

fn check(it: &mut Everything, section: &mut affekt_spec::Section<'_>) {
    if it.extra > 0 && it.colour == Colour::Blue {
        let span = section.span().clone();
        section.diagnostics().error(&span, "`extra` is not for blue");
    }
}

fn read(text: &str) -> Result<Everything, String> {
    let diagnostics = Diagnostics::new();
    let node = parse("x.yaml", text, &diagnostics).unwrap();
    let read = read_root(&node, &diagnostics, "`everything`");
    if diagnostics.has_errors() { Err(diagnostics.to_string()) } else { Ok(read.unwrap()) }
}

fn defaults() -> Everything {
    Everything {
        lr: 1e-3,
        gradient_accumulation_steps: 1,
        seconds: Some(3.0),
        colour: Colour::DeepRed,
        extra: 0,
        fold: 0,
        way: Way::Fixed,
        shared: Shared { batch_size: 16 },
        name: "a".into(),
    }
}

#[test]
fn values_are_read_by_new_and_older_names() {
    assert_eq!(read("name: a\n").unwrap(), defaults());
    let written = "name: a\nlr: 0.5\ngradient_accumulation_steps: 4\nseconds: whole\ncolour: blue\nbatch_size: 8\n\
                   way: { kind: linear, warmup: 0.2 }\n";
    let all = Everything {
        lr: 0.5,
        gradient_accumulation_steps: 4,
        seconds: None,
        colour: Colour::Blue,
        way: Way::Linear(Linear { warmup: 0.2 }),
        shared: Shared { batch_size: 8 },
        ..defaults()
    };
    assert_eq!(read(written).unwrap(), all);
    let older = written.replace("gradient_accumulation_steps", "accumulate").replace("colour", "tint");
    assert_eq!(read(&older).unwrap(), all);
    assert_eq!(read("name: a\ncolour: crimson\nway: fixed\n").unwrap(), defaults());
}

#[test]
fn all_mistakes_are_reported_together() {
    let told = read("lr: 11\nbatch_size: many\ncolour: green\nway: { kind: linear, warmup: 2 }\nfold: 1\n")
        .unwrap_err();
    for line in
        ["x.yaml:1:5", "x.yaml:2:13", "x.yaml:3:9", "x.yaml:4:30", "unknown key `fold`", "needs `name`"]
    {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(!told.contains("valid keys are `lr`, `fold`"), "{told}");
    let told = read("name: a\nextra: 1\ncolour: blue\n").unwrap_err();
    assert!(told.contains("`extra` is not for blue"), "{told}");
    let twice = read("name: a\naccumulate: 2\ngradient_accumulation_steps: 2\n").unwrap_err();
    assert!(twice.contains("`accumulate` is an older name of `gradient_accumulation_steps`"), "{twice}");
}

#[test]
fn keys_hold_what_was_decided() {
    let key = json!({
        "lr": 1e-3, "accumulate": 1, "seconds": 3.0, "colour": "deep-red", "way": { "kind": "fixed" }, "batch_size": 16,
        "name": "a",
    });
    assert_eq!(defaults().view(View::Key), key);
    let mut cost = key.clone();
    cost.as_object_mut().unwrap().remove("lr");
    assert_eq!(defaults().view(View::Cost), cost);
    let other = Everything { extra: 2, fold: 3, colour: Colour::Blue, seconds: None, ..defaults() };
    let key = other.view(View::Key);
    assert_eq!(
        [&key["extra"], &key["fold"], &key["colour"], &key["seconds"]],
        [&json!(2), &json!(3), &json!("azure"), &json!(null)]
    );
}

#[test]
fn stored_json_is_read_back() {
    for it in [
        defaults(),
        Everything {
            extra: 2,
            fold: 3,
            way: Way::Linear(Linear { warmup: 0.5 }),
            seconds: None,
            ..defaults()
        },
    ] {
        assert_eq!(from_json::<Everything>(serde_json::to_value(&it).unwrap()).unwrap(), it);
    }
    let sparse: Everything = from_json(json!({ "name": "a" })).unwrap();
    assert_eq!(sparse, defaults());
    assert!(from_json::<Everything>(json!({})).is_err(), "`name` has no default");
    assert!(from_json::<Everything>(json!({ "name": "a", "lr": "fast" })).is_err());
}

#[test]
fn documentation_comes_from_the_definition() {
    let fields = Everything::fields();
    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    let expected =
        ["lr", "gradient_accumulation_steps", "seconds", "colour", "extra", "way", "batch_size", "name"];
    assert_eq!(names, expected);
    assert_eq!((fields[0].about, &fields[0].default), ("Peak learning rate.", &Some(json!(1e-3))));
    assert!(fields[0].is_free && !fields[1].is_free);
    assert_eq!(fields[2].unit, Some("s"));
    assert_eq!(fields[7].default, None);
    let Schema::Words(words) = Colour::schema(&Limits::NONE) else { panic!("words") };
    assert_eq!((words[0].name, words[0].about), ("deep-red", "Red."));
    assert_eq!([Colour::DeepRed.stored_word(), Colour::Blue.stored_word()], ["deep-red", "azure"]);
}
