//! Numbers as people read them: percent with one decimal, and never more digits than they are worth.

use affekt_eval::Measure;
use serde_json::Value;

/// A fraction as percent: `67.3`.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.1}", points(fraction))
}

/// A fraction as the points of percent that are printed: what readers add and subtract.
pub(crate) fn points(fraction: f64) -> f64 {
    (1000.0 * fraction).round() / 10.0
}

/// Two fractions as a range of percent: `61.0–72.9`.
pub(crate) fn range([low, high]: [f64; 2]) -> String {
    format!("{}–{}", percent(low), percent(high))
}

/// A difference in points of percent, always with its sign: `+14.3`, `−0.2`.
pub(crate) fn signed(points: f64) -> String {
    match format!("{points:+.1}") {
        zero if zero == "-0.0" || zero == "+0.0" => "0.0".into(),
        text => text.replace('-', "−"),
    }
}

/// A p-value: three decimals, and no smaller than they can tell.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }
}

/// A count with its thousands apart: `27 495`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A duration: `0.4 s`, `3 min 05 s`, `2 h 10 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A noun with its number: `1 seed`, `3 seeds`.
pub(crate) fn plural(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

/// `text` with a capital and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

/// A parameter's value as it stands in YAML.
pub(crate) fn value(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a measure is called in a heading.
pub(crate) const fn title(measure: Measure) -> &'static str {
    match measure {
        Measure::Uar => "UAR",
        Measure::Wa => "WA",
        Measure::MacroF1 => "Macro-F1",
    }
}

/// What a measure is.
pub(crate) const fn meaning(measure: Measure) -> &'static str {
    match measure {
        Measure::Uar => "unweighted average recall, the mean of the classes’ recalls",
        Measure::Wa => "weighted accuracy, the share of right predictions",
        Measure::MacroF1 => "the mean of the classes’ F1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!([0.67349, 0.6125].map(percent), ["67.3", "61.3"]);
        assert_eq!(range([0.0, 1.0]), "0.0–100.0");
        assert_eq!([14.26, -0.2, -0.04].map(signed), ["+14.3", "−0.2", "0.0"]);
        assert_eq!([1.0, 0.04996, 0.0004].map(p_value), ["1.000", "0.050", "< 0.001"]);
        assert_eq!([7, 27_495, 1_000_000].map(count), ["7", "27\u{202f}495", "1\u{202f}000\u{202f}000"]);
        assert_eq!(
            [0.44, 9.96, 59.4, 185.0, 7800.0].map(duration),
            ["0.4 s", "10 s", "59 s", "3 min 05 s", "2 h 10 min"]
        );
        assert_eq!((plural(1, "seed"), plural(0, "seed")), ("1 seed".into(), "0 seeds".into()));
        assert_eq!(["no stop ", "Stop.", ""].map(sentence), ["No stop.", "Stop.", "."]);
        assert_eq!((value(&"mfcc".into()), value(&0.01.into())), ("mfcc".into(), "0.01".into()));
    }
}
