//! y = x·Wᵀ, and its gradients ∂x = ∂y·W and ∂W = ∂yᵀ·x: the weight's gradient comes in the
//! weight's own layout, so that nothing transposes it afterwards.

use super::Fused;
use super::product::product;
use crate::kernels::Linear;
use burn_flex::FlexTensor;

impl Fused<2> for Linear {
    type Kept = [FlexTensor; 2];

    fn forward(&self, [x, weight]: [FlexTensor; 2]) -> (FlexTensor, Self::Kept) {
        let y = product(&x, &weight.transpose(0, 1));
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
            by_x.then(|| product(&gradient, &weight)),
            by_weight.then(|| product(&across, &x)),
        ]
    }
}
