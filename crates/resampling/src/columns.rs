//! What is summed: a matrix in the layout of the product.

/// Columns of a panel: three registers of four numbers.
pub(crate) const WIDTH: usize = 12;

/// Some numbers of each cluster, `[clusters, columns]`.
#[derive(Debug, Clone)]
pub struct Columns {
    columns: usize,
    clusters: usize,
    /// `[panels, clusters, WIDTH]`; the last panel is filled up with zeros.
    panels: Vec<[f64; WIDTH]>,
}

impl Columns {
    /// Creates a matrix of zeros.
    #[must_use]
    pub fn zeros(clusters: usize, columns: usize) -> Self {
        Self { columns, clusters, panels: vec![[0.0; WIDTH]; columns.div_ceil(WIDTH) * clusters] }
    }

    /// Sets the numbers of `cluster`.
    ///
    /// # Panics
    /// Panics if there is no such cluster, or if `row` is not one number a column.
    pub fn set(&mut self, cluster: usize, row: &[f64]) {
        assert!(cluster < self.clusters && row.len() == self.columns, "a row outside the matrix");
        for (panel, part) in row.chunks(WIDTH).enumerate() {
            self.panels[panel * self.clusters + cluster][..part.len()].copy_from_slice(part);
        }
    }

    /// Returns the number of columns.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the number of clusters.
    #[must_use]
    pub const fn clusters(&self) -> usize {
        self.clusters
    }

    /// Iterates over the panels, `[clusters, WIDTH]` each.
    pub(crate) fn panels(&self) -> impl ExactSizeIterator<Item = &[[f64; WIDTH]]> {
        self.panels.chunks_exact(self.clusters.max(1))
    }
}
