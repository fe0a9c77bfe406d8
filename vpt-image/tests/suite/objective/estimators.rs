//! ∇_φ V of every objective: exact, by central differences, and by differences of V itself; and
//! the learner's gradient against differences of the loss.

use super::{
    F64, GLOBAL, IMAGES, batch, dino_learner, host, latent_learner, reconstruction_learner,
    relative_error, rng, tensor,
};
use burn::backend::Autodiff;
use burn::module::{Module, Param};
use burn::tensor::{Tensor, backend::Backend};
use rand::Rng;
use vpt_core::*;
use vpt_image::objective::{
    CropBatch, DinoSettings, LatentSettings, Network, TargetForm, Vision, dino, latent,
    reconstruction,
};

/// φ: one logit for each pixel of the global crops, whatever is on them.
#[derive(Module, Debug)]
struct Logits<B: Backend> {
    logits: Param<Tensor<B, 4>>,
}

/// m = σ(φ) on the global crops.
struct LearnedMask;

impl<N: Network> ViewGenerator<Vision<N>> for LearnedMask {
    type Designer<B: Backend> = Logits<B>;

    fn views<B: Backend>(&self, designer: &Logits<B>, batch: &CropBatch<B>) -> CropBatch<B> {
        let mask = (designer.logits.val().neg().exp() + 1.0).recip();
        CropBatch {
            global: batch.global.clone().masked(mask),
            ..batch.clone()
        }
    }

    fn unshaped_views<B: Backend>(&self, batch: &CropBatch<B>) -> CropBatch<B> {
        batch.clone()
    }
}

fn designer<T>(seed: u64) -> DesignerOf<T, F64>
where
    T: PredictiveTask<Designer<F64> = (Logits<F64>, NoParameters)>,
{
    let mut rng = rng(seed);
    let logits = tensor([2 * IMAGES, 1, GLOBAL, GLOBAL], || {
        rng.random_range(-1.0..2.0)
    });
    let logits = Param::initialized(Default::default(), logits);
    (Logits { logits }, NoParameters)
}

/// A direction in `subset` of entries in ±1.
fn direction<M: Module<F64>>(module: &M, subset: &ParamSubset, seed: u64) -> GradVector<F64> {
    let mut rng = rng(seed);
    GradVector::generate(module, subset, |length| {
        (0..length).map(|_| rng.random_range(-1.0..1.0)).collect()
    })
}

/// Everything of one step, with the teacher a little off the learner.
struct Setting<T: PredictiveTask> {
    task: T,
    learner: LearnerOf<T, F64>,
    designer: DesignerOf<T, F64>,
    batch: BatchOf<T, F64>,
    reference: ReferenceOf<T, F64>,
}

impl<T> Setting<T>
where
    T: PredictiveTask<Designer<F64> = (Logits<F64>, NoParameters), Batch<F64> = CropBatch<F64>>,
    T: On<Autodiff<F64>> + On<Autodiff<Autodiff<F64>>>,
{
    fn new(task: T, learner: LearnerOf<T, F64>, batch: CropBatch<F64>) -> Self {
        let all = ParamSubset::all(&learner);
        let elsewhere = direction(&learner, &all, 90).shift(learner.clone(), 0.02);
        let designer = designer::<T>(91);
        let views = task.views(&designer, &batch);
        let prediction = task.predict(&learner, &views);
        let reference = task.reference(&task.teacher(&elsewhere), prediction, &views);
        Self {
            task,
            learner,
            designer,
            batch,
            reference,
        }
    }

    fn loss(&self, learner: &LearnerOf<T, F64>) -> f64 {
        let loss =
            self.task
                .pretraining_loss(learner, &self.designer, &self.batch, &self.reference);
        host(loss.total())[0]
    }

    fn g_pre(&self, designer: &DesignerOf<T, F64>, subset: &ParamSubset) -> GradVector<F64> {
        let learner: LearnerOf<T, Autodiff<F64>> = subset.track(lift(&self.learner));
        let loss = self.task.pretraining_loss::<Autodiff<F64>>(
            &learner,
            &lift(designer),
            &lift(&self.batch),
            &lift(&self.reference),
        );
        GradVector::take(&mut loss.total().backward(), &learner, subset)
    }

    fn estimate<G: MetaGradient<T, F64>>(
        &self,
        mut meta: G,
        v: &GradVector<F64>,
        subset: &ParamSubset,
    ) -> (f64, Vec<f64>) {
        let at = Point {
            task: &self.task,
            learner: &self.learner,
            designer: &self.designer,
            batch: &self.batch,
            reference: &self.reference,
            subset,
        };
        let probe = meta.probe(&at, v);
        let estimate = meta.estimate(&at, v, &probe, 1.0);
        (estimate.value, estimate.descent.as_vector().to_vec())
    }

    /// The whole learner's gradient, then V and ∇_φ V on the last block and the heads.
    fn agrees(&self) {
        let all = ParamSubset::all(&self.learner);
        let v = direction(&self.learner, &all, 92);
        let along = host(v.dot(&self.g_pre(&self.designer, &all)))[0];
        let at = |step: f64| self.loss(&v.shift(self.learner.clone(), step));
        let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
        let error = (along - expected).abs() / expected.abs();
        assert!(error < 1e-6, "the gradient: {along} {expected}");

        let upper = |path: &str| !path.starts_with("backbone.") || path.contains("layer.1.");
        let subset = ParamSubset::matching(&self.learner, upper);
        let v = direction(&self.learner, &subset, 93);
        let (value, exact) = self.estimate(Nested, &v, &subset);
        let expected = host(v.dot(&self.g_pre(&self.designer, &subset)))[0];
        assert!((value - expected).abs() < 1e-9 * expected.abs());
        let norm = exact.iter().map(|g| g * g).sum::<f64>().sqrt();
        assert!(norm > 1e-6, "no gradient reaches the mask");

        // Shorter than the default, which is for f32.
        let central = CentralDifference::new(DifferenceStep::new(1e-3));
        let (_, central) = self.estimate(central, &v, &subset);
        let error = relative_error(&central, &exact);
        assert!(error < 1e-3, "central differences: {error}");

        // V by differences along a direction of φ. The estimate descends −V.
        let parameters = ParamSubset::all(&self.designer);
        let u = direction(&self.designer, &parameters, 94);
        let at = |step: f64| {
            let moved = u.shift(self.designer.clone(), step);
            host(v.dot(&self.g_pre(&moved, &subset)))[0]
        };
        let expected = (at(1e-4) - at(-1e-4)) / 2e-4;
        let exact: f64 = exact.iter().zip(u.to_vec()).map(|(g, u)| -g * u).sum();
        let error = (exact - expected).abs() / expected.abs();
        assert!(error < 1e-5, "differences of V: {exact} {expected}");
    }
}

fn crops() -> CropBatch<F64> {
    batch(&mut rng(7), IMAGES)
}

#[test]
fn dinos_gradients_agree() {
    let task = dino(LearnedMask, DinoSettings::default());
    Setting::new(task, dino_learner(3), crops()).agrees();
}

#[test]
fn latent_regressions_gradients_agree() {
    let task = latent(LearnedMask, LatentSettings::default());
    Setting::new(task, latent_learner(3), crops()).agrees();
}

#[test]
fn reconstructions_gradients_agree() {
    let task = reconstruction(LearnedMask, TargetForm::Soft, 4);
    let crops = CropBatch {
        local: None,
        ..crops()
    };
    Setting::new(task, reconstruction_learner(3), crops).agrees();
}

/// Crops without a mask add to the divisor of the loss and nothing else.
#[test]
fn crops_without_a_mask_change_nothing_of_the_meta_gradient() {
    let descent = |crops: CropBatch<F64>| {
        let task = dino(LearnedMask, DinoSettings::default());
        let setting = Setting::new(task, dino_learner(3), crops);
        let subset = ParamSubset::matching(&setting.learner, |path| path.contains("layer.1."));
        let v = direction(&setting.learner, &subset, 93);
        setting.estimate(Nested, &v, &subset).1
    };
    let with = descent(crops());
    let without = descent(CropBatch {
        local: None,
        ..crops()
    });
    // Two global crops make 2 terms; with two local ones there are 6.
    let scaled: Vec<f64> = without.iter().map(|g| g * 2.0 / 6.0).collect();
    assert!(relative_error(&with, &scaled) < 1e-9);
}
