//! Resolution of plain scalars by the core schema of YAML 1.2.

use crate::Value;

/// Returns the value of an unquoted scalar, or why it is invalid.
pub(crate) fn resolve(text: &str) -> Result<Value, &'static str> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err("a number must be finite");
    }
    let beyond = "a whole number must fit into 64 bits";
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|c| c.is_digit(radix))
        {
            return i64::from_str_radix(digits, radix).map(Value::Integer).map_err(|_| beyond);
        }
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map(Value::Integer).map_err(|_| beyond);
    }
    if !is_float(unsigned) {
        return Ok(Value::Text(text.to_owned()));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::Float(number)),
        _ => Err("a number must be finite"),
    }
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(unsigned: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_schema() {
        for text in ["", "~", "null", "NULL"] {
            assert_eq!(resolve(text), Ok(Value::Null), "{text}");
        }
        for (text, value) in [("0", 0), ("-12", -12), ("+3", 3), ("007", 7), ("0x1F", 31), ("0o17", 15)] {
            assert_eq!(resolve(text), Ok(Value::Integer(value)), "{text}");
        }
        for (text, value) in
            [("1e-4", 1e-4), ("3E5", 3e5), ("-.5", -0.5), ("1.", 1.0), ("+2.50", 2.5), ("1.e2", 100.0)]
        {
            assert_eq!(resolve(text), Ok(Value::Float(value)), "{text}");
        }
        for text in [
            "no", "yes", "on", "off", "y", "nul", "tRue", "1_000", "1e", "e4", ".", "-", "+", "0x", "0xg",
            "1.2.3", "1e-", "inf", "nan", "12:30", "0b1", "--1",
        ] {
            assert_eq!(resolve(text), Ok(Value::Text(text.to_owned())), "{text}");
        }
        for text in [".inf", "-.INF", "+.Inf", ".NaN", "1e999", "9223372036854775808", "0xffffffffffffffff"] {
            assert!(resolve(text).is_err(), "{text}");
        }
        assert_eq!(resolve("-9223372036854775808"), Ok(Value::Integer(i64::MIN)));
    }
}
