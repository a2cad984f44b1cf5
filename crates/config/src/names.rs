//! Names beside names: the nearest one, and all of them in a sentence.

/// The candidate that `name` was most likely meant to be, if any is near enough.
#[must_use]
pub fn nearest<'n>(name: &str, candidates: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let wanted = simplified(name);
    // A third of the letters may be wrong: `mfc` finds `mfcc`, `lr` does not find `op`.
    let allowed = (wanted.chars().count().max(3) / 3).min(4);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&wanted, &simplified(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The names in backticks, with commas between: `` `a`, `b`, `c` ``.
#[must_use]
pub fn list_names<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// `Hop-Length` and `hop_length` are the same mistake away from anything.
fn simplified(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}
