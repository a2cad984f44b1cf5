//! The two formats of files: zip archives, and a row of pickles with the elements after them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Cursor as IoCursor, Read as _};
use std::ops::Range;

use zip::{CompressionMethod, ZipArchive};

use crate::cursor::Cursor;
use crate::machine::{Run, run};
use crate::object::{Object, Storage};
use crate::{PickleError, Value};

/// What opens a file of the older format: a pickled integer.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// A PyTorch file.
pub struct PtFile<'f> {
    bytes: &'f [u8],
    pub(crate) objects: Vec<Object>,
    root: usize,
    /// Where the elements of each storage lie.
    storages: HashMap<String, Range<usize>>,
}

impl<'f> PtFile<'f> {
    /// Reads all but the elements of tensors.
    ///
    /// # Errors
    /// When the bytes are no PyTorch file, are damaged, or name anything that is no data.
    pub fn parse(bytes: &'f [u8]) -> Result<Self, PickleError> {
        if bytes.starts_with(b"PK") { Self::zip(bytes) } else { Self::legacy(bytes) }
    }

    /// What was saved.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        Value { file: self, id: self.root }
    }

    /// `<name>/data.pkl`, and `<name>/data/<key>` for each storage.
    fn zip(bytes: &'f [u8]) -> Result<Self, PickleError> {
        let broken = |error: zip::result::ZipError| {
            PickleError::Format(format!("its zip archive is damaged: {error}"))
        };
        let mut archive = ZipArchive::new(IoCursor::new(bytes)).map_err(broken)?;
        let names = archive.file_names().map(|name| name.map(Cow::into_owned));
        let names: Vec<String> = names.collect::<Result<_, _>>().map_err(broken)?;
        let folder = names.iter().find_map(|name| name.strip_suffix("data.pkl"));
        let folder = folder.filter(|folder| folder.is_empty() || folder.ends_with('/'));
        let folder =
            folder.ok_or_else(|| PickleError::Format("a zip archive without `data.pkl`".into()))?.to_owned();
        if names.iter().any(|name| *name == format!("{folder}constants.pkl")) {
            return Err(PickleError::Format(
                "TorchScript, which holds a program; save its state_dict instead".into(),
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
                    return Err(PickleError::Format(format!("its bytes are in `{}` order", order.trim())));
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
            let range = range
                .ok_or_else(|| PickleError::Format(format!("`{name}` reaches beyond the file's end")))?;
            match key {
                Some(key) => _ = storages.insert(key.to_owned(), range),
                None => program = range,
            }
        }
        let Run { objects, root, .. } = run(&mut Cursor::new(&bytes[program]))?;
        Ok(Self { bytes, objects, root, storages })
    }

    /// Magic number, version, what machine wrote it, what was saved, the keys of storages; then for each its length
    /// and its elements.
    fn legacy(bytes: &'f [u8]) -> Result<Self, PickleError> {
        let mut cursor = Cursor::new(bytes);
        let magic = run(&mut cursor).map_err(|_| no_format())?;
        if !matches!(&magic.objects[magic.root], Object::Long(long) if *long == LEGACY_MAGIC) {
            return Err(no_format());
        }
        run(&mut cursor)?; // the format's version: there has been one
        run(&mut cursor)?; // byte order and sizes of the machine: little-endian ever since
        let Run { objects, root, storages: named } = run(&mut cursor)?;
        let keys = run(&mut cursor)?;
        let Object::List(ids) = &keys.objects[keys.root] else {
            return Err(cursor.malformed("no list of storages"));
        };
        let mut storages = HashMap::new();
        for id in ids {
            let Object::Text(key) = &keys.objects[*id] else {
                return Err(cursor.malformed("the key of a storage is no text"));
            };
            let elements = cursor.length()?;
            let dtype = named.iter().find(|storage| storage.key == *key).map(|storage| storage.dtype);
            let dtype = dtype.ok_or_else(|| cursor.malformed(format!("no tensor uses storage `{key}`")))?;
            let length = elements.checked_mul(dtype.bytes());
            let length = length.ok_or_else(|| cursor.malformed("a storage beyond all memory"))?;
            let start = cursor.position();
            cursor.take(length)?;
            storages.insert(key.clone(), start..start + length);
        }
        Ok(Self { bytes, objects, root, storages })
    }

    /// The elements of a storage.
    pub(crate) fn elements(&self, storage: &Storage) -> Result<&'f [u8], PickleError> {
        Ok(&self.bytes[self.range(storage)?])
    }

    /// Where they lie.
    pub(crate) fn range(&self, storage: &Storage) -> Result<Range<usize>, PickleError> {
        let Storage { key, dtype, elements } = storage;
        let range = self.storages.get(key);
        let range =
            range.ok_or_else(|| PickleError::Tensor(format!("storage `{key}` is not in the file")))?;
        if elements.checked_mul(dtype.bytes()) != Some(range.len()) {
            let why =
                format!("storage `{key}` has {} bytes where {elements} elements need others", range.len());
            return Err(PickleError::Tensor(why));
        }
        Ok(range.clone())
    }
}

fn no_format() -> PickleError {
    PickleError::Format("neither a zip archive nor a pickle that PyTorch wrote".into())
}
