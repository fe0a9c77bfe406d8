//! What the keys mean to the parts of a run.

use super::{
    CentringKind, ClipBy, CropConfig, DesignerKind, HeadKind, Method, ObjectiveConfig,
    ObjectiveKind, RunConfig,
};
use crate::augment::{ColourJitter, MultiCrop, ViewRecipe};
use crate::designer::{Architecture, MaskPenalty, RandomMask, SitConfig, UNetConfig};
use crate::evaluate::{FeedbackConfig, FitConfig, HeadConfig};
use crate::objective::{
    Centring, DinoHeadConfig, DinoSettings, GuardSettings, LatentSettings, TemperatureWarmup,
};
use vpt_core::{Cadence, Clip, CosineRamp, CosineSchedule, TrainerConfig};

impl RunConfig {
    /// Views of each unlabelled image.
    pub(crate) fn multi_crop(&self) -> MultiCrop {
        let &CropConfig {
            global,
            local,
            locals,
            global_scale,
            local_scale,
            flip,
            jitter,
            grayscale,
            blur: [first, second, small],
            blur_sigma,
            solarise,
        } = &self.crops;
        let recipe = |size, scale, blur, solarise| ViewRecipe {
            size,
            scale,
            blur,
            solarise,
        };
        MultiCrop {
            globals: [
                recipe(global, global_scale, first, 0.0),
                recipe(global, global_scale, second, solarise),
            ],
            local: recipe(local, local_scale, small, 0.0),
            // Reconstruction looks at global crops alone.
            locals: match self.objective.kind {
                ObjectiveKind::Reconstruction => 0,
                ObjectiveKind::Dino | ObjectiveKind::Latent => locals,
            },
            flip,
            jitter: ColourJitter {
                probability: jitter,
                ..ColourJitter::default()
            },
            grayscale,
            blur_sigma,
            ..MultiCrop::default()
        }
    }

    /// The network that makes masks.
    pub(crate) fn architecture(&self) -> Architecture {
        let designer = &self.designer;
        match designer.kind {
            DesignerKind::Unet => Architecture::UNet(UNetConfig {
                base: designer.base,
                depth: designer.depth,
            }),
            DesignerKind::Sit => Architecture::Sit(SitConfig {
                patch: designer.patch,
                width: designer.width,
                layers: designer.layers,
                heads: designer.heads,
            }),
        }
    }

    /// R(φ).
    pub(crate) fn penalty(&self) -> MaskPenalty {
        let designer = &self.designer;
        MaskPenalty {
            keep: designer.keep,
            sparsity: designer.sparsity,
            tv: designer.tv,
        }
    }

    /// Masks that know nothing.
    pub(crate) fn random_mask(&self) -> RandomMask {
        RandomMask {
            keep: self.designer.keep,
            cell: self.designer.cell,
        }
    }

    /// When crops are masked, and when the designer learns.
    pub(crate) fn cadence(&self) -> Cadence {
        match self.method {
            Method::Baseline => Cadence::never(),
            method => Cadence {
                burn_in: Some(self.value.burn_in),
                update_every: method.needs_feedback().then_some(self.value.update_every),
            },
        }
    }

    /// The schedule of the run.
    pub(crate) fn trainer(&self) -> TrainerConfig {
        let (train, value) = (&self.train, &self.value);
        let clip = match train.clip_by {
            _ if train.clip == 0.0 => Clip::Off,
            ClipBy::Global => Clip::Global(train.clip),
            ClipBy::Tensor => Clip::PerTensor(train.clip),
        };
        TrainerConfig {
            cadence: self.cadence(),
            schedule: CosineSchedule {
                peak: train.lr,
                min_ratio: train.min_lr_ratio,
                warmup: train.warmup,
                steps: train.steps,
            },
            weight_decay: Some(CosineRamp {
                from: train.weight_decay,
                to: train.weight_decay_end,
            }),
            clip,
            designer_rate: self.designer.lr,
            designer_steps: 1,
            curvature: value.curvature,
            noise_every: usize::from(value.noise_batches > 0),
            noise_batches: value.noise_batches,
        }
    }

    /// How a feedback's head follows the learner; `fit` has what the question asks for.
    pub(crate) fn feedback(&self, fit: FitConfig) -> FeedbackConfig {
        let value = &self.value;
        FeedbackConfig {
            refresh: value.head_refresh,
            batch: value.feedback_batch,
            ..FeedbackConfig::new(FitConfig {
                steps: value.head_steps,
                batch: value.head_batch,
                rate: value.head_lr,
                warmup: value.head_steps / 10,
                depth_warmup: value.head_steps / 10,
                seed: self.seed,
                ..fit
            })
        }
    }

    /// How an evaluation trains its heads.
    pub(crate) fn fit(&self, fit: FitConfig) -> FitConfig {
        let eval = &self.eval;
        FitConfig {
            steps: eval.steps,
            batch: eval.head_batch,
            rate: eval.lr,
            warmup: eval.steps / 10,
            depth_warmup: eval.steps / 10,
            // The same head for every seed of a run: backbones are compared, not heads.
            seed: 0,
            ..fit
        }
    }

    /// The form of an evaluation's heads on patches.
    pub(crate) fn head(&self) -> HeadConfig {
        match self.eval.head {
            HeadKind::Linear => HeadConfig::linear(),
            HeadKind::Decoder => HeadConfig::decoder(),
        }
    }

    /// When the k-NN guard speaks up.
    pub(crate) fn guard(&self) -> GuardSettings {
        GuardSettings {
            tolerance: self.guard.tolerance,
            patience: self.guard.patience,
            ruin: self.guard.ruin,
        }
    }
}

impl ObjectiveConfig {
    /// Of the teacher's moving average.
    fn momentum(&self) -> CosineRamp {
        CosineRamp {
            from: self.momentum,
            to: self.momentum_end,
        }
    }

    /// DINO's.
    pub(crate) fn dino(&self) -> DinoSettings {
        DinoSettings {
            student_temperature: self.student_temperature,
            teacher_temperature: TemperatureWarmup {
                from: self.teacher_temperature_from,
                to: self.teacher_temperature,
                steps: self.teacher_temperature_steps,
            },
            momentum: self.momentum(),
            centring: match self.centring {
                CentringKind::Ema => Centring::Ema {
                    momentum: self.centre_momentum,
                },
                CentringKind::Sinkhorn => Centring::Sinkhorn {
                    iterations: self.sinkhorn_iterations,
                },
            },
        }
    }

    /// Latent regression's.
    pub(crate) fn latent(&self) -> LatentSettings {
        LatentSettings {
            momentum: self.momentum(),
        }
    }

    /// The sizes of DINO's head.
    pub(crate) fn dino_head(&self) -> DinoHeadConfig {
        DinoHeadConfig {
            hidden: self.hidden,
            bottleneck: self.bottleneck,
            output: self.outputs,
            batch_norm: self.batch_norm,
            norm_last_layer: self.norm_last_layer,
        }
    }
}
