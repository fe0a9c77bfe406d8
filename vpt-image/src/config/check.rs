//! What a config must satisfy before anything is opened.

use super::{Blocks, DataKind, ObjectiveKind, RunConfig};
use crate::scenes::{SceneConfig, Scenes};
use vpt_core::run::{ConfigError, require};

/// Sizes above this are a slip, and would overflow where they are multiplied.
const LARGEST: usize = 1 << 16;
/// The same for what only counts.
const MOST: usize = 1_000_000_000;
/// The word for drawn sets.
pub(crate) const SCENES: &str = "scenes";

impl RunConfig {
    /// Refuses what can be refused from the config alone.
    ///
    /// # Errors
    /// The first key out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_counts()?;
        self.check_numbers()?;
        self.check_data()?;
        self.check_views()?;
        self.check_feedback()
    }

    fn check_counts(&self) -> Result<(), ConfigError> {
        let (objective, data, value) = (&self.objective, &self.data, &self.value);
        let counts = [
            ("objective.hidden", objective.hidden, LARGEST),
            ("objective.bottleneck", objective.bottleneck, LARGEST),
            ("objective.outputs", objective.outputs, 1 << 20),
            ("data.count", data.count, MOST),
            ("data.threads", data.threads, 1 << 10),
            ("data.classes", data.classes, 255),
            ("data.head_images", data.head_images, MOST),
            ("data.meta_images", data.meta_images, MOST),
            ("data.validation_images", data.validation_images, MOST),
            ("data.probe_images", data.probe_images, MOST),
            ("data.test_images", data.test_images, MOST),
            ("value.update_every", value.update_every, MOST),
            ("value.feedback_batch", value.feedback_batch, LARGEST),
            ("value.head_steps", value.head_steps, MOST),
            ("value.head_batch", value.head_batch, LARGEST),
            ("probe.images", self.probe.images, LARGEST),
            ("train.steps", self.train.steps, MOST),
            ("train.batch_size", self.train.batch_size, LARGEST),
            ("train.grad_accum", self.train.grad_accum, LARGEST),
            ("guard.neighbours", self.guard.neighbours, LARGEST),
            ("eval.batch", self.eval.batch, LARGEST),
            ("eval.steps", self.eval.steps, MOST),
            ("eval.head_batch", self.eval.head_batch, LARGEST),
        ];
        for (key, count, limit) in counts {
            require(count >= 1, key, || "must be at least 1".into())?;
            require(count <= limit, key, || format!("must be at most {limit}"))?;
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), ConfigError> {
        let (objective, train, guard) = (&self.objective, &self.train, &self.guard);
        let share =
            |holds: fn(&f64) -> bool, range: &'static str, named: &[(&'static str, f64)]| {
                let outside = named.iter().find(|(_, value)| !holds(value));
                outside.map_or(Ok(()), |(key, value)| {
                    require(false, key, || format!("{value} is not {range}"))
                })
            };
        share(
            |value| (0.0..=1.0).contains(value),
            "between 0 and 1",
            &[
                ("objective.centre_momentum", objective.centre_momentum),
                ("objective.momentum", objective.momentum),
                ("objective.momentum_end", objective.momentum_end),
                ("train.min_lr_ratio", train.min_lr_ratio),
                ("guard.tolerance", guard.tolerance),
                ("guard.ruin", guard.ruin),
            ],
        )?;
        share(
            |value| (0.0..1.0).contains(value),
            "in [0, 1)",
            &[
                ("designer.beta_1", self.designer.beta_1),
                ("designer.beta_2", self.designer.beta_2),
                ("train.beta_1", train.beta_1),
                ("train.beta_2", train.beta_2),
            ],
        )?;
        share(
            |value| *value > 0.0 && value.is_finite(),
            "a number above 0",
            &[
                (
                    "objective.student_temperature",
                    objective.student_temperature,
                ),
                (
                    "objective.teacher_temperature",
                    objective.teacher_temperature,
                ),
                (
                    "objective.teacher_temperature_from",
                    objective.teacher_temperature_from,
                ),
                ("value.head_lr", self.value.head_lr),
                ("eval.lr", self.eval.lr),
            ],
        )?;
        share(
            |value| *value >= 0.0 && value.is_finite(),
            "a number ≥ 0",
            &[
                ("designer.lr", self.designer.lr),
                ("value.alpha_seg", self.value.alpha_seg),
                ("value.alpha_depth", self.value.alpha_depth),
                ("value.curvature", self.value.curvature),
                ("train.lr", train.lr),
                ("train.epsilon", train.epsilon),
                ("train.weight_decay", train.weight_decay),
                ("train.weight_decay_end", train.weight_decay_end),
                ("train.clip", train.clip),
            ],
        )
    }

    fn check_data(&self) -> Result<(), ConfigError> {
        let data = &self.data;
        require(!self.model.path.is_empty(), "model.path", || {
            "names no model".into()
        })?;
        let folder = data.kind == DataKind::Folder;
        require(!folder || !data.path.is_empty(), "data.path", || {
            "names no folder, and data.kind = \"folder\" needs one".into()
        })?;
        let drawn = [&data.segmentation, &data.depth, &data.pictures];
        let drawn = !folder || drawn.into_iter().any(|set| set == SCENES);
        require((1..=4096).contains(&data.size), "data.size", || {
            format!("{} is not 1 to 4096", data.size)
        })?;
        if drawn {
            let scenes = Scenes::new(self.scenes());
            scenes.map_err(|error| ConfigError {
                key: "data.size",
                message: format!("drawn scenes: {error}"),
            })?;
        }
        Ok(())
    }

    /// What drawn scenes look like.
    pub(crate) fn scenes(&self) -> SceneConfig {
        SceneConfig {
            size: self.data.size,
            ..SceneConfig::default()
        }
    }

    fn check_views(&self) -> Result<(), ConfigError> {
        let told = |key: &'static str| {
            move |error: &dyn std::error::Error| ConfigError {
                key,
                message: error.to_string(),
            }
        };
        let crops = self.multi_crop().check();
        crops.map_err(|error| told("crops")(&error))?;
        let penalty = self.penalty().check();
        penalty.map_err(|error| told("designer")(&error))?;
        let random = self.random_mask().check();
        random.map_err(|error| told("designer")(&error))?;
        let all = self.designer.masked == crate::designer::MaskedCrops::All;
        let mut sides = vec![self.crops.global];
        if all && self.crops.locals > 0 {
            sides.push(self.crops.local);
        }
        if self.method.needs_feedback() && self.eval.figures > 0 {
            // Whole images are masked to be looked at.
            sides.push(self.data.size);
        }
        let designer = self.architecture().check(&sides);
        designer.map_err(|error| told("designer")(&error))
    }

    fn check_feedback(&self) -> Result<(), ConfigError> {
        let (data, value) = (&self.data, &self.value);
        for (key, weight, set) in [
            ("data.segmentation", value.alpha_seg, &data.segmentation),
            ("data.depth", value.alpha_depth, &data.depth),
        ] {
            let asked = self.method.needs_feedback() && weight > 0.0;
            require(!asked || !set.is_empty(), key, || {
                format!("names no set, and {} needs one", self.method.name())
            })?;
        }
        let any = value.alpha_seg + value.alpha_depth > 0.0;
        require(
            any || !self.method.needs_feedback(),
            "value.alpha_seg",
            || "is 0, and so is value.alpha_depth: there is no feedback".into(),
        )?;
        let probes = !data.segmentation.is_empty() || !data.depth.is_empty();
        require(
            self.probe.every == 0 || (any && probes),
            "probe.every",
            || "needs labels: data.segmentation or data.depth, with their weights".into(),
        )?;
        let guarded = self.guard.watch;
        require(!guarded || !data.pictures.is_empty(), "guard.watch", || {
            "needs data.pictures, whose neighbours it looks at".into()
        })?;
        require(
            !guarded || self.guard.neighbours <= data.head_images,
            "guard.neighbours",
            || format!("more than the {} of data.head_images", data.head_images),
        )?;
        let split = value.estimator.is_split() && self.method.needs_feedback();
        require(
            !split || value.subset != Blocks::All,
            "value.subset",
            || "all reaches into the embeddings, below which a split cannot cut".into(),
        )?;
        let learned = self.method.needs_feedback();
        let hidden = self.objective.kind == ObjectiveKind::Reconstruction
            && self.objective.target != super::TargetName::Soft;
        require(!(learned && hidden), "objective.target", || {
            "counts hidden patches; masks that are learned need soft".into()
        })
    }
}
