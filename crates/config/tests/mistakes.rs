//! Every known kind of mistake in YAML, with the complete diagnostics.
//!
//! `mistakes.txt` holds the cases: a file, a line `----`, what is printed; then a line `====`.

use affekt_config::{Diagnostics, parse};

#[test]
fn each_mistake_is_told_in_full() {
    let cases: Vec<&str> = include_str!("mistakes.txt").split("====\n").collect();
    assert!(cases.len() > 20);
    for case in cases {
        let (text, expected) = case.split_once("----\n").expect("a case has a line `----`");
        let diagnostics = Diagnostics::new();
        let _ = parse("f.yaml", text, &diagnostics);
        assert_eq!(diagnostics.to_string(), expected, "of the file\n{text}");
    }
}
