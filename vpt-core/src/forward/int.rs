//! Integers carry no tangent: they pass to `B`.

use super::{Dual, Forward, pass};
use burn_backend::ops::IntTensorOps;
use burn_backend::tensor::{BoolTensor, Device, IndexingUpdateOp, IntTensor};
use burn_backend::{
    Backend, BoolDType, Distribution, ExecutionError, FloatDType, IntDType, Scalar, Shape, Slice,
    TensorData,
};
use std::ops::Range;

impl<B: Backend> IntTensorOps<Self> for Forward<B> {
    async fn int_into_data(tensor: IntTensor<B>) -> Result<TensorData, ExecutionError> {
        B::int_into_data(tensor).await
    }

    fn int_into_float(tensor: IntTensor<B>, out_dtype: FloatDType) -> Dual<B> {
        Dual::constant(B::int_into_float(tensor, out_dtype))
    }

    pass! {
        int_empty(shape: Shape, device: &Device<B>, dtype: IntDType) -> IntTensor<B>;
        int_from_data(data: TensorData, device: &Device<B>) -> IntTensor<B>;
        int_device(tensor: &IntTensor<B>) -> Device<B>;
        int_to_device(tensor: IntTensor<B>, device: &Device<B>) -> IntTensor<B>;
        int_reshape(tensor: IntTensor<B>, shape: Shape) -> IntTensor<B>;
        int_slice(tensor: IntTensor<B>, slices: &[Slice]) -> IntTensor<B>;
        int_slice_assign(x: IntTensor<B>, slices: &[Slice], value: IntTensor<B>) -> IntTensor<B>;
        int_mask_where(x: IntTensor<B>, mask: BoolTensor<B>, value: IntTensor<B>) -> IntTensor<B>;
        int_mask_fill(tensor: IntTensor<B>, mask: BoolTensor<B>, value: Scalar) -> IntTensor<B>;
        int_gather(dim: usize, tensor: IntTensor<B>, indices: IntTensor<B>) -> IntTensor<B>;
        int_scatter_add(
            dim: usize,
            tensor: IntTensor<B>,
            indices: IntTensor<B>,
            value: IntTensor<B>
        ) -> IntTensor<B>;
        int_scatter_nd(
            data: IntTensor<B>,
            indices: IntTensor<B>,
            values: IntTensor<B>,
            reduction: IndexingUpdateOp
        ) -> IntTensor<B>;
        int_gather_nd(data: IntTensor<B>, indices: IntTensor<B>) -> IntTensor<B>;
        int_select(tensor: IntTensor<B>, dim: usize, indices: IntTensor<B>) -> IntTensor<B>;
        int_select_add(
            tensor: IntTensor<B>,
            dim: usize,
            indices: IntTensor<B>,
            value: IntTensor<B>
        ) -> IntTensor<B>;
        int_repeat_dim(tensor: IntTensor<B>, dim: usize, times: usize) -> IntTensor<B>;
        int_cat(tensors: Vec<IntTensor<B>>, dim: usize) -> IntTensor<B>;
        int_equal(lhs: IntTensor<B>, rhs: IntTensor<B>, out_dtype: BoolDType) -> BoolTensor<B>;
        int_not_equal(lhs: IntTensor<B>, rhs: IntTensor<B>, out_dtype: BoolDType) -> BoolTensor<B>;
        int_equal_elem(lhs: IntTensor<B>, rhs: Scalar, out_dtype: BoolDType) -> BoolTensor<B>;
        int_not_equal_elem(lhs: IntTensor<B>, rhs: Scalar, out_dtype: BoolDType) -> BoolTensor<B>;
        int_greater(lhs: IntTensor<B>, rhs: IntTensor<B>, out_dtype: BoolDType) -> BoolTensor<B>;
        int_greater_elem(lhs: IntTensor<B>, rhs: Scalar, out_dtype: BoolDType) -> BoolTensor<B>;
        int_greater_equal(lhs: IntTensor<B>, rhs: IntTensor<B>, out: BoolDType) -> BoolTensor<B>;
        int_greater_equal_elem(lhs: IntTensor<B>, rhs: Scalar, out: BoolDType) -> BoolTensor<B>;
        int_lower(lhs: IntTensor<B>, rhs: IntTensor<B>, out_dtype: BoolDType) -> BoolTensor<B>;
        int_lower_elem(lhs: IntTensor<B>, rhs: Scalar, out_dtype: BoolDType) -> BoolTensor<B>;
        int_lower_equal(lhs: IntTensor<B>, rhs: IntTensor<B>, out: BoolDType) -> BoolTensor<B>;
        int_lower_equal_elem(lhs: IntTensor<B>, rhs: Scalar, out_dtype: BoolDType) -> BoolTensor<B>;
        int_add(lhs: IntTensor<B>, rhs: IntTensor<B>) -> IntTensor<B>;
        int_add_scalar(lhs: IntTensor<B>, rhs: Scalar) -> IntTensor<B>;
        int_powi(lhs: IntTensor<B>, rhs: IntTensor<B>) -> IntTensor<B>;
        int_powi_scalar(lhs: IntTensor<B>, rhs: Scalar) -> IntTensor<B>;
        int_powi_scalar_impl(lhs: IntTensor<B>, rhs: Scalar) -> IntTensor<B>;
        int_clamp_min(tensor: IntTensor<B>, min: Scalar) -> IntTensor<B>;
        int_clamp_max(tensor: IntTensor<B>, max: Scalar) -> IntTensor<B>;
        int_clamp(tensor: IntTensor<B>, min: Scalar, max: Scalar) -> IntTensor<B>;
        int_sub(lhs: IntTensor<B>, rhs: IntTensor<B>) -> IntTensor<B>;
        int_sub_scalar(lhs: IntTensor<B>, rhs: Scalar) -> IntTensor<B>;
        int_mul(lhs: IntTensor<B>, rhs: IntTensor<B>) -> IntTensor<B>;
        int_mul_scalar(lhs: IntTensor<B>, rhs: Scalar) -> IntTensor<B>;
        int_div(lhs: IntTensor<B>, rhs: IntTensor<B>) -> IntTensor<B>;
        int_div_scalar(lhs: IntTensor<B>, rhs: Scalar) -> IntTensor<B>;
        int_remainder(lhs: IntTensor<B>, rhs: IntTensor<B>) -> IntTensor<B>;
        int_remainder_scalar(lhs: IntTensor<B>, rhs: Scalar) -> IntTensor<B>;
        int_matmul(lhs: IntTensor<B>, rhs: IntTensor<B>) -> IntTensor<B>;
        int_neg(tensor: IntTensor<B>) -> IntTensor<B>;
        int_zeros(shape: Shape, device: &Device<B>, dtype: IntDType) -> IntTensor<B>;
        int_ones(shape: Shape, device: &Device<B>, dtype: IntDType) -> IntTensor<B>;
        int_full(shape: Shape, value: Scalar, device: &Device<B>, dtype: IntDType) -> IntTensor<B>;
        int_sum(tensor: IntTensor<B>) -> IntTensor<B>;
        int_sum_dim(tensor: IntTensor<B>, dim: usize) -> IntTensor<B>;
        int_prod(tensor: IntTensor<B>) -> IntTensor<B>;
        int_prod_dim(tensor: IntTensor<B>, dim: usize) -> IntTensor<B>;
        int_mean(tensor: IntTensor<B>) -> IntTensor<B>;
        int_mean_dim(tensor: IntTensor<B>, dim: usize) -> IntTensor<B>;
        int_cumsum(tensor: IntTensor<B>, dim: usize) -> IntTensor<B>;
        int_cumprod(tensor: IntTensor<B>, dim: usize) -> IntTensor<B>;
        int_cummin(tensor: IntTensor<B>, dim: usize) -> IntTensor<B>;
        int_cummax(tensor: IntTensor<B>, dim: usize) -> IntTensor<B>;
        int_argmax(tensor: IntTensor<B>, dim: usize) -> IntTensor<B>;
        int_argtopk(tensor: IntTensor<B>, dim: usize, k: usize) -> IntTensor<B>;
        int_topk(tensor: IntTensor<B>, dim: usize, k: usize) -> IntTensor<B>;
        int_argmin(tensor: IntTensor<B>, dim: usize) -> IntTensor<B>;
        int_max(tensor: IntTensor<B>) -> IntTensor<B>;
        int_max_dim(tensor: IntTensor<B>, dim: usize) -> IntTensor<B>;
        int_max_dim_with_indices(tensor: IntTensor<B>, dim: usize) -> (IntTensor<B>, IntTensor<B>);
        int_max_abs(tensor: IntTensor<B>) -> IntTensor<B>;
        int_max_abs_dim(tensor: IntTensor<B>, dim: usize) -> IntTensor<B>;
        int_min(tensor: IntTensor<B>) -> IntTensor<B>;
        int_min_dim(tensor: IntTensor<B>, dim: usize) -> IntTensor<B>;
        int_min_dim_with_indices(tensor: IntTensor<B>, dim: usize) -> (IntTensor<B>, IntTensor<B>);
        int_abs(tensor: IntTensor<B>) -> IntTensor<B>;
        int_transpose(tensor: IntTensor<B>) -> IntTensor<B>;
        int_swap_dims(tensor: IntTensor<B>, dim1: usize, dim2: usize) -> IntTensor<B>;
        int_permute(tensor: IntTensor<B>, axes: &[usize]) -> IntTensor<B>;
        int_flip(tensor: IntTensor<B>, axes: &[usize]) -> IntTensor<B>;
        int_random(
            shape: Shape,
            distribution: Distribution,
            device: &Device<B>,
            dtype: IntDType
        ) -> IntTensor<B>;
        int_arange_step(
            range: Range<i64>,
            step: usize,
            device: &Device<B>,
            dtype: IntDType
        ) -> IntTensor<B>;
        int_arange(range: Range<i64>, device: &Device<B>, dtype: IntDType) -> IntTensor<B>;
        int_any(tensor: IntTensor<B>, out_dtype: BoolDType) -> BoolTensor<B>;
        int_any_dim(tensor: IntTensor<B>, dim: usize, out_dtype: BoolDType) -> BoolTensor<B>;
        int_all(tensor: IntTensor<B>, out_dtype: BoolDType) -> BoolTensor<B>;
        int_all_dim(tensor: IntTensor<B>, dim: usize, out_dtype: BoolDType) -> BoolTensor<B>;
        int_sign(tensor: IntTensor<B>) -> IntTensor<B>;
        int_expand(tensor: IntTensor<B>, shape: Shape) -> IntTensor<B>;
        int_sort(tensor: IntTensor<B>, dim: usize, descending: bool) -> IntTensor<B>;
        int_sort_with_indices(
            tensor: IntTensor<B>,
            dim: usize,
            descending: bool
        ) -> (IntTensor<B>, IntTensor<B>);
        int_argsort(tensor: IntTensor<B>, dim: usize, descending: bool) -> IntTensor<B>;
        bitwise_and(lhs: IntTensor<B>, rhs: IntTensor<B>) -> IntTensor<B>;
        bitwise_and_scalar(lhs: IntTensor<B>, rhs: Scalar) -> IntTensor<B>;
        bitwise_or(lhs: IntTensor<B>, rhs: IntTensor<B>) -> IntTensor<B>;
        bitwise_or_scalar(lhs: IntTensor<B>, rhs: Scalar) -> IntTensor<B>;
        bitwise_xor(lhs: IntTensor<B>, rhs: IntTensor<B>) -> IntTensor<B>;
        bitwise_xor_scalar(lhs: IntTensor<B>, rhs: Scalar) -> IntTensor<B>;
        bitwise_not(tensor: IntTensor<B>) -> IntTensor<B>;
        bitwise_left_shift(lhs: IntTensor<B>, rhs: IntTensor<B>) -> IntTensor<B>;
        bitwise_left_shift_scalar(lhs: IntTensor<B>, rhs: Scalar) -> IntTensor<B>;
        bitwise_right_shift(lhs: IntTensor<B>, rhs: IntTensor<B>) -> IntTensor<B>;
        bitwise_right_shift_scalar(lhs: IntTensor<B>, rhs: Scalar) -> IntTensor<B>;
        int_cast(tensor: IntTensor<B>, dtype: IntDType) -> IntTensor<B>;
        int_unfold(tensor: IntTensor<B>, dim: usize, size: usize, step: usize) -> IntTensor<B>;
    }
}
