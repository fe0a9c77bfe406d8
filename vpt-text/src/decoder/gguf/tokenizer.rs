//! The embedded vocabulary as a `tokenizer.json`.

use super::super::config::DecoderConfig;
use super::fault::{Fault, malformed, unsupported};
use super::metadata::Metadata;
use serde_json::{Map, Value, json};

const WHOLE: &str = "tokenizer.huggingface.json";
const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const MERGES: &str = "tokenizer.ggml.merges";

const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const UNUSED: i64 = 5;

/// Qwen's pieces: single digits, words with the character before them, line ends with what
/// stands before.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Llama 3's: the same with up to three digits.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

pub(super) fn tokenizer_json(metadata: &Metadata) -> Result<String, Fault> {
    if let Some(text) = metadata.text(WHOLE)? {
        return Ok(text.to_owned());
    }
    match metadata.required(MODEL, metadata.text(MODEL)?)? {
        "gpt2" => Ok(byte_level(metadata)?.to_string()),
        other => unsupported(format!("`{MODEL}` = {other} (only gpt2)")),
    }
}

/// A byte-level BPE: tokens and merges are spelled in GPT-2's alphabet of bytes.
fn byte_level(metadata: &Metadata) -> Result<Value, Fault> {
    let tokens = metadata.required(TOKENS, metadata.texts(TOKENS)?)?;
    let types = metadata.integers(TYPES)?.unwrap_or_default();
    if !types.is_empty() && types.len() != tokens.len() {
        let (found, wanted) = (types.len(), tokens.len());
        return malformed(format!("`{TYPES}` has {found} entries for {wanted} tokens"));
    }
    // Rows that only fill up the embedding have names too, which no text should give.
    let unused = types.iter().rev().take_while(|kind| **kind == UNUSED);
    let tokens = &tokens[..tokens.len() - unused.count()];

    let mut vocabulary = Map::new();
    let mut added = vec![];
    for (id, token) in tokens.iter().enumerate() {
        if vocabulary.insert(token.clone(), json!(id)).is_some() {
            return malformed(format!("`{TOKENS}` holds `{token}` twice"));
        }
        let special = match types.get(id) {
            Some(&(UNKNOWN | CONTROL)) => true,
            Some(&USER_DEFINED) => false,
            _ => continue,
        };
        added.push(json!({
            "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": special,
        }));
    }
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
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": (pieces == Pieces::Qwen2).then(|| json!({"type": "NFC"})),
        "pre_tokenizer": pre_tokenizer,
        "post_processor": beginning(metadata, tokens)?.unwrap_or_else(|| bytes(true)),
        "decoder": bytes(true),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            // Llama 3 takes a piece that is a token as it is.
            "ignore_merges": pieces == Pieces::Llama3,
            "vocab": vocabulary, "merges": pairs,
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

/// The post-processor that sets a token before every text, where the file asks for one.
fn beginning(metadata: &Metadata, tokens: &[String]) -> Result<Option<Value>, Fault> {
    if metadata.flag("tokenizer.ggml.add_bos_token")? != Some(true) {
        return Ok(None);
    }
    let Some((id, token)) = special(metadata, tokens, "bos")? else {
        return Ok(None);
    };
    let (text, begin) = (
        |part: &str| json!({"Sequence": {"id": part, "type_id": 0}}),
        json!({"SpecialToken": {"id": token, "type_id": 0}}),
    );
    Ok(Some(json!({
        "type": "TemplateProcessing",
        "single": [begin, text("A")],
        "pair": [begin, text("A"), begin, text("B")],
        "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}},
    })))
}

/// The id and the text of a special token, where the file names one.
fn special<'a>(
    metadata: &Metadata,
    tokens: &'a [String],
    role: &str,
) -> Result<Option<(usize, &'a str)>, Fault> {
    let key = format!("tokenizer.ggml.{role}_token_id");
    let Some(id) = metadata.integer(&key)? else {
        return Ok(None);
    };
    let index = usize::try_from(id).unwrap_or(usize::MAX);
    match tokens.get(index) {
        Some(token) => Ok(Some((index, token))),
        None => malformed(format!("`{key}` = {id} of {} tokens", tokens.len())),
    }
}

/// `tokenizer_config.json` and `generation_config.json`.
pub(super) fn companions(
    metadata: &Metadata,
    config: &DecoderConfig,
) -> Result<Vec<(&'static str, String)>, Fault> {
    let tokens = metadata.texts(TOKENS)?.unwrap_or_default();
    let mut tokenizer = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": false,
        "model_max_length": config.max_position_embeddings,
    });
    let roles = [
        ("bos_token", "bos"),
        ("eos_token", "eos"),
        ("unk_token", "unknown"),
        ("pad_token", "padding"),
    ];
    for (name, role) in roles {
        if let Some((_, token)) = special(metadata, tokens, role)? {
            tokenizer[name] = json!(token);
        }
    }
    if let Some(template) = metadata.text("tokenizer.chat_template")? {
        tokenizer["chat_template"] = json!(template);
    }
    let mut generation = Map::new();
    let ids = [
        ("bos_token_id", config.bos_token_id.map(|id| json!(id))),
        ("eos_token_id", eos(config)),
        ("pad_token_id", config.pad_token_id.map(|id| json!(id))),
    ];
    for (name, id) in ids {
        generation.extend(id.map(|id| (name.to_owned(), id)));
    }
    Ok(vec![
        ("tokenizer_config.json", format!("{tokenizer:#}\n")),
        (
            "generation_config.json",
            format!("{:#}\n", Value::Object(generation)),
        ),
    ])
}

fn eos(config: &DecoderConfig) -> Option<Value> {
    match config.eos_token_id.as_slice() {
        [] => None,
        [one] => Some(json!(one)),
        several => Some(json!(several)),
    }
}
