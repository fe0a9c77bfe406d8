//! y = x·Wᵀ, and its gradients ∂x = ∂y·W and ∂W = ∂yᵀ·x: the weight's gradient comes in the
//! weight's own layout, so that nothing transposes it afterwards.

use super::Fused;
use crate::kernels::Linear;
use burn::backend::Flex;
use burn::tensor::ops::FloatTensorOps;
use burn_flex::FlexTensor;

impl Fused<2> for Linear {
    type Kept = [FlexTensor; 2];

    fn forward(&self, [x, weight]: [FlexTensor; 2]) -> (FlexTensor, Self::Kept) {
        let y = Flex::float_matmul(x.clone(), weight.transpose(0, 1));
        (y, [x, weight])
    }

    fn backward(
        &self,
        [x, weight]: Self::Kept,
        gradient: FlexTensor,
        [by_x, by_weight]: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let across = gradient.transpose(0, 1);
        [
            by_x.then(|| Flex::float_matmul(gradient, weight)),
            by_weight.then(|| Flex::float_matmul(across, x)),
        ]
    }
}
