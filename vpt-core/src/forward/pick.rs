//! Results that are entries of their input: their tangents are the same entries of its tangent.

use super::{Dual, Forward};
use burn_backend::ops::FloatTensorOps;
use burn_backend::tensor::{FloatTensor, IntTensor};
use burn_backend::{
    Backend, DeviceSettings, IntDType, Shape, Slice, TensorMetadata, get_device_settings,
};

/// The types of integers and booleans on the device of `x`.
pub(super) fn settings<B: Backend>(x: &FloatTensor<B>) -> DeviceSettings {
    get_device_settings::<B>(&B::float_device(x))
}

/// `x` in one dimension.
fn flat<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let length = x.shape().num_elements();
    B::float_reshape(x, Shape::new([length]))
}

/// An extreme along `dim`, at the index that `B` names among ties.
pub(super) fn extreme<B: Backend>(
    x: Dual<B>,
    dim: usize,
    f: impl FnOnce(FloatTensor<B>, usize) -> FloatTensor<B>,
    with_indices: impl FnOnce(FloatTensor<B>, usize, IntDType) -> (FloatTensor<B>, IntTensor<B>),
) -> Dual<B> {
    x.rule(
        |x| f(x, dim),
        |x, _, t| {
            let dtype = settings::<B>(&x).int_dtype;
            B::float_gather(dim, t, with_indices(x, dim, dtype).1)
        },
    )
}

/// The extreme of all entries. `[1]`
pub(super) fn extreme_of_all<B: Backend>(
    x: Dual<B>,
    f: impl FnOnce(FloatTensor<B>) -> FloatTensor<B>,
    with_indices: impl FnOnce(FloatTensor<B>, usize, IntDType) -> (FloatTensor<B>, IntTensor<B>),
) -> Dual<B> {
    x.rule(f, |x, _, t| {
        let dtype = settings::<B>(&x).int_dtype;
        let (_, index) = with_indices(flat::<B>(x), 0, dtype);
        B::float_gather(0, flat::<B>(t), index)
    })
}

/// The derivative of |x| along `t`.
pub(super) fn of_abs<B: Backend>(x: FloatTensor<B>, t: FloatTensor<B>) -> FloatTensor<B> {
    B::float_mul(B::float_sign(x), t)
}

/// max |x| of all entries. `[1]`
pub(super) fn largest<B: Backend>(x: Dual<B>) -> Dual<B> {
    x.rule(B::float_max_abs, |x, _, t| {
        let dtype = settings::<B>(&x).int_dtype;
        let size = flat::<B>(B::float_abs(x.clone()));
        let (_, index) = B::float_max_dim_with_indices(size, 0, dtype);
        B::float_gather(0, flat::<B>(of_abs::<B>(x, t)), index)
    })
}

/// max |x| along `dim`.
pub(super) fn largest_along<B: Backend>(x: Dual<B>, dim: usize) -> Dual<B> {
    x.rule(
        |x| B::float_max_abs_dim(x, dim),
        |x, _, t| {
            let dtype = settings::<B>(&x).int_dtype;
            let size = B::float_abs(x.clone());
            let (_, index) = B::float_max_dim_with_indices(size, dim, dtype);
            B::float_gather(dim, of_abs::<B>(x, t), index)
        },
    )
}

/// A running extreme: the last entry that equals it is its source, as `Autodiff` has it.
pub(super) fn running<B: Backend>(
    x: Dual<B>,
    dim: usize,
    f: impl FnOnce(FloatTensor<B>, usize) -> FloatTensor<B>,
) -> Dual<B> {
    x.rule(
        |x| f(x, dim),
        |x, y, t| {
            let (shape, device, types) = (x.shape(), B::float_device(&x), settings::<B>(&x));
            let mut line = vec![1; shape.num_dims()];
            line[dim] = shape[dim];
            let place = B::int_arange(0..shape[dim] as i64, &device, types.int_dtype);
            let place = B::int_expand(B::int_reshape(place, Shape::from(line)), shape);
            let source = B::float_equal(x, y, types.bool_dtype);
            let source = B::int_mul(place, B::bool_into_int(source, types.int_dtype));
            B::float_gather(dim, t, B::int_cummax(source, dim))
        },
    )
}

/// Running products by doubling, which no zero disturbs: log n products of dual numbers.
fn scan<B: Backend>(x: Dual<B>, dim: usize) -> Dual<B> {
    type F<B> = Forward<B>;
    let shape = x.shape();
    let length = shape[dim];
    let cut = |x: Dual<B>, from: usize, to: usize| {
        let mut slices = vec![Slice::full(); shape.num_dims()];
        slices[dim] = Slice::new(from as isize, Some(to as isize), 1);
        F::<B>::float_slice(x, &slices)
    };
    let (mut y, mut reach) = (x, 1);
    while reach < length {
        let head = cut(y.clone(), 0, reach);
        let tail = F::<B>::float_mul(cut(y.clone(), reach, length), cut(y, 0, length - reach));
        y = F::<B>::float_cat(vec![head, tail], dim);
        reach *= 2;
    }
    y
}

/// Running products along `dim`.
pub(super) fn running_product<B: Backend>(x: Dual<B>, dim: usize) -> Dual<B> {
    let primal = B::float_cumprod(x.primal.clone(), dim);
    Dual::composed(primal, x.tangent.is_some(), || scan(x, dim))
}

/// The product along `dim`, which stays as 1.
pub(super) fn product_along<B: Backend>(x: Dual<B>, dim: usize) -> Dual<B> {
    let primal = B::float_prod_dim(x.primal.clone(), dim);
    Dual::composed(primal, x.tangent.is_some(), || {
        let shape = x.shape();
        let mut last = vec![Slice::full(); shape.num_dims()];
        last[dim] = Slice::new(shape[dim] as isize - 1, Some(shape[dim] as isize), 1);
        Forward::<B>::float_slice(scan(x, dim), &last)
    })
}

/// The product of all entries. `[1]`
pub(super) fn product<B: Backend>(x: Dual<B>) -> Dual<B> {
    let primal = B::float_prod(x.primal.clone());
    let length = x.shape().num_elements();
    Dual::composed(primal, x.tangent.is_some(), || {
        let flat = Forward::<B>::float_reshape(x, Shape::new([length]));
        product_along(flat, 0)
    })
}

/// Sorted along `dim`, with the places that the entries had.
pub(super) fn sorted<B: Backend>(
    x: Dual<B>,
    dim: usize,
    descending: bool,
    dtype: IntDType,
) -> (Dual<B>, IntTensor<B>) {
    let (primal, order) = B::float_sort_with_indices(x.primal, dim, descending, dtype);
    let tangent = x.tangent.map(|t| B::float_gather(dim, t, order.clone()));
    (Dual { primal, tangent }, order)
}

/// The k largest along `dim`.
pub(super) fn top<B: Backend>(x: Dual<B>, dim: usize, k: usize) -> Dual<B> {
    x.rule(
        |x| B::float_topk(x, dim, k),
        |x, _, t| {
            let mut first = vec![Slice::full(); x.shape().num_dims()];
            first[dim] = Slice::new(0, Some(k as isize), 1);
            let dtype = settings::<B>(&x).int_dtype;
            let order = B::float_argsort(x, dim, true, dtype);
            B::float_gather(dim, t, B::int_slice(order, &first))
        },
    )
}
