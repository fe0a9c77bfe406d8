//! ∇_φ V of a learned mask by nested tapes over everything, and over the blocks above the cut alone:
//!
//! ```text
//! cargo bench -p vpt-benches --bench vision_estimators
//! ```
//!
//! DINO on a random ViT-S/16 cut to six blocks, two global crops of 64 × 64 of four images behind a U-Net's
//! masks, the value on the last two blocks, the final norm and the head. In turn, as
//! `estimators` does; reported are medians of ratios of wall time within a round, the distance to
//! `nested` in f32, and what each adds to the resident memory of a process of its own at its peak.

use burn::backend::{Autodiff, Flex};
use burn::tensor::{Distribution, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::error::Error;
use std::process::Command;
use vpt_benches::{median, on_worker, timed};
use vpt_core::{
    CentralDifference, DesignerOf, DifferenceStep, GradVector, LearnerOf, MetaGradient, Nested,
    NoParameters, ParamSubset, Point, PredictiveTask, ReferenceOf, Split, UpdateGradient, lift,
    trainable,
};
use vpt_image::designer::{
    Architecture, LearnedMasks, MaskDesigner, MaskPenalty, MaskedCrops, UNetConfig,
};
use vpt_image::objective::{
    CropBatch, Crops, DinoHead, DinoHeadConfig, DinoLearner, DinoSettings, DinoTask, dino,
};
use vpt_image::vit::{RopeDraw, Vit, VitConfig};
use vpt_text::run::bench::PeakMemory;

const IMAGES: usize = 4;
const SIDE: usize = 64;
const BLOCKS: usize = 6;
const VALUED: usize = 2;
const NAMES: [&str; 4] = ["nested", "split", "central", "split, central"];

type Task = DinoTask<LearnedMasks>;

fn main() -> Result<(), String> {
    on_worker(run)
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |key: &str| arguments.iter().find_map(|a| a.strip_prefix(key));
    if let Some(estimator) = value("peak=") {
        println!("{}", peak(estimator)?);
        return Ok(());
    }
    let rounds = value("rounds=").map_or(Ok(5), str::parse)?;
    let setting = Setting::new()?;
    let mut central = CentralDifference::new(DifferenceStep::default());
    let mut times: Vec<Vec<f64>> = vec![];
    let mut found: Vec<Vec<f64>> = vec![];
    // The first round finds ε and is not counted.
    for round in 0..=rounds {
        let mut all = vec![timed(|| setting.learner_gradient()).0.wall];
        found.clear();
        for name in NAMES {
            let (time, gradient) = timed(|| setting.run(name, &mut central));
            all.push(time.wall);
            found.push(gradient);
        }
        if round > 0 {
            times.push(all);
        }
    }
    println!(
        "{IMAGES} images, {BLOCKS} blocks, value on the last {VALUED}, {rounds} rounds; a plain learner \
         gradient takes {:.3} s",
        median(times.iter().map(|t| t[0]))
    );
    println!("  estimator        / plain   / nested   distance to nested   peak, MB");
    for (index, name) in NAMES.into_iter().enumerate() {
        let over = |other: usize| median(times.iter().map(|t| t[index + 1] / t[other]));
        let output = Command::new(std::env::current_exe()?)
            .arg(format!("peak={name}"))
            .output()?;
        let peak: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
        println!(
            "  {name:<15} {:>8.2} {:>10.2} {:>20.1e} {:>10.1}",
            over(0),
            over(1),
            distance(&found[index], &found[0]),
            peak / 1e6
        );
    }
    Ok(())
}

/// Bytes that `estimator` adds at its peak, after a first run.
fn peak(estimator: &str) -> Result<f64, Box<dyn Error>> {
    let setting = Setting::new()?;
    let mut central = CentralDifference::new(DifferenceStep::default());
    setting.run(estimator, &mut central);
    let before = PeakMemory::from_now().ok_or("peaks of memory are not told here")?;
    let low = before.bytes().ok_or("peaks of memory are not told here")?;
    setting.run(estimator, &mut central);
    let high = before.bytes().ok_or("peaks of memory are not told here")?;
    Ok(high as f64 - low as f64)
}

/// Everything one differentiation needs.
struct Setting {
    task: Task,
    learner: LearnerOf<Task, Flex>,
    designer: DesignerOf<Task, Flex>,
    batch: CropBatch<Flex>,
    reference: ReferenceOf<Task, Flex>,
    subset: ParamSubset,
    direction: GradVector<Flex>,
}

impl Setting {
    fn new() -> Result<Self, Box<dyn Error>> {
        let (mut rng, device) = (ChaCha8Rng::seed_from_u64(0), Default::default());
        let config = VitConfig {
            hidden_size: 384,
            intermediate_size: 1536,
            num_hidden_layers: BLOCKS,
            num_attention_heads: 6,
            ..VitConfig::tiny(SIDE, 16)
        };
        let backbone = Vit::<Flex>::init(&config, &mut rng, &device)?;
        let head = DinoHeadConfig {
            hidden: 512,
            output: 1024,
            ..DinoHeadConfig::default()
        };
        let head = DinoHead::init(config.hidden_size, &head, &mut rng, &device);
        let learner = DinoLearner { backbone, head };
        let masks = LearnedMasks {
            on: MaskedCrops::Global,
            penalty: MaskPenalty {
                keep: 0.6,
                sparsity: 0.3,
                tv: 0.2,
            },
            whole_value_step: false,
        };
        let network = Architecture::UNet(UNetConfig { base: 16, depth: 3 });
        let mask = MaskDesigner::init(network, 0.6, &mut rng, &device);
        let designer = (mask, NoParameters);
        let task = dino(masks, DinoSettings::default());
        let pixels = Tensor::random(
            [2 * IMAGES, 3, SIDE, SIDE],
            Distribution::Normal(0.0, 1.0),
            &device,
        );
        let batch = CropBatch {
            global: Crops::whole(pixels, RopeDraw::draw(&config, &mut rng)),
            local: None,
            weights: Tensor::full([IMAGES], 1.0 / IMAGES as f64, &device),
            left_out: 0,
        };
        let views = task.views(&designer, &batch);
        let prediction = task.predict(&learner, &views);
        let reference = task.reference(&task.teacher(&learner), prediction, &views);
        let subset = ParamSubset::matching(&learner, |path| {
            let upper = (BLOCKS - VALUED..BLOCKS).any(|at| path.contains(&format!("layer.{at}.")));
            upper || !path.starts_with("backbone.") || path.starts_with("backbone.norm.")
        });
        let direction = GradVector::generate(&learner, &subset, |length| {
            (0..length).map(|_| rng.random_range(-1e-3..1e-3)).collect()
        });
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

    fn run(&self, name: &str, central: &mut CentralDifference) -> Vec<f64> {
        let at = Point {
            task: &self.task,
            learner: &self.learner,
            designer: &self.designer,
            batch: &self.batch,
            reference: &self.reference,
            subset: &self.subset,
        };
        let along = &self.direction;
        let estimate = match name {
            "split" => Split(Nested).estimate(&at, along, &(), 1.0),
            "central" => {
                let epsilon = MetaGradient::<Task, Flex>::probe(central, &at, along);
                central.estimate(&at, along, &epsilon, 1.0)
            }
            "split, central" => {
                let mut split = Split(central.clone());
                let epsilon = MetaGradient::<Task, Flex>::probe(&mut split, &at, along);
                split.estimate(&at, along, &epsilon, 1.0)
            }
            _ => Nested.estimate(&at, along, &(), 1.0),
        };
        estimate.descent.as_vector().to_vec()
    }

    /// The forward and backward pass of a learner step behind the same masks.
    fn learner_gradient(&self) -> f64 {
        let learner: LearnerOf<Task, Autodiff<Flex>> = trainable(&self.learner);
        let loss = self.task.pretraining_loss::<Autodiff<Flex>>(
            &learner,
            &lift(&self.designer),
            &lift(&self.batch),
            &lift(&self.reference),
        );
        UpdateGradient::backward(loss.total(), &learner)
            .as_vector()
            .norm()
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}
