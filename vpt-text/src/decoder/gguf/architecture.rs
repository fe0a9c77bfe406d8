//! From metadata to a decoder's configuration.

use super::super::config::{DecoderConfig, ModelType};
use super::super::rope_scaling::RopeScaling;
use super::fault::{GgufFault, malformed, unsupported};
use super::header::Header;
use super::names::{EMBEDDING, HEAD};

/// Keys of an architecture that ask for something this decoder does not compute, with the value
/// at which they ask for nothing.
const NEUTRAL: [(&str, f64); 5] = [
    ("expert_count", 0.0),
    ("attention.sliding_window", 0.0),
    ("rope.scale_linear", 1.0),
    ("rope.scaling.factor", 1.0),
    ("rope.scaling.attn_factor", 1.0),
];

/// The configuration that the metadata and the tensors' sizes describe.
pub(super) fn config(header: &Header) -> Result<DecoderConfig, GgufFault> {
    let Header { metadata, tensors } = header;
    let name = "general.architecture";
    let architecture = metadata.required(name, metadata.text(name)?)?;
    let model_type = match architecture {
        "llama" => ModelType::Llama,
        "qwen2" => ModelType::Qwen2,
        other => return unsupported(format!("architecture `{other}` (only `llama`, `qwen2`)")),
    };
    if let Some(parts @ 2..) = metadata.integer("split.count")? {
        return unsupported(format!("a model split into {parts} files"));
    }
    let key = |key: &str| format!("{architecture}.{key}");
    let optional = |name: &str| -> Result<Option<usize>, GgufFault> {
        let found = metadata.integer(&key(name))?;
        Ok(found.map(|number| usize::try_from(number).unwrap_or(usize::MAX)))
    };
    let size = |name: &str| metadata.required(&key(name), optional(name)?);
    let refuse = |name: &str, value: String| unsupported(format!("`{}` = {value}", key(name)));

    for (name, neutral) in NEUTRAL {
        if let Some(value) = metadata.float(&key(name))?.filter(|v| *v != neutral) {
            return refuse(name, value.to_string());
        }
    }
    if let Some(kind) = metadata.text(&key("rope.scaling.type"))?
        && kind != "none"
    {
        return refuse("rope.scaling.type", kind.to_owned());
    }

    let (hidden_size, num_attention_heads) =
        (size("embedding_length")?, size("attention.head_count")?);
    let num_key_value_heads = optional("attention.head_count_kv")?.unwrap_or(num_attention_heads);
    let usual = hidden_size / num_attention_heads.max(1);
    let head_dim = optional("attention.key_length")?.unwrap_or(usual);
    for name in ["attention.value_length", "rope.dimension_count"] {
        if let Some(other) = optional(name)?.filter(|other| *other != head_dim) {
            return refuse(name, format!("{other} with heads of width {head_dim}"));
        }
    }
    let shape_of = |name: &str| tensors.get(name).map(|info| info.shape.as_slice());
    let Some(&[vocab_size, _]) = shape_of(EMBEDDING) else {
        return malformed(format!("no table `{EMBEDDING}`"));
    };
    let epsilon = key("attention.layer_norm_rms_epsilon");
    let id = |name: &str| -> Result<Option<u32>, GgufFault> {
        let found = metadata.integer(&format!("tokenizer.ggml.{name}_token_id"))?;
        Ok(found.and_then(|id| u32::try_from(id).ok()))
    };
    let mut eos_token_id: Vec<u32> = id("eos")?.into_iter().collect();
    eos_token_id.extend(id("eot")?.filter(|id| !eos_token_id.contains(id)));
    let llama = model_type == ModelType::Llama;
    let config = DecoderConfig {
        model_type,
        vocab_size,
        hidden_size,
        intermediate_size: size("feed_forward_length")?,
        num_hidden_layers: size("block_count")?,
        num_attention_heads,
        num_key_value_heads,
        head_dim: (head_dim.saturating_mul(num_attention_heads) != hidden_size).then_some(head_dim),
        rms_norm_eps: decimal(metadata.required(&epsilon, metadata.float(&epsilon)?)?),
        // The format's own default.
        rope_theta: decimal(metadata.float(&key("rope.freq_base"))?.unwrap_or(10_000.0)),
        rope_scaling: RopeScaling::Default,
        tie_word_embeddings: !tensors.contains_key(HEAD),
        attention_bias: llama && tensors.contains_key("blk.0.attn_q.bias"),
        mlp_bias: llama && tensors.contains_key("blk.0.ffn_gate.bias"),
        max_position_embeddings: size("context_length")?,
        initializer_range: 0.02,
        bos_token_id: id("bos")?,
        eos_token_id,
        pad_token_id: id("padding")?,
    };
    config.check().map_err(GgufFault::Config)?;
    // Blocks and heads are laid out before they are filled: as many as the file can fill.
    if config.num_hidden_layers > tensors.len() {
        let blocks = config.num_hidden_layers;
        return malformed(format!("{} tensors for {blocks} blocks", tensors.len()));
    }
    let (name, query) = (
        "blk.0.attn_q.weight",
        [num_attention_heads * head_dim, hidden_size],
    );
    match shape_of(name) {
        Some(shape) if shape == query => Ok(config),
        Some(shape) => malformed(format!(
            "`{name}` has shape {shape:?}, the metadata asks for {query:?}"
        )),
        None => Err(GgufFault::Missing(name.to_owned())),
    }
}

/// The shortest decimal that rounds to the same single-precision number: 1e-5 for what the file
/// can only hold as 9.99999974e-6.
fn decimal(value: f64) -> f64 {
    let single = value as f32;
    single.to_string().parse().unwrap_or(value)
}
