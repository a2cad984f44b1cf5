//! Published figures to set beside ours.

use std::collections::BTreeMap;

use affekt_config::{Diagnostic, Field, Key, Node, Section, list_names, to_json};
use affekt_domain::Role;
use affekt_eval::{Measure, Printed, PrintedClass, PrintedPart, PrintedTrial};

/// What a publication reports for a system like this one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Published {
    /// Over everything that was tested.
    pub figures: Figures,
    /// Session → what it reports of it; names as the corpus has them, with or without the corpus before.
    pub sessions: Vec<(String, Figures)>,
    /// What is printed beside the figures.
    pub printed: Printed,
    /// Where it is printed.
    pub source: Option<String>,
    /// What keeps the figures from being compared as they stand.
    pub caveat: Option<String>,
    /// The part that they are of, dev or test, where the publication has figures of both.
    pub part: Option<Role>,
    /// What it used, by step and parameter, beside or in place of what the pipeline says.
    pub recipe: Vec<(Key, Node)>,
}

/// Figures that are printed together. Fractions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Each measure once.
    pub values: Vec<(Measure, f64)>,
    /// The spread over seeds of the only value.
    pub std: Option<f64>,
}

/// A system that is no variant of the experiment, and what is published of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cited {
    /// What it is called.
    pub name: String,
    /// Its figures.
    pub published: Published,
}

/// Those of one or several publications that speak of this variant: one mapping, or a list of them. `when` names the
/// settings that a publication is about, so that a sweep has each figure beside the right cell.
pub fn read(field: Field<'_>, variant: &Node) -> Vec<Published> {
    let speaking = |field: Field<'_>| {
        field.section("`published`", |section| {
            let is_meant = is_about(section, variant);
            let published = read_one(section);
            is_meant.then_some(published)
        })
    };
    field.one_or_list().into_iter().filter_map(speaking).collect()
}

/// Other systems, in the order of the file.
pub fn read_cited(field: Field<'_>) -> Vec<Cited> {
    let read = |field: Field<'_>| {
        field.section("`cited`", |section| {
            let name = section.required_text("name");
            let published = read_one(section);
            Some(Cited { name: name?, published })
        })
    };
    field.list().into_iter().filter_map(read).collect()
}

/// Whether `when` names settings that the variant has.
fn is_about(section: &mut Section<'_>, variant: &Node) -> bool {
    let mut is_meant = true;
    section.section("when", |settings| {
        for (path, expected) in settings.rest() {
            let set = variant.at(&path.name);
            is_meant &= set.is_some_and(|set| to_json(set) == to_json(expected.node));
        }
        Some(())
    });
    is_meant
}

fn read_one(section: &mut Section<'_>) -> Published {
    let figures = read_figures(section);
    let mut sessions = Vec::<(String, Figures)>::new();
    section.section("sessions", |section| {
        for (key, field) in section.rest() {
            let read =
                field.section(&format!("session `{}`", key.name), |section| Some(read_figures(section)));
            let Some(of_session) = read else { continue };
            let complain = |message: String, hint: &str| {
                section.diagnostics().push(Diagnostic::error(&key.span, message).hint(hint));
            };
            if let Some((twice, _)) = sessions.iter().find(|(known, _)| is_same_session(known, &key.name)) {
                complain(format!("`{}` is the session `{twice}` again", key.name), "say each session once");
            }
            let of_all = |measure| figures.values.iter().any(|(known, _)| *known == measure);
            for (measure, _) in of_session.values.iter().filter(|(measure, _)| !of_all(*measure)) {
                let name = measure.name();
                complain(
                    format!("`{}` has a `{name}`, and all sessions together have none", key.name),
                    &format!("add `{name}: …` beside `sessions`: the mean that is printed with them"),
                );
            }
            sessions.push((key.name.clone(), of_session));
        }
        Some(())
    });
    let printed = read_printed(section);
    Published {
        figures,
        sessions,
        printed,
        source: section.optional_text("source"),
        caveat: section.optional_text("caveat"),
        part: section.optional_one_of("part", &[("dev", Role::Dev), ("test", Role::Test)]),
        recipe: {
            let mut recipe = Vec::new();
            section.section("recipe", |section| {
                let entries = section.rest().into_iter();
                recipe.extend(entries.map(|(key, field)| (key.clone(), field.node.clone())));
                Some(())
            });
            recipe
        },
    }
}

fn read_figures(section: &mut Section<'_>) -> Figures {
    let mut values = Vec::new();
    for measure in Measure::PRIMARY {
        let least = if measure == Measure::Ccc { -1.0 } else { 0.0 };
        let value = section.optional_float(measure.name(), least..=1.0);
        values.extend(value.map(|value| (measure, value)));
    }
    let spread = section.optional("std");
    let std = spread.and_then(|field| field.float(0.0..=1.0));
    if let (Some(field), [] | [_, _, ..]) = (spread, &values[..]) {
        let names: Vec<&str> = values.iter().map(|(measure, _)| measure.name()).collect();
        let (message, hint) = match names[..] {
            [] => ("`std` stands beside no figure".to_owned(), "add the figure that it is the spread of"),
            _ => (
                format!("`std` stands beside {}: it can be of one only", list_names(&names)),
                "give each figure and its `std` a publication of its own",
            ),
        };
        section.diagnostics().push(Diagnostic::error(&field.node.span, message).hint(hint));
    }
    Figures { values, std }
}

fn read_printed(section: &mut Section<'_>) -> Printed {
    let mut per_class = Vec::new();
    section.section("per_class", |classes| {
        for (key, field) in classes.rest() {
            let what = format!("class `{}`", key.name);
            let read = field.section(&what, |section| Some(read_class(section)));
            per_class.extend(read.map(|class| (key.name.clone(), class)));
        }
        Some(())
    });
    let mut trials = Vec::new();
    for trial in section.list("trials") {
        trials.extend(trial.section("a published trial", |trial| {
            let mut settings = BTreeMap::new();
            trial.required_section("settings", |section| {
                let known = section.rest().into_iter();
                settings.extend(known.map(|(path, field)| (path.name.clone(), to_json(field.node))));
                Some(())
            });
            let train = trial.section("train", |part| Some(read_part(part))).unwrap_or_default();
            let dev = trial.section("dev", |part| Some(read_part(part))).unwrap_or_default();
            Some(PrintedTrial { settings, train, dev })
        }));
    }
    Printed {
        per_class,
        macro_average: section.section("macro_average", |section| Some(read_class(section))),
        weighted_average: section.section("weighted_average", |section| Some(read_class(section))),
        test_loss: section.optional_float("test_loss", 0.0..),
        dev: section.section("dev", |part| Some(read_part(part))).unwrap_or_default(),
        epochs: section.optional_integer("epochs", 1..=1_000_000_u32),
        trials,
    }
}

fn read_class(section: &mut Section<'_>) -> PrintedClass {
    PrintedClass {
        precision: section.optional_float("precision", 0.0..=1.0),
        recall: section.optional_float("recall", 0.0..=1.0),
        f1: section.optional_float("f1", 0.0..=1.0),
        support: section.optional_integer("support", 0..=100_000_000_u32),
    }
}

fn read_part(section: &mut Section<'_>) -> PrintedPart {
    PrintedPart { wa: section.optional_float("wa", 0.0..=1.0), loss: section.optional_float("loss", 0.0..) }
}

/// Whether two names, of which either may have its corpus before it, are of one session.
fn is_same_session(a: &str, b: &str) -> bool {
    let own = |name: &str| name.rsplit('/').next().map(str::to_owned);
    if a.contains('/') && b.contains('/') { a == b } else { own(a) == own(b) }
}

#[cfg(test)]
mod tests {
    use affekt_config::{Diagnostics, parse};

    use super::*;

    fn figures(variant: &str, published: &str) -> Vec<Option<f64>> {
        let diagnostics = Diagnostics::new();
        let variant = parse("variant.yaml", variant, &diagnostics).unwrap();
        let published = parse("published.yaml", published, &diagnostics).unwrap();
        let read = read(Field::new(&published, &diagnostics), &variant);
        assert_eq!(diagnostics.to_string(), "");
        read.iter().map(|published| Some(published.figures.values.first()?.1)).collect()
    }

    #[test]
    fn a_figure_stands_beside_the_settings_it_is_about() {
        let list = "- { wa: 0.71, when: { with.features: mfcc, with.train.lr: 1e-4 } }\n\
                    - { wa: 0.64, when: { with.features: logmel } }\n\
                    - { wa: 0.50 }\n";
        let variant = |features: &str| format!("with: {{ features: {features}, train.lr: 0.0001 }}\n");
        assert_eq!(figures(&variant("mfcc"), list), [Some(0.71), Some(0.5)]);
        assert_eq!(figures(&variant("logmel"), list), [Some(0.64), Some(0.5)]);
        assert_eq!(figures("name: x\n", list), [Some(0.5)]);
        assert_eq!(figures("name: x\n", "{ wa: 0.7, source: one alone }"), [Some(0.7)]);
    }

    fn read_all(published: &str) -> (Vec<Published>, String) {
        let diagnostics = Diagnostics::new();
        let variant = parse("variant.yaml", "name: x\n", &diagnostics).unwrap();
        let published = parse("p.yaml", published, &diagnostics).unwrap();
        (read(Field::new(&published, &diagnostics), &variant), diagnostics.to_string())
    }

    #[test]
    fn sessions_have_figures_of_their_own() {
        let text = "uar: 0.699\nsessions:\n  Ses01: { uar: 0.710, std: 0.017 }\n  IEMOCAP/Ses02: { uar: 0.762 }\n\
                    source: table 2\n";
        let (read, complaints) = read_all(text);
        assert_eq!(complaints, "");
        let figures = |uar, std| Figures { values: vec![(Measure::Uar, uar)], std };
        let sessions = [
            ("Ses01".to_owned(), figures(0.71, Some(0.017))),
            ("IEMOCAP/Ses02".to_owned(), figures(0.762, None)),
        ];
        assert_eq!(
            read,
            [Published {
                figures: figures(0.699, None),
                sessions: sessions.into(),
                printed: Printed::default(),
                source: Some("table 2".into()),
                caveat: None,
                part: None,
                recipe: Vec::new(),
            }]
        );
    }

    #[test]
    fn what_is_printed_beside_figures_is_read() {
        let text = "wa: 0.6146\nper_class: { angry: { precision: 0.65, recall: 0.82, f1: 0.72, support: 187 }, sad: { f1: 0.6 } }\n\
                    macro_average: { f1: 0.63 }\nweighted_average: { recall: 0.61 }\ntest_loss: 0.9991\n\
                    dev: { wa: 0.5987, loss: 1.0487 }\nepochs: 15\n\
                    trials: [{ settings: { lr: 1e-5 }, train: { wa: 0.152, loss: 2.61 }, dev: { wa: 0.178, loss: 1.96 } }]\n";
        let (read, complaints) = read_all(text);
        assert_eq!(complaints, "");
        let class = |precision, recall, f1, support| PrintedClass { precision, recall, f1, support };
        let part = |wa, loss| PrintedPart { wa: Some(wa), loss: Some(loss) };
        let expected = Printed {
            per_class: vec![
                ("angry".to_owned(), class(Some(0.65), Some(0.82), Some(0.72), Some(187))),
                ("sad".to_owned(), class(None, None, Some(0.6), None)),
            ],
            macro_average: Some(class(None, None, Some(0.63), None)),
            weighted_average: Some(class(None, Some(0.61), None, None)),
            test_loss: Some(0.9991),
            dev: part(0.5987, 1.0487),
            epochs: Some(15),
            trials: vec![PrintedTrial {
                settings: [("lr".to_owned(), serde_json::json!(1e-5))].into(),
                train: part(0.152, 2.61),
                dev: part(0.178, 1.96),
            }],
        };
        assert_eq!(read[0].printed, expected);
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let refused = |text: &str, expected: [&str; 2]| {
            let (_, complaints) = read_all(text);
            let [message, hint] = expected;
            assert!(complaints.starts_with(&format!("error: {message}\n --> p.yaml:")), "{complaints}");
            assert!(complaints.ends_with(&format!("hint: {hint}\n")), "{complaints}");
        };
        refused(
            "{ uar: 0.7, wa: 0.7, std: 0.1 }",
            [
                "`std` stands beside `uar`, `wa`: it can be of one only",
                "give each figure and its `std` a publication of its own",
            ],
        );
        refused("std: 0.1", ["`std` stands beside no figure", "add the figure that it is the spread of"]);
        refused(
            "{ uar: 0.7, sessions: { A/1: { uar: 0.7 }, 1: { uar: 0.6 } } }",
            ["`1` is the session `A/1` again", "say each session once"],
        );
        refused(
            "{ uar: 0.7, sessions: { Ses01: { wa: 0.7 } } }",
            [
                "`Ses01` has a `wa`, and all sessions together have none",
                "add `wa: …` beside `sessions`: the mean that is printed with them",
            ],
        );
        refused(
            "{ uar: 0.7, sessions: { Ses01: { uar: 0.7, sd: 0.1 } } }",
            [
                "unknown key `sd` in session `Ses01`",
                "did you mean `std`? valid keys are `uar`, `wa`, `macro_f1`, `ccc`, `std`",
            ],
        );
    }

    #[test]
    fn others_have_names() {
        let diagnostics = Diagnostics::new();
        let text = "- { name: FCN + attention, uar: 0.639, source: table 3 }\n- { uar: 0.5 }\n";
        let node = parse("p.yaml", text, &diagnostics).unwrap();
        let cited = read_cited(Field::new(&node, &diagnostics));
        assert_eq!(cited.len(), 1);
        assert_eq!((&*cited[0].name, cited[0].published.figures.values[0].1), ("FCN + attention", 0.639));
        assert!(diagnostics.to_string().starts_with("error: `cited` needs `name`\n"), "{diagnostics}");
    }
}
