//! Rendering of the view with templates.

use std::borrow::Cow;
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

/// Renders the paragraphs of the method in LaTeX; `None` if nothing is known of it.
#[must_use]
pub fn method_latex(report: &Report) -> Option<String> {
    let page = Page::new(report);
    let method = page.method.as_ref()?;
    let view = context! {
        paragraphs => Serde(&method.paragraphs),
        experiment => &page.experiment,
        run_id => &page.run_id,
    };
    Some(render("method-text.tex", view))
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
    templates.add_filter("code", code);
    templates.add_filter("line", line);
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
        "table.tex",
        "method-text.tex"
    );
    templates
});

fn render(name: &str, view: impl Into<Value>) -> String {
    let text = TEMPLATES.get_template(name).and_then(|template| template.render(view));
    // Every branch of every template is rendered by a test, and the view holds only strings and numbers.
    text.unwrap_or_else(|error| panic!("template {name}: {error:#}"))
}

type Escape = fn(char) -> Option<&'static str>;

/// Returns how letters are escaped, where that is not left to the templates' engine.
fn escape_of(state: &State) -> Option<Escape> {
    match state.auto_escape() {
        AutoEscape::Custom(name) if name == "tex" => Some(latex),
        AutoEscape::Custom(name) if name == "md" => Some(markdown_escape),
        _ => None,
    }
}

fn format(out: &mut Output, state: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    let Some(escape) = escape_of(state) else { return escape_formatter(out, state, value) };
    match value.as_str() {
        Some(text) if value.kind() == ValueKind::String && !value.is_safe() => {
            out.write_str(&escaped(text, escape))?;
        }
        _ => write!(out, "{value}")?,
    }
    Ok(())
}

fn escaped(text: &str, escape: Escape) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match escape(letter) {
            Some(instead) => escaped.push_str(instead),
            None => escaped.push(letter),
        }
    }
    escaped
}

/// Renders a text in which code stands between backticks; a backtick without its second is a letter like any other.
fn code(state: &State, text: &str) -> Value {
    let escape = escape_of(state).unwrap_or(html_escape);
    let [before, after] = match state.auto_escape() {
        AutoEscape::Custom(name) if name == "tex" => [r"\texttt{", "}"],
        AutoEscape::Custom(name) if name == "md" => ["`", "`"],
        _ => ["<code>", "</code>"],
    };
    let in_code: Escape = if before == "`" { in_markdown_code } else { escape };
    let mut rendered = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, (quoted, behind))) =
        rest.split_once('`').and_then(|(plain, behind)| Some((plain, behind.split_once('`')?)))
    {
        rendered += &escaped(plain, escape);
        match quoted.is_empty() {
            true => rendered += &escaped("``", escape),
            false => rendered.extend([before, &escaped(quoted, in_code), after]),
        }
        rest = behind;
    }
    rendered += &escaped(rest, escape);
    Value::from_safe_string(rendered)
}

/// Renders a text as one line of a block of code, which a line break could end.
fn line(text: &str) -> Value {
    Value::from_safe_string(text.replace(char::is_control, " "))
}

/// Escapes as the templates' engine does.
fn html_escape(letter: char) -> Option<&'static str> {
    Some(match letter {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#x27;",
        '/' => "&#x2f;",
        _ => return None,
    })
}

/// Code spans know no escapes; cells of tables end at a bar all the same.
fn in_markdown_code(letter: char) -> Option<&'static str> {
    match letter {
        '|' => Some(r"\|"),
        letter if letter.is_control() => Some(" "),
        _ => None,
    }
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
        '°' => r"$^\circ$",
        '→' => r"$\to$",
        '…' => r"\dots{}",
        '\u{202f}' => r"\,",
        // Behind the end of a row they would be read as its options.
        '[' => "{[}",
        '*' => "{*}",
        // Line breaks, of which TeX knows several, end comments.
        letter if letter.is_control() => " ",
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
        '~' => r"\~",
        '$' => r"\$",
        '#' => r"\#",
        // Line breaks end cells and paragraphs.
        letter if letter.is_control() => " ",
        _ => return None,
    })
}
