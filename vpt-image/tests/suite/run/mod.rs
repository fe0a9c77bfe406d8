//! Whole runs, from a config to their folder.

mod config;
mod folders;
mod guard;
mod refusal;
mod resume;
mod sizes;

use burn::backend::Flex;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use vpt_core::run::{RunOptions, RunOutcome};
use vpt_image::artefacts::RunSummary;
use vpt_image::config::{DEFAULT_TOML, RunConfig};
use vpt_image::run::{RunError, RunEvent, train};
use vpt_image::vit::{Vit, VitConfig};

/// Keys over the tiny setting.
type Keys<'a> = &'a [(&'a str, &'a str)];

/// Everything small: two blocks of width 16 on 32 pixels, four steps of two images.
const TINY: Keys<'static> = &[
    ("objective.hidden", "12"),
    ("objective.bottleneck", "6"),
    ("objective.outputs", "10"),
    ("objective.head_burn_in", "1"),
    ("data.size", "32"),
    ("data.count", "9"),
    ("data.head_images", "6"),
    ("data.meta_images", "5"),
    ("data.validation_images", "4"),
    ("data.probe_images", "6"),
    ("data.test_images", "4"),
    ("crops.global", "32"),
    ("crops.local", "16"),
    ("crops.locals", "1"),
    ("designer.base", "4"),
    ("designer.depth", "1"),
    ("value.update_every", "1"),
    ("value.burn_in", "1"),
    ("value.subset", "\"last:1\""),
    ("value.feedback_batch", "2"),
    ("value.head_steps", "2"),
    ("value.head_refresh", "1"),
    ("value.head_batch", "2"),
    ("train.steps", "4"),
    ("train.batch_size", "2"),
    ("train.warmup", "1"),
    ("train.checkpoint_every", "2"),
    ("train.eval_every", "2"),
    ("guard.neighbours", "3"),
    ("eval.steps", "3"),
    ("eval.head_batch", "3"),
    ("eval.batch", "4"),
    ("eval.figures", "2"),
];

/// The defaults with TINY and `keys` over them, and a fresh backbone saved in `folder`.
fn config(folder: &Path, keys: Keys<'_>) -> RunConfig {
    let model = folder.join("base");
    if !model.exists() {
        backbone().save(&model).unwrap();
    }
    let mut table: toml::Table = DEFAULT_TOML.parse().unwrap();
    let path = toml::Value::from(model.to_str().unwrap()).to_string();
    let keys = TINY.iter().chain(keys);
    for (key, value) in [("model.path", path.as_str())].iter().chain(keys) {
        let value = format!("it = {value}").parse::<toml::Table>().unwrap()["it"].clone();
        match key.split_once('.') {
            Some((section, key)) => table[section][key] = value,
            None => table[*key] = value,
        }
    }
    table.try_into().unwrap()
}

fn backbone() -> Vit<Flex> {
    let config = VitConfig {
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        layerscale_value: 0.5,
        initializer_range: 0.2,
        ..VitConfig::tiny(32, 8)
    };
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    Vit::init(&config, &mut rng, &Default::default()).unwrap()
}

fn options(out: &Path) -> RunOptions {
    RunOptions {
        out: out.to_owned(),
        resume: false,
        stop_after: None,
        init_from: None,
        config_text: String::new(),
    }
}

fn run(config: &RunConfig, options: &RunOptions) -> Result<RunOutcome<RunSummary>, RunError> {
    let mut watch = |_: &RunEvent| ControlFlow::Continue(());
    train::<Flex>(config, options, &Default::default(), &mut watch)
}

/// A new run into `folder/name`.
fn fresh(folder: &Path, name: &str, config: &RunConfig) -> (PathBuf, RunSummary) {
    let out = folder.join(name);
    let outcome = run(config, &options(&out)).unwrap();
    (out, outcome.summary.unwrap())
}

/// The bytes of a file of a run.
fn bytes(out: &Path, file: &str) -> Vec<u8> {
    std::fs::read(out.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The log without what a clock says.
fn log(out: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let lines = text.lines().map(|line| {
        let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields = event.as_object_mut().unwrap();
        fields.retain(|name, _| !name.ends_with("seconds"));
        event
    });
    lines.collect()
}
