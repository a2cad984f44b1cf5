//! Words and numbers as sentences have them, for what publications print of parameters.

/// Formats a number as people write it: `0.3`, `1e-4`.
#[must_use]
pub fn number(value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "" };
    let value = value.abs();
    if value != 0.0 && !(1e-3..1e9).contains(&value) {
        format!("{sign}{value:e}")
    } else {
        format!("{sign}{value}")
    }
}

/// Formats a fraction as percent: `8 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{} %", (1e4 * share).round() / 100.0)
}

/// Lists things as a sentence does: `16, 32 and 64`.
#[must_use]
pub fn listed<T: ToString>(things: &[T]) -> String {
    let words: Vec<String> = things.iter().map(T::to_string).collect();
    match &words[..] {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Formats a noun with its number: `1 layer`, `2 layers`.
#[must_use]
pub fn plural(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Makes a sentence of a clause, where there is one.
pub(crate) fn clause(is_there: bool, text: impl FnOnce() -> String) -> String {
    if is_there { text() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!([0.3, 1e-4, 0.0, -32.0, 2.5e-7].map(number), ["0.3", "1e-4", "0", "−32", "2.5e-7"]);
        assert_eq!([0.08, 0.1234, 1.0].map(percent), ["8 %", "12.34 %", "100 %"]);
        assert_eq!(listed(&[16, 32, 64]), "16, 32 and 64");
        assert_eq!(listed(&["a"]), "a");
        assert_eq!((plural(1, "layer"), plural(2, "layer")), ("1 layer".into(), "2 layers".into()));
    }
}
