//! Sizes as people write and read them.

/// Writes a size: `1.50 GiB`.
pub fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// Reads a size: `1500000`, `200M`, `1.5GiB`. Units are powers of 1024.
///
/// # Errors
/// In words, where it is none.
pub fn parse(text: &str) -> Result<u64, String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_uppercase();
    let power = match unit.strip_suffix("IB").or_else(|| unit.strip_suffix('B')).unwrap_or(&unit) {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return Err("expected a size: a number and one of K, M, G, T".to_owned()),
    };
    let number: f64 =
        number.parse().map_err(|_| "expected a size: a number and one of K, M, G, T".to_owned())?;
    Ok((number * 1024f64.powi(power)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("17B", 17),
            ("2k", 2048),
            ("1.5M", 3 << 19),
            ("3 GiB", 3 << 30),
            ("1TB", 1 << 40),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "-1", "1e3", "12X", "1.2.3"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
