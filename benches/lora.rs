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
use burn::tensor::{Int, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Instant;
use vpt_core::{
    AdamW, Clip, DifferenceStep, FirstOrderLoss, GradVector, LinearTarget, MetaGradient, Modality,
    NoParameters, ParamSubset, Point, PredictiveTask, UpdateGradient, lift,
};
use vpt_text::config::DesignerForm;
use vpt_text::decoder::{LoraConfig, ModelType, RopeScaling, TargetModules, is_adapter};
use vpt_text::task::{
    DesignerSize, SoftTargetDesigner, SoftTargets, TargetRule, Text, TextBatch, TextTask,
    label_loss, text_task,
};
use vpt_text::{Decoder, DecoderConfig, DecoderInput};

const BATCH: usize = 2;
const SEQ: usize = 256;
const ROUNDS: usize = 3;

type Designer = (NoParameters, Option<SoftTargetDesigner<Flex>>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Default::default();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let base = Decoder::<Flex>::init(&shapes(), &mut rng, &device)?;
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

fn shapes() -> DecoderConfig {
    DecoderConfig {
        model_type: ModelType::Llama,
        vocab_size: 49152,
        hidden_size: 576,
        intermediate_size: 1536,
        num_hidden_layers: 30,
        num_attention_heads: 9,
        num_key_value_heads: 3,
        head_dim: None,
        rms_norm_eps: 1e-5,
        rope_theta: 1e5,
        rope_scaling: RopeScaling::Default,
        tie_word_embeddings: true,
        attention_bias: false,
        mlp_bias: false,
        max_position_embeddings: SEQ,
        initializer_range: 0.04,
        bos_token_id: None,
        eos_token_id: vec![0],
        pad_token_id: None,
    }
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
    let mut times: Vec<[f64; 5]> = vec![];
    // The first round finds ε and is not counted.
    for round in 0..=ROUNDS {
        let batch = random_batch(rng, learner.config().vocab_size);
        let feedback = random_batch(rng, learner.config().vocab_size);
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
                task.learner_loss(prediction, &target, &views, &reference);
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
    let medians = [0, 1, 2, 3, 4].map(|i| median(times.iter().map(|t| t[i])));
    let [plain, step, down, values, designing] = medians;
    println!(
        "{name:<14} {plain:>4.2} {step:>13.2} {down:>7.2} {values:>7.2} {designing:>16.2} {:>10.2}",
        peak_memory()
    );
}

/// The highest resident memory so far in GiB; 0 where the system does not say.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / f64::from(1 << 20)
}

/// Random tokens; two of three positions are asked about.
fn random_batch(rng: &mut ChaCha8Rng, vocab: usize) -> TextBatch<Flex> {
    let device = Default::default();
    let mut grid = || -> Tensor<Flex, 2, Int> {
        let ids: Vec<i64> = (0..BATCH * SEQ)
            .map(|_| rng.random_range(0..vocab as i64))
            .collect();
        Tensor::from_data(TensorData::new(ids, [BATCH, SEQ]), &device)
    };
    let (tokens, next) = (grid(), grid());
    let rows: Vec<i64> = (0..(BATCH * SEQ) as i64)
        .filter(|row| row % 3 != 0)
        .collect();
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
