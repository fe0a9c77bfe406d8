//! A V-Pretraining step beside the same step in PyTorch, on the processor:
//!
//! ```text
//! python -m venv peers && peers/bin/pip install -r benches/peers/requirements.txt
//! PYTHON=peers/bin/python cargo bench -p vpt-benches --bench value_step
//! ```
//!
//! PyTorch's value update is done in two ways (`peers/value_step.py`): as the paper does it, with
//! `create_graph=True`, and as we do it. All have the same weights, batch, feedback batch and
//! designer (A.1's, in the paper's form), the value on the last two blocks and the final norm, and a
//! feedback batch of 6 % of the step's tokens. First V and its gradient in the designer are compared:
//! a relative distance beyond [`TOLERANCE`] ends the bench with an error. Then steps are taken in
//! turn, one behind a value update and one without, and reported as `peers` does; `every 10` is
//! what one of the first and nine of the second take. Names after `--` choose shapes, `rounds=N`
//! how many are counted; without PYTHON only our own steps are timed. RAYON_NUM_THREADS=1 holds all to
//! one thread.

use burn::backend::{Autodiff, Flex};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::error::Error;
use std::path::Path;
use vpt_benches::{Batch, Peer, Plan, Shapes, Timed, on_worker, shapes, spread, timed};
use vpt_core::layers::fill;
use vpt_core::{
    AdamW, Cadence, CoreError, CosineSchedule, DifferenceStep, Downstream, Evaluator, Feedback,
    LinearTarget, MetaGradient, Modality, NoParameters, ParamSubset, Point, PredictiveTask, Source,
    Stateful, StepData, Trainer, TrainerConfig, export, parameters, write_tensors,
};
use vpt_text::Decoder;
use vpt_text::config::{DesignerForm, EstimatorKind};
use vpt_text::decoder::{Reach, layer_index};
use vpt_text::task::{
    DesignerSize, SoftTargetDesigner, SoftTargets, TargetRule, Text, TextBatch, TextEstimator,
    TextTask, label_loss, text_task,
};

/// How far V/σ and, relatively, ∇_φ V may be from PyTorch's, which are exact but for rounding: the central
/// difference's own error is a few times 1e-4 in f32.
const TOLERANCE: f64 = 1e-3;

/// Blocks that the value is on.
const VALUED: usize = 2;

/// A.1's representative designer.
const DESIGNER: DesignerSize = DesignerSize {
    layers: 6,
    width: 256,
    heads: 4,
};

const WAYS: [&str; 2] = ["create-graph", "closed-form"];

fn main() -> Result<(), String> {
    on_worker(run)
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // Cargo's own.
    arguments.retain(|argument| *argument != "--bench");
    let counted = arguments.iter().find_map(|a| a.strip_prefix("rounds="));
    let rounds = counted.map_or(Ok(7), str::parse)?;
    arguments.retain(|argument| !argument.starts_with("rounds="));
    let default = ["w256", "smollm2-full"];
    let names = match &arguments[..] {
        [] => &default[..],
        named => named,
    };
    let threads = rayon::current_num_threads();
    println!("{threads} threads, {rounds} rounds; seconds: median (quartiles)\n");
    let known = shapes().into_iter().filter(|shapes| shapes.rank == 0);
    for shapes in known.filter(|shapes| names.contains(&shapes.name)) {
        compare(&shapes, threads, rounds)?;
    }
    Ok(())
}

fn compare(shapes: &Shapes, threads: usize, rounds: usize) -> Result<(), Box<dyn Error>> {
    let start = Start::draw(shapes)?;
    let folder = std::env::temp_dir().join(format!("vpt-value-step-{}", std::process::id()));
    let mut peers = vec![];
    if let Some(python) = std::env::var_os("PYTHON") {
        start.write(&folder)?;
        for way in WAYS {
            let arguments = ["--threads", &threads.to_string(), "--way", way].map(str::to_owned);
            let mut peer = Peer::start(&python, "value_step.py", &folder, &arguments)?;
            start.check(&mut peer, &folder.join("gradient"), way)?;
            peers.push(peer);
        }
    }
    let mut own = start.trainer();
    let mut lanes: Vec<Lane> = vec![Lane::default(); 1 + peers.len()];
    // The first round compiles, allocates, and finds ε and the optimisers empty: not counted.
    for round in 0..=rounds {
        for (updates, command) in [(true, "update"), (false, "between")] {
            let (time, report) = timed(|| own.step());
            let report = report?;
            assert_eq!(report.value.is_some(), updates, "the cadence");
            lanes[0].count(round, updates, time, report.loss);
            for (lane, peer) in lanes[1..].iter_mut().zip(&mut peers) {
                let (time, figures) = peer.ask(command)?;
                lane.count(round, updates, time, figures[0]);
            }
        }
    }
    report(shapes.name, &lanes);
    if !peers.is_empty() {
        drop(peers);
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

/// Times of one side.
#[derive(Clone, Default)]
struct Lane {
    update: Vec<Timed>,
    between: Vec<Timed>,
    /// The first losses, of either kind of step.
    losses: Vec<f64>,
}

impl Lane {
    fn count(&mut self, round: usize, updates: bool, time: Timed, loss: f64) {
        if round == 0 {
            self.losses.push(loss);
            return;
        }
        let times = match updates {
            true => &mut self.update,
            false => &mut self.between,
        };
        times.push(time);
    }

    /// Of each round: the step with an update, the step without, and their mean with nine of these.
    fn figures(&self, figure: fn(&Timed) -> f64) -> [Vec<f64>; 3] {
        let [update, between] = [&self.update, &self.between]
            .map(|times| times.iter().map(figure).collect::<Vec<f64>>());
        let pairs = update.iter().zip(&between);
        let mean = pairs.map(|(u, b)| 0.1 * (u + 9.0 * b)).collect();
        [update, between, mean]
    }
}

fn report(name: &str, lanes: &[Lane]) {
    let row = |step: &str, who: &str, wall: String, processor: String, losses: &[f64]| {
        print!("{name:<13} {step:<9} {who:<22} {wall:>22} {processor:>22}");
        losses.iter().for_each(|loss| print!("   {loss:.5}"));
        println!();
    };
    let times = |lane: &Lane| [lane.figures(|t| t.wall), lane.figures(|t| t.processor)];
    row("", "", "wall".into(), "processor".into(), &[]);
    let who = ["ours", "PyTorch, create-graph", "PyTorch, closed-form"];
    for (index, step) in ["update", "between", "every 10"].into_iter().enumerate() {
        for (lane, who) in lanes.iter().zip(who) {
            let [wall, processor] = times(lane).map(|all| spread(all[index].iter().copied(), 3));
            let losses = lane.losses.get(index..=index).unwrap_or_default();
            row(step, who, wall, processor, losses);
        }
        for (lane, who) in lanes[1..].iter().zip(&who[1..]) {
            let [ours, theirs] = [&lanes[0], lane].map(times);
            let [wall, processor] = [0, 1].map(|clock| {
                let pairs = ours[clock][index].iter().zip(&theirs[clock][index]);
                spread(pairs.map(|(a, b)| a / b), 2)
            });
            row(step, &format!("÷ {who}"), wall, processor, &[]);
        }
    }
    println!();
}

fn task() -> TextTask {
    text_task(SoftTargets {
        rule: TargetRule::Learned {
            form: DesignerForm::Paper,
            alpha_max: 0.5,
            kl: 0.0,
            gate_penalty: 0.0,
        },
        top_k: 8,
    })
}

/// What all sides begin with.
struct Start {
    task: TextTask,
    learner: Decoder<Flex>,
    subset: ParamSubset,
    designer: SoftTargetDesigner<Flex>,
    batch: Batch,
    feedback: Batch,
}

impl Start {
    fn draw(shapes: &Shapes) -> Result<Self, Box<dyn Error>> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let device = Default::default();
        let learner = Decoder::<Flex>::init(&shapes.config, &mut rng, &device)?;
        let valued = shapes.config.num_hidden_layers - VALUED;
        let subset = ParamSubset::matching(&learner, |path| {
            path == "norm.weight" || layer_index(path).is_some_and(|layer| layer >= valued)
        });
        let reach = Reach::of(&learner, &subset);
        let width = shapes.config.hidden_size;
        let designer = SoftTargetDesigner::init(DESIGNER, width, shapes.seq, &mut rng, &device);
        let plan = Plan {
            batch: shapes.batch,
            seq: shapes.seq,
            vocab: shapes.config.vocab_size,
            two_documents: true,
        };
        let labelled = Plan {
            batch: 1,
            seq: shapes.batch * shapes.seq * 6 / 100,
            two_documents: false,
            ..plan
        };
        Ok(Self {
            task: task(),
            learner: learner.with_reach(reach),
            subset,
            designer: opinionated(designer, &mut rng),
            batch: Batch::draw(plan, &mut rng),
            feedback: Batch::draw(labelled, &mut rng),
        })
    }

    fn write(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        self.learner.save(folder)?;
        write_tensors(&folder.join("designer.safetensors"), export(&self.designer))?;
        std::fs::write(folder.join("batch.json"), self.batch.json())?;
        std::fs::write(folder.join("feedback.json"), self.feedback.json())?;
        Ok(())
    }

    fn trainer(&self) -> Own {
        let config = TrainerConfig {
            cadence: Cadence {
                burn_in: Some(0),
                update_every: Some(2),
            },
            schedule: CosineSchedule {
                peak: 1e-4,
                min_ratio: 1.0,
                warmup: 0,
                steps: 1000,
            },
            ..TrainerConfig::new(1000, 1e-4)
        };
        let mut trainer = Trainer::new(
            task(),
            self.learner.clone(),
            (NoParameters, Some(self.designer.clone())),
            (
                Same(self.batch.tensors()),
                Downstream::new(Labelled(self.feedback.tensors())),
                TextEstimator::new(EstimatorKind::Linear, false, DifferenceStep::default()),
            ),
            config,
        );
        trainer.subset = self.subset.clone();
        trainer.learner_optimiser = AdamW::new(0.9, 0.99, 1e-8, 0.1);
        trainer
    }

    /// V over the standard deviation of the candidates' values, that deviation, and the gradient of
    /// V in the designer, by parameter in the order of their names.
    fn gradient(&self) -> Result<(f64, f64, Vec<f64>), CoreError> {
        let mut feedback = Downstream::new(Labelled(self.feedback.tensors()));
        let direction =
            Feedback::<TextTask, Flex>::direction(&mut feedback, &self.learner, &self.subset)?;
        let (batch, designer) = (
            self.batch.tensors(),
            (NoParameters, Some(self.designer.clone())),
        );
        let prediction = self.task.predict(&self.learner, &batch);
        let reference = self.task.reference(&NoParameters, prediction, &batch);
        let at = Point {
            task: &self.task,
            learner: &self.learner,
            designer: &designer,
            batch: &batch,
            reference: &reference,
            subset: &self.subset,
        };
        let mut linear = LinearTarget::new(DifferenceStep::default(), false);
        let probe = MetaGradient::<TextTask, Flex>::probe(&mut linear, &at, &direction.steer);
        let found = linear.estimate(&at, &direction.steer, &probe, 1.0);
        let descent = found.descent.as_vector().to_vec();
        let mut parts = vec![];
        let mut from = 0;
        for info in parameters(&self.designer) {
            let length = info.shape.iter().product::<usize>();
            parts.push((info.path, &descent[from..from + length]));
            from += length;
        }
        parts.sort_by(|(a, _), (b, _)| a.cmp(b));
        let ascent = parts.iter().flat_map(|(_, part)| part.iter().map(|x| -x));
        let scale = probe.moments.variance().sqrt();
        Ok((found.value / scale, scale, ascent.collect()))
    }

    /// Both sides' V and gradients at the start.
    fn check(&self, peer: &mut Peer, file: &Path, way: &str) -> Result<(), Box<dyn Error>> {
        let (_, figures) = peer.ask(&format!("gradient {}", file.display()))?;
        let bytes = std::fs::read(file)?;
        let theirs = bytes.as_chunks::<4>().0.iter();
        let theirs: Vec<f64> = theirs.map(|x| f64::from(f32::from_le_bytes(*x))).collect();
        let (value, scale, ours) = self.gradient()?;
        let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
        let length = norm(&mut theirs.iter().copied());
        let apart = norm(&mut ours.iter().zip(&theirs).map(|(a, b)| a - b)) / length;
        // V may vanish; the values that it is a mean of do not.
        let expected = figures[0] / scale;
        let off = (value - expected).abs();
        println!(
            "{way}: V/σ {value:.6}, PyTorch's {expected:.6}; ‖∇V‖ {length:.4e}, relative distance {apart:.1e}"
        );
        if ours.len() != theirs.len() || !(apart < TOLERANCE && off < TOLERANCE) {
            return Err(format!("{way}: further apart than {TOLERANCE}").into());
        }
        Ok(())
    }
}

type Own = Trainer<TextTask, Flex, Same, Downstream<TextTask, Flex>, TextEstimator>;

/// `designer` with random heads in place of zero: V then has a gradient in all of it.
fn opinionated(
    designer: SoftTargetDesigner<Flex>,
    rng: &mut ChaCha8Rng,
) -> SoftTargetDesigner<Flex> {
    let mut values = export(&designer);
    for (_, head) in values
        .iter_mut()
        .filter(|(path, _)| path.starts_with("query") || path.starts_with("gate"))
    {
        let scale = (1.0 / head.shape[head.shape.len() - 1] as f64).sqrt();
        let drawn: Vec<f64> = (0..head.num_elements())
            .map(|_| scale * rng.sample::<f64, _>(StandardNormal))
            .collect();
        *head = burn::tensor::TensorData::new(drawn, head.shape.clone());
    }
    let filled: Result<_, std::convert::Infallible> =
        fill(designer, |path, _| Ok(values[path].clone()));
    match filled {
        Ok(designer) => designer,
        Err(never) => match never {},
    }
}

/// The same batch at every step.
struct Same(TextBatch<Flex>);

impl Source<TextTask, Flex> for Same {
    fn next_step(&mut self) -> Result<StepData<TextTask, Flex>, CoreError> {
        let [batch, seq] = self.0.next.dims();
        Ok(StepData::single(self.0.clone(), (batch * seq) as u64))
    }
}

impl Stateful for Same {
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _: serde_json::Value) -> Result<(), CoreError> {
        Ok(())
    }
}

/// The same labelled batch at every update.
struct Labelled(TextBatch<Flex>);

impl Evaluator<TextTask, Flex> for Labelled {
    fn name(&self) -> &str {
        "labelled"
    }

    fn loss(
        &mut self,
        learner: &Decoder<Autodiff<Flex>>,
    ) -> Result<burn::tensor::Tensor<Autodiff<Flex>, 1>, CoreError> {
        let views: TextBatch<Autodiff<Flex>> = vpt_core::lift(&self.0);
        Ok(label_loss(Text::predict(learner, &views), &views))
    }
}

impl Stateful for Labelled {
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _: serde_json::Value) -> Result<(), CoreError> {
        Ok(())
    }
}
