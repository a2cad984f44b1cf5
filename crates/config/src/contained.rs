//! Paths that others wrote: in cards, exports, archives, listings of servers.

/// Returns whether a path names something below a folder, whichever folder it is joined to: `a/b.wav`, and neither `/etc/passwd` nor
/// `../a` nor `a//b`. Backslashes are refused, for on other systems they separate names.
///
/// It says nothing of links in that folder.
#[must_use]
pub fn is_contained(path: &str) -> bool {
    let is_name =
        |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0']);
    path.split('/').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out() {
        for good in ["a", "a/b.wav", "..a/b..", "Session*/dialog/*.txt", "ü/…", "a b/#"] {
            assert!(is_contained(good), "{good}");
        }
        for bad in
            ["", "/", "/a", "../a", "a/../../b", "a/..", "a//b", "a/.", "./a", "a/", "a\\b", "..\\a", "a\0b"]
        {
            assert!(!is_contained(bad), "{bad}");
        }
    }
}
