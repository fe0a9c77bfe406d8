//! Products with a matrix that has a few entries in each row: K tokens of a vocabulary a position.
//!
//! Row t of the sparse matrix Q has the entries q_tk in the columns ids_tk. No array of positions ×
//! slots × width is made where there is a kernel.

#[cfg(feature = "flex")]
use super::takes;
use super::{fused, primitive, wrapped};
use burn::tensor::{IndexingUpdateOp, Int, Tensor, backend::Backend};
use std::sync::Arc;

/// Which rows of a table each position picks, on the host.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "flex"), allow(dead_code))]
pub(super) struct Picked {
    pub(super) ids: Arc<Vec<usize>>,
    pub(super) slots: usize,
}

/// The rows themselves.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "flex"), allow(dead_code))]
pub(super) struct Rows(pub(super) Picked);

/// Their products with a vector of each position.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "flex"), allow(dead_code))]
pub(super) struct Sampled(pub(super) Picked);

/// Their sum at each position, weighted.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "flex"), allow(dead_code))]
pub(super) struct Gathered(pub(super) Picked);

/// `ids` on the host where a kernel asks for them.
#[cfg(feature = "flex")]
fn picked<B: Backend, const D: usize>(ids: &Tensor<B, D, Int>, slots: usize) -> Option<Picked> {
    let on_host = || ids.to_data().iter::<i64>().map(|id| id as usize).collect();
    takes::<B>().then(|| Picked {
        ids: Arc::new(on_host()),
        slots,
    })
}

#[cfg(not(feature = "flex"))]
fn picked<B: Backend, const D: usize>(_: &Tensor<B, D, Int>, _: usize) -> Option<Picked> {
    None
}

/// The rows `ids` of a table.
///
/// # Shapes
/// table `[count, width]`, ids `[n]` → `[n, width]`
///
/// # Panics
/// If an id is not below `count`, on backends that check indices.
pub fn rows<B: Backend>(table: Tensor<B, 2>, ids: Tensor<B, 1, Int>) -> Tensor<B, 2> {
    let Some(picked) = picked(&ids, 1) else {
        return table.select(0, ids);
    };
    match fused::<B, _, 1>(Rows(picked), [primitive(table)]) {
        Ok(rows) => wrapped(rows),
        Err([table]) => wrapped::<B, 2>(table).select(0, ids),
    }
}

/// ⟨W_k, x_t⟩ for the rows k that position t picks.
///
/// # Shapes
/// table `[count, width]`, ids `[n, slots]`, x `[n, width]` → `[n, slots]`
///
/// # Panics
/// As [`rows`], or if the sizes do not fit together.
pub fn sampled<B: Backend>(
    table: Tensor<B, 2>,
    ids: &Tensor<B, 2, Int>,
    x: Tensor<B, 2>,
) -> Tensor<B, 2> {
    let ([n, width], [positions, slots], [_, columns]) = (x.dims(), ids.dims(), table.dims());
    assert_eq!(n, positions, "sampled: the positions");
    assert_eq!(width, columns, "sampled: the width");
    let composed = |table: Tensor<B, 2>, x: Tensor<B, 2>| {
        let rows = table.select(0, ids.clone().reshape([n * slots]));
        (rows.reshape([n, slots, width]) * x.reshape([n, 1, width]))
            .sum_dim(2)
            .reshape([n, slots])
    };
    let Some(picked) = picked(ids, slots) else {
        return composed(table, x);
    };
    match fused::<B, _, 2>(Sampled(picked), [primitive(table), primitive(x)]) {
        Ok(products) => wrapped(products),
        Err([table, x]) => composed(wrapped(table), wrapped(x)),
    }
}

/// Q·W: Σ_k q_tk W_k for the rows k that position t picks.
///
/// # Shapes
/// table `[count, width]`, ids and q `[n, slots]` → `[n, width]`
///
/// # Panics
/// As [`sampled`].
pub fn gathered<B: Backend>(
    table: Tensor<B, 2>,
    ids: &Tensor<B, 2, Int>,
    q: Tensor<B, 2>,
) -> Tensor<B, 2> {
    let ([n, slots], [_, width]) = (ids.dims(), table.dims());
    assert_eq!(q.dims(), [n, slots], "gathered: the weights");
    let composed = |table: Tensor<B, 2>, q: Tensor<B, 2>| {
        let rows = table.select(0, ids.clone().reshape([n * slots]));
        (rows.reshape([n, slots, width]) * q.reshape([n, slots, 1]))
            .sum_dim(1)
            .reshape([n, width])
    };
    let Some(picked) = picked(ids, slots) else {
        return composed(table, q);
    };
    match fused::<B, _, 2>(Gathered(picked), [primitive(table), primitive(q)]) {
        Ok(sums) => wrapped(sums),
        Err([table, q]) => composed(wrapped(table), wrapped(q)),
    }
}

/// sum + Qᵀ·X, for tensors that are on no tape. Where there is a kernel `sum`'s own memory takes the
/// result, if nobody shares it.
///
/// # Shapes
/// sum `[count, width]`, ids and q `[n, slots]`, x `[n, width]` → `[count, width]`
///
/// # Panics
/// As [`sampled`].
pub fn scattered<B: Backend>(
    sum: Tensor<B, 2>,
    ids: &Tensor<B, 2, Int>,
    q: Tensor<B, 2>,
    x: Tensor<B, 2>,
) -> Tensor<B, 2> {
    let ([n, slots], [_, width]) = (ids.dims(), sum.dims());
    assert_eq!(q.dims(), [n, slots], "scattered: the weights");
    assert_eq!(x.dims(), [n, width], "scattered: the width");
    #[cfg(feature = "flex")]
    let sum = match picked(ids, slots) {
        None => sum,
        Some(picked) => {
            let others = [primitive(q.clone()), primitive(x.clone())];
            match super::flex::scattered::<B>(&picked, primitive(sum), others) {
                Ok(sum) => return wrapped(sum),
                Err(sum) => wrapped(sum),
            }
        }
    };
    let terms = x.reshape([n, 1, width]) * q.reshape([n, slots, 1]);
    let ids = ids.clone().reshape([n * slots]);
    sum.select_assign(
        0,
        ids,
        terms.reshape([n * slots, width]),
        IndexingUpdateOp::Add,
    )
}

/// sum + aᵀ·b, for tensors that are on no tape. Where there is a kernel `sum`'s own memory takes the
/// result, if nobody shares it, and no second array of its size is made.
///
/// # Shapes
/// sum `[rows, width]`, a `[n, rows]`, b `[n, width]` → `[rows, width]`
pub fn add_product<B: Backend>(
    sum: Tensor<B, 2>,
    a: Tensor<B, 2>,
    b: Tensor<B, 2>,
) -> Tensor<B, 2> {
    #[cfg(feature = "flex")]
    let sum = {
        let factors = [primitive(a.clone()), primitive(b.clone())];
        match super::flex::add_product::<B>(primitive(sum), factors) {
            Ok(sum) => return wrapped(sum),
            Err(sum) => wrapped(sum),
        }
    };
    sum + a.transpose().matmul(b)
}
