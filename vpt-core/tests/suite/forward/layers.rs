//! What layers are made of: convolutions, pooling, resampling, attention, normalisation.

use super::laws::{BOTH, binary, host, ints, normal, tensor, unary, uniform};
use burn::tensor::module::{self, *};
use burn::tensor::ops::*;
use burn::tensor::signal::{irfft, rfft};
use burn::tensor::{Tensor, TensorPrimitive, activation as act, backend::Backend};

fn conv<const N: usize>(groups: usize) -> ConvOptions<N> {
    ConvOptions::new([2; N], [1; N], [1; N], groups)
}

fn conv_transpose<const N: usize>() -> ConvTransposeOptions<N> {
    ConvTransposeOptions::new([2; N], [1; N], [1; N], [1; N], 1)
}

/// The bias is made of the weight, so that it moves with it.
macro_rules! convolutions {
    ($($name:ident: $x:expr, $w:expr, $options:expr;)*) => {
        $(#[test]
        fn $name() {
            let pair = (normal(1, $x), normal(2, $w));
            binary(
                stringify!($name),
                pair,
                |x, w| module::$name(x, w.clone(), Some(w.flatten::<1>(0, -1).slice([0..4])), $options),
                |x, w| module::$name(x, w.clone(), Some(w.flatten::<1>(0, -1).slice([0..4])), $options),
                BOTH,
            );
        })*
    };
}

convolutions! {
    conv1d: [2, 2, 5], [4, 2, 3], conv::<1>(1);
    conv2d: [2, 2, 5, 4], [4, 1, 3, 2], conv::<2>(2);
    conv3d: [1, 2, 3, 4, 3], [4, 2, 2, 2, 2], conv::<3>(1);
    conv_transpose1d: [2, 2, 5], [2, 4, 3], conv_transpose::<1>();
    conv_transpose2d: [2, 2, 3, 4], [2, 4, 3, 2], conv_transpose::<2>();
    conv_transpose3d: [1, 2, 2, 3, 2], [2, 4, 2, 2, 2], conv_transpose::<3>();
}

#[test]
fn deformable_convolution_of_fixed_offsets() {
    let options = || DeformConvOptions::new([1, 1], [0, 0], [1, 1], 1, 1);
    let pair = (normal(1, [1, 2, 4, 4]), normal(2, [3, 2, 2, 2]));
    binary(
        "deform_conv2d",
        pair,
        |x, w| {
            let offset = uniform(3, [1, 8, 3, 3], (-0.4, 0.4));
            let mask = w
                .clone()
                .reshape([1, 24, 1, 1])
                .slice([0..1, 0..4])
                .expand([1, 4, 3, 3]);
            deform_conv2d(x, offset, w, Some(mask), None, options())
        },
        |x, w| {
            let offset = uniform(3, [1, 8, 3, 3], (-0.4, 0.4));
            let mask = w
                .clone()
                .reshape([1, 24, 1, 1])
                .slice([0..1, 0..4])
                .expand([1, 4, 3, 3]);
            deform_conv2d(x, offset, w, Some(mask), None, options())
        },
        BOTH,
    );
}

macro_rules! of_one {
    ($($name:ident: $shape:expr => |$x:ident| $f:expr;)*) => {
        $(#[test]
        fn $name() {
            for seed in 0..2 {
                unary(stringify!($name), normal(seed, $shape), |$x| $f, |$x| $f);
            }
        })*
    };
}

of_one! {
    unfolding: [1, 2, 4, 5] => |x| {
        unfold4d(x, [2, 3], UnfoldOptions::new([1, 1], [1, 0], [1, 1]))
    };
    average_pooling_1d: [2, 3, 6] => |x| avg_pool1d(x, 3, 2, 1, true, false);
    average_pooling_2d: [2, 3, 5, 4] => |x| avg_pool2d(x, [3, 2], [2, 1], [1, 0], false, false);
    max_pooling_1d: [2, 3, 6] => |x| max_pool1d(x, 3, 2, 1, 1, false);
    max_pooling_1d_with_indices: [2, 3, 6] => |x| max_pool1d_with_indices(x, 3, 2, 1, 1, false).0;
    max_pooling_2d: [2, 3, 5, 4] => |x| max_pool2d(x, [3, 2], [2, 1], [1, 0], [1, 1], false);
    max_pooling_2d_with_indices: [2, 3, 5, 4] => |x| {
        max_pool2d_with_indices(x, [3, 2], [2, 1], [1, 0], [1, 1], false).0
    };
    adaptive_pooling_1d: [2, 3, 6] => |x| adaptive_avg_pool1d(x, 3);
    adaptive_pooling_2d: [2, 3, 5, 4] => |x| adaptive_avg_pool2d(x, [2, 2]);
    nearest: [1, 2, 3, 4] => |x| {
        interpolate(x, [5, 6], InterpolateOptions::new(InterpolateMode::Nearest))
    };
    bilinear: [1, 2, 3, 4] => |x| {
        interpolate(x, [5, 6], InterpolateOptions::new(InterpolateMode::Bilinear))
    };
    bicubic: [1, 2, 4, 4] => |x| {
        interpolate(x, [5, 6], InterpolateOptions::new(InterpolateMode::Bicubic))
    };
    embeddings: [5, 3] => |x| embedding(x, ints(&[4, 0, 0, 2], [2, 2]));
    ctc: [4, 1, 3] => |x| {
        let log_p = act::log_softmax(x, 2);
        ctc_loss(log_p, ints(&[1, 2], [1, 2]), ints(&[4], [1]), ints(&[2], [1]), 0)
    };
}

#[test]
fn linear_layer() {
    let pair = (normal(1, [2, 3, 4]), normal(2, [4, 5]));
    binary(
        "linear",
        pair,
        |x, w| linear(x, w.clone(), Some(w.sum_dim(0).reshape([5]))),
        |x, w| linear(x, w.clone(), Some(w.sum_dim(0).reshape([5]))),
        BOTH,
    );
}

/// The operation, which Burn's tensors do not offer by themselves.
fn normalised<B: Backend>(x: Tensor<B, 3>, gamma: Tensor<B, 1>) -> Tensor<B, 3> {
    let beta = (gamma.clone() * 2.0).into_primitive().tensor();
    let (x, gamma) = (x.into_primitive().tensor(), gamma.into_primitive().tensor());
    let y = B::layer_norm(x, gamma, Some(beta), 1e-3);
    Tensor::from_primitive(TensorPrimitive::Float(y))
}

#[test]
fn layer_normalisation() {
    let pair = (normal(1, [2, 3, 4]), normal(2, [4]));
    binary("layer_norm", pair, normalised, normalised, BOTH);
}

#[test]
fn sampling_along_a_grid() {
    // Away from the lines between pixels, where the derivative jumps.
    let grid = uniform(5, [1, 2, 2, 2], (0.1, 0.3));
    binary(
        "grid_sample_2d",
        (normal(4, [1, 2, 4, 4]), grid),
        |x, grid| x.grid_sample_2d(grid, InterpolateMode::Bilinear),
        |x, grid| x.grid_sample_2d(grid, InterpolateMode::Bilinear),
        BOTH,
    );
}

#[test]
fn attention_with_a_mask_and_a_bias() {
    let options = || AttentionModuleOptions {
        is_causal: true,
        ..Default::default()
    };
    let pair = (normal(1, [2, 2, 3, 4]), normal(2, [2, 2, 3, 4]));
    let mask = [0, 0, 0, 1, 0, 0, 0, 0, 0];
    binary(
        "attention",
        pair,
        |q, k| {
            let mask = ints(&mask, [1, 1, 3, 3]).bool().expand([2, 2, 3, 3]);
            let bias = q.clone().matmul(k.clone().transpose());
            attention(q, k.clone(), k * 0.5, Some(mask), Some(bias), options())
        },
        |q, k| {
            let mask = ints(&mask, [1, 1, 3, 3]).bool().expand([2, 2, 3, 3]);
            let bias = q.clone().matmul(k.clone().transpose());
            attention(q, k.clone(), k * 0.5, Some(mask), Some(bias), options())
        },
        BOTH,
    );
}

/// In f32, since ndarray has no Fourier transform.
#[test]
fn fourier_transforms() {
    use super::super::toy::F32;
    use super::laws::close;
    use vpt_core::forward::jvp;
    let draw = |seed| normal::<F32, 2>(seed, [2, 8]).cast(burn::tensor::DType::F32);
    let (x, v) = (draw(1), draw(2));
    let (re, im) = rfft(x.clone(), 1, None);
    let (re_along, im_along) = rfft(v.clone(), 1, None);

    let power = |x| {
        let (re, im) = rfft(x, 1, None);
        re.powi_scalar(2) + im.powi_scalar(2)
    };
    let (_, found) = jvp(power, x.clone(), v.clone());
    let expected = (re.clone() * re_along.clone() + im.clone() * im_along.clone()) * 2.0;
    close("rfft", &host(found), &host(expected), 1e-5);

    let back = |x| {
        let (re, im) = rfft(x, 1, None);
        irfft(re.clone(), im * re, 1, None)
    };
    let (_, found) = jvp(back, x, v);
    let product = im_along * re + im * re_along.clone();
    close(
        "irfft",
        &host(found),
        &host(irfft(re_along, product, 1, None)),
        1e-5,
    );
}

/// Some of Burn's default activations compute in f32, where differences see nothing: closed forms.
#[test]
fn activations_in_single_precision() {
    use super::laws::{B, close};
    use vpt_core::forward::jvp;
    let x = tensor::<B, 1>(vec![-4.0, -1.3, -0.2, 0.4, 1.7, 3.5], [6]);
    let v = normal::<B, 1>(8, [6]);
    let expected = |slope: &dyn Fn(f64) -> f64| -> Vec<f64> {
        let pairs = host(x.clone()).into_iter().zip(host(v.clone()));
        pairs.map(|(x, v)| slope(x) * v).collect()
    };
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let (_, found) = jvp(act::sigmoid, x.clone(), v.clone());
    let slope = |x| sigmoid(x) * (1.0 - sigmoid(x));
    close("sigmoid", &host(found), &expected(&slope), 1e-6);

    let (_, found) = jvp(|x| act::hard_sigmoid(x, 0.2, 0.5), x.clone(), v.clone());
    let slope = |x: f64| {
        if (0.2 * x + 0.5).abs() < 1.0 && 0.2 * x + 0.5 > 0.0 {
            0.2
        } else {
            0.0
        }
    };
    close("hard_sigmoid", &host(found), &expected(&slope), 1e-12);

    // d/dx xΦ(x) by a difference of an independent erf, to its own precision.
    let (_, found) = jvp(act::gelu, x.clone(), v.clone());
    let phi = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let normal = |x: f64| {
        let n = 20_000;
        let h = x / f64::from(n);
        0.5 + (0..n)
            .map(|i| phi((f64::from(i) + 0.5) * h) * h)
            .sum::<f64>()
    };
    let slope = |x: f64| normal(x) + x * phi(x);
    close("gelu", &host(found), &expected(&slope), 1e-6);
}
