//! Runs in which a part of the learner learns.

use super::fixture::Bench;
use burn::backend::Flex;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use vpt_core::read_tensors;
use vpt_core::run::RunOptions;
use vpt_text::config::{EstimatorKind, RunConfig, SubsetSpec, TrainableSpec};
use vpt_text::decoder::{Decoder, DecoderConfig, TargetModules};
use vpt_text::run::{RunError, train};

/// A bench whose model has weights.
pub(super) fn bench() -> (Bench, RunConfig) {
    let bench = Bench::new();
    let model = bench.path("model");
    let text = std::fs::read_to_string(model.join("config.json")).unwrap();
    let architecture = DecoderConfig::from_json(&text).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let base = Decoder::<Flex>::init(&architecture, &mut rng, &Default::default()).unwrap();
    base.save(&model).unwrap();
    let mut config = bench.config();
    config.model.from_scratch = false;
    config.train.lr = 1e-2;
    (bench, config)
}

fn with_lora(config: &RunConfig, dropout: f64) -> RunConfig {
    let mut config = config.clone();
    config.lora.rank = 3;
    config.lora.targets = TargetModules::AllLinear;
    config.lora.dropout = dropout;
    config
}

pub(super) fn options(out: PathBuf) -> RunOptions {
    RunOptions {
        out,
        resume: false,
        stop_after: None,
        init_from: None,
        config_text: String::new(),
    }
}

fn run(config: &RunConfig, options: &RunOptions) -> Result<bool, RunError> {
    let mut observer = |_: &_| ControlFlow::Continue(());
    let outcome = train::<Flex>(config, options, &Default::default(), &mut observer)?;
    Ok(outcome.summary.is_some())
}

fn tensors(file: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = read_tensors(file).unwrap().into_iter();
    read.map(|(key, data)| (key, data.as_bytes().to_vec()))
        .collect()
}

/// The keys of `model/` that differ from the base's.
fn changed(bench: &Bench, out: &Path) -> Vec<String> {
    let base = tensors(&bench.path("model/model.safetensors"));
    let found = tensors(&out.join("model/model.safetensors"));
    assert!(base.keys().eq(found.keys()));
    let differ = found.into_iter().filter(|(key, value)| base[key] != *value);
    differ.map(|(key, _)| key).collect()
}

#[test]
fn adapters_learn_beside_a_base_that_stays() {
    let (bench, config) = bench();
    for estimator in [EstimatorKind::Linear, EstimatorKind::Nested] {
        let mut config = with_lora(&config, 0.0);
        config.value.estimator = estimator;
        let out = bench.path(&format!("{estimator:?}"));
        assert!(run(&config, &options(out.clone())).unwrap());
        let changed = changed(&bench, &out);
        assert_eq!(changed.len(), 14);
        assert!(changed.iter().all(|key| key.ends_with("_proj.weight")));

        // The model is the base with the adapter merged.
        let device = Default::default();
        let (base, _) =
            Decoder::<Flex>::load(&bench.path("model"), &Default::default(), &device).unwrap();
        let merged = base.load_lora(&out.join("adapter")).unwrap();
        merged.save(&bench.path("merged")).unwrap();
        assert_eq!(
            tensors(&bench.path("merged/model.safetensors")),
            tensors(&out.join("model/model.safetensors"))
        );
    }
}

/// Bit for bit, the dropout's draws included; the checkpoints between hold adapters alone.
#[test]
fn a_resumed_run_of_adapters_is_the_same_run() {
    let (bench, config) = bench();
    let config = with_lora(&config, 0.2);
    let straight = bench.path("straight");
    run(&config, &options(straight.clone())).unwrap();
    let part = bench.path("part");
    for stop in [1, 3, 4] {
        let options = RunOptions {
            stop_after: Some(stop),
            resume: stop > 1,
            ..options(part.clone())
        };
        assert!(!run(&config, &options).unwrap());
    }
    let last = RunOptions {
        resume: true,
        ..options(part.clone())
    };
    assert!(run(&config, &last).unwrap());
    let files = [
        "model/model.safetensors",
        "adapter/adapter_model.safetensors",
        "adapter/adapter_config.json",
        "designer/designer.safetensors",
        "checkpoints/step-000006/state.safetensors",
        "checkpoints/step-000006/state.json",
    ];
    for file in files {
        let read = |out: &Path| std::fs::read(out.join(file)).unwrap();
        assert!(read(&part) == read(&straight), "{file}");
    }
    let state = tensors(&part.join("checkpoints/step-000006/state.safetensors"));
    let learner = state.keys().filter(|key| key.starts_with("learner/"));
    assert_eq!(learner.clone().count(), 28);
    assert!(learner.into_iter().all(|key| key.contains(".lora.")));
    // Dropout does something.
    let dry = bench.path("dry");
    run(&with_lora(&config, 0.0), &options(dry.clone())).unwrap();
    let adapter = "adapter/adapter_model.safetensors";
    assert_ne!(tensors(&dry.join(adapter)), tensors(&part.join(adapter)));
}

/// Another base under the same checkpoint is refused.
#[test]
fn a_base_that_changed_is_refused() {
    let (bench, config) = bench();
    let config = with_lora(&config, 0.0);
    let stopped = RunOptions {
        stop_after: Some(2),
        ..options(bench.path("run"))
    };
    run(&config, &stopped).unwrap();
    let file = bench.path("model/model.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let resumed = RunOptions {
        resume: true,
        ..options(bench.path("run"))
    };
    let error = run(&config, &resumed).unwrap_err().to_string();
    assert!(error.contains("model.safetensors"), "{error}");
}

#[test]
fn the_last_blocks_alone_can_learn() {
    let (bench, mut config) = bench();
    config.train.parameters = TrainableSpec::Last(1);
    let out = bench.path("run");
    run(&config, &options(out.clone())).unwrap();
    let changed = changed(&bench, &out);
    let within = |key: &String| key.starts_with("model.layers.1.") || key == "model.norm.weight";
    assert_eq!(changed.len(), 10);
    assert!(changed.iter().all(within), "{changed:?}");
    assert!(!out.join("adapter").exists());

    // The value on blocks that do not learn is no value.
    config.value.subset = SubsetSpec::Head;
    let error = run(&config, &options(bench.path("other"))).unwrap_err();
    assert!(error.to_string().contains("value.subset"), "{error}");
}

/// S may be a part of the adapters.
#[test]
fn the_value_can_be_on_the_last_adapters() {
    let (bench, config) = bench();
    let model = |subset: SubsetSpec, name: &str| {
        let mut config = with_lora(&config, 0.0);
        config.value.subset = subset;
        let out = bench.path(name);
        run(&config, &options(out.clone())).unwrap();
        tensors(&out.join("adapter/adapter_model.safetensors"))
    };
    let all = model(SubsetSpec::All, "all");
    assert_eq!(model(SubsetSpec::Adapters, "adapters"), all);
    assert_eq!(model(SubsetSpec::Trainable, "trainable"), all);
    assert_ne!(model(SubsetSpec::Last(1), "last"), all);
}
