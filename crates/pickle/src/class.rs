//! The known names. No other names are resolved.

use crate::Dtype;

/// The meaning of a name in a pickle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// A dictionary: `collections.OrderedDict` and similar.
    Dict,
    /// A list.
    List,
    /// A tuple, or `torch.Size`.
    Tuple,
    /// A set.
    Set,
    /// `bytearray`, `bytes`.
    Bytes,
    /// `_codecs.encode`, by which protocols without bytes write them.
    Encode,
    /// A class of storages: `torch.FloatStorage`.
    Storage(Dtype),
    /// `torch._utils._rebuild_tensor` and `_v2`: a tensor over a storage.
    Tensor,
    /// `torch._utils._rebuild_parameter`: the tensor that it wraps.
    Parameter,
    /// A constant or a type that is kept by name: `torch.float32`.
    Name(String),
    /// An object whose contents are kept under the name of its class: settings that training programs store beside the
    /// weights.
    Record(String),
}

/// Modules whose classes only hold settings. Their objects become records: none of their code is run, or even present.
const SETTINGS: [&str; 4] = ["argparse.Namespace", "omegaconf.", "fairseq.", "numpy."];

impl Class {
    /// Returns the meaning of `module.name`, if it is known.
    pub(crate) fn find(module: &str, name: &str) -> Option<Self> {
        let path = format!("{module}.{name}");
        Some(match path.as_str() {
            "collections.OrderedDict" | "collections.defaultdict" | "builtins.dict" | "__builtin__.dict" => {
                Self::Dict
            }
            "builtins.list" | "__builtin__.list" => Self::List,
            "builtins.tuple" | "__builtin__.tuple" | "torch.Size" => Self::Tuple,
            "builtins.set" | "__builtin__.set" | "builtins.frozenset" | "__builtin__.frozenset" => Self::Set,
            "builtins.bytearray" | "__builtin__.bytearray" | "builtins.bytes" | "__builtin__.bytes" => {
                Self::Bytes
            }
            "_codecs.encode" => Self::Encode,
            "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" => Self::Tensor,
            "torch._utils._rebuild_parameter" => Self::Parameter,
            "typing.Any" | "torch.device" => Self::Name(path),
            "builtins.int" | "builtins.float" | "builtins.str" | "builtins.bool" => Self::Name(path),
            // The names of the same types in protocols below 3.
            "__builtin__.int"
            | "__builtin__.long"
            | "__builtin__.float"
            | "__builtin__.unicode"
            | "__builtin__.bool" => Self::Name(path),
            _ if module == "torch" => match name.strip_suffix("Storage") {
                Some(element) => Self::Storage(Dtype::of_storage(element)?),
                None => Self::Name(Dtype::from_name(name).map(|_| path)?),
            },
            _ if SETTINGS.iter().any(|prefix| is_under(&path, prefix)) => Self::Record(path),
            _ => return None,
        })
    }
}

/// Returns whether `path` is `prefix`, or is in the module that `prefix` names with its dot.
fn is_under(path: &str, prefix: &str) -> bool {
    if prefix.ends_with('.') { path.starts_with(prefix) } else { path == prefix }
}
