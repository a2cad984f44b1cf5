//! An open table: its kind, metadata and record batches, each verified and decoded on demand.
//!
//! Nothing in the file is trusted: lengths and offsets are compared with the actual size before the decoder sees them,
//! column types are limited to those that the schemas use, and every value buffer is validated.

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, convert};
use arrow_schema::{DataType, Metadata, SchemaRef};
use serde::de::DeserializeOwned;

use crate::{Bytes, Mapped, TableError};

/// The format version that this crate writes, and the newest that it reads.
pub const VERSION: u32 = 1;

pub(crate) const KIND_KEY: &str = "affekt.kind";
pub(crate) const VERSION_KEY: &str = "affekt.version";

const MAGIC: &[u8] = b"ARROW1";
/// The footer's length (4 bytes) and the magic number.
const TRAILER: usize = 10;
/// The continuation marker and the length that precede a message, 4 bytes each.
const MESSAGE_PREFIX: usize = 8;

/// An open Arrow IPC file of a kind that Affekt writes.
#[derive(Debug)]
pub struct TableFile {
    bytes: Source,
    kind: String,
    schema: SchemaRef,
    blocks: Vec<Block>,
    /// The item size in bytes of each buffer of a record batch.
    item_sizes: Vec<usize>,
    decoder: FileDecoder,
}

impl TableFile {
    /// Opens the table in `bytes`; reads only the footer.
    ///
    /// # Errors
    /// Fails if the bytes are not a complete Arrow file, not a table of Affekt's, or of a newer version.
    pub fn open(bytes: Arc<dyn Bytes>) -> Result<Self, TableError> {
        let bytes = Source(bytes);
        let range = footer_range(&bytes)?;
        let footer = bytes.verified(range.clone())?;
        guarded("footer", || {
            let footer = arrow_ipc::root_as_footer(footer).map_err(|error| damaged("footer", &error))?;
            let schema = footer.schema().ok_or_else(|| damaged("footer", &"no schema"))?;
            let schema = convert::try_fb_to_schema(schema).map_err(|error| damaged("schema", &error))?;
            let kind = kind_of(&schema.metadata)?;
            if let Some(field) = schema.fields().iter().find(|field| !is_supported(field.data_type())) {
                let (name, found) = (field.name(), field.data_type());
                return Err(TableError::Malformed(format!(
                    "column `{name}` has the unexpected type {found}"
                )));
            }
            let blocks: Vec<Block> = footer.recordBatches().into_iter().flatten().copied().collect();
            for (number, block) in blocks.iter().enumerate() {
                check_block(block, range.start)
                    .map_err(|why| damaged(&format!("record batch {number}"), &why))?;
            }
            let item_sizes = schema.fields().iter().flat_map(|field| item_sizes(field.data_type())).collect();
            let schema = Arc::new(schema);
            let decoder = FileDecoder::new(Arc::clone(&schema), footer.version());
            Ok(Self { bytes: bytes.clone(), kind, schema, blocks, item_sizes, decoder })
        })
    }

    /// Maps and opens the table at `path`, a plain file.
    ///
    /// # Errors
    /// Fails like [`TableFile::open`], or if the file cannot be opened.
    pub fn open_path(path: &Path) -> Result<Self, TableError> {
        Self::open(Arc::new(Mapped::open(path)?))
    }

    /// Returns the kind of the table: `manifest`, `rows/train`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the columns and the metadata.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the metadata under `key`.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.schema.metadata.get(key).map(String::as_str)
    }

    /// Returns the number of record batches.
    #[must_use]
    pub fn batch_count(&self) -> usize {
        self.blocks.len()
    }

    /// Decodes record batch `index`. Its arrays borrow the memory of the file.
    ///
    /// # Errors
    /// Fails if its bytes are damaged.
    ///
    /// # Panics
    /// Panics if there is no such batch.
    pub fn batch(&self, index: usize) -> Result<RecordBatch, TableError> {
        let block = &self.blocks[index];
        let (head, body) = block_ranges(block);
        let buffer = self.bytes.buffer(head.start..body.end)?;
        let what = format!("record batch {index}");
        guarded(&what, || {
            check_message(&buffer[..head.len()], body.len(), &self.item_sizes)
                .map_err(|why| damaged(&what, &why))?;
            match self.decoder.read_record_batch(block, &buffer) {
                Ok(Some(batch)) => Ok(batch),
                Ok(None) => Err(damaged(&what, &"not a record batch")),
                Err(error) => Err(damaged(&what, &error)),
            }
        })
    }

    /// Returns the number of rows that the header of record batch `index` declares.
    pub(crate) fn batch_rows(&self, index: usize) -> Result<usize, TableError> {
        let (head, body) = block_ranges(&self.blocks[index]);
        let head = self.bytes.verified(head)?;
        check_message(head, body.len(), &self.item_sizes)
            .map_err(|why| damaged(&format!("record batch {index}"), &why))
    }

    /// Checks that the table is of kind `expected`.
    pub(crate) fn expect_kind(&self, expected: &str) -> Result<(), TableError> {
        if self.kind == expected {
            return Ok(());
        }
        Err(TableError::Kind { expected: expected.to_owned(), found: format!("`{}`", self.kind) })
    }

    /// Returns the metadata under `key`, which is required.
    pub(crate) fn required(&self, key: &str) -> Result<&str, TableError> {
        self.metadata(key).ok_or_else(|| TableError::Malformed(format!("the metadata lacks `{key}`")))
    }

    /// Returns the metadata under `key`, which is required to be JSON of this type.
    pub(crate) fn required_json<T: DeserializeOwned>(&self, key: &str) -> Result<T, TableError> {
        serde_json::from_str(self.required(key)?)
            .map_err(|error| TableError::Malformed(format!("metadata `{key}`: {error}")))
    }
}

/// The bytes, shared with every buffer that borrows them.
#[derive(Clone)]
struct Source(Arc<dyn Bytes>);

impl Source {
    fn verified(&self, range: Range<usize>) -> Result<&[u8], TableError> {
        self.0.verified(range)
    }

    /// Returns the bytes in `range` as a buffer that keeps their owner alive.
    fn buffer(&self, range: Range<usize>) -> Result<Buffer, TableError> {
        let bytes = self.0.verified(range)?;
        let owner = Arc::new(AssertUnwindSafe(Arc::clone(&self.0)));
        // SAFETY: `bytes` borrows from the value inside the `Arc`, which neither moves nor can be borrowed mutably
        // while `owner` holds it, and the buffer holds `owner`.
        Ok(unsafe { Buffer::from_custom_allocation(NonNull::from(bytes).cast(), bytes.len(), owner) })
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Returns the byte range of the footer.
fn footer_range(bytes: &Source) -> Result<Range<usize>, TableError> {
    let len = bytes.0.len();
    let no = |why: &str| Err(TableError::NotArrow(why.to_owned()));
    if len < MAGIC.len() + TRAILER {
        return no(&format!("it has only {len} bytes"));
    }
    if bytes.verified(0..MAGIC.len())? != MAGIC {
        return no("it does not start with `ARROW1`");
    }
    let trailer = bytes.verified(len - TRAILER..len)?;
    let (length, magic) = trailer.split_at(4);
    if magic != MAGIC {
        return no("it does not end with `ARROW1`: it was truncated or never completed");
    }
    let length =
        length.try_into().map(i32::from_le_bytes).ok().and_then(|length| usize::try_from(length).ok());
    let end = len - TRAILER;
    match length.and_then(|length| end.checked_sub(length)) {
        Some(start) if start >= MAGIC.len() => Ok(start..end),
        _ => Err(damaged("footer", &"its length exceeds the file")),
    }
}

/// Returns the table's kind after checking its version.
fn kind_of(metadata: &Metadata) -> Result<String, TableError> {
    let (Some(kind), Some(version)) = (metadata.get(KIND_KEY), metadata.get(VERSION_KEY)) else {
        let why = format!("the metadata lacks `{KIND_KEY}` or `{VERSION_KEY}`: it was not written by affekt");
        return Err(TableError::Malformed(why));
    };
    match version.parse() {
        Ok(1..=VERSION) => Ok(kind.clone()),
        Ok(found) if found > VERSION => Err(TableError::Newer { found }),
        _ => Err(TableError::Malformed(format!("`{version}` is not a format version"))),
    }
}

/// Returns whether the schemas of this crate use a type.
fn is_supported(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::Boolean | DataType::Float32 | DataType::Float64 => true,
        DataType::Int32 | DataType::Int64 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => true,
        DataType::List(of) => matches!(of.data_type(), DataType::Float32 | DataType::Utf8),
        DataType::LargeList(of) => {
            matches!(of.data_type(), DataType::Float16 | DataType::Float32 | DataType::UInt16)
        }
        DataType::FixedSizeList(of, length) => {
            matches!(of.data_type(), DataType::Float32 | DataType::UInt8) && *length > 0
        }
        _ => false,
    }
}

/// Returns the item size in bytes of each buffer of a column of this type: validity (bits, so any number of bytes),
/// offsets, values, and those of its child.
fn item_sizes(data_type: &DataType) -> Vec<usize> {
    match data_type {
        DataType::Utf8 => vec![1, 4, 1],
        DataType::List(of) => [vec![1, 4], item_sizes(of.data_type())].concat(),
        DataType::LargeList(of) => [vec![1, 8], item_sizes(of.data_type())].concat(),
        DataType::FixedSizeList(of, _) => [vec![1], item_sizes(of.data_type())].concat(),
        other => vec![1, other.primitive_width().unwrap_or(1)],
    }
}

/// Checks that a block lies between the magic number and the footer.
fn check_block(block: &Block, footer: usize) -> Result<(), String> {
    let size = |length: i64| usize::try_from(length).ok();
    let end = || {
        let start = size(block.offset())?;
        let head = size(block.metaDataLength().into())?;
        (start >= MAGIC.len() && head >= MESSAGE_PREFIX).then_some(())?;
        start.checked_add(head)?.checked_add(size(block.bodyLength())?)
    };
    if end().is_some_and(|end| end <= footer) {
        return Ok(());
    }
    let (offset, head, body) = (block.offset(), block.metaDataLength(), block.bodyLength());
    Err(format!("{head} + {body} bytes at {offset} do not lie within the file"))
}

/// Returns the byte ranges of a checked block's message and body.
fn block_ranges(block: &Block) -> (Range<usize>, Range<usize>) {
    let start = block.offset() as usize;
    let body = start + block.metaDataLength() as usize;
    (start..body, body..body + block.bodyLength() as usize)
}

/// Checks what the decoder takes for granted about the message of a record batch, and returns the number of rows.
fn check_message(head: &[u8], body: usize, item_sizes: &[usize]) -> Result<usize, String> {
    // Files since Arrow 0.15 mark a message with four bytes of ones; older ones hold no table of ours.
    let (marker, message) = head.split_at(MESSAGE_PREFIX);
    if marker[..4] != [0xff; 4] {
        return Err("the message has no continuation marker".into());
    }
    let message = arrow_ipc::root_as_message(message).map_err(|error| error.to_string())?;
    let batch = message.header_as_record_batch().ok_or("the message is not a record batch")?;
    if batch.compression().is_some() {
        return Err("compression is not supported".into());
    }
    // Every row of every type takes at least one bit.
    let count = |rows: i64| usize::try_from(rows).ok().filter(|rows| rows.div_ceil(8) <= body);
    for node in batch.nodes().into_iter().flatten() {
        if count(node.length()).is_none() || !(0..=node.length()).contains(&node.null_count()) {
            return Err("it declares more rows than fit into it".into());
        }
    }
    let buffers = batch.buffers().unwrap_or_default();
    if buffers.len() != item_sizes.len() {
        return Err(format!("it has {} buffers, expected {}", buffers.len(), item_sizes.len()));
    }
    for (buffer, item_size) in buffers.iter().zip(item_sizes) {
        let size = |length: i64| usize::try_from(length).ok();
        let length = size(buffer.length()).filter(|length| length.is_multiple_of(*item_size));
        let end = || size(buffer.offset())?.checked_add(length?);
        if end().is_none_or(|end| end > body) {
            return Err("a buffer lies outside the batch".into());
        }
    }
    count(batch.length()).ok_or_else(|| "it declares more rows than fit into it".into())
}

fn damaged(what: &str, why: &dyn fmt::Display) -> TableError {
    TableError::Damaged(format!("{what}: {why}"))
}

/// Runs a decoder on untrusted bytes. Whatever the checks above miss and the decoder asserts becomes an error.
fn guarded<T>(what: &str, decode: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(damaged(what, &"decoding failed")))
}
