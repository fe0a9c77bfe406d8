//! Against what `tests/golden/make_gguf.py` made with other programs, and hostile files.

use super::metadata::Value;
use super::*;
use crate::tokenizer::Tokenizer;
use burn::tensor::{Int, Tensor};
use proptest::prelude::*;
use safetensors::SafeTensors;
use std::collections::BTreeMap;

type B = burn::backend::Flex;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden/gguf")
        .join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(golden(name)).unwrap()
}

fn words<const N: usize>(file: &[u8], key: &str) -> Vec<[u8; N]> {
    let file = SafeTensors::deserialize(file).unwrap();
    file.tensor(key).unwrap().data().as_chunks().0.to_vec()
}

/// `content` as a file, opened.
fn open(content: &[u8]) -> Result<(tempfile::TempDir, Gguf), GgufError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, content).unwrap();
    Gguf::open(&path).map(|file| (folder, file))
}

fn load(content: &[u8]) -> Result<(), GgufError> {
    let (_folder, file) = open(content)?;
    file.tokenizer_json()?;
    file.companions()?;
    file.decoder::<B>(&LoadOptions::default(), &Default::default())?;
    Ok(())
}

/// `needle`, which `content` holds once, replaced by something as long.
fn replaced(content: &[u8], needle: &[u8], by: &[u8]) -> Vec<u8> {
    assert_eq!(needle.len(), by.len());
    let mut found =
        (0..=content.len() - needle.len()).filter(|at| content[*at..].starts_with(needle));
    let at = found.next().expect("the needle");
    assert_eq!(found.next(), None, "only one");
    let mut content = content.to_vec();
    content[at..at + needle.len()].copy_from_slice(by);
    content
}

#[test]
fn values_of_every_type_are_those_of_the_gguf_package() {
    let (file, expected) = (
        Gguf::open(&golden("types.gguf")).unwrap(),
        bytes("golden.safetensors"),
    );
    assert_eq!(file.header.tensors.len(), 11);
    for name in file.header.tensors.keys() {
        let values = file.read(name, &[2, 256]).unwrap();
        let expected: Vec<f32> = words(&expected, &format!("types.{name}"))
            .into_iter()
            .map(f32::from_le_bytes)
            .collect();
        assert_eq!(values, expected, "{name}");
    }
}

#[test]
fn logits_are_those_of_transformers() {
    let expected = bytes("golden.safetensors");
    for (name, vocabulary) in [("llama", 360), ("qwen2", 48)] {
        let file = Gguf::open(&golden(&format!("{name}.gguf"))).unwrap();
        let device = Default::default();
        let (decoder, notes) = file.decoder::<B>(&LoadOptions::default(), &device).unwrap();
        assert_eq!(notes, LoadNotes::default());
        assert_eq!(decoder.config().vocab_size, vocabulary, "{name}");
        let tokens: Vec<i64> = words(&expected, &format!("{name}.tokens"))
            .into_iter()
            .map(i64::from_le_bytes)
            .collect();
        let tokens = Tensor::<B, 2, Int>::from_data(TensorData::new(tokens, [2, 6]), &device);
        let hidden = decoder.hidden(&super::super::DecoderInput::whole(tokens));
        let logits: Vec<f32> = decoder
            .logits(hidden.flatten(0, 1))
            .into_data()
            .iter()
            .collect();
        let expected = words(&expected, &format!("{name}.logits"));
        assert_eq!(logits.len(), expected.len());
        let difference = |(found, expected)| -> f32 { found - f32::from_le_bytes(expected) };
        let differences = logits.into_iter().zip(expected).map(difference);
        let largest = differences.map(f32::abs).fold(0.0, f32::max);
        assert!(largest < 1e-4, "{name}: {largest}");
    }
}

#[test]
fn the_configuration_is_read_from_keys_and_sizes() {
    let config = Gguf::open(&golden("llama.gguf")).unwrap().config().unwrap();
    assert_eq!(
        (config.rms_norm_eps, config.rope_theta),
        (1e-5, 1e5),
        "as they were meant"
    );
    assert!(config.tie_word_embeddings && !config.attention_bias);
    assert_eq!(
        (config.bos_token_id, config.eos_token_id),
        (Some(1), vec![2])
    );
    let config = Gguf::open(&golden("qwen2.gguf")).unwrap().config().unwrap();
    assert!(!config.tie_word_embeddings && config.qkv_bias());
    assert_eq!((config.head_dim, config.num_key_value_heads), (None, 1));
}

#[derive(serde::Deserialize)]
struct Tokens {
    texts: Vec<String>,
    #[serde(flatten)]
    ids: BTreeMap<String, Vec<Vec<u32>>>,
}

/// The tokenizer of a golden file after a change of its metadata.
fn tokenizer(name: &str, change: impl FnOnce(&mut BTreeMap<String, Value>)) -> Tokenizer {
    let mut metadata = Gguf::open(&golden(name)).unwrap().header.metadata;
    change(&mut metadata.0);
    let json = tokenizer::tokenizer_json(&metadata).unwrap();
    Tokenizer::from_json(Path::new(name), json.as_bytes(), None).unwrap()
}

#[test]
fn awkward_texts_become_the_tokens_of_other_programs() {
    let expected: Tokens = serde_json::from_slice(&bytes("tokens.json")).unwrap();
    assert!(expected.texts.len() >= 60);
    assert_eq!(expected.ids.len(), 5);
    for (name, rows) in &expected.ids {
        let tokenizer = match name.as_str() {
            "sentencepiece" => tokenizer("sentencepiece.gguf", |_| ()),
            pre => tokenizer("llama.gguf", |metadata| {
                metadata.insert("tokenizer.ggml.pre".into(), Value::Text(pre.into()));
            }),
        };
        for (text, ids) in expected.texts.iter().zip(rows) {
            assert_eq!(&tokenizer.encode(text).unwrap(), ids, "{name}: {text:?}");
            // NFC stays, and sentencepiece writes its own letter for a space.
            if name != "qwen2" && !text.contains('▁') {
                assert_eq!(&tokenizer.decode(ids).unwrap(), text, "{name}");
            }
        }
    }
}

#[test]
fn rows_that_only_fill_up_are_no_tokens() {
    let tokenizer = tokenizer("llama.gguf", |_| ());
    assert_eq!(
        tokenizer.vocab_size(),
        358,
        "two less than the embedding has rows"
    );
    assert_eq!(tokenizer.eos_id(), 0);
}

/// As llama.cpp has it: the key decides, and without it the kind of vocabulary.
#[test]
fn the_beginning_of_a_text_is_what_the_file_says() {
    const KEY: &str = "tokenizer.ggml.add_bos_token";
    let of = |name: &str, pre: &str, flag: Option<bool>| {
        let tokenizer = tokenizer(name, |metadata| {
            metadata.insert("tokenizer.ggml.pre".into(), Value::Text(pre.into()));
            metadata.remove(KEY);
            metadata.extend(flag.map(|flag| (KEY.to_owned(), Value::Flag(flag))));
        });
        tokenizer.beginning().to_vec()
    };
    for (name, pre, usual) in [
        ("sentencepiece.gguf", "default", &[1][..]),
        ("llama.gguf", "llama-bpe", &[1]),
        ("llama.gguf", "smollm", &[]),
        ("llama.gguf", "qwen2", &[]),
    ] {
        assert_eq!(of(name, pre, None), usual, "{name} {pre}");
        assert_eq!(of(name, pre, Some(true)), [1], "{name} {pre}");
        assert!(of(name, pre, Some(false)).is_empty(), "{name} {pre}");
    }
}

#[test]
fn a_whole_tokenizer_in_the_file_comes_first() {
    let json = crate::tokenizer::tests::byte_level().to_string();
    let tokenizer = tokenizer("llama.gguf", |metadata| {
        metadata.insert("tokenizer.huggingface.json".into(), Value::Text(json));
    });
    assert_eq!(tokenizer.vocab_size(), 2 + 256 + 1);
}

#[test]
fn companions_name_special_tokens_and_template() {
    let companions = Gguf::open(&golden("llama.gguf"))
        .unwrap()
        .companions()
        .unwrap();
    let text = |name: &str| {
        let found = companions.iter().find(|(other, _)| *other == name).unwrap();
        serde_json::from_str::<serde_json::Value>(&found.1).unwrap()
    };
    let tokenizer = text("tokenizer_config.json");
    assert_eq!(tokenizer["eos_token"], "<|im_end|>");
    assert_eq!(tokenizer["unk_token"], "<|endoftext|>");
    assert!(
        tokenizer["chat_template"]
            .as_str()
            .unwrap()
            .contains("messages")
    );
    assert_eq!(text("generation_config.json")["eos_token_id"], 2);
}

#[test]
fn what_is_not_supported_is_named() {
    let (llama, types) = (bytes("llama.gguf"), bytes("types.gguf"));
    // The type follows the two dimensions.
    let typed = |id: u8| {
        let dims = [256u64.to_le_bytes(), 2u64.to_le_bytes()].concat();
        let (before, after) = ([&b"Q4_K"[..], &[2, 0, 0, 0], &dims, &[12]].concat(), id);
        let mut by = before.clone();
        *by.last_mut().unwrap() = after;
        replaced(&types, &before, &by)
    };
    let with = |needle: &str, by: &str| replaced(&llama, needle.as_bytes(), by.as_bytes());
    let mut old = llama.clone();
    old[4] = 1;
    let mut swapped = llama.clone();
    swapped[4..8].reverse();
    let cases = [
        (typed(10), "tensor `Q4_K` of type Q2_K is not supported"),
        (typed(200), "tensor `Q4_K` of type 200 is not supported"),
        (old, "version 1 of the format is not supported"),
        (swapped, "a big-endian file is not supported"),
        (types.clone(), "no `tokenizer.ggml.model`"),
        (bytes("qwen2.gguf"), "no `tokenizer.ggml.model`"),
        (
            with("smollm", "unseen"),
            "`tokenizer.ggml.pre` = unseen is not supported",
        ),
        (
            with("blk.1.ffn_up.weight", "blk.1.ffn_no.weight"),
            "no tensor `blk.1.ffn_up.weight`",
        ),
        (
            with("output_norm.weight", "rope_freqs__weight"),
            "no tensor `output_norm.weight`",
        ),
        (
            with("llama.block_count", "llama.block_other"),
            "no `llama.block_count`",
        ),
    ];
    for (content, message) in cases {
        let error = load(&content).unwrap_err().to_string();
        assert!(error.contains(message), "{error}, not {message}");
        assert!(error.contains("model.gguf: "), "{error}");
    }
}

#[test]
fn scaled_rotary_positions_are_refused() {
    let scaled = |key: &str, value: Value| {
        let mut file = Gguf::open(&golden("llama.gguf")).unwrap();
        file.header.metadata.0.insert(key.into(), value);
        file.config().unwrap_err().to_string()
    };
    let error = scaled("llama.rope.scaling.type", Value::Text("yarn".into()));
    assert!(error.ends_with("`llama.rope.scaling.type` = yarn is not supported"));
    let error = scaled("llama.expert_count", Value::Integer(8));
    assert!(
        error.ends_with("`llama.expert_count` = 8 is not supported"),
        "{error}"
    );
    // A norm's 64 values stand in for the factors: they are not one.
    let mut file = Gguf::open(&golden("llama.gguf")).unwrap();
    let norm = file.header.tensors["output_norm.weight"].clone();
    file.header.tensors.insert(FREQUENCIES.into(), norm);
    let loaded = file.decoder::<B>(&LoadOptions::default(), &Default::default());
    let error = loaded.unwrap_err().to_string();
    assert!(error.contains("scaled rotary positions"), "{error}");
}

#[test]
fn values_that_are_not_finite_are_found() {
    let mut content = bytes("llama.gguf");
    let (_folder, file) = open(&content).unwrap();
    let start = file.header.tensors["blk.1.attn_norm.weight"].start as usize;
    content[start + 4..start + 8].copy_from_slice(&f32::NAN.to_le_bytes());
    let error = load(&content).unwrap_err().to_string();
    assert!(
        error.ends_with("`blk.1.attn_norm.weight` is not finite at element 1"),
        "{error}"
    );
}

#[test]
fn announced_sizes_are_not_believed() {
    let word = |value: u64| value.to_le_bytes();
    let start = [b"GGUF".as_slice(), &3u32.to_le_bytes()].concat();
    let cases = [
        vec![],
        b"GGU".to_vec(),
        b"PK\x03\x04............................".to_vec(),
        start.clone(),
        [start.as_slice(), &word(u64::MAX), &word(0)].concat(),
        [start.as_slice(), &word(0), &word(1 << 40)].concat(),
        // A key of many bytes; a list of many; lists in lists.
        [
            start.as_slice(),
            &word(0),
            &word(1),
            &word(u64::MAX),
            &[0; 32],
        ]
        .concat(),
        [
            start.as_slice(),
            &word(0),
            &word(1),
            &word(1),
            b"k",
            &9u32.to_le_bytes(),
            &8u32.to_le_bytes(),
            &word(1 << 60),
            &[0; 32],
        ]
        .concat(),
        [
            start.as_slice(),
            &word(0),
            &word(1),
            &word(1),
            b"k",
            &9u32.to_le_bytes(),
            &[9u32.to_le_bytes().as_slice(), &word(1)]
                .concat()
                .repeat(64),
        ]
        .concat(),
    ];
    for content in cases {
        let error = open(&content).map(|_| ()).unwrap_err();
        assert!(
            matches!(
                error,
                GgufError {
                    fault: GgufFault::Malformed(_),
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn every_truncation_is_noticed() {
    let content = bytes("types.gguf");
    for length in 0..content.len() {
        // The values end where the padding begins.
        let cut = Header::read(&content[..length], length as u64);
        assert!(cut.is_err() || length > content.len() - 32, "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever a few wrong bytes say, a file is read or refused.
    #[test]
    fn wrong_bytes_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
        which in 0..3_usize,
    ) {
        let names = ["llama.gguf", "qwen2.gguf", "sentencepiece.gguf"];
        let mut content = bytes(names[which]);
        // Most of a file is values, which can hardly be wrong.
        let header = content.len().min(12_000);
        for (at, byte) in changes {
            let at = at.index(header);
            content[at] = byte;
        }
        if cut {
            content.truncate(length.index(content.len()));
        }
        if let Ok(header) = Header::read(content.as_slice(), content.len() as u64) {
            let _ = tokenizer::tokenizer_json(&header.metadata).map(|json| {
                Tokenizer::from_json(Path::new("x"), json.as_bytes(), None).map(|t| t.encode("a b"))
            });
            if let Ok(config) = architecture::config(&header) {
                let _ = tokenizer::companions(&header.metadata, &config);
            }
            let _ = load(&content);
        }
    }
}
