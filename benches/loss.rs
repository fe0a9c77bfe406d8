//! Memory of the loss over a large vocabulary, and its time:
//!
//! ```text
//! cargo bench -p vpt-benches --bench loss
//! ```
//!
//! The learner's step from final states on: the pass over the vocabulary, targets over the top 8, the
//! loss and its gradients in the states and, where it learns, in the head. Each measurement is a
//! process of its own: the peak of resident memory beyond what was there before, the head's gradient
//! left out. `logits` is the array [tokens, vocabulary] in f32 turned into probabilities in place, the
//! least that a loss which makes it can hold. `tokens=8192`, `vocabulary=151936` and `width=1024` (those
//! of Qwen1.5-0.5B) may be given after `--`.

use burn::backend::{Autodiff, Flex};
use burn::tensor::{Distribution, Int, Tensor};
use std::error::Error;
use std::process::Command;
use vpt_benches::{Timed, on_worker, timed};
use vpt_core::{FirstOrderLoss, NoParameters, PredictiveTask};
use vpt_text::DecoderInput;
use vpt_text::run::bench::PeakMemory;
use vpt_text::task::{Hidden, SoftTargets, TargetRule, TextBatch, text_task};

/// What one process measures.
const SIDES: [(&str, &str); 3] = [
    ("logits", "the logits alone"),
    ("fixed", "ours, head fixed"),
    ("learns", "ours, head learns"),
];

#[derive(Clone, Copy)]
struct Sizes {
    tokens: usize,
    vocabulary: usize,
    width: usize,
}

fn main() -> Result<(), String> {
    on_worker(run)
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |key: &str, default: usize| {
        let found = arguments.iter().find_map(|a| a.strip_prefix(key));
        found.map_or(Ok(default), str::parse)
    };
    let sizes = Sizes {
        tokens: value("tokens=", 8192)?,
        vocabulary: value("vocabulary=", 151_936)?,
        width: value("width=", 1024)?,
    };
    let side = arguments.iter().find_map(|a| a.strip_prefix("side="));
    if let Some(side) = side {
        let (bytes, time) = measure(side, sizes)?;
        println!("{bytes} {} {}", time.wall, time.processor);
        return Ok(());
    }
    let Sizes {
        tokens,
        vocabulary,
        width,
    } = sizes;
    let logits = 4.0 * (tokens * vocabulary) as f64;
    println!(
        "{tokens} tokens x {vocabulary}, width {width}: logits in f32 are {:.2} GB",
        logits / 1e9
    );
    println!(
        "{:<20} {:>10} {:>12} {:>10} {:>14}",
        "", "peak, MB", "÷ logits", "wall, s", "processor, s"
    );
    for (side, name) in SIDES {
        let output = Command::new(std::env::current_exe()?)
            .args(&arguments)
            .arg(format!("side={side}"))
            .output()?;
        let said = String::from_utf8(output.stdout)?;
        let figures: Result<Vec<f64>, _> = said.split_whitespace().map(str::parse).collect();
        let figures = figures?;
        let [bytes, wall, processor] = figures[..] else {
            return Err(format!("{side}: {}", String::from_utf8_lossy(&output.stderr)).into());
        };
        println!(
            "{name:<20} {:>10.0} {:>12.4} {wall:>10.2} {processor:>14.2}",
            bytes / 1e6,
            bytes / logits
        );
    }
    Ok(())
}

/// Bytes beyond what was there before and the head's gradient, and the time.
fn measure(side: &str, sizes: Sizes) -> Result<(f64, Timed), Box<dyn Error>> {
    let Sizes {
        tokens,
        vocabulary,
        width,
    } = sizes;
    let device = Default::default();
    let draw = |shape: [usize; 2], std: f64| -> Tensor<Flex, 2> {
        Tensor::random(shape, Distribution::Normal(0.0, std), &device)
    };
    let (hidden, head) = (draw([tokens, width], 1.0), draw([vocabulary, width], 0.04));
    let views = asked(tokens, vocabulary);
    let before = resident()?;
    let peak = PeakMemory::from_now().ok_or("peaks of memory are not told here")?;
    let (time, kept) = match side {
        "logits" => timed(|| {
            let (p, lse) = vpt_core::kernels::softmax(hidden.matmul(head.transpose()));
            (p.sum() + lse.sum()).into_scalar();
            0
        }),
        _ => timed(|| step(hidden, head, &views, side == "learns")),
    };
    let bytes = peak.bytes().ok_or("peaks of memory are not told here")?;
    Ok((bytes as f64 - before - kept as f64, time))
}

/// The loss and its gradients; bytes of the head's.
fn step(
    hidden: Tensor<Flex, 2>,
    head: Tensor<Flex, 2>,
    views: &TextBatch<Flex>,
    learns: bool,
) -> usize {
    let task = text_task(SoftTargets {
        rule: TargetRule::SelfDistillation {
            alpha: 0.1,
            temperature: 0.8,
        },
        top_k: 8,
    });
    let lifted = |x: Tensor<Flex, 2>, learns: bool| {
        let x = Tensor::<Autodiff<Flex>, 2>::from_inner(x);
        if learns { x.require_grad() } else { x }
    };
    let hidden = lifted(hidden, true);
    let head = lifted(head, learns);
    let prediction = Hidden {
        hidden: hidden.clone(),
        embedding: head.clone(),
        head: head.clone(),
        entering: None,
        head_learns: learns,
        head_tracked: learns,
        head_valued: false,
    };
    let plain = burn::module::AutodiffModule::valid(&prediction);
    let reference = task.reference(&NoParameters, plain, views);
    let views: TextBatch<Autodiff<Flex>> = vpt_core::lift(views);
    let target = task.target(&(NoParameters, None), &views, &vpt_core::lift(&reference));
    let FirstOrderLoss { surrogate, .. } =
        task.learner_loss(prediction, &target, &views, reference);
    let grads = surrogate.backward();
    let norm = |x: &Tensor<Autodiff<Flex>, 2>| {
        x.grad(&grads).map(|g| {
            let bytes = 4 * g.shape().num_elements();
            assert!(g.sum().into_scalar().is_finite());
            bytes
        })
    };
    norm(&hidden);
    norm(&head).unwrap_or(0)
}

/// Every position asked about.
fn asked(tokens: usize, vocabulary: usize) -> TextBatch<Flex> {
    let device = Default::default();
    let line = |at: fn(i64, i64) -> i64| -> Tensor<Flex, 1, Int> {
        let all = (0..tokens as i64).map(|t| at(t, vocabulary as i64));
        let data = burn::tensor::TensorData::new(all.collect::<Vec<_>>(), [tokens]);
        Tensor::from_data(data, &device)
    };
    let labels = line(|t, vocabulary| (t * 7919 + 13) % vocabulary);
    let next = labels.clone().reshape([1, tokens]);
    TextBatch {
        input: DecoderInput::whole(next.clone()),
        next,
        rows: line(|t, _| t),
        labels,
        weights: Tensor::full([tokens], 1.0 / tokens as f64, &device),
        dropout: None,
    }
}

/// Resident bytes now.
fn resident() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(1024.0 * kib.ok_or("resident memory is not told here")?)
}
