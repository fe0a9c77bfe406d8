//! Shapes and settings by name.

use crate::decoder::{DecoderConfig, ModelType};
use serde::{Deserialize, Serialize};

/// The name of a preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PresetName {
    /// Small enough for a test; its figures mean nothing.
    Tiny,
    /// A learner of 10 million parameters, for scaling on a processor.
    Small,
    /// SmolLM2-135M's shapes.
    Cpu,
    /// Qwen1.5-0.5B's, with Table 3's 32,768 tokens a step.
    H100,
    /// Qwen1.5-4B's, with as many.
    #[serde(rename = "h100-4b")]
    H100Large,
}

/// What is measured: a learner's shapes, what the config of its runs differs in from the defaults,
/// and the lengths of its documents.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// Its name.
    pub name: PresetName,
    /// The learner.
    pub learner: DecoderConfig,
    /// `key=value`, as `--set` takes them.
    pub settings: Vec<String>,
    /// Tokens of the prompts and answers of the stream, on average.
    pub document: (usize, usize),
    /// Tokens of the prompts and answers of the feedback, all alike.
    pub feedback: (usize, usize),
}

/// A.5's cadence, one designer step, and nothing that is for the log alone. The designer is A.1's
/// representative one, and the value is on the last two blocks.
const COMMON: [&str; 9] = [
    "method=value",
    "value.burn_in=0",
    "value.update_every=10",
    "value.noise_batches=0",
    "value.subset=last:2",
    "designer.layers=6",
    "designer.width=256",
    "designer.heads=4",
    "designer.steps=1",
];

impl PresetName {
    /// The preset.
    pub fn preset(self) -> Preset {
        let llama = |layers: usize, width: usize, heads: usize| {
            let trunk = DecoderConfig::trunk(layers, width, heads, 8192);
            DecoderConfig {
                rope_theta: 1e5,
                ..trunk
            }
        };
        let qwen = |layers: usize, width: usize, heads: usize| DecoderConfig {
            model_type: ModelType::Qwen2,
            vocab_size: 151_936,
            rope_theta: 1e6,
            ..llama(layers, width, heads)
        };
        let (learner, own, document, feedback): (_, &[&str], _, _) = match self {
            Self::Tiny => (
                DecoderConfig {
                    vocab_size: 96,
                    ..llama(4, 16, 2)
                },
                &[
                    "data.seq_len=16",
                    "train.batch_size=2",
                    "value.update_every=2",
                    "value.feedback_batch=1",
                    "designer.layers=1",
                    "designer.width=8",
                    "designer.heads=2",
                ],
                (3, 6),
                (2, 3),
            ),
            Self::Small => (
                DecoderConfig {
                    vocab_size: 8192,
                    ..llama(8, 256, 4)
                },
                &[
                    "data.seq_len=256",
                    "train.batch_size=4",
                    "value.feedback_batch=4",
                    "designer.layers=2",
                    "designer.width=64",
                ],
                (48, 112),
                (20, 40),
            ),
            Self::Cpu => (
                DecoderConfig {
                    vocab_size: 49_152,
                    intermediate_size: 1536,
                    num_key_value_heads: 3,
                    ..llama(30, 576, 9)
                },
                &[
                    "data.seq_len=256",
                    "train.batch_size=4",
                    "value.feedback_batch=1",
                ],
                (48, 112),
                (20, 40),
            ),
            Self::H100 => (
                DecoderConfig {
                    intermediate_size: 2816,
                    ..qwen(24, 1024, 16)
                },
                &[
                    "data.seq_len=1024",
                    "train.batch_size=32",
                    "value.feedback_batch=10",
                ],
                (120, 380),
                (60, 130),
            ),
            Self::H100Large => (
                DecoderConfig {
                    intermediate_size: 6912,
                    tie_word_embeddings: false,
                    ..qwen(40, 2560, 20)
                },
                &[
                    "data.seq_len=1024",
                    "train.batch_size=4",
                    "train.grad_accum=8",
                    "value.feedback_batch=10",
                ],
                (120, 380),
                (60, 130),
            ),
        };
        let settings = COMMON.iter().chain(own);
        Preset {
            name: self,
            learner,
            settings: settings.map(|setting| (*setting).to_owned()).collect(),
            document,
            feedback,
        }
    }
}
