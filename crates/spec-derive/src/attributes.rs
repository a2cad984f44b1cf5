//! The attributes `#[spec(…)]` and doc comments.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::parse::Parse;
use syn::{Attribute, Expr, ExprLit, ExprRange, Ident, Lit, LitStr, Meta, Path, RangeLimits, Result, Token};

/// What stands in the attributes of a struct, an enum, a field or a variant.
#[derive(Default)]
pub struct Attributes {
    pub default: Option<Expr>,
    pub range: Option<ExprRange>,
    pub unit: Option<LitStr>,
    pub none: Option<LitStr>,
    pub noun: Option<LitStr>,
    pub name: Option<LitStr>,
    pub key: Option<LitStr>,
    pub aliases: Vec<LitStr>,
    pub tag: Option<LitStr>,
    pub check: Option<Path>,
    pub read: Option<Path>,
    pub omit: bool,
    pub hidden: bool,
    pub stored: bool,
    pub given: bool,
    pub free: bool,
    pub flatten: bool,
    pub inline: bool,
    pub bare: bool,
    pub value: bool,
    pub required: bool,
    /// Other defaults for fields of the struct that this field is.
    pub defaults: Vec<(Ident, Expr)>,
    /// Keys of the struct that this field is which are left out where they have its defaults.
    pub omits: Vec<LitStr>,
    /// The doc comment, as one text.
    pub about: String,
}

impl Attributes {
    pub fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut all = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident("doc") {
                all.add_doc(attribute);
            } else if attribute.path().is_ident("spec") {
                attribute.parse_nested_meta(|meta| all.add(&meta))?;
            }
        }
        Ok(all)
    }

    fn add(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "default" => self.default = Some(meta.value()?.parse()?),
            "range" => self.range = Some(meta.value()?.parse()?),
            "unit" => self.unit = Some(meta.value()?.parse()?),
            "none" => self.none = Some(meta.value()?.parse()?),
            "noun" => self.noun = Some(meta.value()?.parse()?),
            "name" => self.name = Some(meta.value()?.parse()?),
            "key" => self.key = Some(meta.value()?.parse()?),
            "alias" => self.aliases.push(meta.value()?.parse()?),
            "tag" => self.tag = Some(meta.value()?.parse()?),
            "check" => self.check = Some(meta.value()?.parse()?),
            "read" => self.read = Some(meta.value()?.parse()?),
            "omit" => self.omit = true,
            "hidden" => self.hidden = true,
            "stored" => self.stored = true,
            "given" => self.given = true,
            "free" => self.free = true,
            "flatten" => self.flatten = true,
            "inline" => self.inline = true,
            "bare" => self.bare = true,
            "value" => self.value = true,
            "required" => self.required = true,
            "defaults" => meta.parse_nested_meta(|inner| {
                let name = inner.path.require_ident()?.clone();
                self.defaults.push((name, inner.value()?.parse()?));
                Ok(())
            })?,
            "omits" => {
                let content;
                syn::parenthesized!(content in meta.input);
                self.omits.extend(content.parse_terminated(<LitStr as Parse>::parse, Token![,])?);
            }
            _ => return Err(meta.error("unknown attribute of a spec")),
        }
        Ok(())
    }

    fn add_doc(&mut self, attribute: &Attribute) {
        let Meta::NameValue(doc) = &attribute.meta else { return };
        let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &doc.value else { return };
        let text = text.value();
        if !self.about.is_empty() {
            self.about.push('\n');
        }
        self.about.push_str(text.strip_prefix(' ').unwrap_or(&text));
    }

    /// The expression of a `Limits`.
    pub fn limits(&self) -> TokenStream {
        let bound = |end: &Option<Box<Expr>>, inclusive: bool| match (end, inclusive) {
            (None, _) => quote!(::std::ops::Bound::Unbounded),
            (Some(end), true) => quote!(::std::ops::Bound::Included((#end) as f64)),
            (Some(end), false) => quote!(::std::ops::Bound::Excluded((#end) as f64)),
        };
        let (low, high) = match &self.range {
            Some(range) => {
                let inclusive = matches!(range.limits, RangeLimits::Closed(_));
                (bound(&range.start, true), bound(&range.end, inclusive))
            }
            None => (bound(&None, true), bound(&None, true)),
        };
        let none = option(self.none.as_ref());
        let noun = option(self.noun.as_ref());
        quote!(::affekt_spec::Limits { low: #low, high: #high, none: #none, noun: #noun })
    }

    /// The name that people write and the one in stored JSON; `own` is the one that follows from the identifier.
    pub fn names(&self, own: &str) -> (String, String) {
        let name = self.name.as_ref().map_or_else(|| own.to_owned(), LitStr::value);
        let key = self.key.as_ref().map_or_else(|| name.clone(), LitStr::value);
        (name, key)
    }

    /// The older names that are accepted for `name`.
    pub fn accepted(&self, name: &str, key: &str) -> Vec<String> {
        let mut accepted: Vec<String> = self.aliases.iter().map(LitStr::value).collect();
        if key != name {
            accepted.push(key.to_owned());
        }
        accepted
    }
}

/// The expression of an `Option<&'static str>`.
pub fn option(text: Option<&LitStr>) -> TokenStream {
    match text {
        Some(text) => quote!(::core::option::Option::Some(#text)),
        None => quote!(::core::option::Option::None),
    }
}

/// `FeatureEncoder` → `feature-encoder`.
pub fn kebab(identifier: &str) -> String {
    let mut kebab = String::new();
    for (at, letter) in identifier.chars().enumerate() {
        if letter.is_uppercase() && at > 0 {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}
