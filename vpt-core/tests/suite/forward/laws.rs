//! What holds for every operation on `Forward<B>`, asked of it in f64.

use super::super::toy::{F64, rng};
use burn::tensor::{DType, Int, Tensor, TensorData, backend::Backend};
use rand::Rng;
use rand_distr::StandardNormal;
use vpt_core::forward::{Forward, dual, parts, tangent};

/// The backend below.
pub(super) type B = F64;
/// Ours.
pub(super) type F = Forward<B>;

/// A tensor of these entries on any backend.
pub(super) fn tensor<B: Backend, const D: usize>(
    values: Vec<f64>,
    shape: [usize; D],
) -> Tensor<B, D> {
    Tensor::from_data(
        TensorData::new(values, shape),
        (&Default::default(), DType::F64),
    )
}

/// Integers on any backend.
pub(super) fn ints<B: Backend, const D: usize>(
    values: &[i64],
    shape: [usize; D],
) -> Tensor<B, D, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Default::default())
}

/// Entries between the bounds.
pub(super) fn uniform<B: Backend, const D: usize>(
    seed: u64,
    shape: [usize; D],
    (low, high): (f64, f64),
) -> Tensor<B, D> {
    let mut rng = rng(seed);
    let length = shape.iter().product();
    tensor(
        (0..length).map(|_| rng.random_range(low..high)).collect(),
        shape,
    )
}

/// Entries of unit variance.
pub(super) fn normal<B: Backend, const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<B, D> {
    let mut rng = rng(seed);
    let length = shape.iter().product();
    tensor(
        (0..length).map(|_| rng.sample(StandardNormal)).collect(),
        shape,
    )
}

/// On the host.
pub(super) fn host<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// ‖a − b‖ ≤ tolerance · (1 + ‖b‖), by the largest entry.
pub(super) fn close(what: &str, a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len(), "{what}");
    let size = b.iter().fold(1.0, |size: f64, b| size.max(b.abs()));
    for (a, b) in a.iter().zip(b) {
        let error = (a - b).abs() / size;
        assert!(error <= tolerance, "{what}: {a} is not {b} ({error:e})");
    }
}

/// f on both backends, of one argument.
pub(super) fn unary<const D: usize, const E: usize>(
    name: &str,
    x: Tensor<B, D>,
    below: impl Fn(Tensor<B, D>) -> Tensor<B, E>,
    above: impl Fn(Tensor<F, D>) -> Tensor<F, E>,
) {
    let y = normal::<B, 1>(0, [1]);
    binary(
        name,
        (x, y),
        |x, _| below(x),
        |x, _| above(x),
        &[(true, false)],
    );
}

/// Which of two arguments move.
pub(super) const BOTH: &[(bool, bool)] = &[(true, true), (true, false), (false, true)];

/// The laws of f(x, y) along (v, w):
/// - the value is that of the backend below bit for bit, with tangents or without;
/// - without tangents there is none;
/// - the tangent is a difference of the backend below, of fourth order;
/// - and it is linear in (v, w).
pub(super) fn binary<const D: usize, const D2: usize, const E: usize>(
    name: &str,
    (x, y): (Tensor<B, D>, Tensor<B, D2>),
    below: impl Fn(Tensor<B, D>, Tensor<B, D2>) -> Tensor<B, E>,
    above: impl Fn(Tensor<F, D>, Tensor<F, D2>) -> Tensor<F, E>,
    moving: &[(bool, bool)],
) {
    let plain = below(x.clone(), y.clone());
    let (value, none) = parts(above(
        Tensor::from_inner(x.clone()),
        Tensor::from_inner(y.clone()),
    ));
    assert_eq!(host(value), host(plain.clone()), "{name}: a constant");
    assert!(none.is_none(), "{name}: a constant has no tangent");

    for &(x_moves, y_moves) in moving {
        let name = &format!("{name}, x moves: {x_moves}, y moves: {y_moves}");
        let along = |seed: u64| {
            let v = normal::<B, D>(seed, x.dims()).mul_scalar(f64::from(x_moves));
            let w = normal::<B, D2>(seed + 1, y.dims()).mul_scalar(f64::from(y_moves));
            (v, w)
        };
        let derivative = |(v, w): (Tensor<B, D>, Tensor<B, D2>)| {
            let lift = |moves: bool, x: Tensor<B, D>, v: Tensor<B, D>| match moves {
                true => dual(x, v),
                false => Tensor::from_inner(x),
            };
            let x = lift(x_moves, x.clone(), v);
            let y = match y_moves {
                true => dual(y.clone(), w),
                false => Tensor::from_inner(y.clone()),
            };
            let z = above(x, y);
            let (value, moved) = parts(z.clone());
            assert_eq!(host(value), host(plain.clone()), "{name}: the value");
            if let Some(moved) = moved {
                assert_eq!(moved.dims(), plain.dims(), "{name}: the tangent's shape");
            }
            host(tangent(z))
        };
        let (first, second) = (along(101), along(202));
        let found = derivative(first.clone());

        let at = |h: f64| {
            let x = x.clone() + first.0.clone().mul_scalar(h);
            let y = y.clone() + first.1.clone().mul_scalar(h);
            host(below(x, y))
        };
        let h = 5e-4;
        let [a, b, c, d] = [at(2.0 * h), at(h), at(-h), at(-2.0 * h)];
        let difference: Vec<f64> = (0..found.len())
            .map(|i| (8.0 * (b[i] - c[i]) - (a[i] - d[i])) / (12.0 * h))
            .collect();
        close(&format!("{name}: a difference"), &found, &difference, 2e-9);

        let sum = derivative((
            first.0.mul_scalar(0.7) + second.0.clone().mul_scalar(-1.3),
            first.1.mul_scalar(0.7) + second.1.clone().mul_scalar(-1.3),
        ));
        let parts: Vec<f64> = derivative(second)
            .iter()
            .zip(&found)
            .map(|(second, first)| 0.7 * first - 1.3 * second)
            .collect();
        close(&format!("{name}: linearity"), &sum, &parts, 1e-11);
    }
}

/// Shapes of three dimensions, ones among them.
pub(super) fn shapes() -> impl Iterator<Item = (u64, [usize; 3])> {
    (0..5).map(|seed| {
        let mut rng = rng(seed);
        (seed, [(); 3].map(|()| rng.random_range(1..5)))
    })
}
