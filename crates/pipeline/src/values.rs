//! Values that a setting is to have one after the other, or drawn between two: what sweeps and searches go over.
//!
//! ```yaml
//! network: [cnn, two-cnns]                            # these
//! units: { from: 64, to: 512, step: 64 }              # 64, 128, … 512
//! lr: { from: 1e-5, to: 1e-2, factor: 10 }            # 1e-5, 1e-4, 1e-3, 1e-2
//! dropout: { from: 0, to: 0.5, points: 6 }            # 0, 0.1, … 0.5
//! weight_decay: { from: 1e-6, to: 1e-2, points: 9, scale: log }
//! lr: { from: 1e-5, to: 1e-2, scale: log }            # anything between: for a search that draws
//! ```

use affekt_config::{Diagnostic, Field, Node, Section, Span, Value, to_json};
use affekt_domain::SplitMix64;

/// What a setting may be.
#[derive(Debug, Clone)]
pub enum Values {
    /// One of these, of which no two are the same; at least one.
    Listed(Vec<Node>),
    /// Any number between two.
    Between(Between),
}

/// Numbers from one to another, both included.
#[derive(Debug, Clone)]
pub struct Between {
    from: f64,
    to: f64,
    /// Whether equal ratios, rather than equal differences, are equally likely.
    is_log: bool,
    /// Whether they are whole.
    is_whole: bool,
    span: Span,
}

/// How many values a range may come to.
const MOST: usize = 100_000;

/// Reads a list or a range.
pub fn read(field: Field<'_>, what: &str) -> Option<Values> {
    match &field.node.value {
        Value::Map(_) => {
            let read = |section: &mut Section<'_>| read_range(section, &field.node.span);
            field.section(&format!("the range of {what}"), read)
        }
        Value::List(_) => {
            let values: Vec<Node> = field.list().into_iter().map(|item| item.node.clone()).collect();
            check_list(&values, field, what).then_some(Values::Listed(values))
        }
        _ => {
            field.expected("a list of values, or a range such as `{ from: 1e-5, to: 1e-2, factor: 10 }`");
            None
        }
    }
}

impl Between {
    /// One of them.
    pub fn draw(&self, random: &mut SplitMix64) -> Node {
        let share = (random.bits() >> 11) as f64 / (1_u64 << 53) as f64;
        let number = match (self.is_whole, self.is_log) {
            // Every whole number has as much room as any other.
            (true, false) => (self.from + share * (self.to - self.from + 1.0)).floor().min(self.to),
            (true, true) => self.between(share).round(),
            (false, _) => self.between(share),
        };
        number_node(if self.is_whole { number } else { to_digits(number, SHORT) }, self.is_whole, &self.span)
    }

    /// The number that lies this share of the way.
    fn between(&self, share: f64) -> f64 {
        match self.is_log {
            true => self.from * (self.to / self.from).powf(share),
            false => self.from + share * (self.to - self.from),
        }
    }
}

/// Whether two values are the same setting: `1e-4` and `0.0001` are.
pub fn is_same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Integer(a), Value::Float(b)) | (Value::Float(b), Value::Integer(a)) => *a as f64 == *b,
        _ => to_json(a) == to_json(b),
    }
}

fn check_list(values: &[Node], field: Field<'_>, what: &str) -> bool {
    let diagnostics = field.diagnostics();
    if values.is_empty() {
        let span = field.key.map_or(&field.node.span, |key| &key.span);
        diagnostics.error(span, format!("{what} has no values to go over"));
        return false;
    }
    let mut is_sound = true;
    for (number, value) in values.iter().enumerate() {
        if values[..number].iter().any(|other| is_same(other, value)) {
            diagnostics.error(&value.span, format!("{what} has the same value twice"));
            is_sound = false;
        }
    }
    is_sound
}

/// `span` is what is said to be wrong where one of its values is.
fn read_range(section: &mut Section<'_>, span: &Span) -> Option<Values> {
    let (from, to) = (section.required("from"), section.required("to"));
    let scale = section.optional_one_of("scale", &[("linear", false), ("log", true)]);
    let step = section.optional_float("step", 1e-12..);
    let factor = section.optional_float("factor", 1.000_001..);
    let points = section.optional_integer("points", 2_usize..=MOST);
    let (from, to) = (from?, to?);
    let is_whole = [from, to].iter().all(|field| matches!(field.node.value, Value::Integer(_)));
    let is_log = scale == Some(true) || factor.is_some();
    let least = if is_log { f64::MIN_POSITIVE } else { f64::MIN };
    let (low, high) = (from.float(least..)?, to.float(..)?);
    let complain = |message: &str, hint: &str| {
        section.diagnostics().push(Diagnostic::error(section.span(), message).hint(hint));
        None
    };
    if low >= high {
        return complain("the range is empty: `from` is not below `to`", "exchange the two");
    }
    let between = Between { from: low, to: high, is_log, is_whole, span: span.clone() };
    let numbers: Vec<f64> = match (step, factor, points) {
        (None, None, None) => return Some(Values::Between(between)),
        (Some(step), None, None) if !is_log => {
            let count = ((high - low) / step + 1e-9).floor();
            if count > MOST as f64 {
                return complain("the range has more values than anybody can try", "take larger steps");
            }
            (0..=count as usize).map(|i| low + i as f64 * step).collect()
        }
        (None, Some(factor), None) => {
            let count = ((high / low).ln() / factor.ln() + 1e-9).floor();
            if count > MOST as f64 {
                return complain("the range has more values than anybody can try", "take a larger factor");
            }
            (0..=count as i32).map(|i| low * factor.powi(i)).collect()
        }
        (None, None, Some(points)) => {
            let inner = (1..points - 1).map(|i| between.between(i as f64 / (points - 1) as f64));
            [low].into_iter().chain(inner.map(|number| to_digits(number, SHORT))).chain([high]).collect()
        }
        _ => {
            let hint =
                "`step` adds, `factor` multiplies, `points` says how many; `scale: log` goes with `points`";
            return complain("a range has one of `step`, `factor` and `points`", hint);
        }
    };
    let is_whole = is_whole && numbers.iter().all(|number| rounded(*number).fract() == 0.0);
    Some(Values::Listed(numbers.into_iter().map(|number| number_node(number, is_whole, span)).collect()))
}

fn number_node(number: f64, is_whole: bool, span: &Span) -> Node {
    let number = rounded(number);
    let value = if is_whole { Value::Integer(number as i64) } else { Value::Float(number) };
    Node { span: span.clone(), value }
}

/// To twelve digits, so that 1e-5 times ten is 1e-4.
fn rounded(number: f64) -> f64 {
    to_digits(number, 12)
}

/// How many digits a number has that nobody wrote: as many as a person copies without a mistake.
const SHORT: usize = 4;

fn to_digits(number: f64, digits: usize) -> f64 {
    format!("{number:.*e}", digits - 1).parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use affekt_config::{Diagnostics, parse};

    use super::*;

    fn read_text(text: &str) -> (Option<Values>, String) {
        let diagnostics = Diagnostics::new();
        let node = parse("x.yaml", text, &diagnostics).unwrap();
        let values = read(Field::new(node.get("x").unwrap(), &diagnostics), "`x`");
        (values, diagnostics.to_string())
    }

    fn listed(text: &str) -> String {
        match read_text(text) {
            (Some(Values::Listed(values)), complaints) => {
                assert_eq!(complaints, "");
                values.iter().map(|value| to_json(value).to_string()).collect::<Vec<_>>().join(" ")
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lists_and_ranges() {
        assert_eq!(listed("x: [a, 2, [3, 4]]"), "\"a\" 2 [3,4]");
        assert_eq!(listed("x: { from: 64, to: 256, step: 64 }"), "64 128 192 256");
        assert_eq!(listed("x: { from: 1, to: 8, step: 3 }"), "1 4 7");
        assert_eq!(listed("x: { from: 1e-5, to: 1e-2, factor: 10 }"), "0.00001 0.0001 0.001 0.01");
        assert_eq!(listed("x: { from: 1, to: 16, factor: 2 }"), "1 2 4 8 16");
        assert_eq!(listed("x: { from: 0, to: 0.5, points: 6 }"), "0.0 0.1 0.2 0.3 0.4 0.5");
        assert_eq!(
            listed("x: { from: 1e-4, to: 1e-2, points: 5, scale: log }"),
            "0.0001 0.0003162 0.001 0.003162 0.01"
        );
    }

    #[test]
    fn draws_stay_between_and_reach_both_ends() {
        let drawn = |text: &str, n: usize| -> Vec<f64> {
            let (Some(Values::Between(between)), _) = read_text(text) else { panic!("{text}") };
            let mut random = SplitMix64(1);
            (0..n).map(|_| to_json(&between.draw(&mut random)).as_f64().unwrap()).collect()
        };
        let whole = drawn("x: { from: 2, to: 5 }", 4000);
        for expected in [2.0, 3.0, 4.0, 5.0] {
            let count = whole.iter().filter(|value| **value == expected).count();
            assert!((880..1120).contains(&count), "{expected} came {count} times of 4000");
        }
        let log = drawn("x: { from: 1e-4, to: 1.0, scale: log }", 4000);
        assert!(log.iter().all(|value| (1e-4..=1.0).contains(value)));
        assert!(log.iter().all(|value| format!("{value:e}").len() <= "1.234e-4".len()), "four digits");
        let below = log.iter().filter(|value| **value < 1e-2).count();
        assert!(
            (1880..2120).contains(&below),
            "half of them lie below the middle of the logarithms: {below}"
        );
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let said = |text: &str, expected: &str| {
            let (_, complaints) = read_text(text);
            assert!(complaints.contains(expected), "{complaints}");
        };
        said("x: []", "`x` has no values to go over");
        said("x: [1e-4, 0.0001]", "`x` has the same value twice");
        said("x: [1, 1.0]", "`x` has the same value twice");
        said("x: 3", "expected a list of values, or a range");
        said("x: { from: 3, to: 3, step: 1 }", "the range is empty");
        said("x: { from: 0, to: 1, factor: 10 }", "expected a number of at least");
        said("x: { from: 1, to: 2, step: 1, points: 2 }", "a range has one of");
        said("x: { from: 0, to: 1, step: 1e-9 }", "more values than anybody can try");
        said("x: { from: 1, to: 2, by: 1 }", "unknown key `by` in the range of `x`");
        said("x: { from: 1 }", "the range of `x` needs `to`");
    }
}
