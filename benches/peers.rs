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
//! threads wait for each other in a loop. Reported are medians and quartiles of wall time and of processor time, the median ratio within a
//! round, and both first losses, which must agree. Names after `--` choose settings; `--compile`
//! puts PyTorch's step through torch.compile; without PYTHON only our own step is timed.

use burn::backend::{Autodiff, Flex};
use burn::tensor::{ElementConversion, Int, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;
use vpt_core::{
    AdamW, Clip, FirstOrderLoss, NoParameters, ParamSubset, PredictiveTask, UpdateGradient, lift,
};
use vpt_text::decoder::{LoraConfig, ModelType, RopeScaling, TargetModules, is_adapter};
use vpt_text::task::{SoftTargets, TextBatch, text_task};
use vpt_text::{Decoder, DecoderConfig, DecoderInput};

const ROUNDS: usize = 7;

/// What is trained, and on how much.
struct Setting {
    name: &'static str,
    config: DecoderConfig,
    batch: usize,
    seq: usize,
    /// Of adapters on every linear; 0: all of it learns.
    rank: usize,
}

fn settings() -> Vec<Setting> {
    let small = |hidden_size, vocab_size| DecoderConfig {
        vocab_size,
        hidden_size,
        intermediate_size: hidden_size * 4,
        num_hidden_layers: 6,
        num_attention_heads: 8,
        num_key_value_heads: 4,
        ..smollm2()
    };
    let setting = |name, config, batch, seq, rank| Setting {
        name,
        config,
        batch,
        seq,
        rank,
    };
    vec![
        setting("w256", small(256, 8192), 8, 256, 0),
        setting("w512", small(512, 16384), 4, 256, 0),
        setting("smollm2-lora", smollm2(), 2, 256, 16),
        setting("smollm2-full", smollm2(), 2, 256, 0),
    ]
}

/// SmolLM2-135M's.
fn smollm2() -> DecoderConfig {
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
        max_position_embeddings: 1024,
        initializer_range: 0.04,
        bos_token_id: None,
        eos_token_id: vec![0],
        pad_token_id: None,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (flags, names): (Vec<_>, Vec<_>) = arguments.iter().partition(|a| a.starts_with("--"));
    let compile = flags.iter().any(|flag| *flag == "--compile");
    let threads = rayon::current_num_threads();
    println!("{threads} threads, {ROUNDS} rounds; seconds: median (quartiles)\n");
    println!(
        "{:<13} {:<8} {:>22} {:>22}   loss",
        "", "", "wall", "processor"
    );
    for setting in settings() {
        if names.is_empty() || names.iter().any(|name| *name == setting.name) {
            compare(&setting, threads, compile)?;
        }
    }
    Ok(())
}

fn compare(setting: &Setting, threads: usize, compile: bool) -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let device = Default::default();
    let base = Decoder::<Flex>::init(&setting.config, &mut rng, &device)?;
    let batch = Batch::draw(setting, &mut rng);
    let folder = std::env::temp_dir().join(format!("vpt-peers-{}", std::process::id()));
    let mut peer = match std::env::var_os("PYTHON") {
        Some(python) => {
            base.save(&folder)?;
            std::fs::write(folder.join("batch.json"), batch.json())?;
            Some(Peer::start(
                Path::new(&python),
                &folder,
                setting,
                threads,
                compile,
            )?)
        }
        None => None,
    };
    let mut own = Own::new(base, &batch, setting.rank, &mut rng)?;
    let (mut ours, mut theirs) = (vec![], vec![]);
    // The first round compiles, allocates and finds the optimisers empty: not counted.
    for _ in 0..=ROUNDS {
        ours.push(own.step());
        if let Some(peer) = &mut peer {
            theirs.push(peer.step()?);
        }
    }
    let report = |who: &str, steps: &[Timed]| {
        let spread = |figure: fn(&Timed) -> f64| {
            let [low, middle, high] = quartiles(steps[1..].iter().map(figure));
            format!("{middle:.3} ({low:.3}–{high:.3})")
        };
        let (wall, processor, loss) = (spread(|t| t.wall), spread(|t| t.processor), steps[0].loss);
        println!(
            "{:<13} {who:<8} {wall:>22} {processor:>22}   {loss:.5}",
            setting.name
        );
    };
    report("ours", &ours);
    if peer.is_some() {
        report("PyTorch", &theirs);
        let ratio = |figure: fn(&Timed) -> f64| {
            let pairs = ours[1..].iter().zip(&theirs[1..]);
            let [low, middle, high] = quartiles(pairs.map(|(a, b)| figure(a) / figure(b)));
            format!("{middle:.2} ({low:.2}–{high:.2})")
        };
        let (wall, processor) = (ratio(|t| t.wall), ratio(|t| t.processor));
        println!(
            "{:<13} {:<8} {wall:>22} {processor:>22}\n",
            setting.name, "ratio"
        );
        drop(peer);
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

/// One step.
struct Timed {
    wall: f64,
    processor: f64,
    loss: f64,
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

    fn step(&mut self) -> Timed {
        let (start, before) = (Instant::now(), processor_time());
        let task = text_task(SoftTargets::one_hot());
        let tracked: Decoder<Autodiff<Flex>> = self.subset.track(lift(&self.learner));
        let views: TextBatch<Autodiff<Flex>> = lift(&self.batch);
        let prediction = task.predict(&tracked, &views);
        let plain = burn::module::AutodiffModule::valid(&prediction);
        let reference = task.reference(&NoParameters, plain, &self.batch);
        let target = task.unshaped_target(&views, &lift(&reference));
        let FirstOrderLoss { value, surrogate } =
            task.learner_loss(prediction, &target, &views, &reference);
        let gradient = UpdateGradient::within(surrogate, &tracked, &self.subset);
        drop(tracked);
        let (gradient, _) = gradient.clipped(Clip::Global(1.0));
        let learner = self.learner.clone();
        self.learner = self.optimiser.step(1e-4, learner, &gradient);
        Timed {
            wall: start.elapsed().as_secs_f64(),
            processor: processor_time() - before,
            loss: value.into_scalar().elem(),
        }
    }
}

/// PyTorch's step, in a process of its own.
struct Peer {
    process: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(
        python: &Path,
        folder: &Path,
        setting: &Setting,
        threads: usize,
        compile: bool,
    ) -> Result<Self, Box<dyn Error>> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/step.py");
        let mut process = Command::new(python)
            .arg(script)
            .arg(folder)
            .args(["--threads", &threads.to_string()])
            .args(["--rank", &setting.rank.to_string()])
            .args(compile.then_some("--compile"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (ask, answers) = (process.stdin.take(), process.stdout.take());
        Ok(Self {
            process,
            ask,
            answers: BufReader::new(answers.ok_or("PyTorch says nothing")?),
        })
    }

    fn step(&mut self) -> Result<Timed, Box<dyn Error>> {
        let ask = self.ask.as_mut().ok_or("PyTorch hears nothing")?;
        writeln!(ask, "step")?;
        ask.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let figures: Result<Vec<f64>, _> = line.split_whitespace().map(str::parse).collect();
        match figures?[..] {
            [wall, processor, loss] => Ok(Timed {
                wall,
                processor,
                loss,
            }),
            _ => Err("PyTorch's step failed".into()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Its loop ends with its standard input.
        drop(self.ask.take());
        let _ = self.process.wait();
    }
}

/// Random tokens of two documents a row, on the host.
struct Batch {
    shape: [usize; 2],
    tokens: Vec<i64>,
    positions: Vec<i64>,
    documents: Vec<i64>,
    rows: Vec<i64>,
    labels: Vec<i64>,
}

impl Batch {
    fn draw(setting: &Setting, rng: &mut ChaCha8Rng) -> Self {
        let (batch, seq) = (setting.batch, setting.seq);
        let mut ids = |count: usize| -> Vec<i64> {
            let vocab = setting.config.vocab_size as i64;
            (0..count).map(|_| rng.random_range(0..vocab)).collect()
        };
        let tokens = ids(batch * seq);
        let rows: Vec<i64> = (0..(batch * seq) as i64).filter(|r| r % 3 != 0).collect();
        let border = 2 * seq / 5;
        let places = || (0..batch * seq).map(|at| at % seq);
        Self {
            shape: [batch, seq],
            tokens,
            positions: places()
                .map(|at| if at < border { at } else { at - border } as i64)
                .collect(),
            documents: places().map(|at| i64::from(at >= border)).collect(),
            labels: ids(rows.len()),
            rows,
        }
    }

    fn tensors(&self) -> TextBatch<Flex> {
        let device = Default::default();
        let grid = |values: &[i64]| -> Tensor<Flex, 2, Int> {
            Tensor::from_data(TensorData::new(values.to_vec(), self.shape), &device)
        };
        let n = self.rows.len();
        let line = |values: &[i64]| -> Tensor<Flex, 1, Int> {
            Tensor::from_data(TensorData::new(values.to_vec(), [n]), &device)
        };
        TextBatch {
            input: DecoderInput {
                tokens: grid(&self.tokens),
                positions: grid(&self.positions),
                documents: grid(&self.documents),
            },
            next: grid(&self.tokens),
            rows: line(&self.rows),
            labels: line(&self.labels),
            weights: Tensor::full([n], 1.0 / n as f64, &device),
            dropout: None,
        }
    }

    fn json(&self) -> String {
        let [_, seq] = self.shape;
        let grid = |values: &[i64]| format!("{:?}", values.chunks(seq).collect::<Vec<_>>());
        format!(
            r#"{{"tokens": {}, "positions": {}, "documents": {}, "rows": {:?}, "labels": {:?}}}"#,
            grid(&self.tokens),
            grid(&self.positions),
            grid(&self.documents),
            self.rows,
            self.labels
        )
    }
}

/// User and system time of this process so far, in seconds; 0 where the system does not say.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may hold anything, fields 12 and 13 in hundredths of a second.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}
