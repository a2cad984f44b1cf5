//! What is wrong with the files of the corpora, by kind, with an example.

use std::collections::BTreeMap;

use affekt_domain::Problem;

/// Kinds of problems of which one says nothing: the file is there once more.
const HARMLESS: [&str; 4] = ["second-copy", "worse-copy", "known-oddity", "no-audio"];

/// The problems of one kind with the files of a corpus.
struct Kind<'p> {
    first: &'p Problem,
    files: usize,
}

/// Returns a line for each kind of problem with a corpus: how many there are, and the first.
pub fn by_kind(problems: &BTreeMap<String, Vec<Problem>>) -> Vec<String> {
    lines(problems, |_| true)
}

/// Returns the same for the kinds for which files are left out that are not there a second time.
pub fn left_out(problems: &BTreeMap<String, Vec<Problem>>) -> Vec<String> {
    lines(problems, |problem| problem.dropped && !HARMLESS.contains(&problem.kind.as_str()))
}

/// Returns how many problems there are with each corpus that has some, in one line; `None` if all is well.
pub fn count(problems: &BTreeMap<String, Vec<Problem>>) -> Option<String> {
    let of_corpus = |(corpus, problems): (&String, &Vec<Problem>)| {
        let dropped = problems.iter().filter(|problem| problem.dropped).count();
        let left_out =
            if dropped > 0 { format!(", {dropped} for which files are left out") } else { String::new() };
        (!problems.is_empty()).then(|| format!("{corpus} {}{left_out}", problems.len()))
    };
    let counts: Vec<String> = problems.iter().filter_map(of_corpus).collect();
    (!counts.is_empty()).then(|| format!("problems with files: {}", counts.join("; ")))
}

fn lines(problems: &BTreeMap<String, Vec<Problem>>, is_told: impl Fn(&Problem) -> bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (corpus, problems) in problems {
        let mut kinds: BTreeMap<&str, Kind<'_>> = BTreeMap::new();
        for problem in problems.iter().filter(|problem| is_told(problem)) {
            kinds.entry(&problem.kind).or_insert(Kind { first: problem, files: 0 }).files += 1;
        }
        for (kind, Kind { first, files }) in kinds {
            let example = if files == 1 { "" } else { "for example " };
            let at = if first.path.is_empty() { String::new() } else { format!("`{}`: ", first.path) };
            lines.push(format!("{corpus}: {files} × {kind}, {example}{at}{}", first.message));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_a_line_each_and_corpora_a_count() {
        let problem = |path: &str, kind: &str, dropped| Problem {
            corpus: "C".into(),
            path: path.into(),
            kind: kind.into(),
            message: format!("what is wrong with {path}"),
            dropped,
        };
        let of_corpus = vec![
            problem("a.wav", "unknown-label", true),
            problem("b.wav", "unknown-label", true),
            problem("c.wav", "second-copy", true),
            problem("d.wav", "silent", false),
        ];
        let problems = BTreeMap::from([("C".to_owned(), of_corpus), ("D".to_owned(), Vec::new())]);
        let unknown = "C: 2 × unknown-label, for example `a.wav`: what is wrong with a.wav";
        assert_eq!(left_out(&problems), [unknown]);
        assert_eq!(by_kind(&problems).len(), 3);
        assert_eq!(
            count(&problems).as_deref(),
            Some("problems with files: C 4, 3 for which files are left out")
        );
        assert_eq!(count(&BTreeMap::from([("D".to_owned(), Vec::new())])), None);
    }
}
