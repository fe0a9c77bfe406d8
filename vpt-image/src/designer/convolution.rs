//! Convolution with group norm, from operations that can be differentiated any number of times.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, backend::Backend, module::conv2d, ops::ConvOptions};
use vpt_core::layers::{narrow, silu, unfilled, widen};

/// Channels that are normalised together.
pub(super) const GROUP: usize = 4;

/// SiLU(norm(3×3 convolution)).
#[derive(Module, Debug)]
pub(super) struct ConvBlock<B: Backend> {
    /// `[out, in, 3, 3]`; the norm's bias takes the place of its own.
    weight: Param<Tensor<B, 4>>,
    norm: GroupNorm<B>,
    stride: usize,
}

impl<B: Backend> ConvBlock<B> {
    pub(super) fn unfilled(from: usize, to: usize, stride: usize, device: &B::Device) -> Self {
        Self {
            weight: unfilled([to, from, 3, 3], device),
            norm: GroupNorm {
                weight: unfilled([to], device),
                bias: unfilled([to], device),
            },
            stride,
        }
    }

    /// `[n, in, h, w] → [n, out, h / stride, w / stride]`
    pub(super) fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let options = ConvOptions::new([self.stride; 2], [1, 1], [1, 1], 1);
        let x = conv2d(x, self.weight.val(), None, options);
        silu(self.norm.forward(x))
    }
}

/// (x − mean) / √(variance + 10⁻⁵) over the pixels of [`GROUP`] channels of one image, then a gain
/// and a bias for each channel. No image sees another, so that a mask does not depend on its batch.
#[derive(Module, Debug)]
struct GroupNorm<B: Backend> {
    weight: Param<Tensor<B, 1>>,
    bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> GroupNorm<B> {
    /// `[n, channels, h, w] → [n, channels, h, w]`
    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let [n, channels, height, width] = x.dims();
        let dtype = x.dtype();
        let groups = widen(x).reshape([n, channels / GROUP, GROUP * height * width]);
        let centred = groups.clone() - groups.mean_dim(2);
        let variance = (centred.clone() * centred.clone()).mean_dim(2);
        let x = centred * variance.add_scalar(1e-5).sqrt().recip();
        let x = narrow(x.reshape([n, channels, height, width]), dtype);
        let each = |values: &Param<Tensor<B, 1>>| values.val().reshape([1, channels, 1, 1]);
        x * each(&self.weight) + each(&self.bias)
    }
}

/// Every pixel `factor²` times. An expansion and a reshape: `repeat_dim` has a wrong gradient.
///
/// # Shapes
/// `[n, channels, h, w] → [n, channels, h · factor, w · factor]`
pub(super) fn enlarge<B: Backend>(x: Tensor<B, 4>, factor: usize) -> Tensor<B, 4> {
    let [n, channels, height, width] = x.dims();
    x.reshape([n, channels, height, 1, width, 1])
        .expand([n, channels, height, factor, width, factor])
        .reshape([n, channels, height * factor, width * factor])
}
