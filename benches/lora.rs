//! A learner step and a value update with adapters on a base of SmolLM2-135M's shapes, random
//! weights:
//!
//! ```text
//! cargo bench -p vpt-benches --bench lora
//! ```
//!
//! Each round times all of them, one after the other; reported are medians, and the highest memory
//! that the process has held.

use burn::backend::{Autodiff, Flex};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use vpt_benches::{Batch, Plan, Timed, median, on_worker, peak_memory, smollm2, timed};
use vpt_core::{
    AdamW, Clip, DifferenceStep, FirstOrderLoss, GradVector, LinearTarget, MetaGradient, Modality,
    NoParameters, ParamSubset, Point, PredictiveTask, UpdateGradient, lift,
};
use vpt_text::Decoder;
use vpt_text::config::DesignerForm;
use vpt_text::decoder::{LoraConfig, TargetModules, is_adapter};
use vpt_text::task::{
    DesignerSize, SoftTargetDesigner, SoftTargets, TargetRule, Text, TextBatch, TextTask,
    label_loss, text_task,
};

const BATCH: usize = 2;
const SEQ: usize = 256;
const ROUNDS: usize = 3;

type Designer = (NoParameters, Option<SoftTargetDesigner<Flex>>);

fn main() -> Result<(), String> {
    on_worker(run)
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let device = Default::default();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let base = Decoder::<Flex>::init(&smollm2(), &mut rng, &device)?;
    let size = DesignerSize {
        layers: 2,
        width: 64,
        heads: 4,
    };
    let proposer =
        SoftTargetDesigner::init(size, base.config().hidden_size, SEQ, &mut rng, &device);
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
    println!("{BATCH} x {SEQ} tokens, two thirds of them asked about, {ROUNDS} rounds");
    println!("seconds:    no tape  learner step  g_down  values  a designer step   peak GiB\n");
    for targets in ["q_proj,v_proj", "all-linear"] {
        let config = LoraConfig::new(16, 32.0, TargetModules::try_from(targets.to_owned())?);
        let learner = base.clone().with_lora(&config, &mut rng)?.with_fixed_head();
        measure(targets, &task, learner, &designer, &mut rng);
    }
    Ok(())
}

fn measure(
    name: &str,
    task: &TextTask,
    mut learner: Decoder<Flex>,
    designer: &Designer,
    rng: &mut ChaCha8Rng,
) {
    let adapters = ParamSubset::matching(&learner, is_adapter);
    let mut optimiser = AdamW::new(0.9, 0.99, 1e-8, 0.0);
    let mut linear = LinearTarget::new(DifferenceStep::default(), true);
    let mut times: Vec<[Timed; 5]> = vec![];
    // The first round finds ε and is not counted.
    for round in 0..=ROUNDS {
        let plan = Plan {
            batch: BATCH,
            seq: SEQ,
            vocab: learner.config().vocab_size,
            two_documents: false,
        };
        let [batch, feedback] = [(); 2].map(|()| Batch::draw(plan, rng).tensors());
        let (plain, reference) = timed(|| {
            let views = task.views(designer, &batch);
            task.reference(&NoParameters, task.predict(&learner, &views), &views)
        });
        let (down, direction) = timed(|| {
            let tracked: Decoder<Autodiff<Flex>> = adapters.track(lift(&learner));
            let labelled: TextBatch<Autodiff<Flex>> = lift(&feedback);
            let loss = label_loss(Text::predict(&tracked, &labelled), &labelled);
            GradVector::take(&mut loss.backward(), &tracked, &adapters)
        });
        let at = Point {
            task,
            learner: &learner,
            designer,
            batch: &batch,
            reference: &reference,
            subset: &adapters,
        };
        let (values, probe) =
            timed(|| MetaGradient::<TextTask, Flex>::probe(&mut linear, &at, &direction));
        let (designing, _) = timed(|| linear.estimate(&at, &direction, &probe, 1.0));
        let (step, moved) = timed(|| {
            let tracked: Decoder<Autodiff<Flex>> = adapters.track(lift(&learner));
            let views: TextBatch<Autodiff<Flex>> = lift(&batch);
            let target = task.unshaped_target(&views, &lift(&reference));
            let prediction = task.predict(&tracked, &views);
            let FirstOrderLoss { surrogate, .. } =
                task.learner_loss(prediction, &target, &views, reference.clone());
            let gradient = UpdateGradient::within(surrogate, &tracked, &adapters);
            optimiser.step(
                1e-3,
                learner.clone(),
                &gradient.clipped(Clip::Global(1.0)).0,
            )
        });
        learner = moved;
        if round > 0 {
            times.push([plain, step, down, values, designing]);
        }
    }
    let medians = [0, 1, 2, 3, 4].map(|i| median(times.iter().map(|t| t[i].wall)));
    let [plain, step, down, values, designing] = medians;
    println!(
        "{name:<14} {plain:>4.2} {step:>13.2} {down:>7.2} {values:>7.2} {designing:>16.2} {:>10.2}",
        peak_memory() / f64::from(1 << 30)
    );
}
