//! ∇_φ V by each estimator beside one plain learner gradient, on the shapes of the headline
//! experiment:
//!
//! ```text
//! cargo bench -p vpt-benches --bench estimators
//! ```
//!
//! Each round times all of them, one after the other, so that whatever else the machine does hits
//! them alike. Reported are medians of ratios of wall time within a round, the distance to `nested` in
//! f64, and what each adds to the resident memory of a process of its own at its peak. g_down is in
//! none of it. `rounds=N` may be given after `--`.

use burn::backend::{Autodiff, Flex};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{FloatDType, Int, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::error::Error;
use std::path::Path;
use std::process::Command;
use vpt_benches::{median, on_worker, timed};
use vpt_core::{
    CentralDifference, DifferenceStep, FirstOrderLoss, GradVector, LinearTarget, MetaEstimate,
    MetaGradient, Modality, Nested, NoParameters, ParamSubset, Point, PredictiveTask, ReferenceOf,
    Tangent, UpdateGradient, lift, trainable,
};
use vpt_text::config::DesignerForm;
use vpt_text::decoder::{LoadOptions, Reach, layer_index};
use vpt_text::run::bench::PeakMemory;
use vpt_text::task::{
    DesignerSize, SoftTargetDesigner, SoftTargets, TargetRule, Text, TextBatch, TextTask,
    label_loss, text_task,
};
use vpt_text::{Decoder, DecoderInput};

const BATCH: usize = 8;
const SEQ: usize = 128;
const SUBSETS: [&str; 2] = ["all", "last:2"];
const NAMES: [&str; 5] = ["nested", "central", "tangent", "linear", "linear, tangent"];

fn main() -> Result<(), String> {
    on_worker(run)
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |key: &str| arguments.iter().find_map(|a| a.strip_prefix(key));
    if let (Some(subset), Some(estimator)) = (value("subset="), value("peak=")) {
        println!("{}", peak(subset, estimator)?);
        return Ok(());
    }
    let rounds = value("rounds=").map_or(Ok(5), str::parse)?;
    println!("{BATCH} x {SEQ} tokens, {rounds} rounds, one designer step each\n");
    for subset in SUBSETS {
        compare(subset, rounds)?;
    }
    Ok(())
}

fn compare(subset: &str, rounds: usize) -> Result<(), Box<dyn Error>> {
    let exact = {
        let setting = Setting::new(subset, FloatDType::F64)?;
        let mut estimators = Estimators::new();
        setting.run(&mut estimators, "nested").descent
    };
    let exact = exact.as_vector().to_vec();
    let setting = Setting::new(subset, FloatDType::F32)?;
    let mut estimators = Estimators::new();
    let mut times: Vec<Vec<f64>> = vec![];
    let mut apart = [0.0; NAMES.len()];
    // The first round finds ε and is not counted.
    for round in 0..=rounds {
        let mut all = vec![timed(|| setting.learner_gradient()).0.wall];
        for (apart, name) in apart.iter_mut().zip(NAMES) {
            let (time, estimate) = timed(|| setting.run(&mut estimators, name));
            all.push(time.wall);
            *apart = distance(&estimate.descent.as_vector().to_vec(), &exact);
        }
        if round > 0 {
            times.push(all);
        }
    }
    println!(
        "subset {subset}: a plain learner gradient takes {:.3} s",
        median(times.iter().map(|t| t[0]))
    );
    println!("  estimator        / plain   / nested   distance to f64   peak, MB");
    for (index, (name, apart)) in NAMES.into_iter().zip(apart).enumerate() {
        let over = |other: usize| median(times.iter().map(|t| t[index + 1] / t[other]));
        let output = Command::new(std::env::current_exe()?)
            .args([format!("subset={subset}"), format!("peak={name}")])
            .output()?;
        let peak: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
        println!(
            "  {name:<15} {:>8.2} {:>10.2} {apart:>17.1e} {:>10.1}",
            over(0),
            over(1),
            peak / 1e6
        );
    }
    println!();
    Ok(())
}

/// Bytes that `estimator` adds at its peak, after a first run.
fn peak(subset: &str, estimator: &str) -> Result<f64, Box<dyn Error>> {
    let setting = Setting::new(subset, FloatDType::F32)?;
    let mut estimators = Estimators::new();
    setting.run(&mut estimators, estimator);
    let before = PeakMemory::from_now().ok_or("peaks of memory are not told here")?;
    let low = before.bytes().ok_or("peaks of memory are not told here")?;
    setting.run(&mut estimators, estimator);
    let high = before.bytes().ok_or("peaks of memory are not told here")?;
    Ok(high as f64 - low as f64)
}

/// Those that keep a step from one run to the next.
struct Estimators {
    central: CentralDifference,
    linear: LinearTarget,
}

impl Estimators {
    fn new() -> Self {
        Self {
            central: CentralDifference::new(DifferenceStep::default()),
            linear: LinearTarget::new(DifferenceStep::default(), false),
        }
    }
}

/// Everything one differentiation needs.
struct Setting {
    task: TextTask,
    learner: Decoder<Flex>,
    designer: (NoParameters, Option<SoftTargetDesigner<Flex>>),
    batch: TextBatch<Flex>,
    reference: ReferenceOf<TextTask, Flex>,
    subset: ParamSubset,
    direction: GradVector<Flex>,
}

impl Setting {
    /// With everything in `dtype`: in f64 the kernels stand back, and all is composed.
    fn new(subset: &str, dtype: FloatDType) -> Result<Self, Box<dyn Error>> {
        let device = Default::default();
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/headline/base");
        let (learner, _) = Decoder::<Flex>::load(&base, &LoadOptions::default(), &device)?;
        let learner = learner.map(&mut Cast(dtype));
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let size = DesignerSize {
            layers: 2,
            width: 64,
            heads: 4,
        };
        let width = learner.config().hidden_size;
        let proposer = SoftTargetDesigner::init(size, width, SEQ, &mut rng, &device);
        let designer = (NoParameters, Some(proposer.map(&mut Cast(dtype))));
        let task = text_task(SoftTargets {
            rule: TargetRule::Learned {
                form: DesignerForm::Stabilised,
                alpha_max: 0.5,
                kl: 0.2,
                gate_penalty: 0.02,
            },
            top_k: 8,
        });
        let [batch, feedback] = [(); 2].map(|()| {
            let mut batch = random_batch(&mut rng, learner.config().vocab_size);
            batch.weights = batch.weights.cast(dtype);
            batch
        });
        let feedback: TextBatch<Autodiff<Flex>> = lift(&feedback);
        let from = learner.config().num_hidden_layers - 2;
        let subset = ParamSubset::matching(&learner, |path| {
            let upper = layer_index(path).is_some_and(|layer| layer >= from);
            subset == "all" || upper || path == "norm.weight"
        });
        // As a run tells it: what lies below the subset is computed once, by the learner's own step.
        let reach = Reach::of(&learner, &subset);
        let learner = learner.with_reach(reach);
        let tracked = subset.track::<Autodiff<Flex>, _>(lift(&learner));
        let down = label_loss(Text::predict(&tracked, &feedback), &feedback);
        let direction = GradVector::take(&mut down.backward(), &tracked, &subset);
        let views = task.views(&designer, &batch);
        let reference = task.reference(&NoParameters, task.predict(&learner, &views), &views);
        Ok(Self {
            task,
            learner,
            designer,
            batch,
            reference,
            subset,
            direction,
        })
    }

    fn at(&self) -> Point<'_, TextTask, Flex> {
        Point {
            task: &self.task,
            learner: &self.learner,
            designer: &self.designer,
            batch: &self.batch,
            reference: &self.reference,
            subset: &self.subset,
        }
    }

    fn run(&self, estimators: &mut Estimators, name: &str) -> MetaEstimate<Flex> {
        let (at, along) = (self.at(), &self.direction);
        let Estimators { central, linear } = estimators;
        match name {
            "central" => {
                let epsilon = MetaGradient::<TextTask, Flex>::probe(central, &at, along);
                central.estimate(&at, along, &epsilon, 1.0)
            }
            "tangent" => Tangent.estimate(&at, along, &(), 1.0),
            "linear" => {
                let probe = MetaGradient::<TextTask, Flex>::probe(linear, &at, along);
                linear.estimate(&at, along, &probe, 1.0)
            }
            "linear, tangent" => {
                let mut exact = LinearTarget::exact(false);
                let probe = MetaGradient::<TextTask, Flex>::probe(&mut exact, &at, along);
                exact.estimate(&at, along, &probe, 1.0)
            }
            _ => Nested.estimate(&at, along, &(), 1.0),
        }
    }

    /// The forward and backward pass of a learner step.
    fn learner_gradient(&self) -> f64 {
        let learner: Decoder<Autodiff<Flex>> = trainable(&self.learner);
        let batch: TextBatch<Autodiff<Flex>> = lift(&self.batch);
        let target = self.task.unshaped_target(&batch, &lift(&self.reference));
        let prediction = self.task.predict(&learner, &batch);
        let FirstOrderLoss { surrogate, .. } =
            self.task
                .learner_loss(prediction, &target, &batch, self.reference.clone());
        UpdateGradient::backward(surrogate, &learner)
            .as_vector()
            .norm()
    }
}

/// Every parameter in another type.
struct Cast(FloatDType);

impl ModuleMapper<Flex> for Cast {
    fn map_float<const D: usize>(
        &mut self,
        param: Param<Tensor<Flex, D>>,
    ) -> Param<Tensor<Flex, D>> {
        param.map(|values| values.cast(self.0))
    }
}

/// Random tokens; every third position is asked about, about as many as in the stream.
fn random_batch(rng: &mut ChaCha8Rng, vocab: usize) -> TextBatch<Flex> {
    let device = Default::default();
    let mut grid = || -> Tensor<Flex, 2, Int> {
        let ids: Vec<i64> = (0..BATCH * SEQ)
            .map(|_| rng.random_range(0..vocab as i64))
            .collect();
        Tensor::from_data(TensorData::new(ids, [BATCH, SEQ]), &device)
    };
    let (tokens, next) = (grid(), grid());
    let rows: Vec<i64> = (0..(BATCH * SEQ) as i64).step_by(3).collect();
    let n = rows.len();
    let rows: Tensor<Flex, 1, Int> = Tensor::from_data(TensorData::new(rows, [n]), &device);
    TextBatch {
        input: DecoderInput::whole(tokens),
        labels: next.clone().reshape([BATCH * SEQ]).select(0, rows.clone()),
        next,
        rows,
        weights: Tensor::full([n], 1.0 / n as f64, &device),
        dropout: None,
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}
