//! Settings by path: what tells a variant or a trial from the others.

use std::collections::BTreeMap;

use affekt_config::Field;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema::Schema;
use crate::spec::{Limits, Spec};

/// Settings by path, `training.lr` → 0.001: words of an experiment's own file, so that their values are of any type.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Settings(pub BTreeMap<String, Value>);

impl Spec for Settings {
    fn schema(_: &Limits) -> Schema {
        Schema::Map { keys: "paths", values: Box::new(Schema::Any { about: "Any value." }) }
    }

    fn read(_: Field<'_>, _: &Limits) -> Option<Self> {
        None
    }
}
