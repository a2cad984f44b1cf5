//! Formatting of numbers: percent with one decimal, and no more digits than are significant. CCC and correlation are
//! printed as percent too, as in the field's papers; squared errors have a unit and are printed as they are.

use affekt_eval::Measure;
use serde_json::Value;

/// Formats a fraction as percent: `67.3`.
pub(crate) fn percent(fraction: f64) -> String {
    minus(&format!("{:.1}", points(fraction)))
}

/// Writes a number with a minus sign for its hyphen; nothing is below zero that is rounded to it.
fn minus(number: &str) -> String {
    match number.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|digit| matches!(digit, b'0' | b'.')) => digits.to_owned(),
        Some(digits) => format!("−{digits}"),
        None => number.to_owned(),
    }
}

/// Formats a measure's value.
pub(crate) fn figure(measure: Measure, value: f64) -> String {
    if is_percent(measure) { percent(value) } else { error(value) }
}

/// Formats a squared error with three significant digits: `0.0479`.
pub(crate) fn error(value: f64) -> String {
    error_beside(value, value)
}

/// Formats a squared error with as many decimals as another one.
pub(crate) fn error_beside(other: f64, value: f64) -> String {
    if other == 0.0 {
        return value.to_string();
    }
    let decimals = 2 - other.abs().log10().floor() as i32;
    format!("{value:.*}", usize::try_from(decimals).unwrap_or(0))
}

/// Returns whether a measure is printed as percent.
pub(crate) const fn is_percent(measure: Measure) -> bool {
    !matches!(measure, Measure::Mse)
}

/// Formats a published fraction as percent, with the one or two decimals of its source: `65.41`, `67.0`.
pub(crate) fn quoted(fraction: f64) -> String {
    let text = format!("{:.2}", 100.0 * fraction);
    text.strip_suffix('0').unwrap_or(&text).to_owned()
}

/// Rounds a fraction to the points of percent that are printed, which readers add and subtract.
pub(crate) fn points(fraction: f64) -> f64 {
    (1000.0 * fraction).round() / 10.0
}

/// Formats two fractions as a range of percent: `61.0–72.9`.
pub(crate) fn range([low, high]: [f64; 2]) -> String {
    let between = if low < 0.0 { " to " } else { "–" };
    format!("{}{between}{}", percent(low), percent(high))
}

/// Formats a difference in points of percent with its sign: `+14.3`, `−0.2`.
pub(crate) fn signed(points: f64) -> String {
    match format!("{points:+.1}") {
        zero if zero == "-0.0" || zero == "+0.0" => "0.0".into(),
        text => text.replace('-', "−"),
    }
}

/// Formats a p-value: three decimals, bounded by what they can express.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }
}

/// Formats a count with separated thousands: `27 495`.
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

/// Formats a duration: `0.4 s`, `3 min 05 s`, `2 h 10 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Formats a noun with its number: `1 seed`, `3 seeds`.
pub(crate) fn plural(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

/// Capitalises `text` and ends it with a full stop.
pub(crate) fn sentence(text: &str) -> String {
    capital(&stopped(text))
}

/// Ends `text` with a full stop.
pub(crate) fn stopped(text: &str) -> String {
    let text = text.trim();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{text}{stop}")
}

/// Capitalises `text`.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

/// Shortens the paths of settings: `with.lr` to `lr`; the whole path if that is ambiguous.
pub(crate) fn own_names(paths: &[&str]) -> Vec<String> {
    fn own(path: &str) -> &str {
        path.rsplit_once('.').map_or(path, |(_, name)| name)
    }
    let is_taken = |path: &str| paths.iter().filter(|other| own(other) == own(path)).count() > 1;
    paths.iter().map(|path| if is_taken(path) { *path } else { own(path) }.to_owned()).collect()
}

/// Lists names: the first few of many, and the number of others.
pub(crate) fn listed(names: &[&str]) -> String {
    const FEW: usize = 6;
    match names.len().checked_sub(FEW) {
        Some(more) if more > 1 => format!("{} and {} more", names[..FEW].join(", "), count(more as u64)),
        _ => names.join(", "),
    }
}

/// Truncates `text` to a number of letters.
pub(crate) fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

/// Formats titles as alternatives: `CCC or UAR`.
pub(crate) fn either(measures: &[Measure]) -> String {
    measures.iter().map(|measure| title(*measure)).collect::<Vec<_>>().join(" or ")
}

/// Formats a parameter's value as in YAML.
pub(crate) fn value(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns the name of a measure in headings.
pub(crate) const fn title(measure: Measure) -> &'static str {
    match measure {
        Measure::Uar => "UAR",
        Measure::Wa => "WA",
        Measure::MacroF1 => "Macro-F1",
        Measure::Ccc => "CCC",
        Measure::Mse => "MSE",
        Measure::Pearson => "Pearson",
    }
}

/// Returns the definition of a measure.
pub(crate) const fn meaning(measure: Measure) -> &'static str {
    match measure {
        Measure::Uar => "unweighted average recall, the mean of the classes’ recalls",
        Measure::Wa => "weighted accuracy, the share of right predictions",
        Measure::MacroF1 => "the mean of the classes’ F1",
        Measure::Ccc => {
            "concordance correlation coefficient with moments of the population, the mean of the outputs’; 100 is perfect, \
             0 is chance"
        }
        Measure::Mse => {
            "mean squared error, the mean of the outputs’, in their own squared unit and not in percent"
        }
        Measure::Pearson => "correlation coefficient, the mean of the outputs’, times 100",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!([0.67349, 0.6125].map(percent), ["67.3", "61.3"]);
        assert_eq!(range([0.0, 1.0]), "0.0–100.0");
        assert_eq!((range([-0.008, 0.4]).as_str(), percent(-0.0004).as_str()), ("−0.8 to 40.0", "0.0"));
        assert_eq!([0.6541, 0.67, 0.5, 0.4988].map(quoted), ["65.41", "67.0", "50.0", "49.88"]);
        assert_eq!([0.047_86, 0.0, 12.34, 4321.6].map(error), ["0.0479", "0", "12.3", "4322"]);
        assert_eq!(error_beside(0.0196, 0.001_21), "0.0012");
        assert_eq!(figure(Measure::Ccc, 0.6541), "65.4");
        assert_eq!(either(&[Measure::Ccc, Measure::Uar]), "CCC or UAR");
        assert_eq!([14.26, -0.2, -0.04].map(signed), ["+14.3", "−0.2", "0.0"]);
        assert_eq!([1.0, 0.04996, 0.0004].map(p_value), ["1.000", "0.050", "< 0.001"]);
        assert_eq!([7, 27_495, 1_000_000].map(count), ["7", "27\u{202f}495", "1\u{202f}000\u{202f}000"]);
        assert_eq!(
            [0.44, 9.96, 59.4, 185.0, 7800.0].map(duration),
            ["0.4 s", "10 s", "59 s", "3 min 05 s", "2 h 10 min"]
        );
        assert_eq!((plural(1, "seed"), plural(0, "seed")), ("1 seed".into(), "0 seeds".into()));
        assert_eq!(["no stop ", "Stop.", ""].map(sentence), ["No stop.", "Stop.", "."]);
        assert_eq!(
            own_names(&["with.lr", "a.units", "b.units", "seed"]),
            ["lr", "a.units", "b.units", "seed"]
        );
        assert_eq!(listed(&["a"; 7]), "a, a, a, a, a, a, a");
        assert_eq!(listed(&["a"; 30]), "a, a, a, a, a, a and 24 more");
        assert_eq!((shortened("seven", 5), shortened("eights", 5)), ("seven".into(), "eigh…".into()));
        assert_eq!((value(&"mfcc".into()), value(&0.01.into())), ("mfcc".into(), "0.01".into()));
    }
}
