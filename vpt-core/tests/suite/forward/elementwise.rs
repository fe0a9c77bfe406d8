//! Elementwise operations and activations, over random shapes.

use super::laws::{BOTH, binary, ints, shapes, unary, uniform};
use burn::tensor::activation as act;

/// `name: (low, high) => f`: f elementwise on entries between the bounds.
macro_rules! elementwise {
    ($($name:ident: ($low:expr, $high:expr) => |$x:ident| $f:expr;)*) => {
        $(#[test]
        fn $name() {
            for (seed, shape) in shapes() {
                let x = uniform(seed + 50, shape, ($low, $high));
                unary::<3, 3>(stringify!($name), x, |$x| $f, |$x| $f);
            }
        })*
    };
}

elementwise! {
    neg: (-2.0, 2.0) => |x| -x;
    add_scalar: (-2.0, 2.0) => |x| x + 1.5;
    sub_scalar: (-2.0, 2.0) => |x| x - 1.5;
    mul_scalar: (-2.0, 2.0) => |x| x * 1.5;
    div_scalar: (-2.0, 2.0) => |x| x / 1.5;
    remainder_scalar: (0.2, 0.8) => |x| x.remainder_scalar(1.0);
    recip: (0.5, 2.0) => |x| x.recip();
    exp: (-1.0, 1.0) => |x| x.exp();
    log: (0.5, 3.0) => |x| x.log();
    log1p: (-0.5, 3.0) => |x| x.log1p();
    sqrt: (0.5, 3.0) => |x| x.sqrt();
    square: (-2.0, 2.0) => |x| x.square();
    abs: (0.2, 2.0) => |x| x.clone().abs() * x.neg().abs();
    cos: (-3.0, 3.0) => |x| x.cos();
    sin: (-3.0, 3.0) => |x| x.sin();
    tan: (-1.0, 1.0) => |x| x.tan();
    cosh: (-1.0, 1.0) => |x| x.cosh();
    sinh: (-1.0, 1.0) => |x| x.sinh();
    tanh: (-2.0, 2.0) => |x| x.tanh();
    acos: (-0.8, 0.8) => |x| x.acos();
    asin: (-0.8, 0.8) => |x| x.asin();
    atan: (-2.0, 2.0) => |x| x.atan();
    acosh: (1.5, 3.0) => |x| x.acosh();
    asinh: (-2.0, 2.0) => |x| x.asinh();
    atanh: (-0.8, 0.8) => |x| x.atanh();
    powi_scalar: (-2.0, -0.5) => |x| x.clone().powi_scalar(3) + x.clone().powi_scalar(1)
        + x.clone().powi_scalar(0) + x.powi_scalar(-2);
    powf_scalar: (0.5, 2.0) => |x| x.clone().powf_scalar(2.75) + x.powf_scalar(-0.5);
    clamp_inside: (-0.9, 0.9) => |x| x.clone().clamp(-1.0, 1.0) * x.clamp_min(-1.0);
    clamp_outside: (1.1, 2.0) => |x| x.clone().clamp(-1.0, 1.0) + x.clone().clamp_max(1.0)
        + x.neg().clamp_min(-1.0);
    steps: (0.1, 0.4) => |x| x.clone().round() + x.clone().floor() + x.clone().ceil()
        + x.clone().trunc() + x.sign();
    relu: (0.1, 2.0) => |x| act::relu(x.clone()) + act::relu(x - 3.0);
    leaky_relu: (0.1, 2.0) => |x| act::leaky_relu(x.clone(), 0.1) + act::leaky_relu(x - 3.0, 0.1);
    log_sigmoid: (-3.0, 3.0) => |x| act::log_sigmoid(x);
    softplus: (-2.0, 2.0) => |x| act::softplus(x, 1.5);
    mish: (-2.0, 2.0) => |x| act::mish(x);
    elu: (-2.0, -0.1) => |x| act::elu(x, 0.7);
    softmax: (-2.0, 2.0) => |x| act::softmax(x, 2);
    softmax_of_another_dimension: (-2.0, 2.0) => |x| act::softmax(x, 0);
    log_softmax: (-2.0, 2.0) => |x| act::log_softmax(x, 1);
    softmin: (-2.0, 2.0) => |x| act::softmin(x, 1);
}

/// `name(shapes): (low, high) of x, of y => f`.
macro_rules! of_two {
    ($($name:ident($shapes:ident): $x_in:expr, $y_in:expr => |$x:ident, $y:ident| $f:expr;)*) => {
        $(#[test]
        fn $name() {
            for (seed, shape) in shapes() {
                for (left, right) in $shapes(shape) {
                    let x = uniform(seed + 60, left, $x_in);
                    let y = uniform(seed + 70, right, $y_in);
                    binary::<3, 3, 3>(stringify!($name), (x, y), |$x, $y| $f, |$x, $y| $f, BOTH);
                }
            }
        })*
    };
}

/// Equal shapes, and ones that broadcast to the left, to the right, and both ways.
fn broadcast([a, b, c]: [usize; 3]) -> Vec<([usize; 3], [usize; 3])> {
    let shape = [a, b, c];
    vec![
        (shape, shape),
        (shape, [1, b, 1]),
        ([a, 1, 1], shape),
        ([a, 1, c], [1, b, 1]),
    ]
}

/// Where ndarray does not broadcast.
fn equal(shape: [usize; 3]) -> Vec<([usize; 3], [usize; 3])> {
    vec![(shape, shape)]
}

of_two! {
    add(broadcast): (-2.0, 2.0), (-2.0, 2.0) => |x, y| x + y;
    sub(broadcast): (-2.0, 2.0), (-2.0, 2.0) => |x, y| x - y;
    mul(broadcast): (-2.0, 2.0), (-2.0, 2.0) => |x, y| x * y;
    div(broadcast): (-2.0, 2.0), (0.5, 2.0) => |x, y| x / y;
    powf(equal): (0.5, 2.0), (-2.0, 2.0) => |x, y| x.powf(y);
    atan2(equal): (0.5, 2.0), (-2.0, 2.0) => |x, y| x.atan2(y);
    remainder(equal): (2.2, 2.3), (0.9, 1.0) => |x, y| x.remainder(y);
}

#[test]
fn powi() {
    let x = uniform(3, [2, 3], (0.5, 2.0));
    let p = [0, 1, 2, 3, -1, -2];
    unary::<2, 2>(
        "powi",
        x,
        |x| x.powi(ints(&p, [2, 3]).float().cast(burn::tensor::DType::F64)),
        |x| x.powi(ints(&p, [2, 3]).float().cast(burn::tensor::DType::F64)),
    );
}

#[test]
fn prelu() {
    for sign in [-1.0, 1.0] {
        let x = uniform(4, [2, 3, 2], (0.2, 2.0)).mul_scalar(sign);
        let alpha = uniform(5, [3], (0.1, 0.9));
        binary::<3, 1, 3>("prelu", (x, alpha), act::prelu, act::prelu, BOTH);
    }
}
