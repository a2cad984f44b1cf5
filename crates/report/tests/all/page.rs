//! The structure of the page: for readers with a screen, a screen reader, a printer, or no network.

use std::collections::BTreeSet;

use affekt_report::html;

use crate::html::{Element, parse};
use crate::sample::report;
use crate::{SMALL, STAMP, USUAL, reports};

#[test]
fn it_needs_nothing_else() {
    for report in reports() {
        let page = html(&report);
        // Pictures are in the page itself.
        let parts = page.split(r#"<img src="data:image/png;base64,"#).enumerate();
        let page: String =
            parts.map(|(i, part)| if i == 0 { part } else { part.split_once('"').unwrap().1 }).collect();
        for load in
            ["http:", "https:", "//", "<script", "<link", "<img", "url(", "@import", "src=", "@font-face"]
        {
            assert!(!page.contains(load), "the page contains {load}");
        }
    }
}

#[test]
fn links_lead_somewhere() {
    for report in reports() {
        let page = parse(&html(&report));
        let mut ids = BTreeSet::new();
        for element in page.all() {
            if let Some(id) = element.get("id") {
                assert!(ids.insert(id), "the id {id} comes twice");
            }
        }
        let mut beside: BTreeSet<String> =
            affekt_report::tables(&report).into_iter().map(|(name, _)| format!("tables/{name}")).collect();
        beside.extend(affekt_report::method_latex(&report).map(|_| "tables/method-text.tex".to_owned()));
        let files = [
            "metrics.json",
            "predictions.arrow",
            "resolved.yaml",
            "journal.jsonl",
            "tables/",
            "tensorboard/",
        ];
        for element in page.all() {
            for label in ["aria-labelledby", "aria-describedby"] {
                assert!(element.get(label).is_none_or(|id| ids.contains(id)), "{element:?}");
            }
            let Some(href) = element.get("href") else { continue };
            let href = href.replace("&#x2f;", "/");
            match href.strip_prefix('#') {
                Some(id) => assert!(ids.contains(id), "{href}"),
                None => assert!(files.contains(&href.as_str()) || beside.contains(&href), "{href}"),
            }
        }
    }
}

#[test]
fn headings_skip_no_level() {
    for report in reports() {
        let page = parse(&html(&report));
        let level = |element: &&Element| match element.name.as_str() {
            "h1" => Some(1),
            "h2" => Some(2),
            "h3" => Some(3),
            "h4" | "h5" | "h6" => panic!("three levels are enough"),
            _ => None,
        };
        let levels: Vec<i32> = page.all().iter().filter_map(level).collect();
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
        assert_eq!(levels[0], 1);
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    }
}

#[test]
fn tables_can_be_heard() {
    for report in reports() {
        let page = parse(&html(&report));
        let tables = page.find("table");
        assert!(tables.len() >= 6);
        for table in tables {
            assert_eq!(table.children[0].name, "caption", "{}", table.text);
            assert!(!table.children[0].text.trim().is_empty());
            assert!(table.find("th").iter().all(|th| th.get("scope").is_some()), "{}", table.text);
            let span = |cell: &&Element| cell.get("colspan").map_or(1, |span| span.parse::<usize>().unwrap());
            let widths: BTreeSet<usize> = table
                .find("tr")
                .iter()
                .map(|row| {
                    row.children
                        .iter()
                        .filter(|cell| ["th", "td"].contains(&cell.name.as_str()))
                        .map(|cell| span(&cell))
                        .sum()
                })
                .collect();
            assert_eq!(widths.len(), 1, "rows of different widths {widths:?}: {}", table.text);
            for row in table.find("tbody").iter().flat_map(|body| body.find("tr")) {
                let first = &row.children[0];
                let is_note = row.get("class") == Some("note");
                assert!(is_note || first.name == "th", "a row without a name: {}", row.text);
            }
        }
    }
}

/// Wide tables scroll in a box of their own, which has keyboard focus and a name for screen readers.
#[test]
fn tables_scroll_by_themselves() {
    let page = parse(&html(&report(USUAL)));
    let boxes: Vec<&Element> =
        page.all().into_iter().filter(|element| element.get("class") == Some("scroll")).collect();
    assert_eq!(boxes.len(), page.find("table").len());
    for scroll in boxes {
        assert_eq!((scroll.get("role"), scroll.get("tabindex")), (Some("region"), Some("0")));
        assert!(scroll.get("aria-labelledby").is_some());
        assert_eq!(scroll.find("table").len(), 1);
    }
}

#[test]
fn plots_have_words() {
    for report in reports() {
        for svg in parse(&html(&report)).find("svg") {
            for inner in svg.find("svg") {
                let is_mark = inner
                    .children
                    .iter()
                    .all(|child| ["path", "line", "circle"].contains(&child.name.as_str()));
                let is_hidden = inner.get("aria-hidden") == Some("true");
                let is_told = inner.get("role") == Some("img")
                    && inner.get("aria-label").is_some_and(|text| text.len() > 5);
                assert!(is_mark || is_hidden || is_told, "{inner:?}");
            }
        }
    }
}

#[test]
fn every_table_of_a_stamped_variant_says_so() {
    let page = parse(&html(&report(SMALL)));
    let of = |id: &str| {
        let sections = page.find("section");
        sections.into_iter().find(|section| section.get("aria-labelledby") == Some(id)).expect("a section")
    };
    let stamped = of("variant-random").find("table");
    assert_eq!(stamped.len(), 10);
    for table in stamped {
        assert!(table.find("caption")[0].text.contains(STAMP), "{}", table.text);
    }
    assert!(!of("variant-speakers-apart").text.contains(STAMP));
    // Tables over several variants say it in the rows concerned.
    let results = of("results");
    assert_eq!(results.find("table").len(), 6);
    for table in results.find("table") {
        if table.get("id") == Some("table-confusions") {
            let headings = table.find("th").into_iter().filter(|cell| cell.get("scope") == Some("colgroup"));
            let stamped = headings.map(|cell| cell.text.contains(STAMP)).collect::<Vec<_>>();
            assert_eq!(stamped, [true, false], "{}", table.text);
            continue;
        }
        let rows = table
            .find("tr")
            .into_iter()
            .filter(|row| row.find("th").len() == 1 && row.text.contains("random"));
        let rows: Vec<&Element> = rows.filter(|row| row.find("td").len() > 1).collect();
        assert!(!rows.is_empty() && rows.iter().all(|row| row.text.contains(STAMP)), "{}", table.text);
    }
}

/// WCAG 2.1, 1.4.3: contrast of at least 4.5 between text and background, in light, dark and print.
#[test]
fn colours_contrast() {
    let style = include_str!("../../templates/style.css");
    let palettes: Vec<&str> =
        style.split(":root {").skip(1).map(|block| block.split('}').next().unwrap()).collect();
    assert_eq!(palettes.len(), 3, "light, dark, print");
    for palette in palettes {
        let value = |name: &str| {
            let (_, value) = palette.split_once(&format!("--{name}:")).unwrap_or_else(|| panic!("no {name}"));
            value.split(';').next().unwrap().trim()
        };
        let colour = |name: &str| channels(value(name));
        for (text, ground) in [
            ("ink", "paper"),
            ("muted", "paper"),
            ("accent", "paper"),
            ("warn", "paper"),
            ("dev", "paper"),
            ("ink", "band"),
            ("ink", "warn-band"),
            ("warn", "warn-band"),
        ] {
            let contrast = contrast(colour(text), colour(ground));
            assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
        }
        // The deepest cell of a confusion matrix: text stays readable on it.
        let heat: Vec<f64> = value("heat").split(' ').map(|part| part.parse().unwrap()).collect();
        let most: f64 = value("heat-most").parse().unwrap();
        let paper = colour("paper");
        let deepest = [0, 1, 2].map(|i| most * heat[i] + (1.0 - most) * paper[i]);
        let contrast = contrast(colour("ink"), deepest);
        assert!(contrast >= 4.5, "confusion: {contrast:.2}");
    }
}

/// Parses `#abc` or `#aabbcc` as numbers in `0..=255`.
fn channels(hex: &str) -> [f64; 3] {
    let digits = hex.trim_start_matches('#');
    let width = digits.len() / 3;
    [0, 1, 2].map(|i| {
        let part = &digits[i * width..(i + 1) * width];
        f64::from(u8::from_str_radix(&part.repeat(2 / width), 16).unwrap())
    })
}

/// Computes the contrast ratio of WCAG 2.1.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let linear = colour.map(|channel| {
            let channel = channel / 255.0;
            if channel <= 0.03928 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}
