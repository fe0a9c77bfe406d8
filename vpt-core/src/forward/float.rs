//! The derivative of each float operation.

use super::dual::sum;
use super::pick::{self, settings};
use super::{Dual, Forward};
use burn_backend::ops::grid_sample::float_grid_sample_2d_ref;
use burn_backend::ops::{FloatTensorOps, GridSampleOptions, InterpolateMode};
use burn_backend::tensor::{BoolTensor, Device, FloatTensor, IndexingUpdateOp, IntTensor};
use burn_backend::{
    Backend, BoolDType, Distribution, ExecutionError, FloatDType, IntDType, Scalar, Shape, Slice,
    TensorData, TensorMetadata,
};
use std::f64::consts::FRAC_2_SQRT_PI;

/// Results that nothing has perturbed.
macro_rules! constant {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        $(fn $name($($arg: $type),*) -> Dual<B> {
            Dual::constant(B::$name($($arg),*))
        })*
    };
}

/// y = f(x, …) with f linear in x.
macro_rules! linear {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        $(fn $name(x: Dual<B>, $($arg: $type),*) -> Dual<B> {
            x.linear(|x| B::$name(x, $($arg),*))
        })*
    };
}

/// y = f(x) elementwise, with ẏ of (x, y, ẋ).
macro_rules! elementwise {
    ($($name:ident => $rule:expr;)*) => {
        $(fn $name(x: Dual<B>) -> Dual<B> {
            x.rule(B::$name, $rule)
        })*
    };
}

/// y = f(x), constant almost everywhere.
macro_rules! step {
    ($($name:ident;)*) => {
        $(fn $name(x: Dual<B>) -> Dual<B> {
            x.step(B::$name)
        })*
    };
}

/// Of values alone, to a tensor that is not of floats.
macro_rules! discrete {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        $(fn $name(x: Dual<B>, $($arg: $type),*) -> $out {
            B::$name(x.primal, $($arg),*)
        })*
    };
}

/// The same of two tensors.
macro_rules! compare {
    ($($name:ident;)*) => {
        $(fn $name(lhs: Dual<B>, rhs: Dual<B>, out: BoolDType) -> BoolTensor<B> {
            B::$name(lhs.primal, rhs.primal, out)
        })*
    };
}

/// x².
fn square<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_mul(x.clone(), x)
}

/// x² + `offset`.
fn square_plus<B: Backend>(x: FloatTensor<B>, offset: f64) -> FloatTensor<B> {
    B::float_add_scalar(square::<B>(x), offset.into())
}

/// √(1 − x²).
fn leg<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_sqrt(B::float_neg(square_plus::<B>(x, -1.0)))
}

/// y = x^p, with ẏ = p x^(p−1) ẋ.
fn power<B: Backend>(
    x: Dual<B>,
    p: Scalar,
    f: impl FnOnce(FloatTensor<B>, Scalar) -> FloatTensor<B>,
) -> Dual<B> {
    let exponent: f64 = p.elem();
    if exponent == 0.0 {
        return x.step(|x| f(x, p));
    }
    x.rule(
        |x| f(x, p),
        |x, _, t| {
            let slope = B::float_powf_scalar(x, (exponent - 1.0).into());
            B::float_mul(B::float_mul_scalar(slope, exponent.into()), t)
        },
    )
}

impl<B: Backend> FloatTensorOps<Self> for Forward<B> {
    constant! {
        float_from_data(data: TensorData, device: &Device<B>);
        float_random(shape: Shape, draw: Distribution, device: &Device<B>, dtype: FloatDType);
        float_zeros(shape: Shape, device: &Device<B>, dtype: FloatDType);
        float_ones(shape: Shape, device: &Device<B>, dtype: FloatDType);
        float_full(shape: Shape, value: Scalar, device: &Device<B>, dtype: FloatDType);
        float_empty(shape: Shape, device: &Device<B>, dtype: FloatDType);
    }

    async fn float_into_data(x: Dual<B>) -> Result<TensorData, ExecutionError> {
        B::float_into_data(x.primal).await
    }

    fn float_device(x: &Dual<B>) -> Device<B> {
        B::float_device(&x.primal)
    }

    /// Stops the tangent here, and the tape of `B`.
    fn float_detach(x: Dual<B>) -> Dual<B> {
        x.step(B::float_detach)
    }

    // Linear in one argument.

    linear! {
        float_to_device(device: &Device<B>);
        float_cast(dtype: FloatDType);
        float_mul_scalar(rhs: Scalar);
        float_div_scalar(rhs: Scalar);
        float_neg();
        float_transpose();
        float_swap_dims(a: usize, b: usize);
        float_permute(axes: &[usize]);
        float_flip(axes: &[usize]);
        float_slice(slices: &[Slice]);
        float_repeat_dim(dim: usize, times: usize);
        float_unfold(dim: usize, size: usize, step: usize);
        float_sum();
        float_sum_dim(dim: usize);
        float_mean();
        float_mean_dim(dim: usize);
        float_cumsum(dim: usize);
    }

    fn float_reshape(x: Dual<B>, shape: Shape) -> Dual<B> {
        x.linear(|x| B::float_reshape(x, shape.clone()))
    }

    fn float_expand(x: Dual<B>, shape: Shape) -> Dual<B> {
        x.linear(|x| B::float_expand(x, shape.clone()))
    }

    fn float_gather(dim: usize, x: Dual<B>, indices: IntTensor<B>) -> Dual<B> {
        x.linear(|x| B::float_gather(dim, x, indices.clone()))
    }

    fn float_gather_nd(x: Dual<B>, indices: IntTensor<B>) -> Dual<B> {
        x.linear(|x| B::float_gather_nd(x, indices.clone()))
    }

    fn float_select(x: Dual<B>, dim: usize, indices: IntTensor<B>) -> Dual<B> {
        x.linear(|x| B::float_select(x, dim, indices.clone()))
    }

    fn float_mask_fill(x: Dual<B>, mask: BoolTensor<B>, value: Scalar) -> Dual<B> {
        let zero = |t| B::float_mask_fill(t, mask.clone(), 0.0.into());
        Dual {
            tangent: x.tangent.map(zero),
            primal: B::float_mask_fill(x.primal, mask, value),
        }
    }

    // Linear in all of them together.

    fn float_add_scalar(x: Dual<B>, rhs: Scalar) -> Dual<B> {
        x.rule(|x| B::float_add_scalar(x, rhs), |_, _, t| t)
    }

    fn float_sub_scalar(x: Dual<B>, rhs: Scalar) -> Dual<B> {
        x.rule(|x| B::float_sub_scalar(x, rhs), |_, _, t| t)
    }

    fn float_add(lhs: Dual<B>, rhs: Dual<B>) -> Dual<B> {
        let tangent = sum::<B>(lhs.tangent, rhs.tangent);
        Dual::fitted(B::float_add(lhs.primal, rhs.primal), tangent)
    }

    fn float_sub(lhs: Dual<B>, rhs: Dual<B>) -> Dual<B> {
        let tangent = match (lhs.tangent, rhs.tangent) {
            (Some(left), Some(right)) => Some(B::float_sub(left, right)),
            (left, right) => left.or(right.map(B::float_neg)),
        };
        Dual::fitted(B::float_sub(lhs.primal, rhs.primal), tangent)
    }

    fn float_cat(all: Vec<Dual<B>>, dim: usize) -> Dual<B> {
        let moves = all.iter().any(|x| x.tangent.is_some());
        let tangents = || all.iter().map(Dual::tangent_or_zeros).collect();
        Dual {
            tangent: moves.then(|| B::float_cat(tangents(), dim)),
            primal: B::float_cat(all.into_iter().map(|x| x.primal).collect(), dim),
        }
    }

    fn float_scatter_add(dim: usize, x: Dual<B>, at: IntTensor<B>, value: Dual<B>) -> Dual<B> {
        x.joint(value, |x, v| B::float_scatter_add(dim, x, at.clone(), v))
    }

    fn float_select_add(x: Dual<B>, dim: usize, at: IntTensor<B>, value: Dual<B>) -> Dual<B> {
        x.joint(value, |x, v| B::float_select_add(x, dim, at.clone(), v))
    }

    fn float_slice_assign(x: Dual<B>, slices: &[Slice], value: Dual<B>) -> Dual<B> {
        x.joint(value, |x, v| B::float_slice_assign(x, slices, v))
    }

    fn float_mask_where(x: Dual<B>, mask: BoolTensor<B>, value: Dual<B>) -> Dual<B> {
        x.joint(value, |x, v| B::float_mask_where(x, mask.clone(), v))
    }

    fn float_scatter_nd(
        x: Dual<B>,
        at: IntTensor<B>,
        values: Dual<B>,
        reduction: IndexingUpdateOp,
    ) -> Dual<B> {
        if matches!(reduction, IndexingUpdateOp::Assign | IndexingUpdateOp::Add) {
            return x.joint(values, |x, v| {
                B::float_scatter_nd(x, at.clone(), v, reduction)
            });
        }
        let operation = "scatter_nd by product, minimum or maximum";
        let (x, values) = (x.still(operation), values.still(operation));
        Dual::constant(B::float_scatter_nd(x, at, values, reduction))
    }

    // Linear in each.

    fn float_mul(lhs: Dual<B>, rhs: Dual<B>) -> Dual<B> {
        lhs.bilinear(rhs, B::float_mul)
    }

    fn float_matmul(lhs: Dual<B>, rhs: Dual<B>) -> Dual<B> {
        lhs.bilinear(rhs, B::float_matmul)
    }

    fn float_cross(lhs: Dual<B>, rhs: Dual<B>, dim: usize) -> Dual<B> {
        lhs.bilinear(rhs, |l, r| B::float_cross(l, r, dim))
    }

    // Of two arguments.

    /// ż = (ẋ − z ẏ) / y.
    fn float_div(lhs: Dual<B>, rhs: Dual<B>) -> Dual<B> {
        let z = B::float_div(lhs.primal, rhs.primal.clone());
        let pull = rhs
            .tangent
            .map(|t| B::float_neg(B::float_mul(z.clone(), t)));
        let tangent = sum::<B>(lhs.tangent, pull).map(|t| B::float_div(t, rhs.primal));
        Dual { primal: z, tangent }
    }

    /// ż = ẋ − ⌊x / y⌋ ẏ.
    fn float_remainder(lhs: Dual<B>, rhs: Dual<B>) -> Dual<B> {
        let pull = rhs.tangent.map(|t| {
            let times = B::float_div(lhs.primal.clone(), rhs.primal.clone());
            B::float_neg(B::float_mul(B::float_floor(times), t))
        });
        let z = B::float_remainder(lhs.primal, rhs.primal);
        Dual::fitted(z, sum::<B>(lhs.tangent, pull))
    }

    fn float_remainder_scalar(x: Dual<B>, rhs: Scalar) -> Dual<B> {
        x.rule(|x| B::float_remainder_scalar(x, rhs), |_, _, t| t)
    }

    /// ż = y x^(y−1) ẋ + z ln(x) ẏ.
    fn float_powf(lhs: Dual<B>, rhs: Dual<B>) -> Dual<B> {
        let z = B::float_powf(lhs.primal.clone(), rhs.primal.clone());
        let base = lhs.tangent.map(|t| {
            let less = B::float_sub_scalar(rhs.primal.clone(), 1.0.into());
            let slope = B::float_powf(lhs.primal.clone(), less);
            B::float_mul(B::float_mul(rhs.primal, slope), t)
        });
        let exponent = rhs
            .tangent
            .map(|t| B::float_mul(B::float_mul(z.clone(), B::float_log(lhs.primal)), t));
        Dual::fitted(z, sum::<B>(base, exponent))
    }

    /// Where the exponent is 0 the derivative is 0, x = 0 included.
    fn float_powi(x: Dual<B>, rhs: IntTensor<B>) -> Dual<B> {
        let exponent = rhs.clone();
        let primal = x.rule(
            |x| B::float_powi(x, exponent),
            |x, _, t| {
                let constant =
                    B::int_equal_elem(rhs.clone(), 0.into(), settings::<B>(&x).bool_dtype);
                let less = B::int_sub_scalar(rhs.clone(), 1.into());
                let less = B::int_mask_fill(less, constant, 0.into());
                let times = B::int_into_float(rhs, x.dtype().into());
                B::float_mul(B::float_mul(times, B::float_powi(x, less)), t)
            },
        );
        Dual::fitted(primal.primal, primal.tangent)
    }

    fn float_powi_scalar(x: Dual<B>, rhs: Scalar) -> Dual<B> {
        power(x, rhs, B::float_powi_scalar)
    }

    fn float_powi_scalar_impl(x: Dual<B>, rhs: Scalar) -> Dual<B> {
        power(x, rhs, B::float_powi_scalar_impl)
    }

    fn float_powf_scalar(x: Dual<B>, rhs: Scalar) -> Dual<B> {
        power(x, rhs, B::float_powf_scalar)
    }

    fn float_powf_scalar_impl(x: Dual<B>, rhs: Scalar) -> Dual<B> {
        power(x, rhs, B::float_powf_scalar_impl)
    }

    /// ż = (x ẏ − y ẋ) / (x² + y²), for the angle of (x, y).
    fn float_atan2(y: Dual<B>, x: Dual<B>) -> Dual<B> {
        let up = y.tangent.map(|t| B::float_mul(x.primal.clone(), t));
        let along = x
            .tangent
            .map(|t| B::float_neg(B::float_mul(y.primal.clone(), t)));
        let tangent = sum::<B>(up, along).map(|t| {
            let length = B::float_add(square::<B>(x.primal.clone()), square::<B>(y.primal.clone()));
            B::float_div(t, length)
        });
        Dual {
            primal: B::float_atan2(y.primal, x.primal),
            tangent,
        }
    }

    /// Linear in the tensor; in the grid by Burn's composition of the bilinear case.
    fn float_grid_sample_2d(x: Dual<B>, grid: Dual<B>, options: GridSampleOptions) -> Dual<B> {
        if grid.tangent.is_none() {
            let grid = grid.primal;
            return x.linear(|x| B::float_grid_sample_2d(x, grid.clone(), options.clone()));
        }
        if !matches!(options.mode, InterpolateMode::Bilinear) {
            grid.clone()
                .still("a grid in grid_sample_2d, if not bilinear");
        }
        let primal =
            B::float_grid_sample_2d(x.primal.clone(), grid.primal.clone(), options.clone());
        Dual::composed(primal, true, || {
            float_grid_sample_2d_ref::<Self>(x, grid, options)
        })
    }

    // Elementwise.

    elementwise! {
        float_recip => |_, y, t| B::float_neg(B::float_mul(square::<B>(y), t));
        float_exp => |_, y, t| B::float_mul(y, t);
        float_log => |x, _, t| B::float_div(t, x);
        float_log1p => |x, _, t| B::float_div(t, B::float_add_scalar(x, 1.0.into()));
        float_sqrt => |_, y, t| B::float_div(t, B::float_mul_scalar(y, 2.0.into()));
        float_abs => |x, _, t| pick::of_abs::<B>(x, t);
        float_cos => |x, _, t| B::float_neg(B::float_mul(B::float_sin(x), t));
        float_sin => |x, _, t| B::float_mul(B::float_cos(x), t);
        float_tan => |_, y, t| B::float_mul(square_plus::<B>(y, 1.0), t);
        float_cosh => |x, _, t| B::float_mul(B::float_sinh(x), t);
        float_sinh => |x, _, t| B::float_mul(B::float_cosh(x), t);
        float_tanh => |_, y, t| B::float_sub(t.clone(), B::float_mul(square::<B>(y), t));
        float_acos => |x, _, t| B::float_neg(B::float_div(t, leg::<B>(x)));
        float_asin => |x, _, t| B::float_div(t, leg::<B>(x));
        float_atan => |x, _, t| B::float_div(t, square_plus::<B>(x, 1.0));
        float_acosh => |x, _, t| B::float_div(t, B::float_sqrt(square_plus::<B>(x, -1.0)));
        float_asinh => |x, _, t| B::float_div(t, B::float_sqrt(square_plus::<B>(x, 1.0)));
        float_atanh => |x, _, t| B::float_neg(B::float_div(t, square_plus::<B>(x, -1.0)));
        float_erf => |x, _, t| {
            let bell = B::float_exp(B::float_neg(square::<B>(x)));
            B::float_mul(B::float_mul_scalar(bell, FRAC_2_SQRT_PI.into()), t)
        };
    }

    /// The borders belong to the inside, as with `Autodiff`.
    fn float_clamp_min(x: Dual<B>, min: Scalar) -> Dual<B> {
        x.rule(
            |x| B::float_clamp_min(x, min),
            |x, _, t| {
                let dtype = settings::<B>(&x).bool_dtype;
                B::float_mask_fill(t, B::float_lower_elem(x, min, dtype), 0.0.into())
            },
        )
    }

    fn float_clamp_max(x: Dual<B>, max: Scalar) -> Dual<B> {
        x.rule(
            |x| B::float_clamp_max(x, max),
            |x, _, t| {
                let dtype = settings::<B>(&x).bool_dtype;
                B::float_mask_fill(t, B::float_greater_elem(x, max, dtype), 0.0.into())
            },
        )
    }

    fn float_clamp(x: Dual<B>, min: Scalar, max: Scalar) -> Dual<B> {
        x.rule(
            |x| B::float_clamp(x, min, max),
            |x, _, t| {
                let dtype = settings::<B>(&x).bool_dtype;
                let below = B::float_lower_elem(x.clone(), min, dtype);
                let above = B::float_greater_elem(x, max, dtype);
                let t = B::float_mask_fill(t, below, 0.0.into());
                B::float_mask_fill(t, above, 0.0.into())
            },
        )
    }

    step! {
        float_round;
        float_floor;
        float_ceil;
        float_trunc;
        float_sign;
    }

    // Entries of the input.

    fn float_max(x: Dual<B>) -> Dual<B> {
        pick::extreme_of_all(x, B::float_max, B::float_max_dim_with_indices)
    }

    fn float_min(x: Dual<B>) -> Dual<B> {
        pick::extreme_of_all(x, B::float_min, B::float_min_dim_with_indices)
    }

    fn float_max_dim(x: Dual<B>, dim: usize) -> Dual<B> {
        pick::extreme(x, dim, B::float_max_dim, B::float_max_dim_with_indices)
    }

    fn float_min_dim(x: Dual<B>, dim: usize) -> Dual<B> {
        pick::extreme(x, dim, B::float_min_dim, B::float_min_dim_with_indices)
    }

    fn float_max_dim_with_indices(
        x: Dual<B>,
        dim: usize,
        dtype: IntDType,
    ) -> (Dual<B>, IntTensor<B>) {
        let (primal, at) = B::float_max_dim_with_indices(x.primal, dim, dtype);
        let tangent = x.tangent.map(|t| B::float_gather(dim, t, at.clone()));
        (Dual { primal, tangent }, at)
    }

    fn float_min_dim_with_indices(
        x: Dual<B>,
        dim: usize,
        dtype: IntDType,
    ) -> (Dual<B>, IntTensor<B>) {
        let (primal, at) = B::float_min_dim_with_indices(x.primal, dim, dtype);
        let tangent = x.tangent.map(|t| B::float_gather(dim, t, at.clone()));
        (Dual { primal, tangent }, at)
    }

    fn float_max_abs(x: Dual<B>) -> Dual<B> {
        pick::largest(x)
    }

    fn float_max_abs_dim(x: Dual<B>, dim: usize) -> Dual<B> {
        pick::largest_along(x, dim)
    }

    fn float_cummin(x: Dual<B>, dim: usize) -> Dual<B> {
        pick::running(x, dim, B::float_cummin)
    }

    fn float_cummax(x: Dual<B>, dim: usize) -> Dual<B> {
        pick::running(x, dim, B::float_cummax)
    }

    fn float_cumprod(x: Dual<B>, dim: usize) -> Dual<B> {
        pick::running_product(x, dim)
    }

    fn float_prod(x: Dual<B>) -> Dual<B> {
        pick::product(x)
    }

    fn float_prod_dim(x: Dual<B>, dim: usize) -> Dual<B> {
        pick::product_along(x, dim)
    }

    fn float_sort(x: Dual<B>, dim: usize, descending: bool) -> Dual<B> {
        if x.tangent.is_none() {
            return Dual::constant(B::float_sort(x.primal, dim, descending));
        }
        let dtype = settings::<B>(&x.primal).int_dtype;
        pick::sorted(x, dim, descending, dtype).0
    }

    fn float_sort_with_indices(
        x: Dual<B>,
        dim: usize,
        descending: bool,
        dtype: IntDType,
    ) -> (Dual<B>, IntTensor<B>) {
        pick::sorted(x, dim, descending, dtype)
    }

    fn float_topk(x: Dual<B>, dim: usize, k: usize) -> Dual<B> {
        pick::top(x, dim, k)
    }

    // Of values alone.

    discrete! {
        float_into_int(out: IntDType) -> IntTensor<B>;
        float_argmax(dim: usize, out: IntDType) -> IntTensor<B>;
        float_argmin(dim: usize, out: IntDType) -> IntTensor<B>;
        float_argtopk(dim: usize, k: usize, out: IntDType) -> IntTensor<B>;
        float_argsort(dim: usize, descending: bool, out: IntDType) -> IntTensor<B>;
        float_any(out: BoolDType) -> BoolTensor<B>;
        float_any_dim(dim: usize, out: BoolDType) -> BoolTensor<B>;
        float_all(out: BoolDType) -> BoolTensor<B>;
        float_all_dim(dim: usize, out: BoolDType) -> BoolTensor<B>;
        float_is_nan(out: BoolDType) -> BoolTensor<B>;
        float_is_inf(out: BoolDType) -> BoolTensor<B>;
        float_equal_elem(rhs: Scalar, out: BoolDType) -> BoolTensor<B>;
        float_not_equal_elem(rhs: Scalar, out: BoolDType) -> BoolTensor<B>;
        float_greater_elem(rhs: Scalar, out: BoolDType) -> BoolTensor<B>;
        float_greater_equal_elem(rhs: Scalar, out: BoolDType) -> BoolTensor<B>;
        float_lower_elem(rhs: Scalar, out: BoolDType) -> BoolTensor<B>;
        float_lower_equal_elem(rhs: Scalar, out: BoolDType) -> BoolTensor<B>;
    }

    compare! {
        float_equal;
        float_not_equal;
        float_greater;
        float_greater_equal;
        float_lower;
        float_lower_equal;
    }
}
