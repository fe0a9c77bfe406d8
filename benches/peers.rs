//! A learner step beside the same step in PyTorch, on the processor:
//!
//! ```text
//! python -m venv peers && peers/bin/pip install -r benches/peers/requirements.txt
//! PYTHON=peers/bin/python cargo bench -p vpt-benches --bench peers
//! ```
//!
//! Both have the same shapes, weights and batch (two documents a row, two thirds of the tokens
//! asked about), and take steps in turn, so that whatever else the machine does hits them alike.
//! RAYON_NUM_THREADS=1 holds both to one thread, where a busy machine distorts least: PyTorch's
//! threads wait for each other in a loop. Reported are medians and quartiles of wall time and of
//! processor time, the median ratio within a round, and both first losses, which must agree. Names
//! after `--` choose shapes, `rounds=N` how many are counted; `--compile` puts PyTorch's step
//! through torch.compile; without PYTHON only our own step is timed.

use burn::backend::{Autodiff, Flex};
use burn::tensor::ElementConversion;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::error::Error;
use vpt_benches::{Batch, Peer, Plan, Shapes, Timed, on_worker, shapes, spread, timed};
use vpt_core::{
    AdamW, Clip, FirstOrderLoss, NoParameters, ParamSubset, PredictiveTask, UpdateGradient, lift,
};
use vpt_text::Decoder;
use vpt_text::decoder::{LoraConfig, TargetModules, is_adapter};
use vpt_text::task::{SoftTargets, TextBatch, text_task};

fn main() -> Result<(), String> {
    on_worker(run)
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (flags, mut names): (Vec<_>, Vec<_>) = arguments
        .iter()
        .partition(|argument| argument.starts_with("--"));
    let compile = flags.iter().any(|flag| *flag == "--compile");
    let counted = names.iter().find_map(|name| name.strip_prefix("rounds="));
    let rounds = counted.map_or(Ok(7), str::parse)?;
    names.retain(|name| !name.starts_with("rounds="));
    let threads = rayon::current_num_threads();
    println!("{threads} threads, {rounds} rounds; seconds: median (quartiles)\n");
    println!(
        "{:<13} {:<8} {:>22} {:>22}   loss",
        "", "", "wall", "processor"
    );
    for shapes in shapes() {
        let by_default = names.is_empty() && shapes.name != "tiny";
        if by_default || names.iter().any(|name| *name == shapes.name) {
            compare(&shapes, (threads, rounds), compile)?;
        }
    }
    Ok(())
}

fn compare(
    shapes: &Shapes,
    (threads, rounds): (usize, usize),
    compile: bool,
) -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let device = Default::default();
    let base = Decoder::<Flex>::init(&shapes.config, &mut rng, &device)?;
    let plan = Plan {
        batch: shapes.batch,
        seq: shapes.seq,
        vocab: shapes.config.vocab_size,
        two_documents: true,
    };
    let batch = Batch::draw(plan, &mut rng);
    let folder = std::env::temp_dir().join(format!("vpt-peers-{}", std::process::id()));
    let mut peer = match std::env::var_os("PYTHON") {
        Some(python) => {
            base.save(&folder)?;
            std::fs::write(folder.join("batch.json"), batch.json())?;
            let (threads, rank) = (threads.to_string(), shapes.rank.to_string());
            let mut arguments = ["--threads", &threads, "--rank", &rank]
                .map(str::to_owned)
                .to_vec();
            arguments.extend(compile.then(|| "--compile".to_owned()));
            Some(Peer::start(&python, "step.py", &folder, &arguments)?)
        }
        None => None,
    };
    let mut own = Own::new(base, &batch, shapes.rank, &mut rng)?;
    let (mut ours, mut theirs) = (vec![], vec![]);
    // The first round compiles, allocates and finds the optimisers empty: not counted.
    for _ in 0..=rounds {
        ours.push(timed(|| own.step()));
        if let Some(peer) = &mut peer {
            let (time, figures) = peer.ask("step")?;
            theirs.push((time, figures[0]));
        }
    }
    let report = |who: &str, steps: &[(Timed, f64)]| {
        let spread = |figure: fn(&Timed) -> f64| spread(steps[1..].iter().map(|s| figure(&s.0)), 3);
        let (wall, processor, loss) = (spread(|t| t.wall), spread(|t| t.processor), steps[0].1);
        println!(
            "{:<13} {who:<8} {wall:>22} {processor:>22}   {loss:.5}",
            shapes.name
        );
    };
    report("ours", &ours);
    if peer.is_some() {
        report("PyTorch", &theirs);
        let ratio = |figure: fn(&Timed) -> f64| {
            let pairs = ours[1..].iter().zip(&theirs[1..]);
            spread(pairs.map(|(a, b)| figure(&a.0) / figure(&b.0)), 2)
        };
        let (wall, processor) = (ratio(|t| t.wall), ratio(|t| t.processor));
        println!(
            "{:<13} {:<8} {wall:>22} {processor:>22}\n",
            shapes.name, "ratio"
        );
        drop(peer);
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

/// Our step.
struct Own {
    learner: Decoder<Flex>,
    subset: ParamSubset,
    optimiser: AdamW<Flex>,
    batch: TextBatch<Flex>,
}

impl Own {
    fn new(
        base: Decoder<Flex>,
        batch: &Batch,
        rank: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, Box<dyn Error>> {
        let learner = match rank {
            0 => base,
            _ => {
                let targets = TargetModules::try_from("all-linear".to_owned())?;
                let config = LoraConfig::new(rank, 2.0 * rank as f64, targets);
                base.with_lora(&config, rng)?.with_fixed_head()
            }
        };
        Ok(Self {
            subset: match rank {
                0 => ParamSubset::all(&learner),
                _ => ParamSubset::matching(&learner, is_adapter),
            },
            learner,
            optimiser: AdamW::new(0.9, 0.99, 1e-8, 0.1),
            batch: batch.tensors(),
        })
    }

    /// One step; its loss.
    fn step(&mut self) -> f64 {
        let task = text_task(SoftTargets::one_hot());
        let tracked: Decoder<Autodiff<Flex>> = self.subset.track(lift(&self.learner));
        let views: TextBatch<Autodiff<Flex>> = lift(&self.batch);
        let prediction = task.predict(&tracked, &views);
        let plain = burn::module::AutodiffModule::valid(&prediction);
        let reference = task.reference(&NoParameters, plain, &self.batch);
        let target = task.unshaped_target(&views, &lift(&reference));
        let FirstOrderLoss { value, surrogate } =
            task.learner_loss(prediction, &target, &views, reference);
        let gradient = UpdateGradient::within(surrogate, &tracked, &self.subset);
        drop(tracked);
        let (gradient, _) = gradient.clipped(Clip::Global(1.0));
        self.optimiser.update(1e-4, &mut self.learner, &gradient);
        value.into_scalar().elem()
    }
}
