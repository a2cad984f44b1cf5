//! Structs: a mapping.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataStruct, DeriveInput, Result};

use crate::attributes::Attributes;
use crate::fields;

pub fn expand(input: &DeriveInput, data: &DataStruct) -> Result<TokenStream> {
    let attributes = Attributes::of(&input.attrs)?;
    let fields = fields::of(&data.fields)?;
    let (ident, about) = (&input.ident, &attributes.about);
    let documented = fields.iter().map(fields::SpecField::document);
    let read = fields.iter().map(fields::SpecField::read);
    let unwrapped = fields.iter().map(fields::SpecField::unwrapped);
    let own = |field: &fields::SpecField| {
        let name = field.ident();
        quote!(&self.#name)
    };
    let viewed = fields.iter().map(|field| field.view(&own(field)));
    let serialized = fields.iter().map(|field| field.serialize(&own(field)));
    let taken = fields.iter().map(fields::SpecField::take);
    let names: Vec<_> = fields.iter().map(fields::SpecField::ident).collect();
    let check = attributes.check.map(|check| quote!(#check(&mut read, section);));
    let defaults: Option<Vec<TokenStream>> = fields.iter().map(fields::SpecField::default).collect();
    let default = defaults.map(|defaults| {
        quote! {
            impl ::core::default::Default for #ident {
                fn default() -> Self {
                    Self { #(#names: #defaults),* }
                }
            }
        }
    });
    let serde = crate::serde_as_section(ident);
    Ok(quote! {
        #[automatically_derived]
        impl ::affekt_spec::SpecFields for #ident {
            fn fields() -> ::std::vec::Vec<::affekt_spec::FieldSchema> {
                #[allow(unused_mut)]
                let mut fields = ::std::vec::Vec::new();
                #(#documented)*
                fields
            }

            #[allow(unused_variables)]
            fn read_fields(section: &mut ::affekt_spec::Section<'_>) -> ::core::option::Option<Self> {
                #(#read)*
                #[allow(unused_mut)]
                let mut read = Self { #(#unwrapped),* };
                #check
                ::core::option::Option::Some(read)
            }

            #[allow(unused_variables)]
            fn view_fields(&self, view: ::affekt_spec::View, map: &mut ::affekt_spec::JsonMap) {
                #(#viewed)*
            }

            #[allow(unused_variables)]
            fn serialize_fields<M: ::affekt_spec::serde::ser::SerializeMap>(&self, map: &mut M) -> ::core::result::Result<(), M::Error> {
                #(#serialized)*
                ::core::result::Result::Ok(())
            }

            #[allow(unused_variables)]
            fn take(map: &mut ::affekt_spec::JsonMap) -> ::core::result::Result<Self, ::affekt_spec::JsonError> {
                #(#taken)*
                ::core::result::Result::Ok(Self { #(#names),* })
            }
        }

        #[automatically_derived]
        impl ::affekt_spec::Spec for #ident {
            fn schema(_: &::affekt_spec::Limits) -> ::affekt_spec::Schema {
                ::affekt_spec::Schema::Section { about: #about, fields: <Self as ::affekt_spec::SpecFields>::fields() }
            }

            fn read(field: ::affekt_spec::Field<'_>, _: &::affekt_spec::Limits) -> ::core::option::Option<Self> {
                ::affekt_spec::read_section(field)
            }

            fn view(&self, view: ::affekt_spec::View) -> ::affekt_spec::Value {
                ::affekt_spec::view_section(self, view)
            }
        }

        #serde

        #default
    })
}
