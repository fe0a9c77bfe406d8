//! Whole runs on a tiny model and the first records of the shipped data.

use burn::backend::Flex;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use vpt_core::run::RunOptions;
use vpt_text::config::{DEFAULT_TOML, RunConfig};
use vpt_text::run::train;

const MODEL: &str = r#"{"model_type": "llama", "vocab_size": 768, "hidden_size": 16,
    "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 128,
    "initializer_range": 0.1, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
    "tie_word_embeddings": true, "eos_token_id": 1}"#;

/// A folder with everything that a run reads.
pub(super) struct Bench(TempDir);

impl Bench {
    pub(super) fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let model = bench.path("model");
        std::fs::create_dir(&model).unwrap();
        std::fs::write(model.join("config.json"), MODEL).unwrap();
        std::fs::copy(data("base/tokenizer.json"), model.join("tokenizer.json")).unwrap();
        bench.write("stream.jsonl", &head("stream.jsonl.gz", 200));
        bench.write("feedback.jsonl", &head("feedback.jsonl.gz", 16));
        bench
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn write(&self, name: &str, lines: &[String]) {
        std::fs::write(self.path(name), lines.join("\n")).unwrap();
    }

    pub(super) fn feedback(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("feedback.jsonl")).unwrap();
        text.lines().map(String::from).collect()
    }

    /// Six steps with value updates at the second and the fourth.
    pub(super) fn config(&self) -> RunConfig {
        let mut config: RunConfig = toml::from_str(DEFAULT_TOML).unwrap();
        let path = |name: &str| self.path(name).display().to_string();
        config.model.path = path("model");
        config.model.from_scratch = true;
        config.data.corpus = path("stream.jsonl");
        config.data.feedback = path("feedback.jsonl");
        config.data.validation = String::new();
        config.data.test = String::new();
        config.data.off_target = String::new();
        config.designer.width = 16;
        config.designer.heads = 2;
        config.designer.layers = 1;
        config.value.burn_in = 1;
        config.value.update_every = 2;
        config.value.feedback_batch = 4;
        config.train.steps = 6;
        config.train.batch_size = 2;
        config.train.warmup = 1;
        config
    }

    /// The bytes of the model that `config` ends with.
    pub(super) fn model(&self, config: &RunConfig) -> Vec<u8> {
        let out = tempfile::tempdir_in(self.0.path())
            .unwrap()
            .path()
            .join("run");
        let options = RunOptions {
            out: out.clone(),
            resume: false,
            stop_after: None,
            init_from: None,
            config_text: String::new(),
        };
        let mut observer = |_: &_| ControlFlow::Continue(());
        let outcome = train::<Flex>(config, &options, &Default::default(), &mut observer).unwrap();
        assert!(outcome.summary.is_some());
        std::fs::read(out.join("model/model.safetensors")).unwrap()
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../data/headline")
        .join(name)
}

fn head(name: &str, lines: usize) -> Vec<String> {
    let file = File::open(data(name)).unwrap();
    let lines = BufReader::new(GzDecoder::new(file)).lines().take(lines);
    lines.map(Result::unwrap).collect()
}
