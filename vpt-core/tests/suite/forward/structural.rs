//! Products, reductions, shapes, indices, picks.

use super::laws::{BOTH, binary, ints, normal, tensor, unary, uniform};
use burn::tensor::{IndexingUpdateOp, Tensor, s};

/// `name: shape => f`, on normal entries.
macro_rules! of_one {
    ($($name:ident: $shape:expr => |$x:ident| $f:expr;)*) => {
        $(#[test]
        fn $name() {
            for seed in 0..3 {
                unary(stringify!($name), normal(seed, $shape), |$x| $f, |$x| $f);
            }
        })*
    };
}

of_one! {
    sum: [2, 3] => |x| x.sum();
    sum_dim: [2, 3, 2] => |x| x.sum_dim(1);
    mean: [2, 3] => |x| x.mean();
    mean_dim: [2, 3, 2] => |x| x.mean_dim(1);
    var: [2, 5] => |x| x.var(1);
    max: [2, 3] => |x| x.max();
    min: [2, 3] => |x| x.min();
    max_dim: [2, 3, 2] => |x| x.max_dim(1);
    min_dim: [2, 3, 2] => |x| x.min_dim(1);
    max_dim_with_indices: [2, 3, 2] => |x| x.max_dim_with_indices(1).0;
    min_dim_with_indices: [2, 3, 2] => |x| x.min_dim_with_indices(1).0;
    max_abs: [2, 3] => |x| x.max_abs();
    max_abs_dim: [2, 3, 2] => |x| x.max_abs_dim(1);
    cumsum: [2, 5, 2] => |x| x.cumsum(1);
    cumprod: [2, 5, 2] => |x| x.cumprod(1);
    sort: [2, 5] => |x| x.sort(1);
    sort_descending: [2, 5] => |x| x.sort_descending(0);
    sort_with_indices: [2, 5] => |x| x.sort_with_indices(1).0;
    topk: [2, 5] => |x| x.topk(2, 1);
    topk_with_indices: [2, 5] => |x| x.topk_with_indices(2, 1).0;
    transpose: [2, 3, 2] => |x| x.transpose();
    swap_dims: [2, 3, 2] => |x| x.swap_dims(0, 1);
    permute: [2, 3, 2] => |x| x.permute([2, 0, 1]);
    flip: [2, 3, 2] => |x| x.flip([0, 2]);
    reshape: [2, 3, 2] => |x| x.reshape([4, 3]);
    expand: [2, 1, 2] => |x| x.expand([2, 3, 2]);
    repeat_dim: [2, 3] => |x| x.repeat_dim(1, 3);
    slice: [4, 5] => |x| x.slice([1..3, 0..4]);
    slice_with_a_step: [4, 5] => |x| x.slice([s![0..4;2], s![..;-1]]);
    unfold: [2, 6] => |x| x.unfold::<3, _>(1, 3, 2);
    gather: [2, 3] => |x| x.gather(1, ints(&[2, 2, 0, 1], [2, 2]));
    gather_nd: [2, 3] => |x| x.gather_nd::<2, 1>(ints(&[1, 2, 0, 0, 1, 2], [3, 2]));
    select: [2, 3] => |x| x.select(1, ints(&[2, 2, 0, 1], [4]));
    mask_fill: [2, 3] => |x| {
        let mask = ints(&[0, 1, 1, 0, 0, 1], [2, 3]).bool();
        x.mask_fill(mask, 3.0)
    };
    mask_of_its_own_values: [2, 3] => |x| x.clone().mask_where(x.clone().lower_elem(0.0), x * 3.0);
    triu: [3, 3] => |x| x.triu(0);
    diagonal_of_a_product: [3, 3] => |x| (x.clone().matmul(x.clone()) * x).sum_dim(1);
}

/// No two entries so near that a difference crosses.
#[test]
fn running_extremes() {
    for factor in [3, 7, 11, 13] {
        let entries = (0..20)
            .map(|i| f64::from(factor * i % 20) * 0.3 - 2.0)
            .collect();
        let x = tensor(entries, [2, 5, 2]);
        unary("cummax", x.clone(), |x| x.cummax(1), |x| x.cummax(1));
        unary("cummin", x, |x| x.cummin(1), |x| x.cummin(1));
    }
}

#[test]
fn products_of_all_entries() {
    // The backend's own is exp Σ log, of positive entries alone.
    let x = || uniform(9, [2, 3], (0.5, 2.0));
    unary("prod", x(), |x| x.prod(), |x| x.prod());
    unary("prod_dim", x(), |x| x.prod_dim(1), |x| x.prod_dim(1));
}

/// `name: shape of x, of y => f`.
macro_rules! of_two {
    ($($name:ident: $a:expr, $b:expr => |$x:ident, $y:ident| $f:expr;)*) => {
        $(#[test]
        fn $name() {
            for seed in 0..3 {
                let pair = (normal(seed, $a), normal(seed + 9, $b));
                binary(stringify!($name), pair, |$x, $y| $f, |$x, $y| $f, BOTH);
            }
        })*
    };
}

of_two! {
    matmul: [2, 3, 4], [2, 4, 2] => |x, y| x.matmul(y);
    matmul_that_broadcasts: [2, 3, 4], [1, 4, 2] => |x, y| x.matmul(y);
    cross: [2, 3], [2, 3] => |x, y| x.cross(y, 1);
    cat: [2, 3], [2, 1] => |x, y| Tensor::cat(vec![x, y], 1);
    stack: [2, 3], [2, 3] => |x, y| Tensor::stack::<3>(vec![x, y], 0);
    mask_where: [2, 3], [2, 3] => |x, y| {
        let mask = ints(&[0, 1, 1, 0, 0, 1], [2, 3]).bool();
        x.mask_where(mask, y)
    };
    slice_assign: [3, 4], [2, 2] => |x, y| x.slice_assign([0..2, 1..3], y);
    select_add: [3, 2], [4, 2] => |x, y| {
        x.select_assign(0, ints(&[0, 2, 0, 1], [4]), y, IndexingUpdateOp::Add)
    };
    scatter_add: [2, 3], [2, 2] => |x, y| {
        x.scatter(1, ints(&[2, 2, 0, 1], [2, 2]), y, IndexingUpdateOp::Add)
    };
    scatter_nd_add: [2, 3], [3] => |x, y| {
        x.scatter_nd(ints::<_, 2>(&[1, 2, 0, 0, 1, 2], [3, 2]), y, IndexingUpdateOp::Add)
    };
    scatter_nd_assign: [2, 3], [2] => |x, y| {
        x.scatter_nd(ints::<_, 2>(&[1, 2, 0, 0], [2, 2]), y, IndexingUpdateOp::Assign)
    };
    max_pair: [2, 3], [2, 3] => |x, y| x.max_pair(y);
}
