//! The BPE of sentencepiece, whose merges follow from the tokens' scores.

use super::fault::{GgufFault, malformed, unsupported};
use super::metadata::Metadata;
use super::tokenizer::{Role, Vocabulary, beginning, special};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::HashSet;

const SCORES: &str = "tokenizer.ggml.scores";
/// Written for a space.
const SPACE: &str = "\u{2581}";
/// Every place in a token is tried as a merge, so its length has a limit.
const LONGEST: usize = 1024;

/// As Transformers converts it: of two neighbours whose union is a token those of the best score
/// merge first, and a character without a token falls back to its bytes.
pub(super) fn sentencepiece(metadata: &Metadata) -> Result<Value, GgufFault> {
    let vocabulary = Vocabulary::read(metadata)?;
    if vocabulary.roles.contains(&Role::Whole) {
        // Each would begin a new text, with a space before what follows.
        return unsupported("a sentencepiece vocabulary with user-defined tokens");
    }
    let scores = metadata.required(SCORES, metadata.floats(SCORES)?)?;
    if scores.len() < vocabulary.tokens.len() {
        let (found, wanted) = (scores.len(), vocabulary.tokens.len());
        return malformed(format!(
            "`{SCORES}` has {found} entries for {wanted} tokens"
        ));
    }
    let prefix = metadata.flag("tokenizer.ggml.add_space_prefix")? != Some(false);
    let mut normalizers = vec![];
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": SPACE}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        normalizers.push(json!({"type": "Prepend", "prepend": SPACE}));
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    normalizers.push(json!({"type": "Replace", "pattern": {"String": " "}, "content": SPACE}));
    let unknown = special(metadata, vocabulary.tokens, "unknown")?;
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": vocabulary.added(),
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": null,
        "post_processor": beginning(metadata, vocabulary.tokens, true)?,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": "BPE", "dropout": null, "unk_token": unknown.map(|(_, token)| token),
            "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true,
            "byte_fallback": true, "ignore_merges": false,
            "vocab": vocabulary.ids(), "merges": merges(&vocabulary, scores)?,
        },
    }))
}

/// Every pair of tokens whose union is a token, by the union's score.
fn merges<'a>(
    vocabulary: &Vocabulary<'a>,
    scores: &[f64],
) -> Result<Vec<(&'a str, &'a str)>, GgufFault> {
    let normal = || {
        let tokens = vocabulary.tokens.iter().zip(&vocabulary.roles).zip(scores);
        tokens.filter_map(|((token, role), score)| {
            (*role == Role::Normal).then_some((token.as_str(), *score))
        })
    };
    let known: HashSet<&str> = normal().map(|(token, _)| token).collect();
    let mut found = vec![];
    for (token, score) in normal() {
        if token.len() > LONGEST {
            return malformed(format!("a token of {} bytes", token.len()));
        }
        for (at, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(at);
            if known.contains(left) && known.contains(right) {
                found.push((score, left, right));
            }
        }
    }
    // Of equal scores the longer left part comes first, as in Transformers.
    found.sort_by(|(a, left, _), (b, other, _)| {
        let lengths = (
            Reverse(left.chars().count()),
            Reverse(other.chars().count()),
        );
        b.total_cmp(a).then(lengths.0.cmp(&lengths.1))
    });
    Ok(found
        .into_iter()
        .map(|(_, left, right)| (left, right))
        .collect())
}
