//! Text to token ids and back, as a model's `tokenizer.json` defines it.

use sha2::{Digest, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;
use tokenizers::{Encoding, Token};

/// End-of-text tokens that are looked for, in this order, when none is configured.
///
/// `<|im_end|>` comes last: chat models hold it beside their end-of-text token, and base models
/// are what a stream of plain documents continues.
pub const END_OF_TEXT: [&str; 4] = ["<eos>", "<|endoftext|>", "</s>", "<|im_end|>"];

/// What keeps a tokenizer from being used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The file could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds no tokenizer.
    #[error("{path}: not a tokenizer.json: {message}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What its reader says.
        message: String,
    },
    /// The configured end-of-text token is not in the vocabulary.
    #[error("{path}: the vocabulary holds no token `{token}`")]
    UnknownEndOfText {
        /// The file.
        path: PathBuf,
        /// The token that was asked for.
        token: String,
    },
    /// No end-of-text token is configured and none of the usual ones exists.
    #[error(
        "{path}: no end-of-text token among {}; name it in the config",
        END_OF_TEXT.join(", ")
    )]
    NoEndOfText {
        /// The file.
        path: PathBuf,
    },
    /// A text could not be encoded or tokens not decoded.
    #[error("tokenizer: {message}")]
    Text {
        /// What the tokenizer says.
        message: String,
    },
}

/// A tokenizer with a known end-of-text token.
///
/// Text is text: one that spells a special token (a problem that quotes `<eos>`) is encoded letter by
/// letter, so that the end-of-text id can only come from [`eos_id`](Self::eos_id). What the file sets
/// before a text stands before whole texts ([`encode_texts`](Self::encode_texts)) and not before their
/// pieces ([`encode_all`](Self::encode_all)); what it sets after one is left out. Truncation and
/// padding that the file may ask for are switched off.
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    eos_id: u32,
    beginning: Vec<u32>,
    vocab_size: usize,
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("vocab_size", &self.vocab_size)
            .field("eos_id", &self.eos_id)
            .field("beginning", &self.beginning)
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json`. The end-of-text token is `end_of_text`, or where that is none or
    /// empty the first of [`END_OF_TEXT`] that the vocabulary holds.
    ///
    /// # Errors
    /// A file that cannot be read or holds no tokenizer, or a missing end-of-text token; each
    /// names the file.
    pub fn from_file(path: &Path, end_of_text: Option<&str>) -> Result<Self, TokenizerError> {
        let bytes = std::fs::read(path).map_err(|source| TokenizerError::Read {
            path: path.into(),
            source,
        })?;
        Self::from_json(path, &bytes, end_of_text)
    }

    /// The same from the text of a `tokenizer.json` that `path` holds in some way.
    ///
    /// # Errors
    /// As for [`from_file`](Self::from_file).
    pub fn from_json(
        path: &Path,
        json: &[u8],
        end_of_text: Option<&str>,
    ) -> Result<Self, TokenizerError> {
        let format = |error: tokenizers::Error| TokenizerError::Format {
            path: path.into(),
            message: error.to_string(),
        };
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(format)?;
        inner.with_truncation(None).map_err(format)?;
        inner.with_padding(None);
        inner.set_encode_special_tokens(true);

        let eos_id = match end_of_text.filter(|token| !token.is_empty()) {
            Some(token) => {
                inner
                    .token_to_id(token)
                    .ok_or_else(|| TokenizerError::UnknownEndOfText {
                        path: path.into(),
                        token: token.into(),
                    })?
            }
            None => END_OF_TEXT
                .iter()
                .find_map(|token| inner.token_to_id(token))
                .ok_or_else(|| TokenizerError::NoEndOfText { path: path.into() })?,
        };
        let beginning = beginning(&inner).map_err(format)?;
        let largest = inner.get_vocab(true).into_values().max();
        Ok(Self {
            inner,
            eos_id,
            beginning,
            vocab_size: largest.map_or(0, |id| id as usize + 1),
        })
    }

    /// SHA-256 in hexadecimal over all that decides which ids a text becomes, the end-of-text token
    /// included.
    ///
    /// # Errors
    /// A tokenizer that cannot be written down, which one that was read can.
    pub fn fingerprint(&self) -> Result<String, TokenizerError> {
        let json = self.inner.to_string(false).map_err(text_error)?;
        let mut hash = Sha256::new_with_prefix(json);
        hash.update(self.eos_id.to_le_bytes());
        for id in &self.beginning {
            hash.update(id.to_le_bytes());
        }
        Ok(format!("{:x}", hash.finalize()))
    }

    /// The ids of `text`, a piece of some text, with nothing added.
    ///
    /// # Errors
    /// A text that the tokenizer cannot encode (a vocabulary without an unknown token).
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding = self.inner.encode_fast(text, false).map_err(text_error)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The ids of `text` from its beginning: [`beginning`](Self::beginning), then what it says.
    ///
    /// # Errors
    /// As for [`encode`](Self::encode).
    pub fn encode_text(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        Ok([&self.beginning[..], &self.encode(text)?].concat())
    }

    /// [`encode_text`](Self::encode_text) of many texts at once, on all cores; in the order given.
    ///
    /// # Errors
    /// As for one.
    pub fn encode_texts(&self, texts: Vec<String>) -> Result<Vec<Vec<u32>>, TokenizerError> {
        let texts = self.encode_all(texts)?.into_iter();
        let begun = |ids: Vec<u32>| [&self.beginning[..], &ids].concat();
        Ok(texts.map(begun).collect())
    }

    /// [`encode`](Self::encode) of many pieces at once, on all cores; in the order given.
    ///
    /// # Errors
    /// As for one.
    pub fn encode_all(&self, texts: Vec<String>) -> Result<Vec<Vec<u32>>, TokenizerError> {
        let encodings = self
            .inner
            .encode_batch_fast(texts, false)
            .map_err(text_error)?;
        Ok(encodings.iter().map(|e| e.get_ids().to_vec()).collect())
    }

    /// The text of `ids`; special tokens and ids outside the vocabulary leave nothing.
    ///
    /// # Errors
    /// Ids whose pieces the decoder refuses.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner.decode(ids, true).map_err(text_error)
    }

    /// The text of `ids` with special tokens by name.
    ///
    /// # Errors
    /// Ids whose pieces the decoder refuses.
    pub fn decode_with_special(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner.decode(ids, false).map_err(text_error)
    }

    /// One more than the largest id: rows that an embedding needs at least. A model may have more
    /// (padding rows, which must never be sampled).
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// What the file's post-processor sets before every text: `<s>` for Llama 2,
    /// `<|begin_of_text|>` for Llama 3, nothing for Qwen and SmolLM2. It is given, never asked about.
    pub fn beginning(&self) -> &[u32] {
        &self.beginning
    }

    /// The token that ends each answer and is trained on.
    pub fn eos_id(&self) -> u32 {
        self.eos_id
    }
}

/// The ids that the post-processor sets before a token.
fn beginning(tokenizer: &tokenizers::Tokenizer) -> Result<Vec<u32>, tokenizers::Error> {
    let token = Token::new(0, String::new(), (0, 0));
    let text = Encoding::from_tokens(vec![token], 0);
    let whole = tokenizer.post_process(text, None, true)?;
    let added = whole.get_special_tokens_mask().iter();
    let before = added.take_while(|added| **added == 1).count();
    Ok(whole.get_ids()[..before].to_vec())
}

fn text_error(error: tokenizers::Error) -> TokenizerError {
    TokenizerError::Text {
        message: error.to_string(),
    }
}

/// For each id below the vocabulary's size: does it decode to one ASCII digit, at most one leading
/// space aside? Digit losses separate arithmetic from form.
///
/// # Errors
/// An id that cannot be decoded.
pub fn digit_tokens(tokenizer: &Tokenizer) -> Result<Vec<bool>, TokenizerError> {
    (0..tokenizer.vocab_size() as u32)
        .map(|id| {
            let text = tokenizer.decode(&[id])?;
            let digit = text.strip_prefix(' ').unwrap_or(&text);
            Ok(matches!(digit.as_bytes(), [b'0'..=b'9']))
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A byte-level BPE without a merge but ` 7`: one token a byte, 0 `<pad>`, 1 `<eos>`.
    pub(crate) fn byte_level() -> Value {
        let alphabet = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
        let mut letters: Vec<char> = alphabet.into_iter().collect();
        letters.sort_unstable();
        let mut vocab = serde_json::Map::new();
        vocab.insert("<pad>".into(), json!(0));
        vocab.insert("<eos>".into(), json!(1));
        for letter in letters {
            vocab.insert(letter.into(), json!(vocab.len()));
        }
        vocab.insert("Ġ7".into(), json!(vocab.len()));
        let special = |id: u32, content: &str| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false,
                   "rstrip": false, "normalized": false, "special": true})
        };
        let bytes = json!({"type": "ByteLevel", "add_prefix_space": false,
                           "trim_offsets": true, "use_regex": true});
        json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": [special(0, "<pad>"), special(1, "<eos>")],
            "normalizer": null,
            "pre_tokenizer": bytes,
            "post_processor": null,
            "decoder": bytes,
            "model": {"type": "BPE", "dropout": null, "unk_token": null,
                      "continuing_subword_prefix": null, "end_of_word_suffix": null,
                      "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                      "vocab": vocab, "merges": [["Ġ", "7"]]},
        })
    }

    pub(crate) fn load(json: &Value, eos: Option<&str>) -> Result<Tokenizer, TokenizerError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, json.to_string()).unwrap();
        Tokenizer::from_file(&path, eos)
    }

    pub(crate) fn bytes() -> Tokenizer {
        load(&byte_level(), None).unwrap()
    }

    #[test]
    fn round_trip_with_nothing_added() {
        let tokenizer = bytes();
        let ids = tokenizer.encode("a 7 é\n").unwrap();
        assert_eq!(
            ids.len(),
            6,
            "a, ` 7` merged, space, two bytes of é, newline"
        );
        assert_eq!(tokenizer.decode(&ids).unwrap(), "a 7 é\n");
        assert_eq!(tokenizer.vocab_size(), 2 + 256 + 1);
        assert!(tokenizer.encode("").unwrap().is_empty());
        let all = tokenizer.encode_all(vec!["x".into(), String::new(), "a 7 é\n".into()]);
        assert_eq!(
            all.unwrap(),
            [tokenizer.encode("x").unwrap(), vec![], ids.clone()]
        );
    }

    #[test]
    fn text_that_spells_the_end_of_text_is_not_it() {
        let tokenizer = bytes();
        let ids = tokenizer.encode("a<eos>b").unwrap();
        assert!(!ids.contains(&tokenizer.eos_id()), "{ids:?}");
        assert_eq!(tokenizer.decode(&ids).unwrap(), "a<eos>b");
    }

    #[test]
    fn truncation_of_the_file_is_switched_off() {
        let mut json = byte_level();
        json["truncation"] = json!({"direction": "Right", "max_length": 2,
                                    "strategy": "LongestFirst", "stride": 0});
        json["padding"] = json!({"strategy": {"Fixed": 9}, "direction": "Right",
                                 "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0,
                                 "pad_token": "<pad>"});
        let tokenizer = load(&json, None).unwrap();
        assert_eq!(tokenizer.encode("abcd").unwrap().len(), 4);
    }

    #[test]
    fn end_of_text_by_config_then_by_order() {
        let mut json = byte_level();
        json["model"]["vocab"]["</s>"] = json!(300);
        let tokenizer = load(&json, None).unwrap();
        assert_eq!(tokenizer.eos_id(), 1);
        assert_eq!(
            tokenizer.vocab_size(),
            301,
            "the largest id counts, not the number"
        );
        assert_eq!(load(&json, Some("")).unwrap().eos_id(), 1);
        assert_eq!(load(&json, Some("</s>")).unwrap().eos_id(), 300);
        let error = load(&json, Some("<stop>")).unwrap_err();
        assert!(
            matches!(&error, TokenizerError::UnknownEndOfText { token, .. } if token == "<stop>")
        );
        assert!(error.to_string().contains("tokenizer.json"));
    }

    #[test]
    fn errors_name_the_file() {
        let mut json = byte_level();
        json["added_tokens"] = json!([]);
        json["model"]["vocab"]
            .as_object_mut()
            .unwrap()
            .remove("<eos>");
        let error = load(&json, None).unwrap_err();
        assert!(
            matches!(error, TokenizerError::NoEndOfText { .. }),
            "{error}"
        );
        let error = load(&json!({"model": 3}), None).unwrap_err();
        assert!(error.to_string().contains("tokenizer.json"), "{error}");
        let missing = Path::new("no/such/tokenizer.json");
        let error = Tokenizer::from_file(missing, None).unwrap_err();
        assert!(
            error.to_string().starts_with("no/such/tokenizer.json"),
            "{error}"
        );
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        texts: Vec<String>,
        cases: Vec<GoldenCase>,
    }

    #[derive(serde::Deserialize)]
    struct GoldenCase {
        name: String,
        before: usize,
        after: usize,
        whole: Vec<Vec<u32>>,
        pieces: Vec<Vec<u32>>,
        tokenizer: Value,
    }

    /// `tests/golden/make_beginning.py`: post-processors as those of Qwen2, Llama 2 and Llama 3.
    #[test]
    fn texts_begin_as_the_post_processor_says() {
        let golden = include_str!("../../tests/golden/beginning.json");
        let golden: Golden = serde_json::from_str(golden).unwrap();
        assert_eq!(golden.cases.len(), 4);
        for case in golden.cases {
            let tokenizer = load(&case.tokenizer, Some("</s>")).unwrap();
            assert_eq!(tokenizer.beginning().len(), case.before, "{}", case.name);
            let whole = tokenizer.encode_texts(golden.texts.clone()).unwrap();
            for (text, (ours, theirs)) in golden.texts.iter().zip(whole.iter().zip(&case.whole)) {
                let end = theirs.len() - case.after;
                assert_eq!(ours, &theirs[..end], "{}: {text:?}", case.name);
                assert_eq!(ours, &tokenizer.encode_text(text).unwrap());
            }
            assert_eq!(
                tokenizer.encode_all(golden.texts.clone()).unwrap(),
                case.pieces
            );
        }
    }

    /// A byte-level tokenizer that sets `<pad>` before a text.
    pub(crate) fn begun() -> Tokenizer {
        let mut json = byte_level();
        json["post_processor"] = json!({
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<pad>", "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                     {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<pad>": {"id": "<pad>", "ids": [0], "tokens": ["<pad>"]}},
        });
        load(&json, None).unwrap()
    }

    #[test]
    fn fingerprint_sees_vocabulary_and_end_of_text() {
        let print = |json: &Value, eos| load(json, eos).unwrap().fingerprint().unwrap();
        let mut json = byte_level();
        let first = print(&json, None);
        assert_eq!(print(&json, None), first);
        json["model"]["vocab"]["</s>"] = json!(300);
        let second = print(&json, None);
        assert_ne!(first, second);
        assert_ne!(print(&json, Some("</s>")), second);
    }

    #[test]
    fn digits_with_and_without_a_space() {
        let tokenizer = bytes();
        let table = digit_tokens(&tokenizer).unwrap();
        assert_eq!(table.len(), tokenizer.vocab_size());
        assert_eq!(table.iter().filter(|d| **d).count(), 11, "0 to 9 and ` 7`");
        for (text, expected) in [
            ("7", vec![true]),
            (" 7", vec![true]),
            ("a", vec![false]),
            ("77", vec![true; 2]),
        ] {
            let flags: Vec<bool> = tokenizer
                .encode(text)
                .unwrap()
                .iter()
                .map(|id| table[*id as usize])
                .collect();
            assert_eq!(flags, expected, "{text}");
        }
    }
}
