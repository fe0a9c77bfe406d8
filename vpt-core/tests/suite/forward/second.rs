//! Second order: the three ways to compose, and ties.

use super::laws::{B, F, close, host, ints, normal, tensor, uniform};
use burn::backend::Autodiff;
use burn::tensor::module::*;
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Tensor, activation as act, s};
use vpt_core::forward::{Forward, dual, jvp, tangent};

/// A tape below.
type Below = Forward<Autodiff<B>>;
/// A tape above.
type Above = Autodiff<F>;
/// Two directions.
type Twice = Forward<F>;

/// H·v of a scalar function of x: the gradient of its derivative along v, and the derivative along
/// v of its gradient, against a difference of gradients; and wᵀHv by two tangents.
fn hessian<const D: usize>(
    name: &str,
    x: Tensor<B, D>,
    first: impl Fn(Tensor<Autodiff<B>, D>) -> Tensor<Autodiff<B>, 1>,
    below: impl Fn(Tensor<Below, D>) -> Tensor<Below, 1>,
    above: impl Fn(Tensor<Above, D>) -> Tensor<Above, 1>,
    twice: impl Fn(Tensor<Twice, D>) -> Tensor<Twice, 1>,
) {
    let (v, w) = (normal::<B, D>(31, x.dims()), normal::<B, D>(32, x.dims()));
    let gradient = |x: Tensor<B, D>| {
        let x = Tensor::<Autodiff<B>, D>::from_inner(x).require_grad();
        let grads = first(x.clone()).backward();
        host(x.grad(&grads).expect("x is on the tape"))
    };
    let h = 5e-4;
    let at = |h: f64| gradient(x.clone() + v.clone().mul_scalar(h));
    let [a, b, c, d] = [at(2.0 * h), at(h), at(-h), at(-2.0 * h)];
    let difference: Vec<f64> = (0..a.len())
        .map(|i| (8.0 * (b[i] - c[i]) - (a[i] - d[i])) / (12.0 * h))
        .collect();

    let leaf = Tensor::<Autodiff<B>, D>::from_inner(x.clone()).require_grad();
    let y = below(dual(leaf.clone(), Tensor::from_inner(v.clone())));
    let grads = tangent(y).backward();
    let found = host(leaf.grad(&grads).unwrap_or_else(|| x.zeros_like()));
    close(&format!("{name}: a tape below"), &found, &difference, 1e-8);

    let leaf = Tensor::<Above, D>::from_inner(dual(x.clone(), v.clone())).require_grad();
    let grads = above(leaf.clone()).backward();
    let gradient = leaf.grad(&grads).expect("x is on the tape");
    let found = host(tangent(gradient));
    close(&format!("{name}: a tape above"), &found, &difference, 1e-8);

    let along = Tensor::from_inner(w.clone());
    let y = twice(dual(dual(x.clone(), v.clone()), along));
    let found = host(tangent(tangent(y)));
    let expected: f64 = host(w).iter().zip(&difference).map(|(w, h)| w * h).sum();
    close(
        &format!("{name}: two directions"),
        &found,
        &[expected],
        1e-8,
    );
}

/// `name: shape => f` with f(x) a scalar.
macro_rules! hessians {
    ($($name:ident: $shape:expr => |$x:ident| $f:expr;)*) => {
        $(#[test]
        fn $name() {
            let x = uniform(7, $shape, (0.3, 1.4));
            hessian(stringify!($name), x, |$x| $f, |$x| $f, |$x| $f, |$x| $f);
        })*
    };
}

hessians! {
    arithmetic: [2, 3] => |x| (x.clone() * x.clone() / (x.clone() + 1.0) - x.powf_scalar(1.75)).sum();
    powers: [2, 3] => |x| (x.clone().powf(x.clone()) + x.powi_scalar(3)).sum();
    transcendental: [2, 3] => |x| {
        let y = x.clone().exp() * x.clone().log() + x.clone().sqrt() + x.clone().log1p();
        (y + x.clone().sin() * x.clone().cos() + x.clone().tanh() + x.recip()).sum()
    };
    error_function: [2, 3] => |x| x.erf().powi_scalar(2).sum();
    a_network: [3, 3] => |x| {
        let h = act::relu(x.clone().matmul(x.clone()) - 1.9).tanh();
        (act::log_softmax(h, 1) * act::softmax(x, 1)).sum()
    };
    extremes: [2, 4] => |x| {
        (x.clone().max_dim(1) * x.clone().min_dim(1)).sum() + x.sort(1).slice(s![.., 1..3]).powi_scalar(2).sum()
    };
    running: [2, 4] => |x| (x.clone().cumsum(1) * x).powi_scalar(2).sum();
    indices: [3, 4] => |x| {
        let picked = x.clone().select(0, ints(&[2, 0, 0], [3])) * x.clone();
        let gathered = x.clone().gather(1, ints(&[1, 1, 0, 3, 2, 0], [3, 2]));
        (Tensor::cat(vec![picked, gathered], 1).powi_scalar(3) * 0.5).sum()
    };
    masks: [2, 3] => |x| {
        let mask = x.clone().greater_elem(0.8);
        (x.clone().mask_fill(mask.clone(), 0.3) * x.clone().mask_where(mask, x.powi_scalar(2))).sum()
    };
    log_sigmoids: [2, 3] => |x| (act::log_sigmoid(x.clone()) * x).sum();
    convolution: [1, 2, 4, 4] => |x| {
        let weight = x.clone().slice([0..1, 0..2, 0..2, 0..2]);
        let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
        conv2d(x, weight, None, options).powi_scalar(2).sum()
    };
}

/// Burn's backward passes of these have no backward pass: a tape above ours is the one way to their
/// second derivatives, and a tape below serves where the tangent is all that is wanted of them.
#[test]
fn what_has_no_second_backward_pass() {
    fn law(
        name: &str,
        f: impl Fn(Tensor<Above, 4>) -> Tensor<Above, 1>,
        twice: impl Fn(Tensor<Twice, 4>) -> Tensor<Twice, 1>,
    ) {
        let x = uniform::<B, 4>(3, [1, 2, 4, 4], (0.3, 1.4));
        let (v, w) = (normal::<B, 4>(1, x.dims()), normal::<B, 4>(2, x.dims()));
        let leaf = Tensor::<Above, 4>::from_inner(dual(x.clone(), v.clone())).require_grad();
        let grads = f(leaf.clone()).backward();
        let found = tangent(leaf.grad(&grads).expect("x is on the tape"));
        let found = host((found * w.clone()).sum());
        let y = twice(dual(dual(x, v), Tensor::from_inner(w)));
        close(name, &found, &host(tangent(tangent(y))), 1e-10);
    }
    law(
        "average pooling",
        |x| {
            avg_pool2d(x, [2, 2], [2, 2], [0, 0], true, false)
                .powi_scalar(3)
                .sum()
        },
        |x| {
            avg_pool2d(x, [2, 2], [2, 2], [0, 0], true, false)
                .powi_scalar(3)
                .sum()
        },
    );
    law(
        "adaptive pooling",
        |x| adaptive_avg_pool2d(x, [2, 3]).powi_scalar(3).sum(),
        |x| adaptive_avg_pool2d(x, [2, 3]).powi_scalar(3).sum(),
    );
    law(
        "max pooling",
        |x| {
            max_pool2d(x, [2, 2], [2, 2], [0, 0], [1, 1], false)
                .powi_scalar(3)
                .sum()
        },
        |x| {
            max_pool2d(x, [2, 2], [2, 2], [0, 0], [1, 1], false)
                .powi_scalar(3)
                .sum()
        },
    );
    let nearest = || InterpolateOptions::new(InterpolateMode::Nearest);
    law(
        "interpolation",
        |x| interpolate(x, [3, 5], nearest()).powi_scalar(3).sum(),
        |x| interpolate(x, [3, 5], nearest()).powi_scalar(3).sum(),
    );
    law(
        "a linear layer",
        |x| {
            let x = x.reshape([8, 4]);
            linear(x.clone(), x.narrow(0, 0, 4), None)
                .powi_scalar(2)
                .sum()
        },
        |x| {
            let x = x.reshape([8, 4]);
            linear(x.clone(), x.narrow(0, 0, 4), None)
                .powi_scalar(2)
                .sum()
        },
    );
}

/// Ties go to the entry that `Autodiff` gives them to: ⟨u, J v⟩ is ⟨Jᵀ u, v⟩ there too.
#[test]
fn ties_are_autodiffs() {
    fn law<const E: usize>(
        name: &str,
        tape: impl Fn(Tensor<Autodiff<B>, 2>) -> Tensor<Autodiff<B>, E>,
        ours: impl Fn(Tensor<F, 2>) -> Tensor<F, E>,
    ) {
        let x = tensor::<B, 2>(vec![1.0, 0.0, 1.0, -1.0, 2.0, 2.0, 2.0, -2.0], [2, 4]);
        let v = normal::<B, 2>(5, [2, 4]);
        let (y, along) = jvp(ours, x.clone(), v.clone());
        let u = normal::<B, E>(6, y.dims());
        let leaf = Tensor::<Autodiff<B>, 2>::from_inner(x).require_grad();
        let grads = (tape(leaf.clone()) * Tensor::from_inner(u.clone()))
            .sum()
            .backward();
        let back = leaf.grad(&grads).expect("x is on the tape");
        close(
            name,
            &host((along * u).sum()),
            &host((back * v).sum()),
            1e-12,
        );
    }
    law("max_dim", |x| x.max_dim(1), |x| x.max_dim(1));
    law("min_dim", |x| x.min_dim(1), |x| x.min_dim(1));
    law("max", |x| x.max(), |x| x.max());
    law("min", |x| x.min(), |x| x.min());
    law("max_abs", |x| x.max_abs(), |x| x.max_abs());
    law("max_abs_dim", |x| x.max_abs_dim(1), |x| x.max_abs_dim(1));
    law("cummax", |x| x.cummax(1), |x| x.cummax(1));
    law("cummin", |x| x.cummin(1), |x| x.cummin(1));
    law("sort", |x| x.sort(1), |x| x.sort(1));
    law("abs", |x| x.abs(), |x| x.abs());
    law("sign", |x| x.sign(), |x| x.sign());
    law("clamp", |x| x.clamp(-1.0, 1.0), |x| x.clamp(-1.0, 1.0));
    law("relu", act::relu, act::relu);
    law(
        "leaky_relu",
        |x| act::leaky_relu(x, 0.1),
        |x| act::leaky_relu(x, 0.1),
    );
    law(
        "remainder",
        |x| x.remainder_scalar(0.7),
        |x| x.remainder_scalar(0.7),
    );
}

/// A zero among the factors, where the quotient that `Autodiff` takes is no number.
#[test]
fn products_with_a_zero() {
    let x = tensor::<B, 1>(vec![2.0, 0.0, -3.0, 0.5], [4]);
    let v = tensor::<B, 1>(vec![1.0, 1.0, 1.0, 1.0], [4]);
    let (_, running) = jvp(|x| x.cumprod(0), x.clone(), v.clone());
    close("cumprod", &host(running), &[1.0, 2.0, -6.0, -3.0], 1e-15);
    let (_, product) = jvp(|x| x.prod(), x, v);
    close("prod", &host(product), &[-3.0], 1e-15);
}
