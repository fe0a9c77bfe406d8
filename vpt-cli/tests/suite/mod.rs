//! A tiny model, tiny data, and the binary run on them.

mod adapters;
mod bad_config;
mod bad_input;
mod bench;
mod commands;
mod data;
mod decontaminate;
mod eval;
mod experiment;
mod features;
mod gguf;
mod hub;
#[path = "../../../tests/hub_server.rs"]
mod hub_server;
mod image;
mod inspect;
mod repeat;
mod resume;
mod score;
mod sweep;

use assert_cmd::Command;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::{Child, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Learner steps of a tiny run.
const STEPS: usize = 12;

const TINY: &str = r#"
[model]
path = "model"
from_scratch = true
[data]
corpus = "stream.jsonl"
feedback = "feedback.jsonl"
validation = "validation.jsonl"
test = "test.jsonl"
off_target = "off_target.jsonl"
seq_len = 64
shuffle_buffer = 16
[designer]
top_k = 4
steps = 2
layers = 1
width = 16
heads = 2
[value]
update_every = 3
burn_in = 2
feedback_batch = 4
probe_every = 2
[train]
steps = 12
batch_size = 2
lr = 1e-2
warmup = 2
checkpoint_every = 4
eval_every = 5
[eval]
batch = 4
pass_items = 1
final_pass_items = 3
max_new_tokens = 6
"#;

/// A folder that `vpt` runs in: `tiny.toml`, `model/` without weights, and the data it names. Gone when
/// dropped.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        place.write("tiny.toml", TINY);
        fs::create_dir(place.path("model")).unwrap();
        let tokenizer =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/headline/base/tokenizer.json");
        fs::copy(tokenizer, place.path("model/tokenizer.json")).unwrap();
        place.write("model/config.json", &architecture().to_string());
        let sum = |i: usize| {
            let (a, b) = (i % 10, (i * 7 + i / 10) % 10);
            let c = a + b;
            json!({
                "problem": format!("What is {a}+{b}?"),
                "solution": format!("{a}+{b}={c}.\n#### {c}"),
                "answer": c.to_string(),
                "kind": "sum",
            })
        };
        place.write("stream.jsonl", &lines((0..40).map(sum)));
        place.write("feedback.jsonl", &lines((40..50).map(sum)));
        place.write("validation.jsonl", &lines((50..56).map(sum)));
        place.write("test.jsonl", &lines((60..65).map(sum)));
        let word =
            |i| json!({ "problem": format!("Say word {i}."), "solution": "red", "kind": "words" });
        place.write("off_target.jsonl", &lines((0..4).map(word)));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// `vpt` in this folder.
    fn vpt(&self, args: &[&str]) -> Command {
        let mut command = vpt(args);
        command.current_dir(self.folder.path());
        command
    }

    /// What `vpt` prints where it ends well.
    fn stdout(&self, args: &[&str]) -> String {
        printed(self.vpt(args))
    }

    /// `vpt` in this folder, under way and not listened to.
    #[cfg(unix)]
    fn start(&self, args: &[&str]) -> Running {
        let mut command = std::process::Command::new(binary());
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("RAYON_NUM_THREADS")
            .env_remove("VPT_DATA")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Running(command.spawn().unwrap())
    }

    /// A tiny run into `out`.
    fn train(&self, out: &str, args: &[&str]) -> String {
        self.stdout(&train_args(out, args))
    }

    /// The one line with which `args` are refused by exit code `code`, after `error: `.
    fn refused(&self, code: i32, args: &[&str]) -> String {
        refusal(self.vpt(args), code)
    }
}

/// A process that does not outlive its test.
#[cfg(unix)]
struct Running(Child);

#[cfg(unix)]
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
impl Running {
    /// Sends `signal` once `ready`, and waits for the end.
    fn end_when(mut self, signal: rustix::process::Signal, ready: impl Fn() -> bool) -> ExitStatus {
        self.wait_until(ready);
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).unwrap();
        self.0.wait().unwrap()
    }

    fn wait_until(&mut self, ready: impl Fn() -> bool) {
        let began = std::time::Instant::now();
        while !ready() {
            assert!(began.elapsed() < Duration::from_secs(60), "never ready");
            assert!(self.0.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The command line of a tiny run into `out`.
fn train_args<'a>(out: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [
        &["train", "--quiet", "--config", "tiny.toml", "--out", out],
        args,
    ]
    .concat()
}

/// One block of width 32 with 64 positions, for the tokenizer that ships.
fn architecture() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": 768,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "hidden_act": "silu",
        "max_position_embeddings": 64,
        "initializer_range": 0.02,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": true,
        "bos_token_id": null,
        "eos_token_id": 1,
    })
}

fn lines(objects: impl Iterator<Item = Value>) -> String {
    objects.map(|object| format!("{object}\n")).collect()
}

fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_vpt")
}

fn vpt(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(args)
        .env_remove("RAYON_NUM_THREADS")
        .env_remove("VPT_DATA")
        // No test asks the Hub itself; those with a server of their own name it.
        .env("HF_HUB_OFFLINE", "1")
        .env("HF_HUB_CACHE", "no-cache-here")
        .env_remove("HF_TOKEN")
        .timeout(Duration::from_secs(120));
    command
}

fn printed(mut command: Command) -> String {
    let output = command.assert().success().get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

fn stdout(args: &[&str]) -> String {
    printed(vpt(args))
}

fn refused(code: i32, args: &[&str]) -> String {
    refusal(vpt(args), code)
}

/// The one line of a refusal, after `error: `.
fn refusal(mut command: Command, code: i32) -> String {
    let output = command.assert().code(code).get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.stdout.is_empty(), "{command:?} printed to stdout");
    assert_eq!(stderr.lines().count(), 1, "{command:?}: {stderr}");
    stderr
        .trim_end()
        .strip_prefix("error: ")
        .unwrap_or_else(|| panic!("{command:?}: {stderr}"))
        .to_owned()
}

/// The methods whose runs differ in kind: without feedback, with it, along random directions.
const METHODS: [&str; 3] = ["ntp", "value", "random"];

/// A place with a finished, uninterrupted run of seed 0 of each of [`METHODS`] under `runs/METHOD`. Many
/// tests read it and none changes it, so it is made once.
fn finished() -> &'static Path {
    static FINISHED: OnceLock<PathBuf> = OnceLock::new();
    FINISHED.get_or_init(|| {
        let place = Place::new();
        for method in METHODS {
            place.train(
                &format!("runs/{method}"),
                &["--set", &format!("method={method}")],
            );
        }
        // Nothing is dropped at the end of a process: it stays in one place, until the next comes.
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("finished");
        let owned = File::create(kept.with_extension("lock")).unwrap();
        owned.lock().unwrap();
        let _ = fs::remove_dir_all(&kept);
        copy(place.folder.path(), &kept);
        std::mem::forget(owned);
        kept
    })
}

/// The finished run of `method`.
fn reference(method: &str) -> Artefacts {
    Artefacts::read(&finished().join("runs").join(method))
}

/// A place that holds a copy of the finished run of `method`.
fn with_finished(method: &str) -> (Place, String) {
    let place = Place::new();
    let run = format!("runs/{method}");
    copy(&finished().join(&run), &place.path(&run));
    (place, run)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// All that a finished run leaves, without the times that it took.
struct Artefacts {
    /// By path; JSON is kept as it means, anything else as its bytes.
    json: BTreeMap<PathBuf, Vec<Value>>,
    bytes: BTreeMap<PathBuf, Vec<u8>>,
}

/// Fields that hold wall time.
const TIMES: [&str; 11] = [
    "seconds",
    "target_seconds",
    "direction_seconds",
    "probe_seconds",
    "designer_seconds",
    "noise_seconds",
    "wall_seconds",
    "value_seconds",
    "seconds_per_step",
    "value_share",
    "target_share",
];

fn without_times(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for time in TIMES {
                fields.remove(time);
            }
            for field in fields.values_mut() {
                *field = without_times(field.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = without_times(item.take());
            }
        }
        _ => {}
    }
    value
}

impl Artefacts {
    fn read(run: &Path) -> Self {
        let mut found = Self {
            json: BTreeMap::new(),
            bytes: BTreeMap::new(),
        };
        found.collect(run, Path::new(""));
        // Which checkpoint is left beside the newest depends on where a run was stopped.
        let checkpoint = |name: &PathBuf| {
            let part = name.strip_prefix("checkpoints").ok()?.components().next()?;
            Some(PathBuf::from(part.as_os_str()))
        };
        let newest = found.names().into_iter().filter_map(checkpoint).max();
        let older = |name: &PathBuf| checkpoint(name).is_some() && checkpoint(name) != newest;
        found.json.retain(|name, _| !older(name));
        found.bytes.retain(|name, _| !older(name));
        assert!(
            found.json.contains_key(Path::new("summary.json")),
            "{run:?} holds no finished run: {:?}",
            found.names()
        );
        found
    }

    fn collect(&mut self, folder: &Path, prefix: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = prefix.join(path.file_name().unwrap());
            // Left by a process that was killed while it wrote, or locked by one.
            if name.file_name().unwrap().to_string_lossy().starts_with('.') {
                continue;
            }
            if path.is_dir() {
                self.collect(&path, &name);
                continue;
            }
            match path.extension().and_then(|kind| kind.to_str()) {
                Some("json" | "jsonl") => {
                    let text = fs::read_to_string(&path).unwrap();
                    let values = serde_json::Deserializer::from_str(&text).into_iter();
                    let values = values.map(|value| without_times(value.unwrap()));
                    self.json.insert(name, values.collect());
                }
                _ => {
                    self.bytes.insert(name, fs::read(&path).unwrap());
                }
            }
        }
    }

    fn names(&self) -> Vec<&PathBuf> {
        self.json.keys().chain(self.bytes.keys()).collect()
    }

    /// Equal in everything, told file by file: whole runs make no message.
    fn assert_same(&self, other: &Self) {
        assert_eq!(self.names(), other.names());
        for (name, a) in &self.json {
            let b = &other.json[name];
            for (line, (a, b)) in a.iter().zip(b).enumerate() {
                assert_eq!(a, b, "{name:?}, value {}", line + 1);
            }
            assert_eq!(a.len(), b.len(), "{name:?}");
        }
        for (name, a) in &self.bytes {
            assert!(*a == other.bytes[name], "{name:?}");
        }
    }

    fn weights(&self) -> &[u8] {
        &self.bytes[Path::new("model/model.safetensors")]
    }

    fn events(&self) -> &[Value] {
        &self.json[Path::new("metrics.jsonl")]
    }
}
