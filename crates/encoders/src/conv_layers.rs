//! fairseq's `conv_feature_layers`: a Python expression for a list of (channels, kernel, stride), such as
//! `[(512, 10, 5)] + [(512, 3, 2)] * 4`. fairseq has Python evaluate it; this parses lists, sums and repetitions.

/// The value in every published checkpoint.
pub(crate) const PUBLISHED: &str = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]";

/// More layers than any feature encoder has.
const MAX_LAYERS: usize = 1000;

/// Returns channels, kernel and stride of each layer.
///
/// # Errors
/// Describes what is wrong, as "…" in "the setting …".
pub(crate) fn parse(text: &str) -> Result<Vec<[usize; 3]>, String> {
    let wrong =
        || format!("is `{text}`: expected a sum of lists such as `[(512, 10, 5)] + [(512, 3, 2)] * 4`");
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut layers = Vec::new();
    for term in text.split('+') {
        let (list, times) = match term.rsplit_once(']') {
            Some((list, "")) => (list, 1),
            Some((list, times)) => {
                (list, times.strip_prefix('*').and_then(|times| times.parse().ok()).ok_or_else(wrong)?)
            }
            None => return Err(wrong()),
        };
        let list = list.strip_prefix('[').and_then(tuples).ok_or_else(wrong)?;
        if list.len().saturating_mul(times) > MAX_LAYERS - layers.len() {
            return Err(format!("lists more than {MAX_LAYERS} layers"));
        }
        layers.extend(std::iter::repeat_n(list, times).flatten());
    }
    Ok(layers)
}

/// Parses `(512,10,5),(512,3,2)`, optionally with a trailing comma.
fn tuples(list: &str) -> Option<Vec<[usize; 3]>> {
    let list = list.strip_suffix(',').unwrap_or(list);
    let tuple = |text: &str| {
        let sizes: Option<Vec<usize>> = text.split(',').map(|size| size.parse().ok()).collect();
        <[usize; 3]>::try_from(sizes?).ok()
    };
    list.strip_prefix('(')?.strip_suffix(')')?.split("),(").map(tuple).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fairseq_writes_is_read() {
        let published = parse(PUBLISHED).unwrap();
        assert_eq!(published.len(), 7);
        assert_eq!(published[..2], [[512, 10, 5], [512, 3, 2]]);
        assert_eq!(published[4..], [[512, 3, 2], [512, 2, 2], [512, 2, 2]]);
        assert_eq!(parse("[(8, 10, 5), (4,3,2),]"), Ok(vec![[8, 10, 5], [4, 3, 2]]));
        assert_eq!(parse("[(8, 10, 5), (4,3,2)]*2").unwrap().len(), 4);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "[]",
            "__import__('os')",
            "[(1,2)]",
            "[(1,2,3)]*x",
            "[(1,2,-3)]",
            "[(1,2,3)]+",
            "2*[(1,2,3)]",
        ] {
            assert!(parse(text).unwrap_err().starts_with("is `"), "{text}");
        }
        assert_eq!(parse("[(1,2,3)] * 1001").unwrap_err(), "lists more than 1000 layers");
        assert_eq!(parse("[(1,2,3)] * 600 + [(1,2,3)] * 600").unwrap_err(), "lists more than 1000 layers");
        assert!(parse("[(1,2,3)] * 18446744073709551615").is_err());
    }
}
