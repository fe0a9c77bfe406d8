//! A tiny learner and designer with packed batches, on any backend.

use burn::backend::Autodiff;
use burn::module::Module;
use burn::tensor::{DType, Element, Tensor, TensorData, backend::Backend};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use vpt_core::{
    DifferenceStep, GradVector, MetaEstimate, MetaGradient, NoParameters, ParamSubset, Point,
    PredictiveTask, UpdateGradient, lift,
};
use vpt_text::config::{DesignerForm, EstimatorKind};
use vpt_text::data::{Document, PackedBatch};
use vpt_text::decoder::{
    Decoder, DecoderConfig, LoraConfig, ModelType, Reach, RopeScaling, TargetModules, is_adapter,
    layer_index,
};
use vpt_text::task::{
    Candidates, DesignerSize, SoftTarget, SoftTargetDesigner, SoftTargets, TargetRule, TextBatch,
    TextEstimator, TextTask, label_loss, text_task,
};

pub(crate) type Flex = burn::backend::Flex;
/// In f64; not beside an f32 one, with which it would share the device's default type.
pub(crate) type NdArray64 = burn::backend::NdArray<f64>;
/// φ of the text task.
pub(crate) type Designer<B> = (NoParameters, Option<SoftTargetDesigner<B>>);

pub(crate) const VOCAB: usize = 13;
pub(crate) const TOP_K: usize = 4;
pub(crate) const ALPHA_MAX: f64 = 0.7;
pub(crate) const STABILISED: TargetRule = TargetRule::Learned {
    form: DesignerForm::Stabilised,
    alpha_max: ALPHA_MAX,
    kl: 0.2,
    gate_penalty: 0.02,
};
pub(crate) const PAPER: TargetRule = TargetRule::Learned {
    form: DesignerForm::Paper,
    alpha_max: ALPHA_MAX,
    kl: 0.2,
    gate_penalty: 0.02,
};

/// Everything one differentiation needs.
pub(crate) struct Setting<B: Backend> {
    pub(crate) task: TextTask,
    pub(crate) learner: Decoder<B>,
    pub(crate) designer: Designer<B>,
    pub(crate) batch: TextBatch<B>,
    /// Labelled, from other documents.
    pub(crate) feedback: TextBatch<B>,
    /// What of the learner learns.
    pub(crate) trainable: ParamSubset,
}

impl<B: Backend> Setting<B> {
    /// A designer whose parameters are all far from where they start.
    pub(crate) fn new(rule: TargetRule, tied: bool) -> Self {
        let [a, b, c] = documents();
        let stream = PackedBatch::from_rows(12, [vec![&a, &b], vec![&c]]);
        let labelled = document(&[4, 2], &[8, 8, 0, 1]);
        let labelled = PackedBatch::from_rows(6, [[&labelled], [&b]]);
        let learner = learner(tied);
        Self {
            task: text_task(SoftTargets { rule, top_k: TOP_K }),
            designer: (NoParameters, Some(moved(designer(), 0.5))),
            trainable: ParamSubset::all(&learner),
            learner,
            batch: upload(&stream),
            feedback: upload(&labelled),
        }
    }

    /// The same with adapters beside every linear, which alone learn, far from where they start,
    /// and with dropout.
    pub(crate) fn adapted(rule: TargetRule, tied: bool) -> Self {
        let mut setting = Self::new(rule, tied);
        let config = LoraConfig {
            dropout: 0.2,
            ..LoraConfig::new(3, 6.0, TargetModules::AllLinear)
        };
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let learner = setting.learner.with_lora(&config, &mut rng).unwrap();
        setting.trainable = ParamSubset::matching(&learner, is_adapter);
        let step = GradVector::generate(&learner, &setting.trainable, |length| {
            (0..length)
                .map(|_| 0.15 * rng.sample::<f64, _>(StandardNormal))
                .collect()
        });
        setting.learner = step.shift(learner, 1.0).with_fixed_head();
        setting.batch.dropout = Some(12);
        setting
    }

    pub(crate) fn reference(&self) -> Candidates<B> {
        let prediction = self.task.predict(&self.learner, &self.batch);
        self.task.reference(&NoParameters, prediction, &self.batch)
    }

    pub(crate) fn target(&self, reference: &Candidates<B>) -> SoftTarget<B> {
        self.task.target(&self.designer, &self.batch, reference)
    }

    /// θ_S as a config names it.
    pub(crate) fn subset(&self, name: &str) -> ParamSubset {
        let tied = self.learner.config().tie_word_embeddings;
        let head = if tied { "embed_tokens" } else { "lm_head" };
        let last = self.learner.config().num_hidden_layers - 1;
        let subset = ParamSubset::matching(&self.learner, |path| match name {
            "all" | "adapters" => true,
            "head" => path.starts_with(head),
            "last:1" => path == "norm.weight" || layer_index(path) == Some(last),
            _ => panic!("{name}"),
        });
        subset.intersection(&self.trainable)
    }

    /// g_down over S.
    pub(crate) fn direction(&self, subset: &ParamSubset) -> GradVector<B> {
        let learner: Decoder<Autodiff<B>> = subset.track(lift(&self.learner));
        let views: TextBatch<Autodiff<B>> = lift(&self.feedback);
        let loss = label_loss(self.task.predict(&learner, &views), &views);
        GradVector::take(&mut loss.backward(), &learner, subset)
    }

    /// ∇_θ L_pre by the plain definition of the loss, and L_pre.
    pub(crate) fn pretraining(&self, target: &SoftTarget<B>) -> (UpdateGradient<B>, f64) {
        let learner: Decoder<Autodiff<B>> = self.trainable.track(lift(&self.learner));
        let views: TextBatch<Autodiff<B>> = lift(&self.batch);
        let prediction = self.task.predict(&learner, &views);
        let loss = self.task.loss(prediction, &constant(target), &views);
        let loss = loss.total();
        let value = scalar(loss.clone().inner());
        (
            UpdateGradient::within(loss, &learner, &self.trainable),
            value,
        )
    }

    /// The same by the learner's own step.
    pub(crate) fn learner_step(
        &self,
        target: &SoftTarget<B>,
        reference: &Candidates<B>,
    ) -> (UpdateGradient<B>, f64) {
        let learner: Decoder<Autodiff<B>> = self.trainable.track(lift(&self.learner));
        let views: TextBatch<Autodiff<B>> = lift(&self.batch);
        let prediction = self.task.predict(&learner, &views);
        let loss = self
            .task
            .learner_loss(prediction, &constant(target), &views, reference.clone());
        let value = scalar(loss.value);
        (
            UpdateGradient::within(loss.surrogate, &learner, &self.trainable),
            value,
        )
    }

    pub(crate) fn at<'a>(
        &'a self,
        reference: &'a Candidates<B>,
        subset: &'a ParamSubset,
    ) -> Point<'a, TextTask, B> {
        Point {
            task: &self.task,
            learner: &self.learner,
            designer: &self.designer,
            batch: &self.batch,
            reference,
            subset,
        }
    }

    /// The learner, told that the value is on `subset`: what lies below is kept.
    pub(crate) fn valued(&self, subset: &ParamSubset) -> Decoder<B> {
        let reach = Reach::of(&self.learner, subset);
        self.learner.clone().with_reach(reach)
    }

    /// ∇_φ V along `steer` by one of the estimators, V divided by σ.
    pub(crate) fn estimate(
        &self,
        kind: EstimatorKind,
        subset: &ParamSubset,
        steer: &GradVector<B>,
    ) -> MetaEstimate<B> {
        let learner = self.valued(subset);
        let prediction = self.task.predict(&learner, &self.batch);
        let reference = self.task.reference(&NoParameters, prediction, &self.batch);
        let at = Point {
            learner: &learner,
            ..self.at(&reference, subset)
        };
        let mut estimator = TextEstimator::new(kind, true, step::<B>());
        let probes = [estimator.probe(&at, steer)];
        let scale = estimator.scale(&probes);
        estimator.estimate(&at, steer, &probes[0], scale)
    }

    /// The reference with c and σ in it, as the learner's step sees it after a value update.
    pub(crate) fn informed(&self) -> Candidates<B> {
        let subset = self.subset("all");
        let (reference, direction) = (self.reference(), self.direction(&subset));
        let mut estimator = TextEstimator::new(EstimatorKind::Linear, true, step::<B>());
        let probes = [estimator.probe(&self.at(&reference, &subset), &direction)];
        let scale = estimator.scale(&probes);
        estimator.inform(&self.task, reference, &probes[0], scale)
    }
}

/// The step of the differences, by the backend's precision, as runs choose it.
pub(crate) fn step<B: Backend>() -> DifferenceStep {
    match dtype::<B>() {
        DType::F64 => DifferenceStep::new(1e-5),
        _ => DifferenceStep::default(),
    }
}

/// Grouped heads, and weights large enough that the distributions are far from uniform.
pub(crate) fn config(tied: bool) -> DecoderConfig {
    DecoderConfig {
        model_type: ModelType::Qwen2,
        vocab_size: VOCAB,
        hidden_size: 8,
        intermediate_size: 12,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: Some(4),
        initializer_range: 0.4,
        tie_word_embeddings: tied,
        max_position_embeddings: 32,
        rope_theta: 100.0,
        rope_scaling: RopeScaling::Default,
        ..DecoderConfig::trunk(2, 8, 4, 32)
    }
}

pub(crate) fn learner<B: Backend>(tied: bool) -> Decoder<B> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    Decoder::init(&config(tied), &mut rng, &Default::default()).unwrap()
}

/// A fresh designer: its score and gate heads are zero.
pub(crate) fn designer<B: Backend>() -> SoftTargetDesigner<B> {
    let size = DesignerSize {
        layers: 2,
        width: 8,
        heads: 2,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    SoftTargetDesigner::init(size, 8, 32, &mut rng, &Default::default())
}

/// Every parameter plus noise of standard deviation `by`.
pub(crate) fn moved<B: Backend>(designer: SoftTargetDesigner<B>, by: f64) -> SoftTargetDesigner<B> {
    noise(&designer, 9).shift(designer, by)
}

/// A random direction over all of `module`.
pub(crate) fn noise<B: Backend, M: Module<B>>(module: &M, seed: u64) -> GradVector<B> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    GradVector::generate(module, &ParamSubset::all(module), |length| {
        (0..length).map(|_| rng.sample(StandardNormal)).collect()
    })
}

pub(crate) fn document(prompt: &[u32], answer: &[u32]) -> Document {
    Document {
        prompt: prompt.into(),
        answer: answer.into(),
    }
}

pub(crate) fn documents() -> [Document; 3] {
    [
        document(&[3, 9, 4], &[2, 6, 1]),
        document(&[5], &[3, 5, 8, 1]),
        document(&[7, 7, 10], &[0, 11, 2, 12, 6, 1]),
    ]
}

/// A step of one micro-batch.
pub(crate) fn upload<B: Backend>(packed: &PackedBatch) -> TextBatch<B> {
    let answers = packed.answer_tokens().max(1) as f64;
    TextBatch::new(packed, answers, &Default::default())
}

pub(crate) fn constant<B: Backend>(target: &SoftTarget<B>) -> SoftTarget<Autodiff<B>> {
    SoftTarget {
        ids: Tensor::from_inner(target.ids.clone()),
        q: Tensor::from_inner(target.q.clone()),
        alpha: Tensor::from_inner(target.alpha.clone()),
        log_p: target.log_p.clone().map(Tensor::from_inner),
        gate: target.gate.clone().map(Tensor::from_inner),
    }
}

/// The float type of `B`: burn's default for tensors made from data is the device's.
pub(crate) fn dtype<B: Backend>() -> DType {
    <B::FloatElem as Element>::dtype()
}

pub(crate) fn floats<B: Backend, const D: usize>(
    values: Vec<f64>,
    shape: [usize; D],
) -> Tensor<B, D> {
    let options = (&Default::default(), dtype::<B>());
    Tensor::from_data(TensorData::new(values, shape), options)
}

pub(crate) fn values<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

pub(crate) fn ids<B: Backend, const D: usize>(
    tensor: &Tensor<B, D, burn::tensor::Int>,
) -> Vec<i64> {
    tensor.to_data().iter::<i64>().collect()
}

pub(crate) fn scalar<B: Backend>(tensor: Tensor<B, 1>) -> f64 {
    let values = values(tensor);
    assert_eq!(values.len(), 1);
    values[0]
}

/// ‖a − b‖ / ‖b‖.
pub(crate) fn relative(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    let length = norm(&mut b.iter().copied());
    assert!(length > 1e-9, "nothing to compare with");
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / length
}

pub(crate) fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        assert!(difference <= tolerance, "[{at}] {found} {expected}");
    }
}
