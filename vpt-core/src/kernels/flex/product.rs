//! A product of two matrices by the `gemm` crate, as flex's own.
//!
//! Flex fills a product's array with zeros and copies it once for its alignment before anything is
//! written to it, both on one thread: on two cores an eighth of a decoder's step.

use burn::tensor::TensorMetadata;
use burn_flex::FlexTensor;
use gemm::Parallelism;
use std::mem::MaybeUninit;

/// Multiplications from which threads are worth their start, as in flex.
const PARALLEL: usize = 192 * 192 * 192;

/// a·b `[m, n]` of `[m, k]` and `[k, n]`, both of f32 in any layout. The bits are those of flex.
///
/// # Panics
/// If the two are no matrices of f32 of one k.
pub(super) fn product(a: &FlexTensor, b: &FlexTensor) -> FlexTensor {
    let (m, n) = (a.shape()[0], b.shape()[1]);
    let mut out = Vec::with_capacity(m * n);
    write(&mut out.spare_capacity_mut()[..m * n], a, b);
    // SAFETY: all m·n elements were written.
    #[expect(unsafe_code)]
    unsafe {
        out.set_len(m * n);
    }
    super::tensor(out, [m, n])
}

/// sum += a·b, `sum` row by row.
///
/// # Panics
/// If the two are no matrices of f32 of one k, or their product is not as large as `sum`.
pub(super) fn accumulate(sum: &mut [f32], a: &FlexTensor, b: &FlexTensor) {
    let size = sum.len();
    multiply(sum.as_mut_ptr(), size, true, a, b);
}

fn write(out: &mut [MaybeUninit<f32>], a: &FlexTensor, b: &FlexTensor) {
    if a.shape()[1] == 0 {
        // Nothing to sum, and nothing that gemm would write.
        out.fill(MaybeUninit::new(0.0));
    } else {
        multiply(out.as_mut_ptr().cast(), out.len(), false, a, b);
    }
}

/// out ← a·b, or out += a·b with `add`: row by row, `size` elements.
fn multiply(out: *mut f32, size: usize, add: bool, a: &FlexTensor, b: &FlexTensor) {
    let ([m, k], [inner, n]) = (matrix(a), matrix(b));
    assert_eq!(k, inner, "product: {m} x {k} by {inner} x {n}");
    assert_eq!(m * n, size, "product: {m} x {n} into {size} elements");
    if size == 0 {
        return;
    }
    let parallelism = match m.saturating_mul(n).saturating_mul(k) {
        PARALLEL.. => Parallelism::Rayon(0),
        _ => Parallelism::None,
    };
    let (a_values, b_values): (&[f32], &[f32]) = (a.storage(), b.storage());
    let (a_layout, b_layout) = (a.layout(), b.layout());
    let ([a_row, a_column], [b_row, b_column]) = (strides(a), strides(b));
    let (a_first, b_first) = (
        a_values[a_layout.start_offset()..].as_ptr(),
        b_values[b_layout.start_offset()..].as_ptr(),
    );
    let kept = if add { 1.0 } else { 0.0 };
    // SAFETY: a tensor's layout addresses its own storage alone, of which both tensors hold a share
    // while gemm reads; `out` has room for `size` = m·n elements, is held exclusively, and is read
    // only if they hold something.
    #[expect(unsafe_code)]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            n as isize,
            add,
            a_first,
            a_column,
            a_row,
            b_first,
            b_column,
            b_row,
            kept,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

fn matrix(x: &FlexTensor) -> [usize; 2] {
    let shape = x.shape();
    assert_eq!(shape.num_dims(), 2, "product: a matrix");
    [shape[0], shape[1]]
}

fn strides(x: &FlexTensor) -> [isize; 2] {
    let strides = x.layout().strides();
    [strides[0], strides[1]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::backend::Flex;
    use burn::tensor::ops::FloatTensorOps;

    fn filled(rows: usize, columns: usize) -> FlexTensor {
        let values = (0..rows * columns).map(|i| ((i * 37 % 101) as f32 - 50.0) / 17.0);
        super::super::tensor(values.collect(), [rows, columns])
    }

    fn values(x: &FlexTensor) -> Vec<f32> {
        super::super::Elements::of(x).to_vec()
    }

    #[test]
    fn bits_are_those_of_flex_in_every_layout() {
        for (m, k, n) in [(3, 5, 7), (1, 64, 33), (48, 1, 16), (200, 190, 260)] {
            let (a, b) = (filled(m, k), filled(k, n));
            let (across, over) = (filled(k, m).transpose(0, 1), filled(n, k).transpose(0, 1));
            let part = filled(m + 2, k + 3).narrow(0, 1, m).narrow(1, 2, k);
            for (a, b) in [
                (&a, &b),
                (&across, &b),
                (&a, &over),
                (&across, &over),
                (&part, &b),
            ] {
                let expected = Flex::float_matmul(a.clone(), b.clone());
                assert_eq!(values(&product(a, b)), values(&expected), "{m} {k} {n}");
            }
        }
    }

    #[test]
    fn sums_grow_by_products() {
        let (a, b) = (filled(30, 20), filled(20, 40));
        let mut sum = vec![2.0; 1200];
        accumulate(&mut sum, &a, &b);
        for (sum, product) in sum.iter().zip(values(&product(&a, &b))) {
            assert!((sum - 2.0 - product).abs() < 1e-4, "{sum} {product}");
        }
    }

    #[test]
    fn nothing_to_sum_is_zero() {
        assert_eq!(values(&product(&filled(2, 0), &filled(0, 3))), [0.0; 6]);
        assert!(values(&product(&filled(0, 4), &filled(4, 3))).is_empty());
    }
}
