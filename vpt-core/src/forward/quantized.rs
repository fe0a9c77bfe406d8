//! Quantised tensors are constants: they pass to `B`. Arithmetic on them goes through `dequantize`
//! and the float operations, so that what a float operand carries is kept.

use super::{Dual, Forward, pass};
use burn_backend::ops::QTensorOps;
use burn_backend::quantization::QuantScheme;
use burn_backend::tensor::quantization::QuantizationParametersPrimitive;
use burn_backend::tensor::{Device, IntTensor, QuantizedTensor};
use burn_backend::{Backend, ExecutionError, FloatDType, IntDType, Shape, Slice, TensorData};

impl<B: Backend> QTensorOps<Self> for Forward<B> {
    fn quantize(
        tensor: Dual<B>,
        scheme: &QuantScheme,
        qparams: QuantizationParametersPrimitive<Self>,
    ) -> QuantizedTensor<B> {
        let scales = qparams.scales.still("quantize");
        let qparams = QuantizationParametersPrimitive { scales };
        B::quantize(tensor.still("quantize"), scheme, qparams)
    }

    fn quantize_dynamic(tensor: Dual<B>, scheme: &QuantScheme) -> QuantizedTensor<B> {
        B::quantize_dynamic(tensor.still("quantize_dynamic"), scheme)
    }

    fn dequantize(tensor: QuantizedTensor<B>, dtype: FloatDType) -> Dual<B> {
        Dual::constant(B::dequantize(tensor, dtype))
    }

    async fn q_into_data(tensor: QuantizedTensor<B>) -> Result<TensorData, ExecutionError> {
        B::q_into_data(tensor).await
    }

    pass! {
        q_from_data(data: TensorData, device: &Device<B>) -> QuantizedTensor<B>;
        q_device(tensor: &QuantizedTensor<B>) -> Device<B>;
        q_to_device(tensor: QuantizedTensor<B>, device: &Device<B>) -> QuantizedTensor<B>;
        q_reshape(tensor: QuantizedTensor<B>, shape: Shape) -> QuantizedTensor<B>;
        q_expand(tensor: QuantizedTensor<B>, shape: Shape) -> QuantizedTensor<B>;
        q_swap_dims(tensor: QuantizedTensor<B>, a: usize, b: usize) -> QuantizedTensor<B>;
        q_permute(tensor: QuantizedTensor<B>, axes: &[usize]) -> QuantizedTensor<B>;
        q_flip(tensor: QuantizedTensor<B>, axes: &[usize]) -> QuantizedTensor<B>;
        q_select(tensor: QuantizedTensor<B>, dim: usize, at: IntTensor<B>) -> QuantizedTensor<B>;
        q_slice(tensor: QuantizedTensor<B>, slices: &[Slice]) -> QuantizedTensor<B>;
        q_argmax(tensor: QuantizedTensor<B>, dim: usize, out: IntDType) -> IntTensor<B>;
        q_argmin(tensor: QuantizedTensor<B>, dim: usize, out: IntDType) -> IntTensor<B>;
    }
}
