//! The two file formats: zip archives, and a sequence of pickles followed by the elements.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Cursor as IoCursor, Read as _};
use std::ops::Range;
use std::sync::Arc;

use zip::{CompressionMethod, ZipArchive};

use crate::cursor::Cursor;
use crate::machine::{Run, run};
use crate::object::{Object, Storage};
use crate::{Dtype, PickleError, Value};

/// The first bytes of a file of the older format: a pickled integer.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// A PyTorch file.
pub struct PtFile<'f> {
    bytes: &'f [u8],
    pub(crate) objects: Vec<Object>,
    root: usize,
    /// The byte range of each storage's elements.
    storages: HashMap<String, Range<usize>>,
}

impl<'f> PtFile<'f> {
    /// Parses a file, except the elements of tensors.
    ///
    /// # Errors
    /// Fails if the bytes are not a PyTorch file, are damaged, or refer to anything that is not data.
    pub fn parse(bytes: &'f [u8]) -> Result<Self, PickleError> {
        if bytes.starts_with(b"PK") { Self::zip(bytes) } else { Self::legacy(bytes) }
    }

    /// Returns the saved object.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        Value { file: self, id: self.root }
    }

    /// Parses the zip format: `<name>/data.pkl`, and `<name>/data/<key>` for each storage.
    fn zip(bytes: &'f [u8]) -> Result<Self, PickleError> {
        let broken =
            |error: zip::result::ZipError| PickleError::Format(format!("damaged zip archive: {error}"));
        let mut archive = ZipArchive::new(IoCursor::new(bytes)).map_err(broken)?;
        let names = archive.file_names().map(|name| name.map(Cow::into_owned));
        let names: Vec<String> = names.collect::<Result<_, _>>().map_err(broken)?;
        let folder = names.iter().find_map(|name| name.strip_suffix("data.pkl"));
        let folder = folder.filter(|folder| folder.is_empty() || folder.ends_with('/'));
        let folder =
            folder.ok_or_else(|| PickleError::Format("a zip archive without `data.pkl`".into()))?.to_owned();
        if names.iter().any(|name| *name == format!("{folder}constants.pkl")) {
            return Err(PickleError::Format(
                "TorchScript, which contains a program; save its state_dict instead".into(),
            ));
        }
        let mut storages = HashMap::new();
        let mut program = 0..0;
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).map_err(broken)?;
            let name = file.name().map_err(broken)?.into_owned();
            let Some(name) = name.strip_prefix(&folder) else { continue };
            if name == "byteorder" {
                let mut order = String::new();
                let read = file.by_ref().take(16).read_to_string(&mut order);
                if read.is_err() || order.trim() != "little" {
                    return Err(PickleError::Format(format!("unsupported byte order `{}`", order.trim())));
                }
            }
            let key = name.strip_prefix("data/");
            if key.is_none() && name != "data.pkl" {
                continue;
            }
            if file.compression() != CompressionMethod::Stored {
                return Err(PickleError::Format(format!(
                    "`{name}` is compressed, which PyTorch's own files are not"
                )));
            }
            let start = file.data_start().and_then(|start| usize::try_from(start).ok());
            let range =
                start.and_then(|start| Some(start..start.checked_add(usize::try_from(file.size()).ok()?)?));
            let range = range.filter(|range| range.end <= bytes.len());
            let range =
                range.ok_or_else(|| PickleError::Format(format!("`{name}` exceeds the end of the file")))?;
            match key {
                Some(key) => _ = storages.insert(key.to_owned(), range),
                None => program = range,
            }
        }
        let Run { objects, root } = run(&mut Cursor::new(&bytes[program]))?;
        Ok(Self { bytes, objects, root, storages })
    }

    /// Parses the older format: magic number, version, system information, the saved object, the keys of storages;
    /// then the length and the elements of each.
    fn legacy(bytes: &'f [u8]) -> Result<Self, PickleError> {
        let mut cursor = Cursor::new(bytes);
        let magic = run(&mut cursor).map_err(|_| no_format())?;
        if !matches!(&magic.objects[magic.root], Object::Long(long) if *long == LEGACY_MAGIC) {
            return Err(no_format());
        }
        run(&mut cursor)?; // the format's version: there has been one
        run(&mut cursor)?; // byte order and sizes of the machine: little-endian ever since
        let Run { objects, root } = run(&mut cursor)?;
        let keys = run(&mut cursor)?;
        let Object::List(ids) = &keys.objects[keys.root] else {
            return Err(cursor.malformed("the list of storages is missing"));
        };
        let storage = |object: &Object| match object {
            Object::Storage(storage) => Some((storage.key.clone(), storage.dtype)),
            _ => None,
        };
        // The first of several of one key.
        let dtypes: HashMap<Arc<str>, Dtype> = objects.iter().rev().filter_map(storage).collect();
        let mut storages = HashMap::new();
        for id in ids {
            let Object::Text(key) = &keys.objects[*id] else {
                return Err(cursor.malformed("the key of a storage is not a string"));
            };
            let elements = cursor.length()?;
            let dtype = dtypes.get(key.as_str()).copied();
            let dtype = dtype.ok_or_else(|| cursor.malformed(format!("no tensor uses storage `{key}`")))?;
            let length = elements.checked_mul(dtype.bytes());
            let length = length.ok_or_else(|| cursor.malformed("a storage is too large"))?;
            let start = cursor.position();
            cursor.take(length)?;
            storages.insert(key.clone(), start..start + length);
        }
        Ok(Self { bytes, objects, root, storages })
    }

    /// Returns the elements of a storage.
    pub(crate) fn elements(&self, storage: &Storage) -> Result<&'f [u8], PickleError> {
        Ok(&self.bytes[self.range(storage)?])
    }

    /// Returns the byte range of a storage's elements.
    pub(crate) fn range(&self, storage: &Storage) -> Result<Range<usize>, PickleError> {
        let Storage { key, dtype, elements } = storage;
        let range = self.storages.get(&**key);
        let range =
            range.ok_or_else(|| PickleError::Tensor(format!("storage `{key}` is not in the file")))?;
        if elements.checked_mul(dtype.bytes()) != Some(range.len()) {
            let why = format!(
                "storage `{key}` has {} bytes, which do not match its {elements} elements",
                range.len()
            );
            return Err(PickleError::Tensor(why));
        }
        Ok(range.clone())
    }
}

fn no_format() -> PickleError {
    PickleError::Format("neither a zip archive nor a pickle written by PyTorch".into())
}
