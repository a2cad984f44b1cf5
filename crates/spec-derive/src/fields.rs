//! The fields of a struct or of a variant.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Field, Fields, Ident, Result, Type};

use crate::attributes::{Attributes, option};

/// One field.
pub struct SpecField {
    ident: Ident,
    ty: Type,
    name: String,
    key: String,
    attributes: Attributes,
}

/// The named fields.
///
/// # Errors
/// When an attribute is unknown, or fields have no names.
pub fn of(fields: &Fields) -> Result<Vec<SpecField>> {
    match fields {
        Fields::Named(named) => named.named.iter().map(SpecField::of).collect(),
        Fields::Unit => Ok(Vec::new()),
        Fields::Unnamed(_) => Err(syn::Error::new_spanned(fields, "the fields of a spec have names")),
    }
}

impl SpecField {
    fn of(field: &Field) -> Result<Self> {
        let attributes = Attributes::of(&field.attrs)?;
        let ident =
            field.ident.clone().ok_or_else(|| syn::Error::new_spanned(field, "a field without a name"))?;
        let own = ident.to_string();
        let (name, key) = attributes.names(own.trim_start_matches("r#"));
        Ok(Self { ident, ty: field.ty.clone(), name, key, attributes })
    }

    pub fn ident(&self) -> &Ident {
        &self.ident
    }

    fn is_option(&self) -> bool {
        matches!(&self.ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"))
    }

    /// The expression of the default, where there is one.
    pub fn default(&self) -> Option<TokenStream> {
        let default = self.own_default()?;
        if self.attributes.defaults.is_empty() {
            return Some(default);
        }
        let (ty, patch) = (&self.ty, self.patch(&quote!(|_: &str| true)));
        Some(quote!({ let mut value: #ty = #default; #patch value }))
    }

    /// Statements that give fields of `value` the defaults that they have here; `is_missing` tells which are not written.
    fn patch(&self, is_missing: &TokenStream) -> TokenStream {
        let patches = self.attributes.defaults.iter().map(|(name, default)| {
            let key = name.to_string();
            match self.is_option() {
                true => quote! {
                    if is_missing(#key) && let ::core::option::Option::Some(inner) = &mut value { inner.#name = #default; }
                },
                false => quote!(if is_missing(#key) { value.#name = #default; }),
            }
        });
        quote!({ let is_missing = #is_missing; #(#patches)* })
    }

    /// Statements that give the documented `inner` fields the defaults that they have here.
    fn patch_documented(&self) -> TokenStream {
        let patches = self.attributes.defaults.iter().map(|(name, default)| {
            let key = name.to_string();
            quote!(::affekt_spec::set_default(inner, #key, ::affekt_spec::json!(#default));)
        });
        quote!(#(#patches)*)
    }

    fn own_default(&self) -> Option<TokenStream> {
        let ty = &self.ty;
        match &self.attributes.default {
            Some(default) => Some(quote!(#default)),
            None if self.is_option() => Some(quote!(::core::option::Option::None)),
            None if self.attributes.required => None,
            None if self.attributes.flatten || self.attributes.inline || self.is_given() => {
                Some(quote!(<#ty as ::core::default::Default>::default()))
            }
            None => None,
        }
    }

    fn is_given(&self) -> bool {
        self.attributes.hidden || self.attributes.stored || self.attributes.given
    }

    /// Statements that push the field's documentation onto `fields`.
    pub fn document(&self) -> TokenStream {
        let ty = &self.ty;
        if self.is_given() {
            return TokenStream::new();
        }
        if self.attributes.flatten || self.attributes.inline {
            let patch = self.patch_documented();
            return quote! {
                #[allow(unused_mut)]
                let mut flattened = <#ty as ::affekt_spec::SpecFields>::fields();
                { #[allow(unused_variables)] let inner = &mut flattened; #patch }
                fields.extend(flattened);
            };
        }
        let patch = match self.attributes.defaults.is_empty() {
            true => TokenStream::new(),
            false => {
                let patch = self.patch_documented();
                quote!(if let ::core::option::Option::Some(inner) = schema.section_mut() { #patch })
            }
        };
        let (name, about) = (&self.name, &self.attributes.about);
        let aliases = self.attributes.accepted(&self.name, &self.key);
        let limits = self.attributes.limits();
        let unit = option(self.attributes.unit.as_ref());
        let free = self.attributes.free;
        let default = match self.default() {
            Some(default) => {
                quote!(::core::option::Option::Some({ let default: #ty = #default; ::affekt_spec::Spec::view(&default, ::affekt_spec::View::Key) }))
            }
            None => quote!(::core::option::Option::None),
        };
        quote! {{
            #[allow(unused_mut)]
            let mut schema = <#ty as ::affekt_spec::Spec>::schema(&#limits);
            #patch
            fields.push(::affekt_spec::FieldSchema {
                name: #name,
                aliases: &[#(#aliases),*],
                about: #about,
                schema,
                default: #default,
                unit: #unit,
                is_free: #free,
            });
        }}
    }

    /// A statement that reads the field into a variable of its name; an `Option` of it where it is required.
    pub fn read(&self) -> TokenStream {
        let (ident, ty, name) = (&self.ident, &self.ty, &self.name);
        let default = self.default();
        if self.is_given() {
            return quote!(let #ident: ::core::option::Option<#ty> = ::core::option::Option::Some(#default););
        }
        if self.attributes.flatten || self.attributes.inline {
            let patch = self.patch(&quote!(|key: &str| !section.has(key)));
            return quote! {
                #[allow(unused_mut)]
                let #ident: ::core::option::Option<#ty> = <#ty as ::affekt_spec::SpecFields>::read_fields(section).map(|mut value| {
                    #patch
                    value
                });
            };
        }
        let limits = self.attributes.limits();
        let aliases = self.attributes.accepted(&self.name, &self.key);
        let reader = match (&self.attributes.read, self.attributes.defaults.is_empty()) {
            (Some(path), _) => quote!(#path),
            (None, true) => quote!(<#ty as ::affekt_spec::Spec>::read),
            (None, false) => {
                let patch = self.patch(&quote!(|key: &str| field.node.get(key).is_none()));
                quote! {|field, limits| {
                    let mut value = <#ty as ::affekt_spec::Spec>::read(field, limits)?;
                    #patch
                    ::core::option::Option::Some(value)
                }}
            }
        };
        match default {
            Some(default) => quote! {
                let #ident: ::core::option::Option<#ty> = ::core::option::Option::Some(
                    ::affekt_spec::read_or::<#ty>(section, #name, &[#(#aliases),*], &#limits, #reader, || #default)
                );
            },
            None => quote! {
                let #ident: ::core::option::Option<#ty> =
                    ::affekt_spec::read_required::<#ty>(section, #name, &[#(#aliases),*], &#limits, #reader);
            },
        }
    }

    /// A statement that puts the field (`value` is a reference to it) into `map`, as `view` wants it.
    pub fn view(&self, value: &TokenStream) -> TokenStream {
        let key = &self.key;
        if self.attributes.stored {
            return TokenStream::new();
        }
        if self.attributes.flatten {
            let (ty, omits) = (&self.ty, &self.attributes.omits);
            let omit = (!omits.is_empty())
                .then(|| quote!(::affekt_spec::omit_defaults::<#ty>(map, view, &[#(#omits),*]);));
            return quote!(::affekt_spec::SpecFields::view_fields(#value, view, map); #omit);
        }
        let put = quote!(map.insert(#key.to_owned(), ::affekt_spec::Spec::view(#value, view)););
        let mut conditions = Vec::new();
        if self.attributes.free {
            conditions.push(quote!(view != ::affekt_spec::View::Cost));
        }
        if self.attributes.omit || self.attributes.hidden {
            let (ty, default) = (&self.ty, self.default());
            conditions.push(quote!({ let default: #ty = #default; *#value != default }));
        }
        if conditions.is_empty() { put } else { quote!(if #(#conditions)&&* { #put }) }
    }

    /// A statement that adds the field to a serialised `map`.
    pub fn serialize(&self, value: &TokenStream) -> TokenStream {
        let key = &self.key;
        if self.attributes.flatten {
            return quote!(::affekt_spec::SpecFields::serialize_fields(#value, map)?;);
        }
        let put = quote!(map.serialize_entry(#key, #value)?;);
        if self.attributes.hidden {
            let (ty, default) = (&self.ty, self.default());
            return quote!(if { let default: #ty = #default; *#value != default } { #put });
        }
        put
    }

    /// A statement that takes the field out of the JSON object `map`.
    pub fn take(&self) -> TokenStream {
        let (ident, ty, key) = (&self.ident, &self.ty, &self.key);
        if self.attributes.flatten {
            let missing = self.attributes.defaults.iter().map(|(name, _)| {
                let key = name.to_string();
                quote!((#key, !map.contains_key(#key)))
            });
            let patch = self.patch(&quote!(|key: &str| missing.contains(&(key, true))));
            return quote! {
                #[allow(unused_mut)]
                let #ident: #ty = {
                    let missing: &[(&str, bool)] = &[#(#missing),*];
                    let mut value = <#ty as ::affekt_spec::SpecFields>::take(map)?;
                    #patch
                    value
                };
            };
        }
        match self.default() {
            Some(default) => quote!(let #ident: #ty = ::affekt_spec::take_or(map, #key, || #default)?;),
            None => quote!(let #ident: #ty = ::affekt_spec::take_required(map, #key)?;),
        }
    }

    /// `#ident: #ident?`, from the variables that [`SpecField::read`] made.
    pub fn unwrapped(&self) -> TokenStream {
        let ident = &self.ident;
        quote!(#ident: #ident?)
    }

    /// The name that a pattern binds it to.
    pub fn bound(&self) -> Ident {
        format_ident!("{}", self.ident)
    }
}
