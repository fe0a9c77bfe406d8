//! What cannot be run is refused in one line that names it, and leaves nothing behind.

use super::{Place, architecture, copy, finished, train_args};
use serde_json::{Value, json};
use std::fs;

impl Place {
    /// The line with which a tiny run is refused; its folder was not made.
    pub(super) fn train_refused(&self, code: i32, args: &[&str]) -> String {
        let line = self.refused(code, &train_args("run", args));
        assert!(!self.path("run").exists(), "{args:?} left a folder behind");
        line
    }

    /// `model/` with weights.
    fn with_weights() -> Self {
        let place = Self::new();
        copy(&finished().join("runs/ntp/model"), &place.path("model"));
        place
    }
}

const WEIGHTS: [&str; 2] = ["--set", "model.from_scratch=false"];

pub(super) fn assert_names(line: &str, named: &str) {
    assert!(line.contains(named), "`{named}` is not in: {line}");
}

#[test]
fn a_missing_file_is_named_whatever_it_is_for() {
    let place = Place::new();
    for key in ["corpus", "feedback", "validation", "test", "off_target"] {
        let set = format!("data.{key}=no/such-{key}.jsonl");
        let line = place.train_refused(1, &["--set", &set]);
        assert!(
            line.starts_with(&format!("no/such-{key}.jsonl: ")),
            "{line}"
        );
        let set = format!("data.{key}=builtin:no/such");
        assert_names(&place.train_refused(1, &["--set", &set]), "data/no/such: ");
    }
    for key in ["data.corpus", "data.feedback"] {
        let line = place.train_refused(2, &["--set", &format!("{key}=")]);
        assert_names(&line, &format!("{key}: names no file"));
    }
    // A baseline looks at no feedback, and a set that is not named is not measured.
    let args = [
        "data.feedback=none.jsonl",
        "data.test=",
        "data.off_target=",
        "method=ntp",
    ];
    let args: Vec<&str> = args.into_iter().flat_map(|set| ["--set", set]).collect();
    place.train("run", &args);
}

#[test]
fn a_bad_line_is_named_by_file_and_number() {
    let place = Place::new();
    let good = place.read("stream.jsonl");
    let good: Vec<&str> = good.lines().take(2).collect();
    for (bad, named) in [
        ("{\"problem\": \"p\", \"solution\": ", ":3: not JSON: EOF"),
        ("[1, 2]", ":3: expected a JSON object, found an array"),
        (
            "{\"problem\": \"p\"}",
            ":3: no field `solution`; it has `problem`",
        ),
        (
            "{\"problem\": 3, \"solution\": \"s\"}",
            ":3: field `problem` must be a string",
        ),
        (
            "{\"problem\": \"p\", \"solution\": \"s\", \"answer\": [7]}",
            ":3: field `answer` must be a string, found an array",
        ),
    ] {
        place.write(
            "bad.jsonl",
            &format!("{}\n{}\n{bad}\n{}\n", good[0], good[1], good[0]),
        );
        for key in ["corpus", "feedback", "validation", "test", "off_target"] {
            let line = place.train_refused(1, &["--set", &format!("data.{key}=bad.jsonl")]);
            assert!(
                line.starts_with(&format!("bad.jsonl{named}")),
                "{key}: {line}"
            );
        }
    }
    fs::write(place.path("bad.jsonl"), b"{\"problem\": \"\xff\"}\n").unwrap();
    let line = place.train_refused(1, &["--set", "data.corpus=bad.jsonl"]);
    assert_names(&line, "bad.jsonl:1: not valid UTF-8");
    let line = place.train_refused(1, &["--set", "data.columns.problem=question"]);
    assert_names(
        &line,
        "stream.jsonl:1: no field `question`; it has `answer`",
    );
}

#[test]
fn files_that_hold_nothing_to_use_are_refused() {
    let place = Place::new();
    place.write("empty.jsonl", "");
    place.write("blank.jsonl", "\n  \n");
    place.write("plain.jsonl.gz", &place.read("stream.jsonl"));
    let shipped = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../data/headline/test.jsonl.gz"
    );
    let packed = fs::read(shipped).unwrap();
    fs::write(place.path("cut.jsonl.gz"), &packed[..packed.len() / 2]).unwrap();
    let long = json!({ "problem": "What is 3+4? ".repeat(60), "solution": "7", "answer": "7" });
    place.write("long.jsonl", &format!("{long}\n"));
    fs::create_dir(place.path("folder")).unwrap();
    for (file, named) in [
        ("empty.jsonl", "empty.jsonl: holds no records"),
        ("blank.jsonl", "blank.jsonl: holds no records"),
        (
            "plain.jsonl.gz",
            "plain.jsonl.gz: gzip stream broken after 0 lines",
        ),
        ("cut.jsonl.gz", "cut.jsonl.gz: gzip stream broken after "),
        (
            "long.jsonl",
            "long.jsonl: none of its 1 records gives a document",
        ),
        ("folder", "folder: "),
    ] {
        for key in ["corpus", "feedback", "validation", "test", "off_target"] {
            let line = place.train_refused(1, &["--set", &format!("data.{key}={file}")]);
            assert!(line.starts_with(named), "{key}: {line}");
        }
    }
    let blank = json!({ "problem": "p", "solution": " ", "answer": "7" });
    place.write("no-answer.jsonl", &format!("{blank}\n"));
    let line = place.train_refused(1, &["--set", "data.feedback=no-answer.jsonl"]);
    assert_names(&line, "no-answer.jsonl:1: ");
    // What `vpt eval` is asked to score is no better than what a run is.
    let place = Place::with_weights();
    place.write("long.jsonl", &format!("{long}\n"));
    let eval = ["eval", "--config", "tiny.toml", "--data"];
    let line = place.refused(1, &[&eval[..], &["long.jsonl"]].concat());
    assert_names(&line, "long.jsonl: none of its 1 records");
    let line = place.refused(1, &[&eval[..], &["none.jsonl"]].concat());
    assert!(line.starts_with("none.jsonl: "), "{line}");
    let line = place.refused(2, &["eval", "--config", "tiny.toml", "--set", "data.test="]);
    assert_names(&line, "data.test: names no file");
}

#[test]
fn a_wrong_tokenizer_is_refused_by_every_command() {
    let whole = Place::with_weights().read("model/tokenizer.json");
    let mut larger: Value = serde_json::from_str(&whole).unwrap();
    let added = larger["added_tokens"].as_array_mut().unwrap();
    added.push(json!({
        "id": 768, "content": "Zebra", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": false,
    }));
    let mut endless: Value = serde_json::from_str(&whole).unwrap();
    endless["added_tokens"] = json!([]);
    endless["model"]["vocab"]
        .as_object_mut()
        .unwrap()
        .remove("<eos>");
    for (text, named) in [
        (
            String::new(),
            "model/tokenizer.json: not a tokenizer.json: ",
        ),
        (
            "{\"model\": 3}".into(),
            "model/tokenizer.json: not a tokenizer.json: ",
        ),
        (
            whole[..whole.len() / 2].into(),
            "model/tokenizer.json: not a tokenizer.json: ",
        ),
        (
            endless.to_string(),
            "model/tokenizer.json: no end-of-text token",
        ),
        (
            larger.to_string(),
            "model.path: the tokenizer has 769 tokens, the model's embedding 768",
        ),
    ] {
        let place = Place::with_weights();
        place.write("model/tokenizer.json", &text);
        for line in model_refused(&place) {
            assert!(line.starts_with(named), "{line}");
        }
        assert!(place.train_refused(1, &[]).starts_with(named));
    }
    let place = Place::with_weights();
    fs::remove_file(place.path("model/tokenizer.json")).unwrap();
    for line in model_refused(&place) {
        assert!(line.starts_with("model/tokenizer.json: "), "{line}");
    }
    let line = place.train_refused(1, &["--set", "model.path=no/model"]);
    assert!(
        line.starts_with("no/model: no such file or folder here"),
        "{line}"
    );
    let place = Place::with_weights();
    let line = place.train_refused(1, &["--set", "model.end_of_text=<stop>"]);
    assert_names(
        &line,
        "model/tokenizer.json: the vocabulary holds no token `<stop>`",
    );
}

/// What each command that opens `model/` says to it.
fn model_refused(place: &Place) -> Vec<String> {
    let config = ["--config", "tiny.toml"];
    let mut lines = vec![place.train_refused(1, &WEIGHTS)];
    for args in [
        &["inspect"][..],
        &["eval"],
        &["eval", "--json"],
        &["generate", "What is 3+4?"],
    ] {
        lines.push(place.refused(1, &[args, &config].concat()));
    }
    lines
}

#[test]
fn a_model_config_that_is_not_computed_is_refused_by_its_field() {
    for (field, value, named) in [
        ("model_type", json!("gpt2"), "`model_type`"),
        ("model_type", json!(null), "`model_type`"),
        ("hidden_act", json!("gelu"), "`hidden_act`"),
        (
            "rope_scaling",
            json!({"rope_type": "yarn", "factor": 4.0}),
            "`rope_scaling`",
        ),
        ("use_sliding_window", json!(true), "`use_sliding_window`"),
        ("hidden_size", json!("wide"), "`hidden_size`"),
        ("hidden_size", json!(null), "`hidden_size`"),
        ("num_attention_heads", json!(0), "num_attention_heads"),
        ("num_attention_heads", json!(5), "num_attention_heads"),
        ("num_key_value_heads", json!(3), "num_key_value_heads"),
        ("vocab_size", json!(0), "vocab_size"),
        ("num_hidden_layers", json!(-1), "num_hidden_layers"),
        ("rms_norm_eps", json!(-1.0), "rms_norm_eps"),
        (
            "max_position_embeddings",
            json!(0),
            "max_position_embeddings",
        ),
    ] {
        let place = Place::with_weights();
        let mut config = architecture();
        config[field] = value.clone();
        place.write("model/config.json", &config.to_string());
        for line in model_refused(&place)
            .into_iter()
            .chain([place.train_refused(1, &[])])
        {
            assert!(
                line.starts_with("model/config.json: "),
                "{field}={value}: {line}"
            );
            assert_names(&line, named);
        }
    }
    let place = Place::with_weights();
    for text in ["", "[1]", "{\"model_type\": "] {
        place.write("model/config.json", text);
        for line in model_refused(&place) {
            assert!(line.starts_with("model/config.json: "), "{line}");
        }
    }
    fs::remove_file(place.path("model/config.json")).unwrap();
    for line in model_refused(&place)
        .into_iter()
        .chain([place.train_refused(1, &[])])
    {
        assert!(line.starts_with("model/config.json: "), "{line}");
    }
}

#[test]
fn broken_weights_are_refused_by_their_file() {
    let place = Place::with_weights();
    let file = place.path("model/model.safetensors");
    let whole = fs::read(&file).unwrap();
    let mut not_finite = whole.clone();
    let last = not_finite.len() - 4;
    not_finite[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    let mut header = whole.clone();
    header[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    for bytes in [
        &[][..],
        &whole[..4],
        &whole[..100],
        &whole[..whole.len() - 1],
        b"not weights at all",
        &header,
        &not_finite,
    ] {
        fs::write(&file, bytes).unwrap();
        for line in model_refused(&place) {
            assert!(line.starts_with("model/model.safetensors: "), "{line}");
        }
    }
    fs::write(&file, &whole).unwrap();
    let mut wider = architecture();
    wider["intermediate_size"] = json!(96);
    place.write("model/config.json", &wider.to_string());
    for line in model_refused(&place) {
        assert!(
            line.starts_with("model/model.safetensors: `model.layers.0.mlp."),
            "{line}"
        );
        assert_names(&line, ", the model needs ");
    }
    let mut deeper = architecture();
    deeper["num_hidden_layers"] = json!(2);
    place.write("model/config.json", &deeper.to_string());
    for line in model_refused(&place) {
        assert_names(&line, "no tensor `model.layers.1.");
    }
    fs::remove_file(&file).unwrap();
    for line in model_refused(&place) {
        assert!(line.starts_with("model/model.safetensors: "), "{line}");
    }
    for folder in ["model", "no/model"] {
        let line = place.train_refused(1, &["--init-from", folder]);
        assert!(line.starts_with(&format!("{folder}/")), "{line}");
    }
}

#[test]
fn what_does_not_fit_the_model_is_refused_by_its_key() {
    let place = Place::new();
    for (set, named) in [
        (
            "data.seq_len=65",
            "data.seq_len: 65 exceeds the model's 64 positions",
        ),
        (
            "designer.top_k=769",
            "designer.top_k: 769 exceeds the vocabulary of 768",
        ),
        (
            "value.subset=last:2",
            "value.subset: last:2 of a model with 1 blocks",
        ),
    ] {
        assert_eq!(place.train_refused(1, &["--set", set]), named);
    }
    let place = Place::with_weights();
    let generate = ["generate", "--config", "tiny.toml"];
    let long = "What is 3+4? ".repeat(60);
    let line = place.refused(1, &[&generate[..], &["fine", &long]].concat());
    assert_names(&line, "prompt 1 has ");
    let line = place.refused(1, &[&generate[..], &["--raw", ""]].concat());
    assert_names(&line, "prompt 0 is empty");
}

#[test]
fn an_out_that_cannot_be_made_is_named() {
    let place = Place::new();
    place.write("file", "kept");
    for out in ["file", "file/run"] {
        let args = ["train", "--quiet", "--config", "tiny.toml", "--out", out];
        let line = place.refused(1, &args);
        assert!(line.starts_with("file"), "{line}");
        let args = [
            "experiment",
            "headline",
            "--quiet",
            "--config",
            "tiny.toml",
            "--out",
            out,
        ];
        let line = place.refused(
            1,
            &[&args[..], &["--methods", "ntp", "--seeds", "1"]].concat(),
        );
        assert_names(&line, &format!("{out}/runs/ntp-s0: "));
    }
    assert_eq!(place.read("file"), "kept");
}

#[cfg(unix)]
#[test]
fn an_out_that_may_not_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    fs::create_dir(place.path("locked")).unwrap();
    let permit = |mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(place.path("locked"), permissions).unwrap();
    };
    permit(0o555);
    // Permissions do not hold for the superuser; /proc takes no folder from anyone.
    let outs = if fs::write(place.path("locked/probe"), "").is_ok() {
        vec!["/proc/run"]
    } else {
        vec!["locked/run", "/proc/run"]
    };
    for out in outs {
        let args = ["train", "--quiet", "--config", "tiny.toml", "--out", out];
        let line = place.refused(1, &args);
        assert!(line.starts_with(&format!("{out}: ")), "{line}");
    }
    permit(0o755);
    assert!(!place.path("locked/run").exists());
}

#[test]
fn a_run_that_diverges_names_the_step() {
    let place = Place::new();
    let args = [
        "--set",
        "train.lr=1e30",
        "--set",
        "train.clip=0",
        "--set",
        "train.warmup=0",
    ];
    let line = place.refused(1, &train_args("run", &args));
    assert!(line.starts_with("step "), "{line}");
    assert_names(&line, "not finite");
    // There was no checkpoint, so nothing is in the way of another try.
    place.train("run", &[]);
}
