//! Sweeps: settings that go through values, each combination a variant.
//!
//! ```yaml
//! sweep:
//!   product: { with.lr: { from: 1e-5, to: 1e-2, factor: 10 }, with.units: [256, 512] }   # each with each
//!   zip: { with.depth: [2, 4], with.width: [64, 32] }        # the first with the first, … (or a list of such)
//!   exclude: [{ with.lr: 1e-2, with.units: 512 }]             # combinations that are left out
//!   include: [{ with.lr: 3e-4, with.units: 1024 }]            # combinations that are added
//! ```
//! Steps that do not depend on what is swept are common to all variants and computed once.

use affekt_config::{Diagnostic, Diagnostics, Field, Key, Node, Section, to_json};

use crate::profiles::names_profile;
use crate::values::{self, Values, is_same};

/// One combination: path → value, in the order of the file.
pub type Point = Vec<(Key, Node)>;

/// A sweep, laid out.
#[derive(Default)]
pub struct Sweep {
    /// All combinations.
    pub points: Vec<Point>,
    /// Every path that is swept, once.
    pub paths: Vec<String>,
}

/// How many variants a sweep may have.
const MOST: usize = 10_000;

/// Reads the section `sweep`.
pub fn read(sweep: &Node, diagnostics: &Diagnostics) -> Sweep {
    let Some(mut section) = Section::open(sweep, diagnostics, "`sweep`") else { return Sweep::default() };
    let mut axes: Vec<Vec<Point>> = Vec::new();
    let is_empty = ["product", "zip", "include"].iter().all(|key| section.optional(key).is_none());
    let product = section.section("product", |product| {
        Some(read_entries(product).into_iter().map(|(key, values)| alone(&key, values)).collect::<Vec<_>>())
    });
    axes.extend(product.unwrap_or_default());
    for zip in section.optional("zip").map(Field::one_or_list).unwrap_or_default() {
        axes.extend(zip.section("`zip`", |zip| Some(read_zip(zip))).flatten());
    }
    let excluded = combinations(section.optional("exclude"), "`exclude`");
    let included = combinations(section.optional("include"), "`include`");
    let span = section.span().clone();
    section.close();
    if is_empty {
        let error = Diagnostic::error(&span, "`sweep` goes over nothing");
        diagnostics.push(error.hint("give it `product: { path: [values] }`, `zip` or `include`"));
        return Sweep::default();
    }
    let count = axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.len()));
    if count.is_none_or(|count| count > MOST) {
        let error = Diagnostic::error(&span, format!("the sweep has more than {MOST} combinations"));
        diagnostics.push(error.hint("search instead: `tune` tries as many as it is told to"));
        return Sweep::default();
    }
    complain_of_twice(&axes, diagnostics);
    // Without axes there is nothing to cross, or nothing that could be read, which has been said.
    let mut points = if axes.is_empty() { Vec::new() } else { crossed(&axes) };
    leave_out(&mut points, &excluded, diagnostics);
    add(&mut points, included, diagnostics);
    let mut paths: Vec<String> = Vec::new();
    for (key, _) in points.iter().flatten() {
        if !paths.contains(&key.name) {
            paths.push(key.name.clone());
        }
    }
    Sweep { points, paths }
}

impl Sweep {
    /// What a combination is called: `lr=0.001,units=64`.
    pub fn name(&self, point: &Point) -> String {
        let parts = point.iter().map(|(key, value)| {
            let json = to_json(value);
            let shown = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
            format!("{}={shown}", self.short(&key.name))
        });
        parts.collect::<Vec<_>>().join(",")
    }

    /// As much of the end of a path as tells it from the others.
    fn short<'p>(&self, path: &'p str) -> &'p str {
        let starts = path.char_indices().rev().filter(|(_, c)| *c == '.').map(|(dot, _)| dot + 1);
        let others = || self.paths.iter().filter(|other| *other != path);
        let tells = |end: &&str| !others().any(|other| other.ends_with(&format!(".{end}")) || other == end);
        starts.map(|start| &path[start..]).find(tells).unwrap_or(path)
    }
}

fn alone(key: &Key, values: Vec<Node>) -> Vec<Point> {
    values.into_iter().map(|value| vec![(key.clone(), value)]).collect()
}

/// Path → values, in the order of the file.
fn read_entries(section: &mut Section<'_>) -> Vec<(Key, Vec<Node>)> {
    let diagnostics = section.diagnostics();
    let read = |(path, field): (&Key, Field<'_>)| {
        if is_of_the_whole(path, diagnostics) {
            return None;
        }
        match values::read(field, &format!("`{}`", path.name))? {
            Values::Listed(values) => Some((path.clone(), values)),
            Values::Between(_) => {
                let message = format!("a sweep over `{}` needs to know which values", path.name);
                diagnostics.push(Diagnostic::error(&field.node.span, message).hint(
                    "add `step`, `factor` or `points`; only a search (`tune`) draws between two numbers",
                ));
                None
            }
        }
    };
    section.rest().into_iter().filter_map(read).collect()
}

/// Lists of one length, gone through together.
fn read_zip(section: &mut Section<'_>) -> Option<Vec<Point>> {
    let entries = read_entries(section);
    let (first, values) = entries.first()?;
    let mut is_sound = true;
    for (path, others) in &entries[1..] {
        if others.len() != values.len() {
            let message = format!(
                "`{}` has {} values and `{}` has {}: `zip` goes through them together",
                path.name,
                others.len(),
                first.name,
                values.len()
            );
            section.diagnostics().push(
                Diagnostic::error(&path.span, message).hint("give them as many values, or use `product`"),
            );
            is_sound = false;
        }
    }
    let point =
        |number: usize| entries.iter().map(|(path, values)| (path.clone(), values[number].clone())).collect();
    is_sound.then(|| (0..values.len()).map(point).collect())
}

fn combinations(field: Option<Field<'_>>, what: &str) -> Vec<Point> {
    let read = |field: Field<'_>| {
        field.section(what, |section| {
            let entries = section.rest().into_iter();
            let point: Point = entries.map(|(key, field)| (key.clone(), field.node.clone())).collect();
            let sound = !point.iter().any(|(key, _)| is_of_the_whole(key, section.diagnostics()));
            sound.then_some(point)
        })
    };
    field.map(Field::one_or_list).unwrap_or_default().into_iter().filter_map(read).collect()
}

/// Every point of each axis with every point of the others, the last axis running fastest.
fn crossed(axes: &[Vec<Point>]) -> Vec<Point> {
    axes.iter().fold(vec![Vec::new()], |points, axis| {
        let extended =
            |point: &Point| axis.iter().map(|more| [point.as_slice(), more].concat()).collect::<Vec<Point>>();
        points.iter().flat_map(extended).collect()
    })
}

fn complain_of_twice(axes: &[Vec<Point>], diagnostics: &Diagnostics) {
    let mut known: Vec<&Key> = Vec::new();
    for (key, _) in axes.iter().filter_map(|axis| axis.first()).flatten() {
        if known.contains(&key) {
            diagnostics.error(&key.span, format!("`{}` is swept over twice", key.name));
        }
        known.push(key);
    }
}

/// Whether a point has all these settings.
fn has(point: &Point, settings: &Point) -> bool {
    let is_set = |(path, value): &(Key, Node)| {
        point.iter().any(|(known, own)| known.name == path.name && is_same(own, value))
    };
    settings.iter().all(is_set)
}

fn leave_out(points: &mut Vec<Point>, excluded: &[Point], diagnostics: &Diagnostics) {
    for exclusion in excluded {
        let Some((first, _)) = exclusion.first() else { continue };
        if !points.iter().any(|point| has(point, exclusion)) {
            let error = Diagnostic::error(&first.span, "no combination of the sweep is left out by this");
            diagnostics.push(error.hint("say paths and values as `product` and `zip` do"));
        }
    }
    points.retain(|point| !excluded.iter().any(|exclusion| has(point, exclusion)));
}

fn add(points: &mut Vec<Point>, included: Vec<Point>, diagnostics: &Diagnostics) {
    for point in included {
        let Some((first, _)) = point.first() else { continue };
        if points.iter().any(|known| known.len() == point.len() && has(known, &point)) {
            diagnostics.error(&first.span, "this combination is in the sweep already");
            continue;
        }
        points.push(point);
    }
}

/// Reports a setting that no variant has of its own.
pub fn is_of_the_whole(path: &Key, diagnostics: &Diagnostics) -> bool {
    if names_profile(path) {
        let error = Diagnostic::error(&path.span, "a profile is chosen for all variants together");
        diagnostics.push(error.hint("say `profile: …` at the top of the file, or `--set profile=…`"));
    }
    names_profile(path)
}

#[cfg(test)]
mod tests {
    use affekt_config::parse;

    use super::*;

    fn read_text(text: &str) -> (Vec<String>, String) {
        let diagnostics = Diagnostics::new();
        let sweep = read(&parse("x.yaml", text, &diagnostics).unwrap(), &diagnostics);
        let names = sweep.points.iter().map(|point| sweep.name(point)).collect();
        (names, diagnostics.to_string())
    }

    fn names(text: &str) -> Vec<String> {
        let (names, complaints) = read_text(text);
        assert_eq!(complaints, "");
        names
    }

    #[test]
    fn products_zips_and_what_is_added_or_left_out() {
        assert_eq!(
            names("product: { a.lr: [1, 2], units: [3, 4] }"),
            ["lr=1,units=3", "lr=1,units=4", "lr=2,units=3", "lr=2,units=4"]
        );
        assert_eq!(names("zip: { a: [1, 2], b: [x, y] }"), ["a=1,b=x", "a=2,b=y"]);
        assert_eq!(
            names("product: { c: [0, 1] }\nzip: [{ a: [1, 2], b: [x, y] }, { d: [7], e: [8] }]"),
            ["c=0,a=1,b=x,d=7,e=8", "c=0,a=2,b=y,d=7,e=8", "c=1,a=1,b=x,d=7,e=8", "c=1,a=2,b=y,d=7,e=8"]
        );
        assert_eq!(
            names(
                "product: { a: [1, 2], b: [1, 2] }\nexclude: [{ a: 1, b: 2 }, { a: 2.0, b: 1 }]\n\
                   include: { a: 9 }"
            ),
            ["a=1,b=1", "a=2,b=2", "a=9"]
        );
        assert_eq!(names("include: [{ a: 1 }, { b: 2 }]"), ["a=1", "b=2"]);
        assert_eq!(names("product: { lr: { from: 1e-3, to: 1e-1, factor: 10 } }").len(), 3);
    }

    #[test]
    fn paths_are_as_long_as_it_takes_to_tell_them_apart() {
        assert_eq!(names("zip: { with.a.lr: [1], with.b.lr: [2], with.c.n: [3] }"), ["a.lr=1,b.lr=2,n=3"]);
        assert_eq!(names("zip: { lr: [1], with.lr: [2] }"), ["lr=1,with.lr=2"]);
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let said = |text: &str, expected: &str| {
            let (_, complaints) = read_text(text);
            assert!(complaints.contains(expected), "{complaints}");
        };
        said("{}", "`sweep` goes over nothing");
        said("product: { a: [] }", "`a` has no values to go over");
        said("zip: { a: [1, 2], b: [1] }", "`b` has 1 values and `a` has 2");
        said("product: { a: [1] }\nzip: { a: [2] }", "`a` is swept over twice");
        said("product: { a: [1] }\nexclude: { a: 2 }", "no combination of the sweep is left out by this");
        said("product: { a: [1] }\ninclude: { a: 1.0 }", "this combination is in the sweep already");
        said("product: { profile: [tiny] }", "a profile is chosen for all variants together");
        said("product: { a: { from: 0, to: 1 } }", "needs to know which values");
        said("product: { a: { from: 1, to: 20000, step: 1 } }", "more than 10000 combinations");
        said("products: { a: [1] }", "unknown key `products` in `sweep`");
    }
}
