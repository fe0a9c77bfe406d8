//! From parts to a trainer, whatever the objective.

use super::RunError;
use super::estimator::{AnyEstimate, VisionEstimator};
use super::feedback::{AnyFeedback, feedback, probe};
use super::labels::Labels;
use super::source::CropSource;
use super::views::{Plain, RunViews, Shaped};
use crate::config::{Blocks, Method, ObjectiveKind, RunConfig};
use crate::designer::{LearnedMasks, MaskDesigner};
use crate::evaluate::{HasBackbone, last_blocks};
use crate::objective::{
    CropBatch, DinoHead, DinoLearner, LatentLearner, ReconstructionLearner, dino, head_burn_in,
    latent, reconstruction,
};
use crate::random::{Purpose, generator};
use crate::vit::{Vit, layer_index};
use burn::backend::Autodiff;
use burn::tensor::{DType, backend::Backend};
use std::ops::ControlFlow;
use std::path::Path;
use vpt_core::{
    AdamW, CoreError, DifferenceStep, Freeze, LearnerOf, NoParameters, Observer, ParamSubset,
    PredictiveTask, Trainer, parameters,
};

/// A task of a vision run.
pub(super) trait VisionTask<I: Backend>:
    AnyEstimate<I>
    + PredictiveTask<
        Batch<I> = CropBatch<I>,
        Designer<I> = (Option<MaskDesigner<I>>, NoParameters),
        Learner<I>: HasBackbone<I>,
        Learner<Autodiff<I>>: HasBackbone<Autodiff<I>>,
    >
{
}

impl<I, T> VisionTask<I> for T
where
    I: Backend,
    T: AnyEstimate<I>
        + PredictiveTask<
            Batch<I> = CropBatch<I>,
            Designer<I> = (Option<MaskDesigner<I>>, NoParameters),
            Learner<I>: HasBackbone<I>,
            Learner<Autodiff<I>>: HasBackbone<Autodiff<I>>,
        >,
{
}

/// The trainer of one objective.
type TrainerOf<T, I> = Trainer<T, I, CropSource<I>, AnyFeedback<T, I>, VisionEstimator>;

/// A trainer of any objective, as a run drives it.
pub(super) trait VisionTrainer<I: Backend> {
    /// Steps taken.
    fn step(&self) -> usize;
    /// Patches seen.
    fn tokens(&self) -> u64;
    /// Unlabelled images left out.
    fn skipped(&self) -> u64;
    /// f_θ.
    fn backbone(&self) -> &Vit<I>;
    /// φ, where it is learned.
    fn designer(&self) -> Option<&MaskDesigner<I>>;
    /// Values of θ, heads included.
    fn learner_parameters(&self) -> usize;
    /// See [`Trainer::run`].
    fn run(
        &mut self,
        until: usize,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<()>, CoreError>;
    /// See [`Trainer::save`].
    fn save(&self, folder: &Path, fingerprint: &str) -> Result<(), CoreError>;
    /// See [`Trainer::load`].
    fn load(&mut self, folder: &Path, fingerprint: &str) -> Result<(), CoreError>;
}

impl<T: VisionTask<I>, I: Backend> VisionTrainer<I> for TrainerOf<T, I> {
    fn step(&self) -> usize {
        self.step
    }

    fn tokens(&self) -> u64 {
        self.tokens
    }

    fn skipped(&self) -> u64 {
        self.source.skipped()
    }

    fn backbone(&self) -> &Vit<I> {
        self.learner.backbone()
    }

    fn designer(&self) -> Option<&MaskDesigner<I>> {
        self.designer.0.as_ref()
    }

    fn learner_parameters(&self) -> usize {
        let sizes = parameters(&self.learner).into_iter();
        sizes.map(|info| info.shape.iter().product::<usize>()).sum()
    }

    fn run(
        &mut self,
        until: usize,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<()>, CoreError> {
        Trainer::run(self, until, observer)
    }

    fn save(&self, folder: &Path, fingerprint: &str) -> Result<(), CoreError> {
        Trainer::save(self, folder, fingerprint)
    }

    fn load(&mut self, folder: &Path, fingerprint: &str) -> Result<(), CoreError> {
        let device = self.learner.backbone().device();
        Trainer::load(self, folder, fingerprint, &device)
    }
}

/// The trainer that continues `backbone` by the objective and the method of `config`.
pub(super) fn trainer<I: Backend>(
    config: &RunConfig,
    backbone: Vit<I>,
    source: CropSource<I>,
    labels: &Labels,
) -> Result<Box<dyn VisionTrainer<I>>, RunError> {
    let objective = &config.objective;
    let mut rng = generator(config.seed, Purpose::Learner, 0, 0);
    let (views, width) = (views(config), backbone.config().hidden_size);
    let device = backbone.device();
    match objective.kind {
        ObjectiveKind::Dino => {
            let head = DinoHead::init(width, &objective.dino_head(), &mut rng, &device);
            let learner = DinoLearner { backbone, head };
            let freeze = learner.last_layer_freeze(objective.last_layer_freeze);
            assembled(
                config,
                dino(views, objective.dino()),
                learner,
                vec![freeze],
                source,
                labels,
            )
        }
        ObjectiveKind::Latent => {
            let sizes = [objective.hidden, objective.bottleneck];
            let learner = LatentLearner::init(backbone, sizes, objective.batch_norm, &mut rng);
            let task = latent(views, objective.latent());
            assembled(config, task, learner, vec![], source, labels)
        }
        ObjectiveKind::Reconstruction => {
            let side = backbone.config().patch_size;
            let learner = ReconstructionLearner::init(backbone, objective.hidden, &mut rng);
            let task = reconstruction(views, objective.target.form(), side);
            assembled(config, task, learner, vec![], source, labels)
        }
    }
}

/// A_φ of the method.
fn views(config: &RunConfig) -> RunViews {
    let learned = LearnedMasks {
        on: config.designer.masked,
        penalty: config.penalty(),
        whole_value_step: config.objective.batch_norm
            && config.objective.kind != ObjectiveKind::Reconstruction,
    };
    RunViews {
        plain: match config.objective.kind {
            ObjectiveKind::Reconstruction => Plain::Drawn,
            ObjectiveKind::Dino | ObjectiveKind::Latent => Plain::Whole,
        },
        shaped: match config.method.needs_feedback() {
            true => Shaped::Learned(learned),
            false => Shaped::Drawn,
        },
    }
}

/// Whether the stream draws masks.
pub(super) fn draws_masks(config: &RunConfig) -> bool {
    config.method == Method::RandomMasks || config.objective.kind == ObjectiveKind::Reconstruction
}

fn assembled<T: VisionTask<I> + 'static, I: Backend>(
    config: &RunConfig,
    task: T,
    learner: LearnerOf<T, I>,
    mut freezes: Vec<Freeze>,
    source: CropSource<I>,
    labels: &Labels,
) -> Result<Box<dyn VisionTrainer<I>>, RunError> {
    let backbone = learner.backbone().clone();
    let device = backbone.device();
    freezes.push(head_burn_in(&learner, config.objective.head_burn_in));
    freezes.retain(|freeze| freeze.until > 0);
    let (trainable, subset) = what_learns(config, &learner, &backbone)?;
    let designer = config.method.needs_feedback().then(|| {
        let mut rng = generator(config.seed, Purpose::Designer, 0, 0);
        let keep = config.designer.keep;
        MaskDesigner::init(config.architecture(), keep, &mut rng, &device)
    });
    // Larger in f32, where rounding sets in.
    let step = match backbone.norm.weight.dtype() {
        DType::F64 => DifferenceStep::new(1e-5),
        _ => DifferenceStep::default(),
    };
    let estimator = VisionEstimator::new(config.value.estimator, step);
    let feedback = feedback::<T, I>(config, labels, &backbone)?;
    let mut trainer: TrainerOf<T, I> = Trainer::new(
        task,
        learner,
        (designer, NoParameters),
        (source, feedback, estimator),
        config.trainer(),
    );
    (trainer.trainable, trainer.subset) = (trainable, subset);
    trainer.freezes = freezes;
    trainer.probe = probe(config, labels, &backbone)?;
    let train = &config.train;
    trainer.learner_optimiser = AdamW::new(
        train.beta_1,
        train.beta_2,
        train.epsilon,
        train.weight_decay,
    );
    let designer = &config.designer;
    trainer.designer_optimiser = AdamW::new(designer.beta_1, designer.beta_2, 1e-8, 0.0);
    Ok(Box::new(trainer))
}

/// What of θ learns, and S within it.
fn what_learns<I: Backend, M: burn::module::Module<I>>(
    config: &RunConfig,
    learner: &M,
    backbone: &Vit<I>,
) -> Result<(ParamSubset, ParamSubset), RunError> {
    let blocks = backbone.config().num_hidden_layers;
    let within = |key: &'static str, asked: Blocks| match asked {
        Blocks::Last(count) if count > blocks => Err(RunError::Unfit {
            key,
            message: format!("last:{count}, and the backbone has {blocks} blocks"),
        }),
        _ => Ok(()),
    };
    within("train.parameters", config.train.parameters)?;
    within("value.subset", config.value.subset)?;
    let trainable = ParamSubset::matching(learner, |path| {
        let Some(path) = path.strip_prefix("backbone.") else {
            return true;
        };
        match config.train.parameters {
            Blocks::All => true,
            Blocks::Last(count) => {
                path.starts_with("norm.")
                    || layer_index(path).is_some_and(|index| index + count >= blocks)
            }
        }
    });
    let subset = match config.value.subset {
        Blocks::All => ParamSubset::all(backbone),
        Blocks::Last(count) => last_blocks(backbone, count)?,
    };
    Ok((trainable.clone(), subset.intersection(&trainable)))
}
