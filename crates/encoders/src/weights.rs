//! The elements of a tensor, and their conversion to f32.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

/// The mapped bytes of a file.
pub(crate) type Mapped = Arc<Mmap>;

/// Maps the file at `path` into memory.
pub(crate) fn map(path: &Path) -> io::Result<Mapped> {
    let file = File::open(path)?;
    // SAFETY: sound as long as nobody truncates or rewrites the file while it is read. No tool that creates
    // checkpoints writes them in place; doing so nevertheless kills this process, and no result is stored under the
    // digest of what it read.
    Ok(Arc::new(unsafe { Mmap::map(&file) }?))
}

/// The elements of a tensor, row-major and little-endian, in a mapped file or in memory.
#[derive(Debug, Clone)]
pub struct Weights {
    pub(crate) bytes: Bytes,
    pub(crate) element: Element,
    pub(crate) shape: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(crate) enum Bytes {
    Mapped(Mapped, Range<usize>),
    Owned(Vec<u8>),
}

/// An element type of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    F64,
    F32,
    F16,
    BF16,
}

impl Element {
    const fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }
}

/// Number of elements converted at a time.
const CHUNK: usize = 1 << 16;

impl Weights {
    /// Creates an f32 tensor in memory. `values` are row-major and as many as `shape` requires.
    #[must_use]
    pub fn from_values(shape: &[usize], values: &[f32]) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { bytes: Bytes::Owned(bytes), element: Element::F32, shape: shape.to_vec() }
    }

    /// Returns the shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the number of elements.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Returns all elements as f32.
    #[must_use]
    pub fn values(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.count());
        self.each_chunk(|chunk| values.extend_from_slice(chunk));
        values
    }

    /// Passes the elements as f32 in order, some thousand at a time, so that no memory of the tensor's size is needed.
    pub(crate) fn each_chunk(&self, mut take: impl FnMut(&[f32])) {
        let bytes = match &self.bytes {
            Bytes::Mapped(map, range) => &map[range.clone()],
            Bytes::Owned(bytes) => bytes,
        };
        let mut values = Vec::with_capacity(CHUNK);
        for chunk in bytes.chunks(CHUNK * self.element.size()) {
            values.clear();
            match self.element {
                Element::F64 => {
                    values.extend(chunk.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32));
                }
                Element::F32 => {
                    values.extend(chunk.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)))
                }
                Element::F16 => {
                    values.extend(chunk.as_chunks().0.iter().map(|bytes| half(u16::from_le_bytes(*bytes))))
                }
                Element::BF16 => values.extend(
                    chunk
                        .as_chunks()
                        .0
                        .iter()
                        .map(|bytes| f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16)),
                ),
            }
            take(&values);
        }
    }
}

/// Converts IEEE half precision to f32, which is exact.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    match exponent {
        // Subnormal: the fraction counts in steps of 2⁻²⁴.
        0 => f32::from_bits(sign | (fraction as f32 * f32::from_bits(0x3380_0000)).to_bits()),
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(element: Element, bytes: &[u8]) -> Vec<f32> {
        let shape = vec![bytes.len() / element.size()];
        Weights { bytes: Bytes::Owned(bytes.to_vec()), element, shape }.values()
    }

    #[test]
    fn every_element_type_becomes_the_number_it_stands_for() {
        let halves: Vec<u8> = [0x3c00_u16, 0xc000, 0x0001, 0x8400, 0x7bff, 0x0000, 0x3555]
            .iter()
            .flat_map(|bits| bits.to_le_bytes())
            .collect();
        assert_eq!(
            read(Element::F16, &halves),
            [1.0, -2.0, 2.0_f32.powi(-24), -(2.0_f32.powi(-14)), 65504.0, 0.0, 0.333_251_95]
        );
        assert_eq!(read(Element::BF16, &[0x80, 0x3f, 0x49, 0xc0]), [1.0, -3.140_625]);
        assert_eq!(read(Element::F64, &0.1_f64.to_le_bytes()), [0.1]);
        assert_eq!(read(Element::F32, &(-1.5_f32).to_le_bytes()), [-1.5]);
        assert!(read(Element::F16, &0x7c00_u16.to_le_bytes())[0].is_infinite());
        assert!(read(Element::F16, &0x7e00_u16.to_le_bytes())[0].is_nan());
    }

    #[test]
    fn chunks_are_all_there() {
        let values: Vec<f32> = (0..CHUNK + 3).map(|i| i as f32).collect();
        assert_eq!(Weights::from_values(&[values.len()], &values).values(), values);
    }
}
