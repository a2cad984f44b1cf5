//! Bilinear resizing of matrices, with antialiasing when shrinking.
//!
//! Equal to PyTorch's `interpolate(mode="bilinear", antialias=True, align_corners=False)` and to Pillow's `BILINEAR`:
//! an output is the mean of its neighbours weighted by a triangle two inputs wide, or two outputs where these are
//! wider. Columns are resized first, then rows.

/// Resizing of matrices of one size; created once.
pub struct Resize {
    columns: Vec<Taps>,
    rows: Vec<Taps>,
    /// Width of the input.
    width: usize,
    height: usize,
}

/// The weighted inputs of one output.
struct Taps {
    first: usize,
    /// The weights of the inputs from `first` on, which sum to 1.
    weights: Vec<f32>,
}

impl Resize {
    /// Prepares resizing from `[height, width]` to another size.
    ///
    /// # Panics
    /// Panics if a dimension is 0.
    #[must_use]
    pub fn new(from: [usize; 2], to: [usize; 2]) -> Self {
        assert!(from.iter().chain(&to).all(|side| *side > 0), "resizing {from:?} to {to:?}: empty matrix");
        let axis = |axis: usize| (0..to[axis]).map(|output| Taps::of(output, from[axis], to[axis])).collect();
        Self { columns: axis(1), rows: axis(0), width: from[1], height: from[0] }
    }

    /// Resizes a row-major matrix.
    ///
    /// # Panics
    /// Panics if it is of another size than prepared for.
    #[must_use]
    pub fn apply(&self, matrix: &[f32]) -> Vec<f32> {
        assert_eq!(matrix.len(), self.height * self.width, "the matrix must be [height, width]");
        let across: Vec<f32> = matrix
            .chunks_exact(self.width)
            .flat_map(|row| self.columns.iter().map(|taps| taps.mean(row)))
            .collect();
        let width = self.columns.len();
        let mut resized = vec![0.0; self.rows.len() * width];
        for (taps, output) in self.rows.iter().zip(resized.chunks_exact_mut(width)) {
            let rows = across[taps.first * width..].chunks_exact(width);
            for (weight, row) in taps.weights.iter().zip(rows) {
                output.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        resized
    }
}

impl Taps {
    /// Returns the weighted inputs of output `output` when `from` inputs become `to` outputs.
    fn of(output: usize, from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        let centre = (output as f64 + 0.5) * scale;
        let reach = scale.max(1.0);
        let first = (centre - reach).floor().max(0.0) as usize;
        let end = ((centre + reach).ceil() as usize).min(from);
        let triangle = |input: usize| (1.0 - (input as f64 + 0.5 - centre).abs() / reach).max(0.0);
        let weights: Vec<f64> = (first..end).map(triangle).collect();
        let sum: f64 = weights.iter().sum();
        Self { first, weights: weights.iter().map(|weight| (weight / sum) as f32).collect() }
    }

    fn mean(&self, values: &[f32]) -> f32 {
        self.weights.iter().zip(&values[self.first..]).map(|(weight, value)| weight * value).sum()
    }
}
