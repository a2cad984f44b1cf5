//! Published figures to set beside ours.

use affekt_config::{Field, Node, Section, Value, to_json};
use serde::Serialize;

/// What a paper reports for a system like this one. Fractions.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Published {
    /// Unweighted average recall.
    pub uar: Option<f64>,
    /// Accuracy.
    pub wa: Option<f64>,
    /// Macro-averaged F1.
    pub macro_f1: Option<f64>,
    /// The mean concordance correlation coefficient.
    pub ccc: Option<f64>,
    /// Where it is printed.
    pub source: Option<String>,
    /// What keeps the figures from being compared as they stand.
    pub caveat: Option<String>,
}

/// Those of one or several publications that speak of this variant: one mapping, or a list of them. `when` names the
/// settings that a publication is about, so that a sweep has each figure beside the right cell.
pub fn read(field: Field<'_>, variant: &Node) -> Vec<Published> {
    let fields = match field.node.value {
        Value::List(_) => field.list(),
        _ => vec![field],
    };
    let speaking = |field: Field<'_>| field.section("`published`", |section| read_one(section, variant));
    fields.into_iter().filter_map(speaking).collect()
}

fn read_one(section: &mut Section<'_>, variant: &Node) -> Option<Published> {
    let mut is_meant = true;
    section.section("when", |settings| {
        for (path, expected) in settings.rest() {
            let set = at(variant, &path.name);
            is_meant &= set.is_some_and(|set| to_json(set) == to_json(expected.node));
        }
        Some(())
    });
    let published = Published {
        uar: section.optional_float("uar", 0.0..=1.0),
        wa: section.optional_float("wa", 0.0..=1.0),
        macro_f1: section.optional_float("macro_f1", 0.0..=1.0),
        ccc: section.optional_float("ccc", -1.0..=1.0),
        source: section.optional_text("source"),
        caveat: section.optional_text("caveat"),
    };
    is_meant.then_some(published)
}

/// The setting at a path such as `with.train.network`, whose last part may hold dots itself.
fn at<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    node.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        at(node.get(first)?, rest)
    })
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
        read.iter().map(|published| published.wa).collect()
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
}
