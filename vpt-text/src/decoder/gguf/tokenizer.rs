//! The embedded vocabulary as a `tokenizer.json`.

use super::super::config::DecoderConfig;
use super::byte_level::byte_level;
use super::fault::{GgufFault, malformed, unsupported};
use super::metadata::Metadata;
use super::sentencepiece::sentencepiece;
use serde_json::{Map, Value, json};

const WHOLE: &str = "tokenizer.huggingface.json";
const MODEL: &str = "tokenizer.ggml.model";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";

pub(super) fn tokenizer_json(metadata: &Metadata) -> Result<String, GgufFault> {
    if let Some(text) = metadata.text(WHOLE)? {
        return Ok(text.to_owned());
    }
    let made = match metadata.required(MODEL, metadata.text(MODEL)?)? {
        "gpt2" => byte_level(metadata)?,
        "llama" => sentencepiece(metadata)?,
        other => return unsupported(format!("`{MODEL}` = {other} (only gpt2, llama)")),
    };
    Ok(made.to_string())
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Text comes to it by merging.
    Normal,
    /// Marks a place in a text and is no part of it.
    Special,
    /// Found in a text before any merging.
    Whole,
    /// Fills up the embedding; no text should give it.
    Unused,
    /// One byte, for characters that have no token.
    Byte,
}

/// The tokens of a file with their roles, in the order of their ids.
pub(super) struct Vocabulary<'a> {
    pub(super) tokens: &'a [String],
    pub(super) roles: Vec<Role>,
}

impl<'a> Vocabulary<'a> {
    /// The tokens up to the last that is used.
    pub(super) fn read(metadata: &'a Metadata) -> Result<Self, GgufFault> {
        let tokens = metadata.required(TOKENS, metadata.texts(TOKENS)?)?;
        let mut roles = match metadata.integers(TYPES)? {
            None => vec![Role::Normal; tokens.len()],
            Some(types) => types.iter().map(|kind| role(*kind)).collect(),
        };
        if roles.len() != tokens.len() {
            let (found, wanted) = (roles.len(), tokens.len());
            return malformed(format!("`{TYPES}` has {found} entries for {wanted} tokens"));
        }
        let unused = roles.iter().rev().take_while(|role| **role == Role::Unused);
        roles.truncate(tokens.len() - unused.count());
        let tokens = &tokens[..roles.len()];
        let mut distinct: Vec<&String> = tokens.iter().collect();
        distinct.sort_unstable();
        match distinct.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => malformed(format!("`{TOKENS}` holds `{}` twice", pair[0])),
            None => Ok(Self { tokens, roles }),
        }
    }

    /// Token → id.
    pub(super) fn ids(&self) -> Map<String, Value> {
        let tokens = self.tokens.iter().cloned();
        tokens.zip((0..).map(|id: usize| json!(id))).collect()
    }

    /// `added_tokens` of a `tokenizer.json`.
    pub(super) fn added(&self) -> Vec<Value> {
        let tokens = self.tokens.iter().zip(&self.roles).enumerate();
        let added = tokens.filter(|(_, (_, role))| matches!(role, Role::Special | Role::Whole));
        let entry = |(id, (token, role)): (usize, (&String, &Role))| {
            json!({"id": id, "content": token, "single_word": false, "lstrip": false,
                   "rstrip": false, "normalized": false, "special": *role == Role::Special})
        };
        added.map(entry).collect()
    }
}

fn role(kind: i64) -> Role {
    match kind {
        2 | 3 => Role::Special,
        4 => Role::Whole,
        5 => Role::Unused,
        6 => Role::Byte,
        _ => Role::Normal,
    }
}

/// The post-processor that sets a token before every text, where the file asks for one; `usual`
/// stands in for a file that does not say.
pub(super) fn beginning(
    metadata: &Metadata,
    tokens: &[String],
    usual: bool,
) -> Result<Option<Value>, GgufFault> {
    if !metadata
        .flag("tokenizer.ggml.add_bos_token")?
        .unwrap_or(usual)
    {
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
pub(super) fn special<'a>(
    metadata: &Metadata,
    tokens: &'a [String],
    role: &str,
) -> Result<Option<(usize, &'a str)>, GgufFault> {
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
) -> Result<Vec<(&'static str, String)>, GgufFault> {
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
