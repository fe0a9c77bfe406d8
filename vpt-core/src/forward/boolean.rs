//! Booleans carry no tangent: they pass to `B`.

use super::{Dual, Forward, pass};
use burn_backend::ops::BoolTensorOps;
use burn_backend::tensor::{BoolTensor, Device, IntTensor};
use burn_backend::{
    Backend, BoolDType, ExecutionError, FloatDType, IntDType, Scalar, Shape, Slice, TensorData,
};

impl<B: Backend> BoolTensorOps<Self> for Forward<B> {
    async fn bool_into_data(tensor: BoolTensor<B>) -> Result<TensorData, ExecutionError> {
        B::bool_into_data(tensor).await
    }

    fn bool_into_float(tensor: BoolTensor<B>, out_dtype: FloatDType) -> Dual<B> {
        Dual::constant(B::bool_into_float(tensor, out_dtype))
    }

    fn bool_argwhere(
        tensor: BoolTensor<B>,
        out_dtype: IntDType,
    ) -> impl Future<Output = IntTensor<B>> + 'static + Send {
        B::bool_argwhere(tensor, out_dtype)
    }

    pass! {
        bool_empty(shape: Shape, device: &Device<B>, dtype: BoolDType) -> BoolTensor<B>;
        bool_zeros(shape: Shape, device: &Device<B>, dtype: BoolDType) -> BoolTensor<B>;
        bool_ones(shape: Shape, device: &Device<B>, dtype: BoolDType) -> BoolTensor<B>;
        bool_from_data(data: TensorData, device: &Device<B>) -> BoolTensor<B>;
        bool_into_int(tensor: BoolTensor<B>, out_dtype: IntDType) -> IntTensor<B>;
        bool_device(tensor: &BoolTensor<B>) -> Device<B>;
        bool_to_device(tensor: BoolTensor<B>, device: &Device<B>) -> BoolTensor<B>;
        bool_reshape(tensor: BoolTensor<B>, shape: Shape) -> BoolTensor<B>;
        bool_slice(tensor: BoolTensor<B>, slices: &[Slice]) -> BoolTensor<B>;
        bool_slice_assign(
            tensor: BoolTensor<B>,
            slices: &[Slice],
            value: BoolTensor<B>
        ) -> BoolTensor<B>;
        bool_mask_where(
            tensor: BoolTensor<B>,
            mask: BoolTensor<B>,
            value: BoolTensor<B>
        ) -> BoolTensor<B>;
        bool_mask_fill(tensor: BoolTensor<B>, mask: BoolTensor<B>, value: Scalar) -> BoolTensor<B>;
        bool_gather(dim: usize, tensor: BoolTensor<B>, indices: IntTensor<B>) -> BoolTensor<B>;
        bool_scatter_or(
            dim: usize,
            tensor: BoolTensor<B>,
            indices: IntTensor<B>,
            value: BoolTensor<B>
        ) -> BoolTensor<B>;
        bool_select(tensor: BoolTensor<B>, dim: usize, indices: IntTensor<B>) -> BoolTensor<B>;
        bool_select_or(
            tensor: BoolTensor<B>,
            dim: usize,
            indices: IntTensor<B>,
            value: BoolTensor<B>
        ) -> BoolTensor<B>;
        bool_repeat_dim(tensor: BoolTensor<B>, dim: usize, times: usize) -> BoolTensor<B>;
        bool_cat(tensors: Vec<BoolTensor<B>>, dim: usize) -> BoolTensor<B>;
        bool_equal(lhs: BoolTensor<B>, rhs: BoolTensor<B>) -> BoolTensor<B>;
        bool_not_equal(lhs: BoolTensor<B>, rhs: BoolTensor<B>) -> BoolTensor<B>;
        bool_equal_elem(lhs: BoolTensor<B>, rhs: Scalar) -> BoolTensor<B>;
        bool_not_equal_elem(lhs: BoolTensor<B>, rhs: Scalar) -> BoolTensor<B>;
        bool_not(tensor: BoolTensor<B>) -> BoolTensor<B>;
        bool_and(lhs: BoolTensor<B>, rhs: BoolTensor<B>) -> BoolTensor<B>;
        bool_or(lhs: BoolTensor<B>, rhs: BoolTensor<B>) -> BoolTensor<B>;
        bool_xor(lhs: BoolTensor<B>, rhs: BoolTensor<B>) -> BoolTensor<B>;
        bool_transpose(tensor: BoolTensor<B>) -> BoolTensor<B>;
        bool_swap_dims(tensor: BoolTensor<B>, dim1: usize, dim2: usize) -> BoolTensor<B>;
        bool_permute(tensor: BoolTensor<B>, axes: &[usize]) -> BoolTensor<B>;
        bool_flip(tensor: BoolTensor<B>, axes: &[usize]) -> BoolTensor<B>;
        bool_any(tensor: BoolTensor<B>) -> BoolTensor<B>;
        bool_any_dim(tensor: BoolTensor<B>, dim: usize) -> BoolTensor<B>;
        bool_all(tensor: BoolTensor<B>) -> BoolTensor<B>;
        bool_all_dim(tensor: BoolTensor<B>, dim: usize) -> BoolTensor<B>;
        bool_expand(tensor: BoolTensor<B>, shape: Shape) -> BoolTensor<B>;
        bool_unfold(tensor: BoolTensor<B>, dim: usize, size: usize, step: usize) -> BoolTensor<B>;
    }
}
