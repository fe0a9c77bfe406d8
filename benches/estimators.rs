//! ∇_φ V by each estimator beside one plain learner gradient, on the shapes of the headline
//! experiment:
//!
//! ```text
//! cargo bench -p vpt-benches --bench estimators
//! ```
//!
//! Each round times all of them, one after the other, so that whatever else the machine does hits
//! them alike. Reported are medians of ratios within a round, and the distance to `nested`.

use burn::backend::{Autodiff, Flex};
use burn::tensor::{Int, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::time::Instant;
use vpt_core::{
    CentralDifference, DifferenceStep, FirstOrderLoss, GradVector, LinearTarget, MetaGradient,
    Modality, Nested, NoParameters, ParamSubset, Point, PredictiveTask, Tangent, UpdateGradient,
    lift, trainable,
};
use vpt_text::config::DesignerForm;
use vpt_text::decoder::{LoadOptions, Reach};
use vpt_text::task::{
    DesignerSize, SoftTargetDesigner, SoftTargets, TargetRule, Text, TextBatch, TextTask,
    label_loss, text_task,
};
use vpt_text::{Decoder, DecoderInput};

const BATCH: usize = 8;
const SEQ: usize = 128;
const ROUNDS: usize = 5;

type Designer = (NoParameters, Option<SoftTargetDesigner<Flex>>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Default::default();
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/headline/base");
    let (learner, _) = Decoder::<Flex>::load(&base, &LoadOptions::default(), &device)?;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let size = DesignerSize {
        layers: 2,
        width: 64,
        heads: 4,
    };
    let width = learner.config().hidden_size;
    let proposer = SoftTargetDesigner::init(size, width, SEQ, &mut rng, &device);
    let designer: Designer = (NoParameters, Some(proposer));
    let task = text_task(SoftTargets {
        rule: TargetRule::Learned {
            form: DesignerForm::Stabilised,
            alpha_max: 0.5,
            kl: 0.2,
            gate_penalty: 0.02,
        },
        top_k: 8,
    });
    let batch = random_batch(&mut rng, learner.config().vocab_size);
    let feedback = random_batch(&mut rng, learner.config().vocab_size);
    println!("{BATCH} x {SEQ} tokens, {ROUNDS} rounds, one designer step each\n");
    for (name, subset) in [
        ("all", ParamSubset::all(&learner)),
        ("last:2", last_blocks(&learner, 2)),
    ] {
        compare(name, &task, &learner, &designer, &batch, &feedback, &subset);
    }
    Ok(())
}

fn last_blocks(learner: &Decoder<Flex>, blocks: usize) -> ParamSubset {
    let from = learner.config().num_hidden_layers - blocks;
    ParamSubset::matching(learner, |path| {
        (from..)
            .take(blocks)
            .any(|layer| path.starts_with(&format!("layers.{layer}.")))
            || path == "norm.weight"
    })
}

fn compare(
    name: &str,
    task: &TextTask,
    learner: &Decoder<Flex>,
    designer: &Designer,
    batch: &TextBatch<Flex>,
    feedback: &TextBatch<Flex>,
    subset: &ParamSubset,
) {
    // As a run tells it: what lies below the subset is computed once, by the learner's own step.
    let learner = &learner.clone().with_reach(Reach::of(learner, subset));
    let tracked = subset.track::<Autodiff<Flex>, _>(lift(learner));
    let labelled: TextBatch<Autodiff<Flex>> = lift(feedback);
    let down = label_loss(Text::predict(&tracked, &labelled), &labelled);
    let direction = GradVector::take(&mut down.backward(), &tracked, subset);
    let views = task.views(designer, batch);
    let reference = task.reference(&NoParameters, task.predict(learner, &views), &views);
    let at = Point {
        task,
        learner,
        designer,
        batch,
        reference: &reference,
        subset,
    };

    let step = DifferenceStep::default();
    let mut linear = LinearTarget::new(step.clone(), false);
    let mut exact_linear = LinearTarget::exact(false);
    let mut central = CentralDifference::new(step);
    let mut times: Vec<[f64; 6]> = vec![];
    let mut gradients = [const { vec![] }; 5];
    // The first round finds ε and is not counted.
    for round in 0..=ROUNDS {
        let plain = seconds(|| learner_gradient(&at));
        let (nested, exact) = timed(|| Nested.estimate(&at, &direction, &(), 1.0));
        let (difference, by_difference) = timed(|| {
            let epsilon = MetaGradient::<TextTask, Flex>::probe(&mut central, &at, &direction);
            central.estimate(&at, &direction, &epsilon, 1.0)
        });
        let (values, by_values) = timed(|| {
            let probe = MetaGradient::<TextTask, Flex>::probe(&mut linear, &at, &direction);
            linear.estimate(&at, &direction, &probe, 1.0)
        });
        let (tangent, by_tangent) = timed(|| Tangent.estimate(&at, &direction, &(), 1.0));
        let (exact_values, by_exact_values) = timed(|| {
            let probe = MetaGradient::<TextTask, Flex>::probe(&mut exact_linear, &at, &direction);
            exact_linear.estimate(&at, &direction, &probe, 1.0)
        });
        if round > 0 {
            times.push([plain, nested, difference, tangent, values, exact_values]);
        }
        gradients = [exact, by_difference, by_tangent, by_values, by_exact_values]
            .map(|estimate| estimate.descent.as_vector().to_vec());
    }

    println!(
        "subset {name}: a plain learner gradient takes {:.3} s",
        median(times.iter().map(|t| t[0]))
    );
    println!("  estimator        / plain   / nested   distance to nested");
    let names = ["nested", "central", "tangent", "linear", "linear, tangent"];
    for (index, estimator) in names.into_iter().enumerate() {
        let over = |other: usize| median(times.iter().map(|t| t[index + 1] / t[other]));
        println!(
            "  {estimator:<15} {:>8.2} {:>10.2}   {:.1e}",
            over(0),
            over(1),
            distance(&gradients[index], &gradients[0])
        );
    }
    println!();
}

/// The forward and backward pass of a learner step.
fn learner_gradient(at: &Point<'_, TextTask, Flex>) -> f64 {
    let learner: Decoder<Autodiff<Flex>> = trainable(at.learner);
    let batch: TextBatch<Autodiff<Flex>> = lift(at.batch);
    let target = at.task.unshaped_target(&batch, &lift(at.reference));
    let prediction = at.task.predict(&learner, &batch);
    let FirstOrderLoss { surrogate, .. } =
        at.task
            .learner_loss(prediction, &target, &batch, at.reference);
    UpdateGradient::backward(surrogate, &learner)
        .as_vector()
        .norm()
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

fn seconds(work: impl FnOnce() -> f64) -> f64 {
    timed(work).0
}

fn timed<R>(work: impl FnOnce() -> R) -> (f64, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}
