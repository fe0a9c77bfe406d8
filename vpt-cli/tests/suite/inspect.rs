//! What `vpt inspect` says of checkpoints, and which it refuses.

use super::{Place, architecture, finished};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

const HEAD: &str = "lm_head.weight";
const EMBEDDING: &str = "model.embed_tokens.weight";
const NORM: &str = "model.norm.weight";
const INSPECT: [&str; 3] = ["inspect", "--model", "model"];

impl Place {
    /// `model/` with a finished run's weights, edited.
    fn edited(edit: impl FnOnce(&mut Tensors)) -> Self {
        let place = Self::new();
        super::copy(&finished().join("runs/ntp/model"), &place.path("model"));
        let mut tensors = place.tensors();
        edit(&mut tensors);
        fs::write(place.path("model/model.safetensors"), bytes(&tensors)).unwrap();
        place
    }

    fn tensors(&self) -> Tensors {
        let file = fs::read(self.path("model/model.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap().tensors();
        let owned =
            |view: &TensorView<'_>| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        tensors
            .iter()
            .map(|(key, view)| (key.clone(), owned(view)))
            .collect()
    }

    /// The weights in two shards with their index.
    fn shard(&self) -> [String; 2] {
        let names = [1, 2].map(|i| format!("model-0000{i}-of-00002.safetensors"));
        let mut shards = [Tensors::new(), Tensors::new()];
        let mut map = BTreeMap::new();
        for (i, (key, tensor)) in self.tensors().into_iter().enumerate() {
            map.insert(key.clone(), names[i % 2].clone());
            shards[i % 2].insert(key, tensor);
        }
        for (name, tensors) in names.iter().zip(&shards) {
            fs::write(self.path("model").join(name), bytes(tensors)).unwrap();
        }
        let index = json!({ "metadata": {}, "weight_map": map }).to_string();
        self.write("model/model.safetensors.index.json", &index);
        fs::remove_file(self.path("model/model.safetensors")).unwrap();
        names
    }

    fn inspected(&self) -> (Value, String) {
        let found = self.stdout(&[&INSPECT[..], &["--json"]].concat());
        (serde_json::from_str(&found).unwrap(), self.stdout(&INSPECT))
    }
}

fn bytes(tensors: &Tensors) -> Vec<u8> {
    let view = |(dtype, shape, data)| TensorView::new(dtype, shape, data).unwrap();
    let views = tensors
        .iter()
        .map(|(key, (d, s, b))| (key.as_str(), view((*d, s.clone(), &b[..]))));
    serialize(views, None).unwrap()
}

#[test]
fn a_checkpoint_says_what_it_holds() {
    let place = Place::edited(|tensors| {
        let (dtype, _, data) = tensors.get_mut(NORM).unwrap();
        *dtype = Dtype::BF16;
        *data = data.chunks(4).flat_map(|word| word[2..].to_vec()).collect();
    });
    place.write("model/generation_config.json", "{\"eos_token_id\": [1, 5]}");
    let (found, text) = place.inspected();
    let count = found["tensors"].as_array().unwrap().len();
    assert_eq!(found["format"], "safetensors");
    assert_eq!(found["dtypes"], json!({ "F32": count - 1, "BF16": 1 }));
    assert_eq!(found["files"], json!(["model/model.safetensors"]));
    assert_eq!(found["config"]["model_type"], "llama");
    assert_eq!(
        (&found["stored_head"], &found["ignored"]),
        (&json!(null), &json!([]))
    );
    let ends: Vec<_> = found["end_of_text"].as_array().unwrap().iter().collect();
    let ends: Vec<_> = ends
        .iter()
        .map(|end| (end["source"].as_str().unwrap(), &end["id"]))
        .collect();
    let (one, five) = (json!(1), json!(5));
    let generation = "generation_config.json";
    assert_eq!(
        ends,
        [
            ("here", &one),
            ("config.json", &one),
            (generation, &one),
            (generation, &five)
        ]
    );
    for said in [
        format!("model: safetensors in 1 file; tensors by type: 1 BF16, {} F32", count - 1),
        "llama: 1 blocks of width 32, 64 within; 2 query and 2 key/value heads of width 16; 64 positions".into(),
        "head: the embedding".into(),
        "768 rows for 768 tokens; end of text: 1 \"<eos>\" (here)".into(),
        format!("{} parameters, all finite", found["parameters"]),
    ] {
        assert!(text.contains(&said), "`{said}` is not in: {text}");
    }
    let names = place_shards(&place);
    let (sharded, text) = place.inspected();
    assert_eq!(sharded["files"], json!(names));
    assert_eq!(sharded["tensors"], found["tensors"]);
    assert!(text.contains("safetensors in 2 files"), "{text}");
}

fn place_shards(place: &Place) -> Vec<String> {
    place
        .shard()
        .iter()
        .map(|name| format!("model/{name}"))
        .collect()
}

#[test]
fn a_stored_head_beside_a_tied_one_is_told() {
    for (differs, said) in [
        (false, "which is stored a second time"),
        (true, "another one, which is ignored"),
    ] {
        let place = Place::edited(|tensors| {
            let mut head = tensors[EMBEDDING].clone();
            if differs {
                head.2[0] ^= 1;
            }
            tensors.insert(HEAD.to_owned(), head);
        });
        let (found, text) = place.inspected();
        assert_eq!(
            found["stored_head"],
            if differs { "differs" } else { "same" }
        );
        assert_eq!(found["ignored"], json!([HEAD]));
        assert!(
            text.contains(said) && text.contains("\nignored: lm_head.weight\n"),
            "{text}"
        );
    }
}

/// Every command that opens the model says so, once, on stderr; none where the stored head is used.
#[test]
fn a_stored_head_that_is_not_used_is_told_by_every_command() {
    let place = Place::edited(|tensors| {
        let mut head = tensors[EMBEDDING].clone();
        head.2[0] ^= 1;
        tensors.insert(HEAD.to_owned(), head);
    });
    place.write("ids.json", "[[5, 6, 7]]");
    let task = ["--task", "gsm8k-paper", "--max-new-tokens", "1"];
    let commands: [&[&str]; 6] = [
        &["score", "--tokens", "ids.json"],
        &["score", "What is 1+2?"],
        &[
            "score",
            "--data",
            "test.jsonl",
            "--feedback",
            "feedback.jsonl",
        ],
        &["generate", "What is 1+2?", "--max-new-tokens", "1"],
        &["eval", "--data", "test.jsonl"],
        &[&["eval", "--data", "test.jsonl"], &task[..]].concat(),
    ];
    for command in commands {
        let said = |more: &[&str]| {
            let args = [command, &["--model", "model"], more].concat();
            let output = place.vpt(&args).assert().success().get_output().clone();
            String::from_utf8(output.stderr).unwrap()
        };
        let told = said(&[]);
        let lines: Vec<&str> = told.lines().filter(|line| line.contains("head")).collect();
        let [line] = lines[..] else {
            panic!("{command:?}: {told}");
        };
        assert!(line.contains("--set model.head=stored"), "{line}");
        assert!(!said(&["--set", "model.head=stored"]).contains("head"));
    }
}

#[test]
fn tensors_that_are_not_the_models_are_named() {
    let refused = |edit: fn(&mut Tensors), named: &str| {
        let line = Place::edited(edit).refused(1, &INSPECT);
        assert_eq!(line, format!("model/model.safetensors: {named}"));
    };
    refused(|t| drop(t.remove(NORM)), "no tensor `model.norm.weight`");
    refused(
        |t| t.get_mut(NORM).unwrap().2[8..12].copy_from_slice(&f32::NAN.to_le_bytes()),
        "`model.norm.weight` is not finite at element 2",
    );
    refused(
        |t| t.get_mut(NORM).unwrap().1 = vec![16, 2],
        "`model.norm.weight` has shape [16, 2], the model needs [32]",
    );
    refused(
        |t| t.get_mut(NORM).unwrap().0 = Dtype::I32,
        "`model.norm.weight` is stored as I32, not as F32, F16 or BF16",
    );
    refused(
        |t| {
            let extra = t[NORM].clone();
            t.insert("score.weight".to_owned(), extra);
        },
        "tensor `score.weight` has no place in this model",
    );
}

#[test]
fn broken_shards_are_named() {
    let place = Place::edited(|_| ());
    let [first, second] = place.shard().map(|name| format!("model/{name}"));
    place.stdout(&INSPECT);
    let whole = fs::read(place.path(&second)).unwrap();
    fs::write(place.path(&second), &whole[..whole.len() - 7]).unwrap();
    let line = place.refused(1, &INSPECT);
    assert!(
        line.starts_with(&format!("{second}: malformed: ")),
        "{line}"
    );
    fs::remove_file(place.path(&second)).unwrap();
    let line = place.refused(1, &INSPECT);
    assert!(
        line.starts_with(&format!("{second}: No such file")),
        "{line}"
    );
    // A shard that does not hold what the index says.
    fs::copy(place.path(&first), place.path(&second)).unwrap();
    let line = place.refused(1, &INSPECT);
    assert!(
        line.starts_with(&format!("{second}: no tensor `")),
        "{line}"
    );
}

#[test]
fn an_unknown_architecture_is_named() {
    let place = Place::edited(|_| ());
    for (field, value, named) in [
        (
            "model_type",
            json!("mamba"),
            "`model_type` = \"mamba\" is not supported",
        ),
        (
            "quantization_config",
            json!({"quant_method": "awq"}),
            "`quantization_config` = \"awq\"",
        ),
        (
            "rope_scaling",
            json!({"rope_type": "longrope"}),
            "`rope_scaling` = ",
        ),
    ] {
        let mut config = architecture();
        config[field] = value;
        place.write("model/config.json", &config.to_string());
        let line = place.refused(1, &INSPECT);
        assert!(
            line.starts_with(&format!("model/config.json: {named}")),
            "{line}"
        );
    }
}
