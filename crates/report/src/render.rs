//! Rendering of the view with templates.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{
    AutoEscape, Environment, Output, State, UndefinedBehavior, Value, context, escape_formatter,
};

use crate::page::Page;
use crate::report::Report;
use crate::table::Table;

/// Renders the report as one self-contained HTML page.
#[must_use]
pub fn html(report: &Report) -> String {
    render("report.html", Serde(Page::new(report)))
}

/// Renders the report in Markdown.
#[must_use]
pub fn markdown(report: &Report) -> String {
    render("report.md", Serde(Page::new(report)))
}

/// Renders every table in LaTeX (booktabs) and CSV, as file names and texts: `results.tex`, `results.csv`, and so on.
/// Names of a variant's tables include it: `classes-random.tex`.
#[must_use]
pub fn tables(report: &Report) -> Vec<(String, String)> {
    let page = Page::new(report);
    let files = |table: &Table| {
        let view = context! {
            t => Serde(table),
            experiment => &page.experiment,
            run_id => &page.run_id,
        };
        let (latex, csv) = (render("table.tex", view), table.csv());
        [(format!("{}.tex", table.name()), latex), (format!("{}.csv", table.name()), csv)]
    };
    page.tables().flat_map(files).collect()
}

const LATEX: AutoEscape = AutoEscape::Custom(Cow::Borrowed("tex"));
const MARKDOWN: AutoEscape = AutoEscape::Custom(Cow::Borrowed("md"));

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax =
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    templates.set_syntax(syntax.expect("only whitespace differs from the default"));
    templates.set_auto_escape_callback(|name| match name.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        Some((_, "tex")) => LATEX,
        Some((_, "md")) => MARKDOWN,
        _ => AutoEscape::None,
    });
    templates.set_formatter(format);
    macro_rules! add {
        ($($name:literal),*) => {
            $(templates.add_template($name, include_str!(concat!("../templates/", $name))).expect("its tests parse it");)*
        };
    }
    add!(
        "report.html",
        "results.html",
        "sweep.html",
        "variant.html",
        "curves.html",
        "speakers.html",
        "audit.html"
    );
    add!(
        "outputs.html",
        "tuning.html",
        "table.html",
        "plots.html",
        "replication.html",
        "style.css",
        "report.md",
        "table.md",
        "table.tex"
    );
    templates
});

fn render(name: &str, view: impl Into<Value>) -> String {
    let text = TEMPLATES.get_template(name).and_then(|template| template.render(view));
    // Every branch of every template is rendered by a test, and the view holds only strings and numbers.
    text.unwrap_or_else(|error| panic!("template {name}: {error:#}"))
}

fn format(out: &mut Output, state: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    let escape: fn(char) -> Option<&'static str> = match state.auto_escape() {
        AutoEscape::Custom(name) if name == "tex" => latex,
        AutoEscape::Custom(name) if name == "md" => markdown_escape,
        _ => return escape_formatter(out, state, value),
    };
    match value.as_str() {
        Some(text) if value.kind() == ValueKind::String && !value.is_safe() => {
            for letter in text.chars() {
                match escape(letter) {
                    Some(escaped) => out.write_str(escaped)?,
                    None => out.write_char(letter)?,
                }
            }
        }
        _ => write!(out, "{value}")?,
    }
    Ok(())
}

fn latex(letter: char) -> Option<&'static str> {
    Some(match letter {
        '&' => r"\&",
        '%' => r"\%",
        '$' => r"\$",
        '#' => r"\#",
        '_' => r"\_",
        '{' => r"\{",
        '}' => r"\}",
        '~' => r"\textasciitilde{}",
        '^' => r"\textasciicircum{}",
        '\\' => r"\textbackslash{}",
        '<' => r"\textless{}",
        '>' => r"\textgreater{}",
        '|' => r"\textbar{}",
        '±' => r"$\pm$",
        '×' => r"$\times$",
        '−' => "$-$",
        '–' => "--",
        '’' => "'",
        '→' => r"$\to$",
        '…' => r"\dots{}",
        '\u{202f}' => r"\,",
        '\n' => " ",
        _ => return None,
    })
}

fn markdown_escape(letter: char) -> Option<&'static str> {
    Some(match letter {
        '\\' => r"\\",
        '`' => r"\`",
        '*' => r"\*",
        '_' => r"\_",
        '[' => r"\[",
        ']' => r"\]",
        '<' => r"\<",
        '>' => r"\>",
        '|' => r"\|",
        '\n' => " ",
        _ => return None,
    })
}
