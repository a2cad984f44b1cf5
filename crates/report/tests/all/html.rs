//! A strict parser of HTML. Those of libraries repair mistakes, as browsers do; these tests must detect them.

use std::collections::BTreeMap;

/// An element, or the whole page.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub children: Vec<Element>,
    /// Returns its own text and that of its descendants.
    pub text: String,
}

/// Void elements of HTML; those of SVG are closed explicitly.
const VOID: [&str; 3] = ["meta", "br", "img"];

/// Parses the page as a tree.
///
/// # Panics
/// Panics if an element is not closed in order, or an attribute is repeated or unquoted.
pub fn parse(page: &str) -> Element {
    let mut open = vec![Element::default()];
    let close = |open: &mut Vec<Element>| {
        let element = open.pop().expect("something is open");
        let parent = open.last_mut().expect("the page is never closed");
        parent.text += &element.text;
        parent.children.push(element);
    };
    let (first, rest) = page.split_once('<').expect("a page has elements");
    assert!(first.trim().is_empty(), "text before the page: {first}");
    for part in rest.split('<') {
        let (tag, text) = part.split_once('>').expect("a tag ends");
        assert!(tag == "style" || !text.contains('>'), "an unescaped > after <{tag}>");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.last().map(|element| element.name.as_str()), Some(name), "</{name}>");
            close(&mut open);
        } else if !tag.starts_with('!') {
            let element = element(tag.trim_end_matches('/'));
            let is_void = tag.ends_with('/') || VOID.contains(&element.name.as_str());
            open.push(element);
            if is_void {
                close(&mut open);
            }
        }
        open.last_mut().expect("the page is never closed").text += text;
    }
    assert_eq!(
        open.len(),
        1,
        "left open: {:?}",
        open.iter().map(|element| &element.name).collect::<Vec<_>>()
    );
    open.remove(0)
}

fn element(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once([' ', '\n']).unwrap_or((tag, ""));
    let mut element = Element { name: name.to_owned(), ..Element::default() };
    while !rest.trim().is_empty() {
        let (key, after) =
            rest.split_once("=\"").unwrap_or_else(|| panic!("an attribute without value: <{tag}>"));
        let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("a value without end: <{tag}>"));
        let before = element.attributes.insert(key.trim().to_owned(), value.to_owned());
        assert!(before.is_none(), "{key} comes twice: <{tag}>");
        rest = after;
    }
    element
}

impl Element {
    /// Returns the value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// Returns the element and its descendants, in order.
    pub fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        for child in &self.children {
            all.extend(child.all());
        }
        all
    }

    /// Returns its descendants with a name, in order.
    pub fn find(&self, name: &str) -> Vec<&Self> {
        self.all().into_iter().filter(|element| element.name == name).collect()
    }
}
