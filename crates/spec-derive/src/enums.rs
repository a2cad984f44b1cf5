//! Enums: a word, a mapping with a tag, or a word or a value.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataEnum, DeriveInput, Fields, Ident, LitStr, Result, Type, Variant};

use crate::attributes::{Attributes, kebab};
use crate::fields::{self, SpecField};

/// One variant.
struct SpecVariant<'v> {
    ident: &'v Ident,
    shape: &'v Fields,
    name: String,
    key: String,
    attributes: Attributes,
}

impl<'v> SpecVariant<'v> {
    fn of(variant: &'v Variant) -> Result<Self> {
        let attributes = Attributes::of(&variant.attrs)?;
        let (name, key) = attributes.names(&kebab(&variant.ident.to_string()));
        Ok(Self { ident: &variant.ident, shape: &variant.fields, name, key, attributes })
    }

    /// The names that are accepted, the current one first.
    fn accepted(&self) -> Vec<String> {
        let mut all = vec![self.name.clone()];
        all.extend(self.attributes.accepted(&self.name, &self.key));
        all
    }

    fn newtype(&self) -> Option<&Type> {
        match self.shape {
            Fields::Unnamed(unnamed) if unnamed.unnamed.len() == 1 => {
                unnamed.unnamed.first().map(|only| &only.ty)
            }
            _ => None,
        }
    }

    fn is_unit(&self) -> bool {
        matches!(self.shape, Fields::Unit)
    }

    /// The expression of its documentation as a word.
    fn word(&self) -> TokenStream {
        let (name, about) = (&self.name, &self.attributes.about);
        let aliases = self.attributes.accepted(&self.name, &self.key);
        quote!(::affekt_spec::Word { name: #name, aliases: &[#(#aliases),*], about: #about })
    }
}

pub fn expand(input: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    let attributes = Attributes::of(&input.attrs)?;
    let variants: Vec<SpecVariant<'_>> = data.variants.iter().map(SpecVariant::of).collect::<Result<_>>()?;
    if let Some(tag) = &attributes.tag {
        return tagged(&input.ident, &attributes, tag, &variants);
    }
    if let Some(value) = variants.iter().find(|variant| variant.attributes.value) {
        return word_or_value(&input.ident, &variants, value);
    }
    words(&input.ident, &variants)
}

/// An enum of words alone.
fn words(ident: &Ident, variants: &[SpecVariant<'_>]) -> Result<TokenStream> {
    if let Some(other) = variants.iter().find(|variant| !variant.is_unit()) {
        return Err(syn::Error::new_spanned(
            other.ident,
            "an enum with fields needs `#[spec(tag = …)]`, or a `value`",
        ));
    }
    let idents: Vec<_> = variants.iter().map(|variant| variant.ident).collect();
    let names = variants.iter().map(|variant| &variant.name);
    let keys = variants.iter().map(|variant| &variant.key);
    let documented = variants.iter().map(SpecVariant::word);
    Ok(quote! {
        #[automatically_derived]
        impl ::affekt_spec::Words for #ident {
            const ALL: &'static [Self] = &[#(Self::#idents),*];

            fn documented() -> ::std::vec::Vec<::affekt_spec::Word> {
                ::std::vec![#(#documented),*]
            }

            fn word(&self) -> &'static str {
                match self { #(Self::#idents => #names),* }
            }

            fn stored_word(&self) -> &'static str {
                match self { #(Self::#idents => #keys),* }
            }
        }

        #[automatically_derived]
        impl ::affekt_spec::Spec for #ident {
            const NULL_IS_ABSENT: bool = false;

            fn schema(_: &::affekt_spec::Limits) -> ::affekt_spec::Schema {
                ::affekt_spec::Schema::Words(<Self as ::affekt_spec::Words>::documented())
            }

            fn read(field: ::affekt_spec::Field<'_>, _: &::affekt_spec::Limits) -> ::core::option::Option<Self> {
                ::affekt_spec::read_word(field)
            }
        }

        #[automatically_derived]
        impl ::affekt_spec::serde::Serialize for #ident {
            fn serialize<S: ::affekt_spec::serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(::affekt_spec::Words::stored_word(self))
            }
        }

        #[automatically_derived]
        impl<'de> ::affekt_spec::serde::Deserialize<'de> for #ident {
            fn deserialize<D: ::affekt_spec::serde::Deserializer<'de>>(deserializer: D) -> ::core::result::Result<Self, D::Error> {
                ::affekt_spec::deserialize_word(deserializer)
            }
        }
    })
}

/// An enum of words, and a variant that is a value.
fn word_or_value(
    ident: &Ident,
    variants: &[SpecVariant<'_>],
    value: &SpecVariant<'_>,
) -> Result<TokenStream> {
    let Some(ty) = value.newtype() else {
        return Err(syn::Error::new_spanned(value.ident, "a `value` holds one thing"));
    };
    let words: Vec<&SpecVariant<'_>> = variants.iter().filter(|variant| !variant.attributes.value).collect();
    if let Some(other) = words.iter().find(|variant| !variant.is_unit()) {
        return Err(syn::Error::new_spanned(other.ident, "all variants beside the `value` are words"));
    }
    let holder = value.ident;
    let limits = value.attributes.limits();
    let idents: Vec<_> = words.iter().map(|word| word.ident).collect();
    let keys: Vec<_> = words.iter().map(|word| &word.key).collect();
    let documented = words.iter().map(|word| word.word());
    let choices = words.iter().flat_map(|word| {
        let ident = word.ident;
        word.accepted().into_iter().map(move |name| quote!((#name, Self::#ident)))
    });
    let current = words.iter().map(|word| &word.name);
    // Without a key of its own the value stands in JSON as it is.
    let (put, stored) = match &value.attributes.key {
        Some(key) => (
            quote!(::affekt_spec::json!({ #key: value })),
            quote!(json.as_object().and_then(|object| object.get(#key)).cloned().unwrap_or(json)),
        ),
        None => (quote!(::affekt_spec::json!(value)), quote!(json)),
    };
    Ok(quote! {
        #[automatically_derived]
        impl ::affekt_spec::Spec for #ident {
            fn schema(_: &::affekt_spec::Limits) -> ::affekt_spec::Schema {
                ::affekt_spec::Schema::OneOf(::std::vec![
                    ::affekt_spec::Schema::Words(::std::vec![#(#documented),*]),
                    <#ty as ::affekt_spec::Spec>::schema(&#limits),
                ])
            }

            fn read(field: ::affekt_spec::Field<'_>, _: &::affekt_spec::Limits) -> ::core::option::Option<Self> {
                let choices = [#(#choices),*];
                match ::affekt_spec::read_word_or_value::<#ty>(field, &choices.each_ref().map(|(name, _)| *name), &[#(#current),*], &#limits)? {
                    ::core::result::Result::Ok(at) => choices.into_iter().nth(at).map(|(_, choice)| choice),
                    ::core::result::Result::Err(value) => ::core::option::Option::Some(Self::#holder(value)),
                }
            }
        }

        #[automatically_derived]
        impl ::affekt_spec::serde::Serialize for #ident {
            fn serialize<S: ::affekt_spec::serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                match self {
                    #(Self::#idents => serializer.serialize_str(#keys),)*
                    Self::#holder(value) => ::affekt_spec::serde::Serialize::serialize(&#put, serializer),
                }
            }
        }

        #[automatically_derived]
        impl<'de> ::affekt_spec::serde::Deserialize<'de> for #ident {
            fn deserialize<D: ::affekt_spec::serde::Deserializer<'de>>(deserializer: D) -> ::core::result::Result<Self, D::Error> {
                let json = <::affekt_spec::Value as ::affekt_spec::serde::Deserialize>::deserialize(deserializer)?;
                match json.as_str() {
                    #(::core::option::Option::Some(#keys) => ::core::result::Result::Ok(Self::#idents),)*
                    _ => {
                        let value = #stored;
                        ::affekt_spec::from_json(value).map(Self::#holder).map_err(::affekt_spec::serde::de::Error::custom)
                    }
                }
            }
        }
    })
}

/// The parts of a variant of a tagged enum.
struct Arm {
    documented: TokenStream,
    read: TokenStream,
    view: TokenStream,
    serialize: TokenStream,
    take: TokenStream,
}

/// An enum that is a mapping with a key that tells which.
fn tagged(
    ident: &Ident,
    attributes: &Attributes,
    tag: &LitStr,
    variants: &[SpecVariant<'_>],
) -> Result<TokenStream> {
    let arms: Vec<Arm> = variants.iter().map(|variant| arm(variant, tag)).collect::<Result<_>>()?;
    let documented = arms.iter().map(|arm| &arm.documented);
    let viewed = arms.iter().map(|arm| &arm.view);
    let serialized = arms.iter().map(|arm| &arm.serialize);
    let choices = variants
        .iter()
        .enumerate()
        .flat_map(|(at, variant)| variant.accepted().into_iter().map(move |name| quote!((#name, #at))));
    let current: Vec<_> = variants.iter().map(|variant| &variant.name).collect();
    let read = arms.iter().enumerate().map(|(at, arm)| {
        let read = &arm.read;
        quote!(::core::option::Option::Some(#at) => #read)
    });
    let taken = arms.iter().zip(variants).map(|(arm, variant)| {
        let (take, key) = (&arm.take, &variant.key);
        quote!(#key => #take)
    });
    let keys = variants.iter().map(|variant| &variant.key);
    let about = &attributes.about;
    let (default, default_name) = match &attributes.default {
        Some(name) => {
            (quote!(::core::option::Option::Some(#name)), quote!(::core::option::Option::Some(#name)))
        }
        None => (quote!(::core::option::Option::None), quote!(::core::option::Option::None)),
    };
    let bare = attributes.bare;
    let bare_words = variants.iter().filter(|variant| bare && variant.is_unit()).flat_map(|variant| {
        let ident = variant.ident;
        variant.accepted().into_iter().map(move |name| quote!((#name, Self::#ident)))
    });
    let bare_read = bare.then(|| {
        quote! {
            if field.node.as_text().is_some() {
                return field.one_of_renamed(&[#(#bare_words),*]);
            }
        }
    });
    let serde = crate::serde_as_section(ident);
    Ok(quote! {
        #[automatically_derived]
        impl ::affekt_spec::SpecTagged for #ident {
            fn documented() -> ::std::vec::Vec<::affekt_spec::VariantSchema> {
                ::std::vec![#(#documented),*]
            }
        }

        #[automatically_derived]
        impl ::affekt_spec::SpecFields for #ident {
            fn fields() -> ::std::vec::Vec<::affekt_spec::FieldSchema> {
                ::affekt_spec::tagged_fields::<Self>(#tag)
            }

            fn read_fields(section: &mut ::affekt_spec::Section<'_>) -> ::core::option::Option<Self> {
                match ::affekt_spec::read_tag(section, #tag, &[#(#choices),*], &[#(#current),*], #default) {
                    #(#read,)*
                    _ => ::core::option::Option::None,
                }
            }

            #[allow(unused_variables)]
            fn view_fields(&self, view: ::affekt_spec::View, map: &mut ::affekt_spec::JsonMap) {
                match self { #(#viewed),* }
            }

            fn serialize_fields<M: ::affekt_spec::serde::ser::SerializeMap>(&self, map: &mut M) -> ::core::result::Result<(), M::Error> {
                match self { #(#serialized),* }
                ::core::result::Result::Ok(())
            }

            fn take(map: &mut ::affekt_spec::JsonMap) -> ::core::result::Result<Self, ::affekt_spec::JsonError> {
                let tag = ::affekt_spec::take_tag(map, #tag)?;
                ::core::result::Result::Ok(match tag.as_str() {
                    #(#taken,)*
                    other => return ::core::result::Result::Err(::affekt_spec::JsonError::unknown_variant(#tag, other, &[#(#keys),*])),
                })
            }
        }

        #[automatically_derived]
        impl ::affekt_spec::Spec for #ident {
            fn schema(_: &::affekt_spec::Limits) -> ::affekt_spec::Schema {
                ::affekt_spec::Schema::Tagged {
                    about: #about,
                    tag: #tag,
                    default: #default_name,
                    bare: #bare,
                    variants: <Self as ::affekt_spec::SpecTagged>::documented(),
                }
            }

            fn read(field: ::affekt_spec::Field<'_>, _: &::affekt_spec::Limits) -> ::core::option::Option<Self> {
                #bare_read
                ::affekt_spec::read_section(field)
            }

            fn view(&self, view: ::affekt_spec::View) -> ::affekt_spec::Value {
                ::affekt_spec::view_section(self, view)
            }
        }

        #serde
    })
}

fn arm(variant: &SpecVariant<'_>, tag: &LitStr) -> Result<Arm> {
    let (ident, key) = (variant.ident, &variant.key);
    let tagged_view = quote!(map.insert(#tag.to_owned(), ::affekt_spec::Value::from(#key)););
    let tagged_entry = quote!(map.serialize_entry(#tag, #key)?;);
    let word = variant.word();
    if let Some(ty) = variant.newtype() {
        return Ok(Arm {
            documented: quote!(::affekt_spec::VariantSchema { word: #word, fields: <#ty as ::affekt_spec::SpecFields>::fields() }),
            read: quote!(<#ty as ::affekt_spec::SpecFields>::read_fields(section).map(Self::#ident)),
            view: quote!(Self::#ident(inner) => { #tagged_view ::affekt_spec::SpecFields::view_fields(inner, view, map); }),
            serialize: quote!(Self::#ident(inner) => { #tagged_entry ::affekt_spec::SpecFields::serialize_fields(inner, map)?; }),
            take: quote!(Self::#ident(<#ty as ::affekt_spec::SpecFields>::take(map)?)),
        });
    }
    let fields = fields::of(variant.shape)?;
    let documented = fields.iter().map(SpecField::document);
    let read = fields.iter().map(SpecField::read);
    let unwrapped = fields.iter().map(SpecField::unwrapped);
    let bound: Vec<Ident> = fields.iter().map(SpecField::bound).collect();
    let own = |field: &SpecField| {
        let name = field.bound();
        quote!(#name)
    };
    let viewed = fields.iter().map(|field| field.view(&own(field)));
    let serialized = fields.iter().map(|field| field.serialize(&own(field)));
    let taken = fields.iter().map(SpecField::take);
    Ok(Arm {
        documented: quote! {
            ::affekt_spec::VariantSchema {
                word: #word,
                fields: {
                    #[allow(unused_mut)]
                    let mut fields = ::std::vec::Vec::new();
                    #(#documented)*
                    fields
                },
            }
        },
        read: quote!({ #(#read)* ::core::option::Option::Some(Self::#ident { #(#unwrapped),* }) }),
        view: quote!(Self::#ident { #(#bound),* } => { #tagged_view #(#viewed)* }),
        serialize: quote!(Self::#ident { #(#bound),* } => { #tagged_entry #(#serialized)* }),
        take: quote!({ #(#taken)* Self::#ident { #(#bound),* } }),
    })
}
