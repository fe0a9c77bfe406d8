//! Streams of other formats, filters, kept tokens, and `vpt data inspect`.

use super::*;

fn golden(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/formats");
    folder.join(name).display().to_string()
}

#[test]
fn inspect_shows_documents_borders_and_totals() {
    let place = Place::new();
    let args = ["data", "inspect", "--config", "tiny.toml"];
    let plain = place.stdout(&args);
    assert!(!plain.contains('\x1b'), "no colours in a pipe: {plain}");
    for part in [
        "══ sequence 0\n",
        "── document 0, positions 0–",
        "Question: What is ",
        "<eos>\n",
        "40 records: 40 documents",
        " % of positions will be padding\n",
    ] {
        assert!(plain.contains(part), "{part} in {plain}");
    }
    let forced = |name: &str| {
        let mut command = place.vpt(&args);
        command.env("CLICOLOR_FORCE", "1").env(name, "1");
        printed(command)
    };
    assert!(forced("VPT_NOTHING").contains("\x1b[2mQuestion: "));
    assert_eq!(forced("NO_COLOR").replace('\x1b', ""), forced("NO_COLOR"));
}

#[test]
fn inspect_as_json_adds_up() {
    let place = Place::new();
    let mut args = vec!["data", "inspect", "--config", "tiny.toml", "--json"];
    args.extend(["--sequences", "3"]);
    let json: Value = serde_json::from_str(&place.stdout(&args)).unwrap();
    let sequences = json["sequences"].as_array().unwrap();
    assert_eq!(sequences.len(), 3);
    for sequence in sequences {
        let spans = sequence.as_array().unwrap();
        let tokens: u64 = spans.iter().map(|s| s["tokens"].as_u64().unwrap()).sum();
        let answers = spans.iter().filter(|s| s["kind"] == "answer").count() as u64;
        assert_eq!(
            tokens - answers,
            64,
            "a document's last token is no position"
        );
    }
    assert_eq!(json["counts"]["documents"], 40);
    assert!(json["padding"].as_f64().unwrap() < 0.5);
}

#[test]
fn a_parquet_stream_with_a_filter_resumes_from_kept_tokens() {
    let place = Place::new();
    let corpus = format!("data.corpus={}", golden("snappy.parquet"));
    let more = ["--set", &corpus, "--set", "data.cache=cache"];
    let filtered = [&more[..], &["--set", "data.filter=source != \"gsm8k\""]].concat();
    place.train("whole", &filtered);
    let summary: Value = serde_json::from_str(&place.read("whole/summary.json")).unwrap();
    assert_eq!(summary["documents"]["filtered"], 15);
    assert_eq!(summary["documents"]["records"], 61);
    place.train("parts", &[&filtered[..], &["--stop-after", "5"]].concat());
    place.stdout(&["train", "--quiet", "--resume", "parts"]);
    assert_eq!(
        fs::read(place.path("whole/model/model.safetensors")).unwrap(),
        fs::read(place.path("parts/model/model.safetensors")).unwrap()
    );
    let kept = fs::read_dir(place.path("cache")).unwrap().count();
    assert_eq!(kept, 2, "tokens once, and their lock");
    // The same stream without a thread of its own, from memory.
    let direct = [
        "--set",
        &corpus,
        "--set",
        "data.prefetch=0",
        "--set",
        "data.filter=source != \"gsm8k\"",
    ];
    place.train("direct", &direct);
    assert_eq!(
        fs::read(place.path("whole/model/model.safetensors")).unwrap(),
        fs::read(place.path("direct/model/model.safetensors")).unwrap()
    );
}

#[test]
fn streams_that_cannot_be_used_give_one_line() {
    let place = Place::new();
    let inspect = |code, set: &[&str]| {
        let mut args = vec!["data", "inspect", "--config", "tiny.toml"];
        set.iter().for_each(|set| args.extend(["--set", set]));
        place.refused(code, &args)
    };
    let line = inspect(2, &["data.filter=source = 'x'"]);
    assert!(line.contains("data.filter: expected `==`"), "{line}");
    let line = inspect(1, &["data.filter=sorce == 'x'"]);
    assert!(line.contains("stream.jsonl:1: no field `sorce`"), "{line}");
    let line = inspect(1, &["data.corpus=none-*.parquet"]);
    assert!(
        line.contains("none-*.parquet: no data files here"),
        "{line}"
    );
    let bytes = fs::read(golden("zstd.parquet")).unwrap();
    fs::write(place.path("cut.parquet"), &bytes[..bytes.len() / 2]).unwrap();
    let line = inspect(1, &["data.corpus=cut.parquet"]);
    assert!(line.contains("cut.parquet: after 0 rows: "), "{line}");
    let bytes = fs::read(golden("frames.jsonl.zst")).unwrap();
    fs::write(place.path("cut.jsonl.zst"), &bytes[..bytes.len() / 2]).unwrap();
    let line = inspect(1, &["data.corpus=cut.jsonl.zst"]);
    assert!(line.contains("Zstandard stream broken after "), "{line}");
    let line = inspect(1, &["data.corpus=hub:nothing"]);
    assert!(line.contains("hub:OWNER/NAME"), "{line}");
}

/// A data set as Python's client leaves it in its cache: found by name without a network.
#[test]
fn a_data_set_by_name_from_the_cache() {
    let place = Place::new();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let data_set = place.path("hf/datasets--owner--name");
    let snapshot = data_set.join("snapshots").join(commit).join("data");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(data_set.join("refs")).unwrap();
    fs::write(data_set.join("refs/main"), commit).unwrap();
    let shards = [
        "train-00000-of-00002",
        "train-00001-of-00002",
        "test-00000-of-00001",
    ];
    for (name, shard) in ["snappy", "zstd", "plain"].into_iter().zip(shards) {
        let from = golden(&format!("{name}.parquet"));
        fs::copy(from, snapshot.join(format!("{shard}.parquet"))).unwrap();
    }
    let records = |corpus: &str| {
        let set = format!("data.corpus={corpus}");
        let args = ["data", "inspect", "--json", "--sequences", "0"];
        let args = [&args[..], &["--config", "tiny.toml", "--set", &set]].concat();
        let mut command = place.vpt(&args);
        command.env("HF_HUB_CACHE", place.path("hf"));
        command.env("HF_HUB_OFFLINE", "1");
        let json: Value = serde_json::from_str(&printed(command)).unwrap();
        json["counts"]["records"].as_u64().unwrap()
    };
    assert_eq!(records("hub:owner/name"), 122);
    assert_eq!(records("hub:owner/name@main:data/test-*"), 61);
}
