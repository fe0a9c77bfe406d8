//! The derivative of each operation that Burn's layers are made of. Backward passes are linear in
//! the gradient, and most in one more argument: with them `Autodiff<Forward<B>>` works.

use super::Forward;
use super::dual::{Dual, sum};
use burn_backend::ops::attention::attention_fallback;
use burn_backend::ops::ctc::ctc_loss_default;
use burn_backend::ops::*;
use burn_backend::tensor::{BoolTensor, FloatTensor, IntTensor};
use burn_backend::{Backend, Shape, TensorMetadata};

/// The primal of an optional argument.
fn primal<B: Backend>(x: &Option<Dual<B>>) -> Option<FloatTensor<B>> {
    x.as_ref().map(|x| x.primal.clone())
}

/// `tangent` with a bias's added, whose entries lie along dimension `dim` of the output.
fn add_bias<B: Backend>(
    tangent: Option<FloatTensor<B>>,
    bias: Option<Dual<B>>,
    dim: usize,
    output: &Shape,
) -> Option<FloatTensor<B>> {
    let bias = bias.and_then(|bias| bias.tangent).map(|t| {
        let mut shape = vec![1; output.num_dims()];
        shape[dim] = output[dim];
        B::float_expand(B::float_reshape(t, Shape::from(shape)), output.clone())
    });
    sum::<B>(tangent, bias)
}

/// y = f(x, w, b), linear in x and in w, with b added along dimension `dim`.
fn affine<B: Backend>(
    x: Dual<B>,
    weight: Dual<B>,
    bias: Option<Dual<B>>,
    dim: impl FnOnce(&Shape) -> usize,
    f: impl Fn(FloatTensor<B>, FloatTensor<B>, Option<FloatTensor<B>>) -> FloatTensor<B>,
) -> Dual<B> {
    let along_x = x.tangent.map(|t| f(t, weight.primal.clone(), None));
    let along_weight = weight.tangent.map(|t| f(x.primal.clone(), t, None));
    let y = f(x.primal, weight.primal, primal(&bias));
    let shape = y.shape();
    let tangent = sum::<B>(along_x, along_weight);
    Dual {
        tangent: add_bias::<B>(tangent, bias, dim(&shape), &shape),
        primal: y,
    }
}

/// A convolution with its backward passes; `$x` stands for the arguments of the first one.
macro_rules! convolution {
    ($($name:ident, $weight:ident, $bias:ident, $options:ty;)*) => {
        $(
            fn $name(
                x: Dual<B>,
                weight: Dual<B>,
                bias: Option<Dual<B>>,
                options: $options,
            ) -> Dual<B> {
                affine(x, weight, bias, |_| 1, |x, w, b| B::$name(x, w, b, options.clone()))
            }

            fn $weight(x: Dual<B>, weight: Dual<B>, grad: Dual<B>, options: $options) -> Dual<B> {
                let weight = weight.primal;
                x.bilinear(grad, |x, g| B::$weight(x, weight.clone(), g, options.clone()))
            }

            fn $bias(x: Dual<B>, bias: Dual<B>, grad: Dual<B>) -> Dual<B> {
                grad.linear(|g| B::$bias(x.primal.clone(), bias.primal.clone(), g))
            }
        )*
    };
}

/// The gradient of a convolution in its input, which tells but the shape of that.
macro_rules! input_backward {
    ($($name:ident, $options:ty;)*) => {
        $(fn $name(x: Dual<B>, weight: Dual<B>, grad: Dual<B>, options: $options) -> Dual<B> {
            let x = x.primal;
            weight.bilinear(grad, |w, g| B::$name(x.clone(), w, g, options.clone()))
        })*
    };
}

/// The same of a transposed one, which asks for no shape.
macro_rules! transposed_input_backward {
    ($($name:ident, $options:ty;)*) => {
        $(fn $name(weight: Dual<B>, grad: Dual<B>, options: $options) -> Dual<B> {
            weight.bilinear(grad, |w, g| B::$name(w, g, options.clone()))
        })*
    };
}

/// y = f(x, …) with f linear in x.
macro_rules! linear {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        $(fn $name(x: Dual<B>, $($arg: $type),*) -> Dual<B> {
            x.linear(|x| B::$name(x, $($arg.clone()),*))
        })*
    };
}

/// A backward pass of a linear operation: linear in the gradient, free of the input's values.
macro_rules! linear_backward {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        $(fn $name(x: Dual<B>, grad: Dual<B>, $($arg: $type),*) -> Dual<B> {
            let x = x.primal;
            grad.linear(|g| B::$name(x.clone(), g, $($arg.clone()),*))
        })*
    };
}

/// The entries of `t` at the places that a pooling names in the flattened space of each channel.
fn pooled<B: Backend>(t: FloatTensor<B>, indices: IntTensor<B>) -> FloatTensor<B> {
    let (input, output) = (t.shape(), indices.shape());
    let space = |shape: &Shape| {
        let count = shape[2..].iter().product();
        Shape::new([shape[0], shape[1], count])
    };
    let t = B::float_reshape(t, space(&input));
    let indices = B::int_reshape(indices, space(&output));
    B::float_reshape(B::float_gather(2, t, indices), output)
}

impl<B: Backend> ModuleOps<Self> for Forward<B> {
    fn embedding(weights: Dual<B>, indices: IntTensor<B>) -> Dual<B> {
        weights.linear(|w| B::embedding(w, indices.clone()))
    }

    fn embedding_backward(weights: Dual<B>, grad: Dual<B>, indices: IntTensor<B>) -> Dual<B> {
        let weights = weights.primal;
        grad.linear(|g| B::embedding_backward(weights.clone(), g, indices.clone()))
    }

    fn linear(x: Dual<B>, weight: Dual<B>, bias: Option<Dual<B>>) -> Dual<B> {
        affine(x, weight, bias, |y| y.num_dims() - 1, B::linear)
    }

    fn linear_x_backward(weight: Dual<B>, grad: Dual<B>) -> Dual<B> {
        weight.bilinear(grad, B::linear_x_backward)
    }

    fn linear_weight_backward(x: Dual<B>, grad: Dual<B>) -> Dual<B> {
        x.bilinear(grad, B::linear_weight_backward)
    }

    convolution! {
        conv1d, conv1d_weight_backward, conv1d_bias_backward, ConvOptions<1>;
        conv2d, conv2d_weight_backward, conv2d_bias_backward, ConvOptions<2>;
        conv3d, conv3d_weight_backward, conv3d_bias_backward, ConvOptions<3>;
        conv_transpose1d, conv_transpose1d_weight_backward, conv_transpose1d_bias_backward,
            ConvTransposeOptions<1>;
        conv_transpose2d, conv_transpose2d_weight_backward, conv_transpose2d_bias_backward,
            ConvTransposeOptions<2>;
        conv_transpose3d, conv_transpose3d_weight_backward, conv_transpose3d_bias_backward,
            ConvTransposeOptions<3>;
    }

    input_backward! {
        conv1d_x_backward, ConvOptions<1>;
        conv2d_x_backward, ConvOptions<2>;
        conv3d_x_backward, ConvOptions<3>;
    }

    transposed_input_backward! {
        conv_transpose1d_x_backward, ConvTransposeOptions<1>;
        conv_transpose2d_x_backward, ConvTransposeOptions<2>;
        conv_transpose3d_x_backward, ConvTransposeOptions<3>;
    }

    /// Linear in x, in the weight and in the mask; the offsets may not move.
    fn deform_conv2d(
        x: Dual<B>,
        offset: Dual<B>,
        weight: Dual<B>,
        mask: Option<Dual<B>>,
        bias: Option<Dual<B>>,
        options: DeformConvOptions<2>,
    ) -> Dual<B> {
        let offset = offset.still("the offsets of deform_conv2d");
        let still = primal(&mask);
        let f = |x, w, m, b| B::deform_conv2d(x, offset.clone(), w, m, b, options.clone());
        let along_mask = mask
            .and_then(|mask| mask.tangent)
            .map(|t| f(x.primal.clone(), weight.primal.clone(), Some(t), None));
        let y = affine(x, weight, bias, |_| 1, |x, w, b| f(x, w, still.clone(), b));
        Dual {
            tangent: sum::<B>(y.tangent, along_mask),
            primal: y.primal,
        }
    }

    fn deform_conv2d_backward(
        x: Dual<B>,
        offset: Dual<B>,
        weight: Dual<B>,
        mask: Option<Dual<B>>,
        bias: Option<Dual<B>>,
        grad: Dual<B>,
        options: DeformConvOptions<2>,
    ) -> DeformConv2dBackward<Self> {
        let still = |x: Dual<B>| x.still("deform_conv2d_backward");
        let (x, offset, weight) = (still(x), still(offset), still(weight));
        let (mask, bias, grad) = (mask.map(still), bias.map(still), still(grad));
        let found = B::deform_conv2d_backward(x, offset, weight, mask, bias, grad, options);
        DeformConv2dBackward {
            x_grad: Dual::constant(found.x_grad),
            offset_grad: Dual::constant(found.offset_grad),
            weight_grad: Dual::constant(found.weight_grad),
            mask_grad: found.mask_grad.map(Dual::constant),
            bias_grad: found.bias_grad.map(Dual::constant),
        }
    }

    linear! {
        linear_bias_backward();
        unfold4d(kernel_size: [usize; 2], options: UnfoldOptions);
        avg_pool1d(size: usize, stride: usize, padding: usize, pad: bool, ceil: bool);
        avg_pool2d(size: [usize; 2], stride: [usize; 2], padding: [usize; 2], pad: bool, ceil: bool);
        adaptive_avg_pool1d(output_size: usize);
        adaptive_avg_pool2d(output_size: [usize; 2]);
        interpolate(output_size: [usize; 2], options: InterpolateOptions);
    }

    linear_backward! {
        avg_pool1d_backward(size: usize, stride: usize, padding: usize, pad: bool, ceil: bool);
        avg_pool2d_backward(
            size: [usize; 2],
            stride: [usize; 2],
            padding: [usize; 2],
            pad: bool,
            ceil: bool
        );
        adaptive_avg_pool1d_backward();
        adaptive_avg_pool2d_backward();
        interpolate_backward(output_size: [usize; 2], options: InterpolateOptions);
    }

    fn max_pool1d(
        x: Dual<B>,
        size: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
        ceil: bool,
    ) -> Dual<B> {
        if x.tangent.is_some() {
            return Self::max_pool1d_with_indices(x, size, stride, padding, dilation, ceil).output;
        }
        x.step(|x| B::max_pool1d(x, size, stride, padding, dilation, ceil))
    }

    fn max_pool1d_with_indices(
        x: Dual<B>,
        size: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
        ceil: bool,
    ) -> MaxPool1dWithIndices<Self> {
        let MaxPool1dWithIndices { output, indices } =
            B::max_pool1d_with_indices(x.primal, size, stride, padding, dilation, ceil);
        let tangent = x.tangent.map(|t| pooled::<B>(t, indices.clone()));
        let output = Dual {
            primal: output,
            tangent,
        };
        MaxPool1dWithIndices { output, indices }
    }

    fn max_pool1d_with_indices_backward(
        x: Dual<B>,
        size: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
        ceil: bool,
        grad: Dual<B>,
        indices: IntTensor<B>,
    ) -> MaxPool1dBackward<Self> {
        let x = x.primal;
        let x_grad = grad.linear(|grad| {
            let (x, indices) = (x.clone(), indices.clone());
            B::max_pool1d_with_indices_backward(
                x, size, stride, padding, dilation, ceil, grad, indices,
            )
            .x_grad
        });
        MaxPool1dBackward { x_grad }
    }

    fn max_pool2d(
        x: Dual<B>,
        size: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        dilation: [usize; 2],
        ceil: bool,
    ) -> Dual<B> {
        if x.tangent.is_some() {
            return Self::max_pool2d_with_indices(x, size, stride, padding, dilation, ceil).output;
        }
        x.step(|x| B::max_pool2d(x, size, stride, padding, dilation, ceil))
    }

    fn max_pool2d_with_indices(
        x: Dual<B>,
        size: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        dilation: [usize; 2],
        ceil: bool,
    ) -> MaxPool2dWithIndices<Self> {
        let MaxPool2dWithIndices { output, indices } =
            B::max_pool2d_with_indices(x.primal, size, stride, padding, dilation, ceil);
        let tangent = x.tangent.map(|t| pooled::<B>(t, indices.clone()));
        let output = Dual {
            primal: output,
            tangent,
        };
        MaxPool2dWithIndices { output, indices }
    }

    fn max_pool2d_with_indices_backward(
        x: Dual<B>,
        size: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        dilation: [usize; 2],
        ceil: bool,
        grad: Dual<B>,
        indices: IntTensor<B>,
    ) -> MaxPool2dBackward<Self> {
        let x = x.primal;
        let x_grad = grad.linear(|grad| {
            let (x, indices) = (x.clone(), indices.clone());
            B::max_pool2d_with_indices_backward(
                x, size, stride, padding, dilation, ceil, grad, indices,
            )
            .x_grad
        });
        MaxPool2dBackward { x_grad }
    }

    /// By the composition that `Autodiff` differentiates; the value is `B`'s kernel's.
    fn attention(
        query: Dual<B>,
        key: Dual<B>,
        value: Dual<B>,
        mask: Option<BoolTensor<B>>,
        bias: Option<Dual<B>>,
        options: AttentionModuleOptions,
    ) -> Dual<B> {
        let moves = [Some(&query), Some(&key), Some(&value), bias.as_ref()];
        let moves = moves.iter().flatten().any(|x| x.tangent.is_some());
        let y = B::attention(
            query.primal.clone(),
            key.primal.clone(),
            value.primal.clone(),
            mask.clone(),
            primal(&bias),
            options,
        );
        Dual::composed(y, moves, || {
            attention_fallback::<Self>(query, key, value, mask, bias, options)
        })
    }

    /// With x̂ the normalised input: ẏ = γ (ċ − x̂ mean(x̂ ċ)) / σ + γ̇ x̂ + β̇, ċ = ẋ − mean(ẋ).
    fn layer_norm(x: Dual<B>, gamma: Dual<B>, beta: Option<Dual<B>>, epsilon: f64) -> Dual<B> {
        let y = B::layer_norm(
            x.primal.clone(),
            gamma.primal.clone(),
            primal(&beta),
            epsilon,
        );
        let shape = y.shape();
        let last = shape.num_dims() - 1;
        let centred = |x: FloatTensor<B>| {
            let mean = B::float_mean_dim(x.clone(), last);
            B::float_sub(x, mean)
        };
        let row = |scale: FloatTensor<B>| {
            let mut along = vec![1; last + 1];
            along[last] = shape[last];
            B::float_reshape(scale, Shape::from(along))
        };
        let moves = x.tangent.is_some() || gamma.tangent.is_some();
        let tangent = moves.then(|| {
            let c = centred(x.primal);
            let variance = B::float_mean_dim(B::float_mul(c.clone(), c.clone()), last);
            let sigma = B::float_sqrt(B::float_add_scalar(variance, epsilon.into()));
            let normal = B::float_div(c, sigma.clone());
            let along_x = x.tangent.map(|t| {
                let t = centred(t);
                let share = B::float_mean_dim(B::float_mul(normal.clone(), t.clone()), last);
                let t = B::float_sub(t, B::float_mul(normal.clone(), share));
                B::float_mul(B::float_div(t, sigma), row(gamma.primal))
            });
            let along_gamma = gamma.tangent.map(|t| B::float_mul(normal, row(t)));
            sum::<B>(along_x, along_gamma)
        });
        Dual {
            tangent: add_bias::<B>(tangent.flatten(), beta, last, &shape),
            primal: y,
        }
    }

    /// By Burn's composition, which is also what a tape above this one is told to differentiate.
    fn ctc_loss(
        log_probs: Dual<B>,
        targets: IntTensor<B>,
        input_lengths: IntTensor<B>,
        target_lengths: IntTensor<B>,
        blank: usize,
    ) -> Dual<B> {
        let moves = log_probs.tangent.is_some();
        let y = B::ctc_loss(
            log_probs.primal.clone(),
            targets.clone(),
            input_lengths.clone(),
            target_lengths.clone(),
            blank,
        );
        Dual::composed(y, moves, || {
            ctc_loss_default::<Self>(log_probs, targets, input_lengths, target_lengths, blank)
        })
    }

    fn rfft(signal: Dual<B>, dim: usize, n: Option<usize>) -> (Dual<B>, Dual<B>) {
        let (re, im) = B::rfft(signal.primal, dim, n);
        let (re_tangent, im_tangent) = signal.tangent.map(|t| B::rfft(t, dim, n)).unzip();
        let dual = |primal, tangent| Dual { primal, tangent };
        (dual(re, re_tangent), dual(im, im_tangent))
    }

    fn irfft(re: Dual<B>, im: Dual<B>, dim: usize, n: Option<usize>) -> Dual<B> {
        re.joint(im, |re, im| B::irfft(re, im, dim, n))
    }
}
