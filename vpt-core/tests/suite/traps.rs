//! What Burn 0.21 does today that our code must not run into: `book/src/burn-traps.md`.
//!
//! When one of these fails after an upgrade, the trap is gone and its guard may go.

use super::toy::{F32, F64, host};
use burn::backend::{Autodiff, Flex, NdArray};
use burn::grad_clipping::GradientClippingConfig;
use burn::module::{AutodiffModule, Module, ModuleMapper, Param};
use burn::nn::{EmbeddingConfig, LinearConfig, RmsNormConfig};
use burn::tensor::activation::{gelu, sigmoid};
use burn::tensor::{DType, Int, Tensor, backend::Backend, set_default_dtypes};

type Tape<B> = Autodiff<B>;
type Nested<B> = Autodiff<Autodiff<B>>;

/// Whether `call` panics. On a thread of its own, so that nothing it held is left to others.
fn panics<R>(call: impl FnOnce() -> R + Send + 'static) -> bool {
    std::thread::spawn(move || drop(call())).join().is_err()
}

/// The gradient of Σ c·repeat(x) is the sum of the parts of c that each copy of x meets.
#[test]
fn repeat_dim_has_a_wrong_gradient() {
    let device = Default::default();
    let x = Tensor::<Tape<F32>, 2>::ones([2, 1], &device).require_grad();
    let c = Tensor::<Tape<F32>, 2>::from_data([[1.0], [20.0], [300.0], [4000.0]], &device);
    let grads = (x.clone().repeat_dim(0, 2) * c).sum().backward();
    assert_ne!(host(x.grad(&grads).unwrap()), [301.0, 4020.0]);
}

#[test]
fn linear_and_embedding_have_no_second_derivative() {
    fn twice(loss: Tensor<Nested<F32>, 1>, leaf: Tensor<Nested<F32>, 2>) {
        let first = leaf.grad(&loss.backward()).unwrap();
        first.sum().backward();
    }
    assert!(panics(|| {
        let device = Default::default();
        let linear = LinearConfig::new(2, 2).init::<Nested<F32>>(&device);
        let x = Tensor::<Nested<F32>, 2>::ones([1, 2], &device);
        twice(linear.forward(x).powi_scalar(2).sum(), linear.weight.val());
    }));
    assert!(panics(|| {
        let device = Default::default();
        let embedding = EmbeddingConfig::new(2, 2).init::<Nested<F32>>(&device);
        let ids = Tensor::<Nested<F32>, 2, Int>::zeros([1, 1], &device);
        let rows = embedding.forward(ids);
        twice(rows.powi_scalar(2).sum(), embedding.weight.val());
    }));
}

/// d/dx of detach(x)² is 0; on the inner tape it is not.
#[test]
fn detach_reaches_the_outer_tape_only() {
    let inner = Tensor::<Tape<F32>, 1>::from_data([3.0], &Default::default()).require_grad();
    let outer = Tensor::<Nested<F32>, 1>::from_inner(inner.clone()).require_grad();
    let square = outer.clone().detach().powi_scalar(2);
    let grads = square.inner().backward();
    assert_eq!(host(inner.grad(&grads).unwrap()), [6.0]);
}

/// One parameter.
#[derive(Module, Debug)]
struct One<B: Backend> {
    theta: Param<Tensor<B, 1>>,
}

impl<B: Backend> One<B> {
    fn new() -> Self {
        Self {
            theta: Param::from_data([1.0, 2.0], &Default::default()),
        }
    }
}

/// Up again from the plain backend, a parameter is on the tape if it was before: what is lifted is
/// no constant by itself.
#[test]
fn from_inner_puts_parameters_back_on_the_tape() {
    let plain = One::<Tape<F32>>::new().valid();
    assert!(One::<Tape<F32>>::from_inner(plain).theta.is_require_grad());
}

/// ... unless anything was mapped in between, the identity included.
#[test]
fn a_map_on_a_plain_backend_loses_require_grad() {
    struct Same;
    impl<B: Backend> ModuleMapper<B> for Same {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            param.map(|tensor| tensor)
        }
    }
    let plain = One::<Tape<F32>>::new().valid().map(&mut Same);
    assert!(!One::<Tape<F32>>::from_inner(plain).theta.is_require_grad());
}

/// Its slope is not that of its own curve.
#[test]
fn gelus_backward_is_of_another_function() {
    let at = |x: f64| Tensor::<Tape<F64>, 1>::from_data([x], &Default::default());
    let x = at(0.9).require_grad();
    let slope = host(x.grad(&gelu(x.clone()).backward()).unwrap())[0];
    let value = |x: f64| host(gelu(at(x)))[0];
    let measured = (value(0.9 + 1e-5) - value(0.9 - 1e-5)) / 2e-5;
    assert!((slope - measured).abs() > 1e-6, "{slope} {measured}");
}

/// A matter of f64 alone: the results have f32's seven digits.
#[test]
fn sigmoid_and_rms_norm_pass_through_f32() {
    let device = Default::default();
    let x = Tensor::<F64, 2>::from_data([[0.3, 1.7]], &device);
    let missed = |found: Vec<f64>, exact: [f64; 2]| {
        let apart = found.iter().zip(exact).map(|(a, b)| (a - b).abs());
        apart.fold(0.0, f64::max)
    };
    let exact = [0.3, 1.7].map(|x: f64| 1.0 / (1.0 + (-x).exp()));
    assert!(missed(host(sigmoid(x.clone())), exact) > 1e-10);

    let norm = RmsNormConfig::new(2).with_epsilon(1e-5).init(&device);
    let rms = ((0.3_f64.powi(2) + 1.7_f64.powi(2)) / 2.0 + 1e-5).sqrt();
    assert!(missed(host(norm.forward(x)), [0.3 / rms, 1.7 / rms]) > 1e-10);
}

#[test]
fn the_largest_entries_cannot_be_had() {
    fn row<B: Backend>() -> Tensor<B, 2> {
        Tensor::from_data([[1.0, 3.0, 2.0]], &Default::default())
    }
    assert!(panics(|| row::<F32>().argtopk(2, 1)));
    assert!(panics(|| row::<F64>().argtopk(2, 1)));
    assert!(panics(|| row::<Tape<F32>>().require_grad().topk(2, 1)));
}

/// Two tensors of norm 5 clipped to 1 have a norm of √2 together.
#[test]
fn clipping_is_per_tensor() {
    let clipping = GradientClippingConfig::Norm(1.0).init();
    let clip = || {
        let long = Tensor::<F64, 1>::from_data([3.0, 4.0], &Default::default());
        host(clipping.clip_gradient(long))
            .iter()
            .map(|x| x * x)
            .sum::<f64>()
    };
    assert!(((clip() + clip()).sqrt() - 2.0_f64.sqrt()).abs() < 1e-3);
}

/// `NdArray<f64>` and `NdArray<f32>` share a device, and the default type is the device's: whichever
/// makes its first tensor decides for both. (f64 first here, as everywhere in this binary.)
#[test]
fn the_default_float_type_is_the_devices() {
    let first = Tensor::<F64, 1>::zeros([1], &Default::default());
    let second = Tensor::<NdArray<f32>, 1>::zeros([1], &Default::default());
    assert_eq!((first.dtype(), second.dtype()), (DType::F64, DType::F64));
}

/// ... and once a tensor was made it cannot be chosen any more.
#[test]
fn the_default_float_type_is_fixed_by_the_first_tensor() {
    let device = Default::default();
    let _ = Tensor::<Flex, 1>::zeros([1], &device);
    assert!(set_default_dtypes::<Flex>(&device, DType::F64, DType::I64).is_err());
}

/// A clone made before the first use draws again.
#[test]
fn clones_of_an_uninitialised_module_differ() {
    let linear = LinearConfig::new(3, 3).init::<F32>(&Default::default());
    let twin = linear.clone();
    assert_ne!(host(linear.weight.val()), host(twin.weight.val()));
}
