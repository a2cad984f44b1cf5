//! `#[derive(Spec)]`: everything the program knows of a parameter, from its one definition in a struct or an enum.
//!
//! ```ignore
//! /// Trains with Adam on mini-batches.
//! #[derive(Debug, Clone, PartialEq, Spec)]
//! pub struct TrainConfig {
//!     /// Peak learning rate.
//!     #[spec(default = 1e-3, range = 1e-12..=10.0, free)]
//!     pub lr: f64,
//!     /// Number of micro-batches that a batch is divided into.
//!     #[spec(default = 1, range = 1..=65_536, key = "accumulate")]
//!     pub gradient_accumulation_steps: usize,
//! }
//! ```
//!
//! # Attributes of a field
//! | attribute | meaning |
//! |---|---|
//! | `default = …` | the value where the key is not written; without one the key is required, unless the type is an `Option` |
//! | `range = a..=b` | the numbers that are accepted, of a list those of its items |
//! | `unit = "Hz"` | the unit, for the documentation |
//! | `none = "whole"` | the word that stands for `None` |
//! | `noun = "a share …"` | what is expected, in messages |
//! | `key = "…"` | the name in keys and stored JSON, where it differs from the one that people write; accepted in YAML too |
//! | `alias = "…"` | an older name, accepted in YAML (may be repeated) |
//! | `omit` | left out of keys where it has its default |
//! | `hidden` | given by the program: never read from YAML, left out of keys where it has its default |
//! | `given` | given by the program: never read from YAML, always in keys |
//! | `stored` | given by the program: never read from YAML and never in a key, only in stored JSON |
//! | `free` | changing it changes no computing time |
//! | `flatten` | the fields of a struct among those of this one, in YAML and in JSON |
//! | `required` | a flattened struct that has no default |
//! | `inline` | its keys among those of this struct in YAML, in JSON under its own name |
//! | `defaults(name = …, …)` | other defaults for fields of the struct that the field is |
//! | `omits("key", …)` | keys of a flattened struct that are left out of keys where they have its defaults |
//! | `read = path` | reads the value: `fn(Field<'_>, &Limits) -> Option<T>` |
//!
//! # Attributes of a struct
//! `check = path`: `fn(&mut Self, &mut Section<'_>)`, reports what is wrong with several fields together, and sets those whose default
//! depends on others.
//!
//! # Attributes of an enum
//! An enum of unit variants is a word. `tag = "kind"` makes it a mapping with that key; then `default = "…"` names the variant
//! of a mapping without it, and `bare` lets unit variants be written as words. An enum in which one variant is marked
//! `value` is a word or that value.
//!
//! # Attributes of a variant
//! `name`, `key`, `alias` as those of a field (the name is the identifier in kebab case, unless given); `value`.

mod attributes;
mod enums;
mod fields;
mod structs;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use quote::quote;
use syn::{Data, DeriveInput, Ident, parse_macro_input};

/// Derives `Spec`, `Serialize` and `Deserialize`, for structs `SpecFields` and (where every field has a default) `Default`, for
/// words `Words`.
#[proc_macro_derive(Spec, attributes(spec))]
pub fn derive_spec(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let expanded = match &input.data {
        Data::Struct(data) => structs::expand(&input, data),
        Data::Enum(data) => enums::expand(&input, data),
        Data::Union(_) => Err(syn::Error::new_spanned(&input.ident, "a union cannot be a spec")),
    };
    expanded.unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Serde for a mapping, through its fields.
fn serde_as_section(ident: &Ident) -> TokenStream2 {
    quote! {
        #[automatically_derived]
        impl ::affekt_spec::serde::Serialize for #ident {
            fn serialize<S: ::affekt_spec::serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                ::affekt_spec::serialize_section(self, serializer)
            }
        }

        #[automatically_derived]
        impl<'de> ::affekt_spec::serde::Deserialize<'de> for #ident {
            fn deserialize<D: ::affekt_spec::serde::Deserializer<'de>>(deserializer: D) -> ::core::result::Result<Self, D::Error> {
                ::affekt_spec::deserialize_section(deserializer)
            }
        }
    }
}
