//! `pseudo-labels`: the cluster id of every frame, one row per utterance, for one or more cluster counts.

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, LargeListArray, StringArray, UInt16Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};

use crate::columns::{Columns, numbers, required, texts};
use crate::lazy::{BATCH_ROWS, BATCH_ROWS_KEY, Lazy};
use crate::writer::{Writer, schema};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "pseudo-labels";

/// The maximum number of clusters, as ids are 16 bits wide.
pub const MAX_CLUSTERS: usize = 1 << 16;

const CLUSTERS_KEY: &str = "clusters";

/// A writer of a table of pseudo-labels. The file is incomplete until [`PseudoLabelWriter::finish`] is called.
pub struct PseudoLabelWriter {
    writer: Writer,
    clusters: Vec<usize>,
    utterances: Vec<String>,
    ends: Vec<i64>,
    /// One list of ids per cluster count.
    ids: Vec<Vec<u16>>,
}

impl PseudoLabelWriter {
    /// Creates the file `path` for frames that were clustered with each of these numbers of clusters, such as
    /// `[64, 512, 4096]`.
    ///
    /// # Errors
    /// Fails if the file cannot be written, or if a number of clusters is 0, above [`MAX_CLUSTERS`] or repeated.
    pub fn create(path: &Path, clusters: &[usize]) -> Result<Self, TableError> {
        check_clusters(clusters).map_err(TableError::InvalidRows)?;
        let mut fields = vec![required("utterance", DataType::Utf8), required("n_frames", DataType::Int64)];
        fields.extend(clusters.iter().map(|k| required(&column(*k), DataType::LargeList(Arc::new(item())))));
        let said = serde_json::Value::from(clusters).to_string();
        let metadata = [(CLUSTERS_KEY, said), (BATCH_ROWS_KEY, BATCH_ROWS.to_string())];
        let writer = Writer::create(path, &schema(KIND, fields, &metadata))?;
        let ids = vec![vec![]; clusters.len()];
        Ok(Self { writer, clusters: clusters.to_vec(), utterances: vec![], ends: vec![0], ids })
    }

    /// Appends an utterance: for each number of clusters, in order, the cluster id of every frame.
    ///
    /// # Errors
    /// Fails if a list is missing or differs in length from the first, an id is out of range, or the row cannot be
    /// written.
    pub fn push(&mut self, utterance: &str, ids: &[&[u16]]) -> Result<(), TableError> {
        let n_frames = ids.first().map_or(0, |ids| ids.len());
        self.check(ids, n_frames)
            .map_err(|why| TableError::InvalidRows(format!("`{utterance}` has {why}")))?;
        self.utterances.push(utterance.to_owned());
        self.ids.iter_mut().zip(ids).for_each(|(all, ids)| all.extend_from_slice(ids));
        self.ends.push(self.ends[self.ends.len() - 1] + n_frames as i64);
        if self.utterances.len() == BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    /// Completes the file.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub fn finish(mut self) -> Result<(), TableError> {
        if !self.utterances.is_empty() {
            self.flush()?;
        }
        self.writer.finish()
    }

    fn check(&self, ids: &[&[u16]], n_frames: usize) -> Result<(), String> {
        if ids.len() != self.clusters.len() {
            return Err(format!("{} lists of ids, expected one for each of {:?}", ids.len(), self.clusters));
        }
        for (k, ids) in self.clusters.iter().zip(ids) {
            if ids.len() != n_frames {
                return Err(format!("{} ids of {k} clusters for {n_frames} frames", ids.len()));
            }
            if let Some(id) = beyond(ids, *k) {
                return Err(format!("id {id}, out of range for {k} clusters"));
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), TableError> {
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let n_frames = numbers::<Int64Type>(ends.windows(2).map(|pair| pair[1] - pair[0]));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        let mut columns = vec![texts(self.utterances.iter().map(String::as_str)), n_frames];
        columns.extend(self.ids.iter_mut().map(|ids| {
            let ids = UInt16Array::from(std::mem::take(ids));
            Arc::new(LargeListArray::new(Arc::new(item()), offsets.clone(), Arc::new(ids), None)) as ArrayRef
        }));
        self.utterances.clear();
        self.writer.push(columns)
    }
}

/// A memory-mapped table of pseudo-labels.
#[derive(Debug)]
pub struct PseudoLabelTable {
    clusters: Vec<usize>,
    rows: Lazy<Batch>,
}

#[derive(Debug)]
struct Batch {
    utterances: StringArray,
    n_frames: Int64Array,
    /// For each number of clusters, the list array that locates each row's ids.
    lists: Vec<LargeListArray>,
    ids: Vec<UInt16Array>,
}

impl PseudoLabelTable {
    /// Opens the table; reads only its metadata.
    ///
    /// # Errors
    /// Fails if the table is of another kind.
    pub fn open(file: TableFile) -> Result<Self, TableError> {
        file.expect_kind(KIND)?;
        let clusters: Vec<usize> = file.required_json(CLUSTERS_KEY)?;
        check_clusters(&clusters).map_err(TableError::Malformed)?;
        Ok(Self { clusters, rows: Lazy::open(file)? })
    }

    /// Returns the numbers of clusters, such as `[64, 512, 4096]`.
    #[must_use]
    pub fn clusters(&self) -> &[usize] {
        &self.clusters
    }

    /// Returns the number of utterances.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no utterances.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the id of the utterance of row `index`.
    ///
    /// # Errors
    /// Fails if the row is damaged.
    ///
    /// # Panics
    /// Panics if there is no such row.
    pub fn utterance(&self, index: usize) -> Result<&str, TableError> {
        let (batch, row) = self.row(index)?;
        Ok(batch.utterances.value(row))
    }

    /// Returns the number of frames of row `index`.
    ///
    /// # Errors
    /// Fails if the row is damaged.
    ///
    /// # Panics
    /// Panics if there is no such row.
    pub fn n_frames(&self, index: usize) -> Result<usize, TableError> {
        let (batch, row) = self.row(index)?;
        Ok(batch.n_frames.value(row) as usize)
    }

    /// Returns the cluster id of each frame of row `index`, in `0..self.clusters()[which]`.
    ///
    /// # Errors
    /// Fails if the row is damaged.
    ///
    /// # Panics
    /// Panics if there is no such row or no such number of clusters.
    pub fn ids(&self, index: usize, which: usize) -> Result<&[u16], TableError> {
        let (batch, row) = self.row(index)?;
        let ends = batch.lists[which].value_offsets();
        Ok(&batch.ids[which].values()[ends[row] as usize..ends[row + 1] as usize])
    }

    fn row(&self, index: usize) -> Result<(&Batch, usize), TableError> {
        self.rows.row(index, |columns| Batch::decode(columns, &self.clusters))
    }
}

impl Batch {
    fn decode(columns: &Columns, clusters: &[usize]) -> Result<Self, TableError> {
        let n_frames = columns.number::<Int64Type>("n_frames")?;
        let (mut lists, mut all) = (Vec::new(), Vec::new());
        for k in clusters {
            let name = column(*k);
            let list = columns.full::<LargeListArray>(&name)?;
            let wrong = |why: String| TableError::Malformed(format!("column `{name}` {why}"));
            let ids = list.values().as_any().downcast_ref::<UInt16Array>();
            let Some(ids) = ids.filter(|ids| ids.null_count() == 0) else {
                return Err(wrong("contains values that are not u16".into()));
            };
            let lengths = list.value_offsets().windows(2).map(|ends| ends[1] - ends[0]);
            if let Some((found, said)) = lengths.zip(n_frames.values()).find(|(found, said)| found != *said) {
                return Err(wrong(format!("has {found} ids for {said} frames")));
            }
            if let Some(id) = beyond(ids.values(), *k) {
                return Err(wrong(format!("contains the id {id}, which is out of range")));
            }
            lists.push(list.clone());
            all.push(ids.clone());
        }
        let utterances = columns.text("utterance")?.clone();
        Ok(Self { utterances, n_frames: n_frames.clone(), lists, ids: all })
    }
}

/// Returns the name of the column of ids for `k` clusters.
fn column(k: usize) -> String {
    format!("clusters_{k}")
}

fn item() -> Field {
    required("item", DataType::UInt16)
}

fn check_clusters(clusters: &[usize]) -> Result<(), String> {
    let twice = |(at, k): (usize, &usize)| clusters[..at].contains(k);
    if clusters.is_empty() || clusters.iter().enumerate().any(twice) {
        return Err(format!("cluster counts {clusters:?}: expected one or more, without duplicates"));
    }
    match clusters.iter().find(|k| !(1..=MAX_CLUSTERS).contains(*k)) {
        Some(k) => Err(format!("{k} clusters: expected 1 to {MAX_CLUSTERS}")),
        None => Ok(()),
    }
}

/// Returns the first id that is out of range for `k` clusters.
fn beyond(ids: &[u16], k: usize) -> Option<u16> {
    ids.iter().copied().max().filter(|id| usize::from(*id) >= k)
}
