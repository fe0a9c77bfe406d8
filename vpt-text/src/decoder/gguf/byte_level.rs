//! Byte-level BPE: GPT-2's kind, cut into pieces in several ways.

use super::fault::{GgufFault, malformed, unsupported};
use super::metadata::Metadata;
use super::tokenizer::{Vocabulary, beginning};
use serde_json::{Value, json};

const PRE: &str = "tokenizer.ggml.pre";
const MERGES: &str = "tokenizer.ggml.merges";

/// Qwen's pieces: single digits, words with the character before them, line ends with what
/// stands before.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Llama 3's: the same with up to three digits.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// A byte-level BPE: tokens and merges are spelled in GPT-2's alphabet of bytes.
pub(super) fn byte_level(metadata: &Metadata) -> Result<Value, GgufFault> {
    let vocabulary = Vocabulary::read(metadata)?;
    let merges = metadata.required(MERGES, metadata.texts(MERGES)?)?;
    let pairs: Option<Vec<(&str, &str)>> =
        merges.iter().map(|merge| merge.split_once(' ')).collect();
    let Some(pairs) = pairs else {
        return malformed(format!("`{MERGES}` holds a merge that is not a pair"));
    };

    let name = metadata.text(PRE)?.unwrap_or("default");
    let Some(pieces) = Pieces::named(name) else {
        return unsupported(format!("`{PRE}` = {name}"));
    };
    let bytes = |regex: bool| {
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
               "use_regex": regex})
    };
    let split = |regex: &str| {
        let split = json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated",
                           "invert": false});
        json!({"type": "Sequence", "pretokenizers": [split, bytes(false)]})
    };
    let pre_tokenizer = match pieces {
        Pieces::Gpt2 => bytes(true),
        Pieces::SingleDigits => json!({"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": true}, bytes(true)]}),
        Pieces::Qwen2 => split(QWEN2),
        Pieces::Llama3 => split(LLAMA3),
    };
    // Files of Llama 3 need not say what llama.cpp knows of them.
    let begin = beginning(metadata, vocabulary.tokens, pieces == Pieces::Llama3)?;
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": vocabulary.added(),
        "normalizer": (pieces == Pieces::Qwen2).then(|| json!({"type": "NFC"})),
        "pre_tokenizer": pre_tokenizer,
        "post_processor": begin.unwrap_or_else(|| bytes(true)),
        "decoder": bytes(true),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            // Llama 3 takes a piece that is a token as it is.
            "ignore_merges": pieces == Pieces::Llama3,
            "vocab": vocabulary.ids(), "merges": pairs,
        },
    }))
}

/// How a text is cut before merging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pieces {
    Gpt2,
    /// Every digit by itself, then as GPT-2.
    SingleDigits,
    Qwen2,
    Llama3,
}

impl Pieces {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "gpt-2" | "default" => Self::Gpt2,
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" => Self::SingleDigits,
            "qwen2" | "deepseek-r1-qwen" => Self::Qwen2,
            "llama-bpe" | "llama3" | "llama-v3" => Self::Llama3,
            _ => return None,
        })
    }
}
