//! Every student crop against every teacher crop but itself.

use super::CropBatch;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::Loss;

/// Σ_i Σ_{v ≠ i} of `term(student v, teacher i)`, divided by the number of terms, with teacher
/// crops i the global ones and student crops v all. Crops that were left out count in the number
/// of terms.
///
/// # Shapes
/// `student`: `[crops · images, k]`; `teacher`: `[globals · images, k]`; `term`:
/// `[images, k]` twice `→ [images]`; entries: one for each term and image
///
/// # Panics
/// If there is one crop alone, or the rows are not those of `views`.
pub(super) fn pair_loss<B: Backend>(
    student: Tensor<B, 2>,
    teacher: &Tensor<B, 2>,
    views: &CropBatch<B>,
    term: impl Fn(Tensor<B, 2>, Tensor<B, 2>) -> Tensor<B, 1>,
) -> Loss<B> {
    let (images, globals, crops) = (views.images(), views.globals(), views.crops());
    assert_eq!(student.dims()[0], crops * images, "a row for each crop");
    assert_eq!(
        teacher.dims()[0],
        globals * images,
        "a row for each global crop"
    );
    assert!(crops > 1, "a crop has no other to be compared with");
    let pairs = globals * (crops + views.left_out - 1);
    let of = |rows: &Tensor<B, 2>, crop: usize| rows.clone().narrow(0, crop * images, images);
    let mut terms = vec![];
    for i in 0..globals {
        for v in (0..crops).filter(|v| *v != i) {
            terms.push(term(of(&student, v), of(teacher, i)));
        }
    }
    let share = views.weights.clone().div_scalar(pairs as f64);
    let weights = vec![share; terms.len()];
    Loss {
        entries: Tensor::cat(terms, 0),
        weights: Tensor::cat(weights, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::Crops;
    use crate::vit::RopeDraw;
    use burn::backend::Flex;

    /// Two global crops and one local: (0,1), (0,2), (1,0), (1,2).
    #[test]
    fn no_crop_meets_itself() {
        let device = Default::default();
        let crops = |count: usize| {
            Crops::<Flex>::whole(Tensor::zeros([count, 3, 1, 1], &device), RopeDraw::none())
        };
        let views = CropBatch {
            global: crops(4),
            local: Some(crops(2)),
            weights: Tensor::from_floats([0.5, 0.5], &device),
            left_out: 0,
        };
        let student = Tensor::from_floats([[1.], [2.], [4.], [8.], [16.], [32.]], &device);
        let teacher = Tensor::from_floats([[100.], [200.], [300.], [400.]], &device);
        let sum = |s: Tensor<Flex, 2>, t: Tensor<Flex, 2>| (s + t).squeeze_dim(1);
        let loss = pair_loss(student, &teacher, &views, sum);
        let entries: Vec<f32> = loss.entries.into_data().iter().collect();
        assert_eq!(entries, [104., 208., 116., 232., 301., 402., 316., 432.]);
        let weights: Vec<f32> = loss.weights.into_data().iter().collect();
        assert_eq!(weights, [0.125; 8]);
    }
}
