//! The plain values: numbers, text, lists and what may be missing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::PathBuf;

use affekt_config::{Field, Node, Value as Yaml};
use serde::ser::SerializeMap;
use serde_json::Value;

use crate::json::{JsonError, JsonMap, view_items};
use crate::schema::{FieldSchema, Schema};
use crate::spec::{Limits, Spec, SpecFields, View};

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl Spec for $type {
            const NULL_IS_ABSENT: bool = false;

            fn schema(limits: &Limits) -> Schema {
                let low = match limits.low {
                    Bound::Unbounded if <$type>::MIN == 0 => Bound::Included(0.0),
                    low => low,
                };
                Schema::Integer(Limits { low, ..*limits })
            }

            fn read(field: Field<'_>, limits: &Limits) -> Option<Self> {
                let low = limits.low.map(|low| low as $type);
                let high = limits.high.map(|high| high as $type);
                match limits.noun {
                    Some(noun) if !limits.admit(field.node) => {
                        field.expected(noun);
                        None
                    }
                    _ => field.integer((low, high)),
                }
            }
        }
    )*};
}

whole_numbers!(u32, u64, usize, i64);

impl Spec for f64 {
    const NULL_IS_ABSENT: bool = false;

    fn schema(limits: &Limits) -> Schema {
        Schema::Number(*limits)
    }

    fn read(field: Field<'_>, limits: &Limits) -> Option<Self> {
        match limits.noun {
            Some(noun) if !matches!(field.node.value, Yaml::Integer(_) | Yaml::Float(_)) => {
                field.expected(noun);
                None
            }
            _ => field.float((limits.low, limits.high)),
        }
    }
}

impl Spec for bool {
    const NULL_IS_ABSENT: bool = false;

    fn schema(_: &Limits) -> Schema {
        Schema::Boolean
    }

    fn read(field: Field<'_>, _: &Limits) -> Option<Self> {
        field.boolean()
    }
}

impl Spec for String {
    const NULL_IS_ABSENT: bool = false;

    fn schema(_: &Limits) -> Schema {
        Schema::Text
    }

    fn read(field: Field<'_>, _: &Limits) -> Option<Self> {
        field.text().map(str::to_owned)
    }
}

impl Spec for PathBuf {
    const NULL_IS_ABSENT: bool = false;

    fn schema(_: &Limits) -> Schema {
        Schema::Text
    }

    fn read(field: Field<'_>, _: &Limits) -> Option<Self> {
        field.text().map(Self::from)
    }
}

/// Reads the items of a list; those that are wrong are reported and left out.
fn read_items<T: Spec, C: FromIterator<T>>(field: Field<'_>, limits: &Limits) -> C {
    field.list().into_iter().filter_map(|item| T::read(item, limits)).collect()
}

impl<T: Spec> Spec for Vec<T> {
    fn schema(limits: &Limits) -> Schema {
        Schema::list(T::schema(limits))
    }

    fn read(field: Field<'_>, limits: &Limits) -> Option<Self> {
        Some(read_items(field, limits))
    }

    fn view(&self, view: View) -> Value {
        view_items(self, view)
    }
}

/// Two numbers, the smaller first.
impl Spec for [f64; 2] {
    fn schema(limits: &Limits) -> Schema {
        Schema::List { items: Box::new(Schema::Number(*limits)), length: Some(2) }
    }

    fn read(field: Field<'_>, limits: &Limits) -> Option<Self> {
        let items = field.list();
        let [low, high] = items.as_slice() else {
            field.expected(limits.noun.unwrap_or("two numbers, the smaller first"));
            return None;
        };
        let low = low.float((limits.low, limits.high))?;
        Some([low, high.float((Bound::Included(low), limits.high))?])
    }
}

impl<T: Spec + Ord> Spec for BTreeSet<T> {
    fn schema(limits: &Limits) -> Schema {
        Schema::list(T::schema(limits))
    }

    fn read(field: Field<'_>, limits: &Limits) -> Option<Self> {
        Some(read_items(field, limits))
    }

    fn view(&self, view: View) -> Value {
        view_items(self, view)
    }
}

impl Spec for [usize; 3] {
    fn schema(limits: &Limits) -> Schema {
        Schema::List { items: Box::new(Schema::Integer(*limits)), length: Some(3) }
    }

    fn read(field: Field<'_>, limits: &Limits) -> Option<Self> {
        let items = field.list();
        let [a, b, c] = items.as_slice() else {
            field.expected("three whole numbers");
            return None;
        };
        Some([usize::read(*a, limits)?, usize::read(*b, limits)?, usize::read(*c, limits)?])
    }
}

impl<T: Spec> Spec for Option<T> {
    fn schema(limits: &Limits) -> Schema {
        let inner = T::schema(&Limits { none: None, ..*limits });
        match limits.none {
            Some(none) => Schema::OneOf(vec![inner, Schema::words([none])]),
            None => inner,
        }
    }

    fn read(field: Field<'_>, limits: &Limits) -> Option<Self> {
        let Some(none) = limits.none else { return T::read(field, limits).map(Some) };
        match field.node.as_text() {
            Some(text) if text == none => Some(None),
            Some(_) if !T::schema(limits).admits(field.node) => {
                match limits.noun {
                    Some(noun) => field.expected(&format!("{noun}, or `{none}`")),
                    None => _ = field.word(&[none], &[none]),
                }
                None
            }
            _ => T::read(field, limits).map(Some),
        }
    }

    fn view(&self, view: View) -> Value {
        self.as_ref().map_or(Value::Null, |inner| inner.view(view))
    }
}

impl<T: Spec> Spec for Box<T> {
    const NULL_IS_ABSENT: bool = T::NULL_IS_ABSENT;

    fn schema(limits: &Limits) -> Schema {
        T::schema(limits)
    }

    fn read(field: Field<'_>, limits: &Limits) -> Option<Self> {
        T::read(field, limits).map(Self::new)
    }

    fn view(&self, view: View) -> Value {
        self.as_ref().view(view)
    }
}

impl<T: SpecFields> SpecFields for Box<T> {
    fn fields() -> Vec<FieldSchema> {
        T::fields()
    }

    fn read_fields(section: &mut affekt_config::Section<'_>) -> Option<Self> {
        T::read_fields(section).map(Self::new)
    }

    fn view_fields(&self, view: View, map: &mut JsonMap) {
        self.as_ref().view_fields(view, map);
    }

    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.as_ref().serialize_fields(map)
    }

    fn take(map: &mut JsonMap) -> Result<Self, JsonError> {
        T::take(map).map(Self::new)
    }
}

impl<T: Spec> Spec for BTreeMap<String, T> {
    fn schema(limits: &Limits) -> Schema {
        Schema::Map { keys: limits.noun.unwrap_or("names"), values: Box::new(T::schema(&Limits::NONE)) }
    }

    fn read(field: Field<'_>, limits: &Limits) -> Option<Self> {
        let what = field.key.map_or_else(|| "this".to_owned(), |key| format!("`{}`", key.name));
        field.section(&what, |section| {
            let entries = section.rest().into_iter();
            Some(
                entries
                    .filter_map(|(key, field)| Some((key.name.clone(), T::read(field, limits)?)))
                    .collect(),
            )
        })
    }

    fn view(&self, view: View) -> Value {
        self.iter().map(|(key, value)| (key.clone(), value.view(view))).collect()
    }
}

impl Limits {
    fn admit(&self, node: &Node) -> bool {
        matches!(node.value, Yaml::Integer(_))
    }
}

impl Schema {
    /// Whether a node is of a type that could be meant here.
    pub(crate) fn admits(&self, node: &Node) -> bool {
        match self {
            Self::Integer(_) => matches!(node.value, Yaml::Integer(_)),
            Self::Number(_) => matches!(node.value, Yaml::Integer(_) | Yaml::Float(_)),
            Self::Boolean => matches!(node.value, Yaml::Bool(_)),
            Self::Text | Self::Words(_) => matches!(node.value, Yaml::Text(_)),
            Self::Null => node.value == Yaml::Null,
            Self::List { .. } => matches!(node.value, Yaml::List(_)),
            Self::Section { .. } | Self::Map { .. } => matches!(node.value, Yaml::Map(_)),
            Self::Tagged { bare, .. } => {
                matches!(node.value, Yaml::Map(_)) || *bare && matches!(node.value, Yaml::Text(_))
            }
            Self::OneOf(schemas) => schemas.iter().any(|schema| schema.admits(node)),
            Self::Any { .. } => true,
        }
    }
}

/// The figures on the dev part that early stopping watches.
impl Spec for affekt_domain::Monitor {
    const NULL_IS_ABSENT: bool = false;

    fn schema(_: &Limits) -> Schema {
        let word = |(name, monitor): &(&'static str, Self)| crate::Word {
            name,
            aliases: &[],
            about: match monitor {
                Self::DevLoss => "The loss of training, over the whole part: lower is better.",
                Self::DevAccuracy => "Share of right predictions: higher is better.",
                Self::DevUar => "Unweighted average recall: higher is better.",
                Self::DevCcc => "Mean concordance correlation coefficient of the outputs: higher is better.",
            },
        };
        Schema::Words(Self::ALL.iter().map(word).collect())
    }

    fn read(field: Field<'_>, _: &Limits) -> Option<Self> {
        field.one_of(&Self::ALL)
    }
}
