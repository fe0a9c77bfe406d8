//! Learned masks in front of every objective: ∇_φ V through attention, mask and both designers,
//! split and unsplit; and what masks must leave alone.

use super::{
    F32, F64, IMAGES, batch, bits, dino_learner, host, latent_learner, reconstruction_learner,
    relative_error, rng,
};
use burn::backend::Autodiff;
use burn::module::Module;
use burn::tensor::Tensor;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::cell::Cell;
use std::rc::Rc;
use vpt_core::*;
use vpt_image::designer::{
    Architecture, LearnedMasks, MaskDesigner, MaskPenalty, MaskedCrops, SitConfig, UNetConfig,
};
use vpt_image::objective::{
    CropBatch, Dino, DinoSettings, LatentSettings, TargetForm, Vision, Whole, dino, latent,
    reconstruction,
};

const UNET: Architecture = Architecture::UNet(UNetConfig { base: 4, depth: 1 });
const SIT: Architecture = Architecture::Sit(SitConfig {
    patch: 2,
    width: 8,
    layers: 1,
    heads: 2,
});

fn masks(on: MaskedCrops) -> LearnedMasks {
    LearnedMasks {
        on,
        penalty: MaskPenalty {
            keep: 0.6,
            sparsity: 0.3,
            tv: 0.2,
        },
        whole_value_step: false,
    }
}

/// A direction in `subset` of entries in ±1.
fn direction<M: Module<F64>>(module: &M, subset: &ParamSubset, seed: u64) -> GradVector<F64> {
    let mut rng = rng(seed);
    GradVector::generate(module, subset, |length| {
        (0..length).map(|_| rng.random_range(-1.0..1.0)).collect()
    })
}

/// φ away from where it begins, so that every parameter moves the mask.
fn designer(architecture: Architecture) -> (MaskDesigner<F64>, NoParameters) {
    let start = MaskDesigner::init(architecture, 0.6, &mut rng(51), &Default::default());
    let push = direction(&start, &ParamSubset::all(&start), 52);
    (push.shift(start, 0.3), NoParameters)
}

/// One step, S the last block with the norm and the heads.
struct Setting<T: PredictiveTask> {
    task: T,
    learner: LearnerOf<T, F64>,
    designer: DesignerOf<T, F64>,
    batch: BatchOf<T, F64>,
    reference: ReferenceOf<T, F64>,
    subset: ParamSubset,
    v: GradVector<F64>,
}

const SCALE: f64 = 0.7;

impl<T> Setting<T>
where
    T: PredictiveTask<Batch<F64> = CropBatch<F64>>,
    T: PredictiveTask<Designer<F64> = (MaskDesigner<F64>, NoParameters)>,
    T: SplitOn<Autodiff<F64>> + SplitOn<Autodiff<Autodiff<F64>>>,
{
    fn new(task: T, learner: LearnerOf<T, F64>, architecture: Architecture) -> Self {
        let all = ParamSubset::all(&learner);
        let elsewhere = direction(&learner, &all, 90).shift(learner.clone(), 0.02);
        let designer = designer(architecture);
        let batch = batch(&mut rng(7), IMAGES);
        let views = task.views(&designer, &batch);
        let prediction = task.predict(&learner, &views);
        let reference = task.reference(&task.teacher(&elsewhere), prediction, &views);
        let upper = |path: &str| !path.starts_with("backbone.") || path.contains("layer.1.");
        let subset = ParamSubset::matching(&learner, |path| {
            upper(path) || path.starts_with("backbone.norm.")
        });
        Self {
            v: direction(&learner, &subset, 92),
            task,
            learner,
            designer,
            batch,
            reference,
            subset,
        }
    }

    /// R − V / scale, V by the learner's own gradient over the whole batch.
    fn objective(&self, designer: &DesignerOf<T, F64>) -> f64 {
        let learner: LearnerOf<T, Autodiff<F64>> = self.subset.track(lift(&self.learner));
        let loss = self.task.pretraining_loss::<Autodiff<F64>>(
            &learner,
            &lift(designer),
            &lift(&self.batch),
            &lift(&self.reference),
        );
        let g_pre = GradVector::take(&mut loss.total().backward(), &learner, &self.subset);
        let views = self.task.views(designer, &self.batch);
        let target = self.task.target(designer, &views, &self.reference);
        let penalty = self.task.regulariser(&target, &views, &self.reference);
        host(penalty.unwrap())[0] - value::value(&self.v, &g_pre) / SCALE
    }

    fn estimate<G: MetaGradient<T, F64>>(&self, batch: &CropBatch<F64>, mut meta: G) -> Vec<f64> {
        let at = Point {
            task: &self.task,
            learner: &self.learner,
            designer: &self.designer,
            batch,
            reference: &self.reference,
            subset: &self.subset,
        };
        let probe = meta.probe(&at, &self.v);
        let estimate = meta.estimate(&at, &self.v, &probe, SCALE);
        estimate.descent.as_vector().to_vec()
    }

    /// Split and unsplit, with and without the crops that carry no mask, against differences of
    /// the objective along directions in φ.
    fn agrees(&self) {
        let shaped = self.task.shaped_part::<F64>(&self.batch);
        let exact = self.estimate(&self.batch, Nested);
        // Shorter than the default, which is for f32.
        let central = CentralDifference::new(DifferenceStep::new(1e-4));
        for (name, found, tolerance) in [
            ("split", self.estimate(&self.batch, Split(Nested)), 1e-9),
            ("shaped part", self.estimate(&shaped, Nested), 1e-9),
            (
                "shaped part, split",
                self.estimate(&shaped, Split(Nested)),
                1e-9,
            ),
            (
                "differences",
                self.estimate(&self.batch, central.clone()),
                1e-4,
            ),
            (
                "differences, split",
                self.estimate(&shaped, Split(central)),
                1e-4,
            ),
        ] {
            let error = relative_error(&found, &exact);
            assert!(error < tolerance, "{name}: {error:e}");
        }

        const STEP: f64 = 1e-5;
        let all = ParamSubset::all(&self.designer);
        let (found, expected): (Vec<f64>, Vec<f64>) = (0..4)
            .map(|seed| {
                let u = direction(&self.designer, &all, 60 + seed);
                let at = |step: f64| self.objective(&u.shift(self.designer.clone(), step));
                let found: f64 = exact.iter().zip(u.to_vec()).map(|(g, u)| g * u).sum();
                (found, (at(STEP) - at(-STEP)) / (2.0 * STEP))
            })
            .unzip();
        let error = relative_error(&found, &expected);
        assert!(error < 1e-6, "differences of V: {found:?} {expected:?}");
    }
}

/// Both designers, on global crops and on all.
fn law<T>(task: impl Fn(LearnedMasks) -> T, learner: impl Fn() -> LearnerOf<T, F64>)
where
    T: PredictiveTask<Batch<F64> = CropBatch<F64>>,
    T: PredictiveTask<Designer<F64> = (MaskDesigner<F64>, NoParameters)>,
    T: SplitOn<Autodiff<F64>> + SplitOn<Autodiff<Autodiff<F64>>>,
{
    for architecture in [UNET, SIT] {
        for on in [MaskedCrops::Global, MaskedCrops::All] {
            Setting::new(task(masks(on)), learner(), architecture).agrees();
        }
    }
}

#[test]
fn dinos_meta_gradients_agree_split_and_unsplit() {
    law(|m| dino(m, DinoSettings::default()), || dino_learner(3));
}

#[test]
fn latent_regressions_meta_gradients_agree_split_and_unsplit() {
    law(
        |m| latent(m, LatentSettings::default()),
        || latent_learner(3),
    );
}

/// Here the target depends on φ as well.
#[test]
fn reconstructions_meta_gradients_agree_split_and_unsplit() {
    law(
        |m| reconstruction(m, TargetForm::Soft, 4),
        || reconstruction_learner(3),
    );
}

/// Local crops without a mask are left out of the value step, and only those.
#[test]
fn crops_without_a_mask_are_left_out() {
    let whole = batch::<F32>(&mut rng(7), IMAGES);
    let shaped = |masks: LearnedMasks| {
        let shaped = ViewGenerator::<Vision<Dino>>::shaped_part(&masks, &whole);
        (shaped.local.is_some(), shaped.left_out)
    };
    assert_eq!(shaped(masks(MaskedCrops::Global)), (false, 2));
    assert_eq!(shaped(masks(MaskedCrops::All)), (true, 0));
    let kept = LearnedMasks {
        whole_value_step: true,
        ..masks(MaskedCrops::Global)
    };
    assert_eq!(shaped(kept), (true, 0));
}

#[test]
fn a_split_below_the_blocks_is_refused() {
    let task = dino(masks(MaskedCrops::Global), DinoSettings::default());
    let mut setting = Setting::new(task, dino_learner(3), UNET);
    setting.subset = ParamSubset::all(&setting.learner);
    setting.v = direction(&setting.learner, &setting.subset, 92);
    let refused = std::panic::AssertUnwindSafe(|| {
        setting.estimate(&setting.batch, Split(Nested));
    });
    let reason = std::panic::catch_unwind(refused).unwrap_err();
    let reason = reason.downcast_ref::<&str>().unwrap();
    assert!(reason.contains("S reaches into the embeddings"), "{reason}");
}

/// Which crops are masked, what the penalties and figures of a step are, over both groups.
#[test]
fn penalties_and_figures_are_means_over_the_masks() {
    let designer = MaskDesigner::<F32>::init(UNET, 0.6, &mut rng(5), &Default::default());
    // Half of a step's images.
    let batch = batch::<F32>(&mut rng(7), 2 * IMAGES);
    for (on, locals) in [(MaskedCrops::Global, false), (MaskedCrops::All, true)] {
        let generator = masks(on);
        let views = ViewGenerator::<Vision<Dino>>::views(&generator, &designer, &batch);
        let mask = |pixels: &Tensor<F32, 4>| designer.mask(pixels.clone());
        let mut expected = vec![mask(&batch.global.pixels)];
        assert_eq!(
            host(views.global.mask.clone().unwrap()),
            host(expected[0].clone())
        );
        let local = views.local.as_ref().unwrap();
        assert_eq!(local.mask.is_some(), locals);
        if locals {
            expected.push(mask(&batch.local.as_ref().unwrap().pixels));
        }
        let each: Vec<f64> = (expected.iter())
            .flat_map(|mask| host(generator.penalty.of_each(mask)))
            .collect();
        let mean = each.iter().sum::<f64>() / each.len() as f64;
        let found = ViewGenerator::<Vision<Dino>>::regulariser(&generator, &views).unwrap();
        assert!((host(found)[0] - mean / 2.0).abs() < 1e-7);

        let figures = ViewGenerator::<Vision<Dino>>::measures(&generator, &views);
        let kept: Vec<f64> = expected.into_iter().flat_map(kept_shares).collect();
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        assert_eq!(figures[0].0, "mask_kept");
        assert!((figures[0].1 - mean / 2.0).abs() < 1e-6);
        assert_eq!(figures[1].0, "mask_tv");
        let plain = ViewGenerator::<Vision<Dino>>::unshaped_views(&generator, &views);
        assert!(ViewGenerator::<Vision<Dino>>::measures(&generator, &plain).is_empty());
        assert!(ViewGenerator::<Vision<Dino>>::regulariser(&generator, &plain).is_none());
    }
}

fn kept_shares(mask: Tensor<F32, 4>) -> Vec<f64> {
    host(vpt_image::designer::kept_share(&mask))
}

/// Batches of noise; with batches of its own for the value step, or none.
struct Noise {
    rng: ChaCha8Rng,
    meta: Option<ChaCha8Rng>,
    /// How often the value step's own were asked for.
    asked: Rc<Cell<usize>>,
}

impl<T: PredictiveTask<Batch<F32> = CropBatch<F32>>> Source<T, F32> for Noise {
    fn next_step(&mut self) -> Result<StepData<T, F32>, CoreError> {
        Ok(StepData::single(batch(&mut self.rng, IMAGES), 1))
    }

    fn next_meta(&mut self) -> Result<Option<Vec<CropBatch<F32>>>, CoreError> {
        self.asked.set(self.asked.get() + 1);
        let rng = self.meta.as_mut();
        Ok(rng.map(|rng| vec![batch(rng, 2 * IMAGES), batch(rng, 2 * IMAGES)]))
    }
}

impl Stateful for Noise {
    fn state(&self) -> serde_json::Value {
        to_state(&(&self.rng, &self.meta))
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        (self.rng, self.meta) = from_state(state)?;
        Ok(())
    }
}

/// The class token of one image should point along a fixed direction.
struct Pointing;

impl<T> Evaluator<T, F32> for Pointing
where
    T: PredictiveTask<Learner<Autodiff<F32>> = vpt_image::objective::DinoLearner<Autodiff<F32>>>,
{
    fn name(&self) -> &str {
        "pointing"
    }

    fn loss(
        &mut self,
        learner: &T::Learner<Autodiff<F32>>,
    ) -> Result<Tensor<Autodiff<F32>, 1>, CoreError> {
        let crops = batch::<Autodiff<F32>>(&mut rng(70), IMAGES).global;
        let features = learner.backbone.forward(crops.pixels, &crops.rope);
        Ok(features.cls.narrow(1, 0, 3).sum().neg())
    }
}

impl Stateful for Pointing {
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _: serde_json::Value) -> Result<(), CoreError> {
        Ok(())
    }
}

fn config(cadence: Cadence) -> TrainerConfig {
    TrainerConfig {
        cadence,
        ..TrainerConfig::new(20, 1e-2)
    }
}

fn noise(meta: bool) -> Noise {
    Noise {
        rng: rng(31),
        meta: meta.then(|| rng(32)),
        asked: Rc::default(),
    }
}

type Masked = vpt_image::objective::DinoTask<LearnedMasks>;
type Run<G> = Trainer<Masked, F32, Noise, Downstream<Masked, F32>, G>;

fn masked<G: MetaGradient<Masked, F32>>(cadence: Cadence, meta: G, source: Noise) -> Run<G> {
    let task = dino(masks(MaskedCrops::Global), DinoSettings::default());
    let designer = MaskDesigner::<F32>::init(UNET, 0.6, &mut rng(5), &Default::default());
    let learner = dino_learner::<F32>(3);
    let subset = ParamSubset::matching(&learner, |path| path.contains("layer.1."));
    let parts = (source, Downstream::new(Pointing), meta);
    let mut run = Trainer::new(
        task,
        learner,
        (designer, NoParameters),
        parts,
        config(cadence),
    );
    run.subset = subset;
    run
}

/// Until the burn-in is over a run with a designer is the run without one, to the bit.
#[test]
fn before_the_burn_in_is_over_there_are_no_masks() {
    let cadence = Cadence {
        burn_in: Some(3),
        update_every: Some(1),
    };
    let mut run = masked(cadence, Split(Nested), noise(false));
    let mut plain = Trainer::new(
        dino(Whole, DinoSettings::default()),
        dino_learner::<F32>(3),
        (NoParameters, NoParameters),
        (
            noise(false),
            Downstream::new(Pointing),
            CentralDifference::default(),
        ),
        config(Cadence::never()),
    );
    for step in 0..4 {
        run.step().unwrap();
        plain.step().unwrap();
        let same = bits(&run.learner) == bits(&plain.learner);
        assert_eq!(same, step < 3, "step {step}");
    }
}

/// A split estimator trains the designer, on the step's data or on its own, and leaves the
/// learner's gradient to the masks as constants.
#[test]
fn a_run_steers_its_masks() {
    for meta in [false, true] {
        let source = noise(meta);
        let asked = Rc::clone(&source.asked);
        let cadence = Cadence {
            burn_in: Some(0),
            update_every: Some(2),
        };
        let mut run = masked(cadence, Split(CentralDifference::default()), source);
        let before = bits(&run.designer);
        let report = run.step().unwrap();
        let value = report.value.unwrap();
        assert_ne!(bits(&run.designer), before);
        assert!(value.value.is_finite() && value.climbed.0 != 0.0);
        let names: Vec<_> = report.measures.iter().map(|(name, _)| *name).collect();
        assert!(names.contains(&"mask_kept") && names.contains(&"mask_tv"));
        assert_eq!(asked.get(), 1);
        assert!(run.step().unwrap().value.is_none());
        assert_eq!(asked.get(), 1, "only value updates ask");
    }
}

/// The value that φ climbs is that of its own data where there is some, and the learner's step
/// sees what the moved designer makes.
#[test]
fn the_value_update_is_on_its_own_data() {
    let cadence = Cadence {
        burn_in: Some(0),
        update_every: Some(1),
    };
    let v_on = |run: &Run<Nested>, batches: &[CropBatch<F32>], g_down: &GradVector<F32>| -> f64 {
        let parts = batches.iter().map(|batch| {
            let views = run.task.views(&run.designer, batch);
            let prediction = run.task.predict(&run.learner, &views);
            let reference = run.task.reference(&run.teacher, prediction, &views);
            let learner = run.subset.track::<Autodiff<F32>, _>(lift(&run.learner));
            let loss = run.task.pretraining_loss::<Autodiff<F32>>(
                &learner,
                &lift(&run.designer),
                &lift(batch),
                &lift(&reference),
            );
            let g_pre = GradVector::take(&mut loss.total().backward(), &learner, &run.subset);
            value::value(g_down, &g_pre)
        });
        parts.sum()
    };
    let mut run = masked(cadence, Nested, noise(true));
    let whole = LearnedMasks {
        whole_value_step: true,
        ..masks(MaskedCrops::Global)
    };
    run.task = dino(whole, DinoSettings::default());
    let direction = Downstream::<Masked, F32>::new(Pointing)
        .direction(&run.learner, &run.subset)
        .unwrap();
    let own = Source::<Masked, F32>::next_meta(&mut noise(true))
        .unwrap()
        .unwrap();
    let expected = v_on(&run, &own, &direction.downstream);
    let before = (run.learner.clone(), run.teacher.clone());
    let report = run.step().unwrap().value.unwrap();
    let (down, pre) = report.norms;
    let near = |a: f64, b: f64| (a - b).abs() < 1e-4 * down * pre;
    assert!(near(report.climbed.0, expected), "{report:?} {expected}");

    // With the learner as it was, and φ as it is now.
    (run.learner, run.teacher) = before;
    let step = Source::<Masked, F32>::next_step(&mut noise(true)).unwrap();
    let expected = v_on(&run, &step.batches, &direction.downstream);
    assert!(near(report.value, expected), "{report:?} {expected}");
}
