//! Activations. Each value is `B`'s own; softmin and the backward passes are here so that
//! `Autodiff<Forward<B>>` differentiates them too.

use super::Forward;
use super::dual::{Dual, sum};
use super::pick::settings;
use burn_backend::ops::ActivationOps;
use burn_backend::tensor::FloatTensor;
use burn_backend::{Backend, Scalar};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Φ(x), the normal distribution function.
fn normal<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let erf = B::float_erf(B::float_mul_scalar(x, FRAC_1_SQRT_2.into()));
    B::float_mul_scalar(B::float_add_scalar(erf, 1.0.into()), 0.5.into())
}

/// φ(x), the normal density.
fn density<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let half = B::float_mul_scalar(B::float_mul(x.clone(), x), (-0.5).into());
    B::float_mul_scalar(B::float_exp(half), (1.0 / (2.0 * PI).sqrt()).into())
}

/// y ⊙ (t − Σ y ⊙ t), the derivative of a softmax along t.
fn of_softmax<B: Backend>(y: FloatTensor<B>, t: FloatTensor<B>, dim: usize) -> FloatTensor<B> {
    let mean = B::float_sum_dim(B::float_mul(y.clone(), t.clone()), dim);
    B::float_mul(y, B::float_sub(t, mean))
}

/// s − s².
fn spread<B: Backend>(s: FloatTensor<B>) -> FloatTensor<B> {
    B::float_sub(s.clone(), B::float_mul(s.clone(), s))
}

/// A backward pass, linear in `grad`; `slope` is its derivative in x along ẋ.
fn backward<B: Backend>(
    x: Dual<B>,
    grad: Dual<B>,
    f: impl Fn(FloatTensor<B>, FloatTensor<B>) -> FloatTensor<B>,
    slope: impl FnOnce(FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) -> FloatTensor<B>,
) -> Dual<B> {
    let along_grad = grad.tangent.map(|t| f(x.primal.clone(), t));
    let along_x = x
        .tangent
        .map(|t| slope(x.primal.clone(), grad.primal.clone(), t));
    Dual {
        primal: f(x.primal, grad.primal),
        tangent: sum::<B>(along_grad, along_x),
    }
}

impl<B: Backend> ActivationOps<Self> for Forward<B> {
    fn relu(x: Dual<B>) -> Dual<B> {
        x.rule(B::relu, |_, y, t| B::relu_backward(y, t))
    }

    fn relu_backward(output: Dual<B>, grad: Dual<B>) -> Dual<B> {
        let output = output.primal;
        grad.linear(|grad| B::relu_backward(output.clone(), grad))
    }

    fn leaky_relu(x: Dual<B>, slope: Scalar) -> Dual<B> {
        x.rule(
            |x| B::leaky_relu(x, slope),
            |x, _, t| {
                let dtype = settings::<B>(&x).bool_dtype;
                let negative = B::float_lower_elem(x, 0.0.into(), dtype);
                let sloped = B::float_mul_scalar(t.clone(), slope);
                B::float_mask_where(t, negative, sloped)
            },
        )
    }

    fn prelu(x: Dual<B>, alpha: Dual<B>) -> Dual<B> {
        let moves = x.tangent.is_some() || alpha.tangent.is_some();
        let tangent = moves.then(|| {
            let dtype = settings::<B>(&x.primal).bool_dtype;
            let negative = B::float_lower_elem(x.primal.clone(), 0.0.into(), dtype);
            let t = x.tangent_or_zeros();
            let sloped = B::float_add(
                B::float_mul(t.clone(), alpha.primal.clone()),
                B::float_mul(x.primal.clone(), alpha.tangent_or_zeros()),
            );
            B::float_mask_where(t, negative, sloped)
        });
        Dual {
            primal: B::prelu(x.primal, alpha.primal),
            tangent,
        }
    }

    /// Φ(x) + xφ(x): the derivative of what is computed, erf's, where Burn's backward pass is that
    /// of the tanh approximation.
    fn gelu(x: Dual<B>) -> Dual<B> {
        x.rule(B::gelu, |x, _, t| {
            let slope = B::float_mul(x.clone(), density::<B>(x.clone()));
            B::float_mul(B::float_add(normal::<B>(x), slope), t)
        })
    }

    /// Along x by the derivative of Φ + xφ, (2 − x²)φ.
    fn gelu_backward(x: Dual<B>, grad: Dual<B>) -> Dual<B> {
        backward(x, grad, B::gelu_backward, |x, grad, t| {
            let square = B::float_mul(x.clone(), x.clone());
            let slope = B::float_add_scalar(B::float_neg(square), 2.0.into());
            let slope = B::float_mul(slope, density::<B>(x));
            B::float_mul(B::float_mul(slope, grad), t)
        })
    }

    fn sigmoid(x: Dual<B>) -> Dual<B> {
        x.rule(B::sigmoid, |_, y, t| B::sigmoid_backward(y, t))
    }

    fn sigmoid_backward(output: Dual<B>, grad: Dual<B>) -> Dual<B> {
        backward(output, grad, B::sigmoid_backward, |y, grad, t| {
            let slope = B::float_add_scalar(B::float_mul_scalar(y, (-2.0).into()), 1.0.into());
            B::float_mul(B::float_mul(slope, grad), t)
        })
    }

    fn hard_sigmoid(x: Dual<B>, alpha: Scalar, beta: Scalar) -> Dual<B> {
        x.rule(
            |x| B::hard_sigmoid(x, alpha, beta),
            |x, _, t| {
                let dtype = settings::<B>(&x).bool_dtype;
                let line = B::float_add_scalar(B::float_mul_scalar(x, alpha), beta);
                let below = B::float_lower_elem(line.clone(), 0.0.into(), dtype);
                let above = B::float_greater_elem(line, 1.0.into(), dtype);
                let t = B::float_mask_fill(B::float_mul_scalar(t, alpha), below, 0.0.into());
                B::float_mask_fill(t, above, 0.0.into())
            },
        )
    }

    fn log_sigmoid(x: Dual<B>) -> Dual<B> {
        x.rule(B::log_sigmoid, |x, _, t| B::log_sigmoid_backward(x, t))
    }

    /// With s = σ(−x), its derivative along x is −s(1 − s).
    fn log_sigmoid_backward(x: Dual<B>, grad: Dual<B>) -> Dual<B> {
        backward(x, grad, B::log_sigmoid_backward, |x, grad, t| {
            let ones = B::float_add_scalar(super::dual::zeros::<B>(&x), 1.0.into());
            let slope = B::float_neg(spread::<B>(B::log_sigmoid_backward(x, ones)));
            B::float_mul(B::float_mul(slope, grad), t)
        })
    }

    fn softmax(x: Dual<B>, dim: usize) -> Dual<B> {
        let f = |x| B::softmax(x, dim);
        x.rule(f, |_, y, t| of_softmax::<B>(y, t, dim))
    }

    /// ẏ = ẋ − Σ softmax(x) ⊙ ẋ.
    fn log_softmax(x: Dual<B>, dim: usize) -> Dual<B> {
        x.rule(
            |x| B::log_softmax(x, dim),
            |_, y, t| {
                let mean = B::float_sum_dim(B::float_mul(B::float_exp(y), t.clone()), dim);
                B::float_sub(t, mean)
            },
        )
    }

    fn softmin(x: Dual<B>, dim: usize) -> Dual<B> {
        let f = |x| B::softmin(x, dim);
        x.rule(f, |_, y, t| of_softmax::<B>(y, B::float_neg(t), dim))
    }
}
