//! Inner products of plain slices on the CPU, where the cost of a copy into tensors would show.

use tch::{Device, Kind, Tensor};

use crate::TorchError;

/// The inner product of every row of `rows`, `[n, width]`, with every row of `others`, `[k, width]`, into `products`,
/// `[n, k]`. libtorch's matrix product, in f32, on its own threads.
///
/// # Errors
/// When libtorch refuses.
///
/// # Panics
/// When the lengths do not fit together.
pub fn inner_products(
    rows: &[f32],
    others: &[f32],
    width: usize,
    products: &mut [f32],
) -> Result<(), TorchError> {
    let whole = rows.len().is_multiple_of(width) && others.len().is_multiple_of(width);
    let (n, k) = (rows.len() / width, others.len() / width);
    assert!(whole && products.len() == n * k, "{n} × {k} products of rows of {width}");
    if products.is_empty() {
        return Ok(());
    }
    let lend = |values: *const f32, rows: usize, width: usize| {
        let (shape, strides) = ([rows as i64, width as i64], [width as i64, 1]);
        // SAFETY: the tensor lends so many values of one of the slices, which it does not outlive: the three tensors stay in
        // this function, and a product keeps none of its factors.
        unsafe { Tensor::f_from_blob(values.cast(), &shape, &strides, Kind::Float, Device::Cpu) }
    };
    let _no_graph = tch::no_grad_guard();
    let (rows, others) = (lend(rows.as_ptr(), n, width)?, lend(others.as_ptr(), k, width)?);
    // Written to by libtorch alone, through the pointer of the one slice that is borrowed for it.
    let products = lend(products.as_mut_ptr(), n, k)?;
    let _the_same = rows.f_mm_out(&products, &others.f_tr()?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_by_three_products() {
        let (rows, others) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 0.0, 1.0, 10.0, -1.0]);
        let mut products = [f32::NAN; 6];
        inner_products(&rows, &others, 2, &mut products).unwrap();
        assert_eq!(products, [1.0, 2.0, 8.0, 3.0, 4.0, 26.0]);
        inner_products(&[], &others, 2, &mut []).unwrap();
    }

    #[test]
    #[should_panic(expected = "2 × 1 products of rows of 2")]
    fn lengths_must_fit() {
        inner_products(&[0.0; 4], &[0.0; 2], 2, &mut [0.0; 3]).unwrap();
    }
}
