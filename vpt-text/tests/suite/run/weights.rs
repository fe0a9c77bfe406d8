//! Where a run's weights come from.

use super::adapters::{bench, options};
use super::fixture::Bench;
use burn::backend::Flex;
use burn::tensor::TensorData;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use vpt_core::run::RunOptions;
use vpt_core::{read_tensors, write_tensors};
use vpt_text::config::{HeadSpec, RunConfig};
use vpt_text::run::{RunError, RunEvent, train};

const EMBEDDING: &str = "model.embed_tokens.weight";

fn tensors(bench: &Bench) -> BTreeMap<String, TensorData> {
    read_tensors(&bench.path("model/model.safetensors")).unwrap()
}

/// Whether the run says that a stored head is not used.
fn run(config: &RunConfig, options: &RunOptions) -> Result<bool, RunError> {
    let mut differs = false;
    let mut observer = |event: &RunEvent| {
        if let RunEvent::Started {
            stored_head_differs,
            ..
        } = event
        {
            differs = *stored_head_differs;
        }
        ControlFlow::Continue(())
    };
    train::<Flex>(config, options, &Default::default(), &mut observer)?;
    Ok(differs)
}

#[test]
fn a_changed_shard_is_noticed_on_resume() {
    let (bench, config) = bench();
    let mut first = tensors(&bench);
    let rest = first.split_off(EMBEDDING);
    std::fs::remove_file(bench.path("model/model.safetensors")).unwrap();
    let mut map = serde_json::Map::new();
    for (name, part) in [("a.safetensors", first), ("b.safetensors", rest)] {
        map.extend(part.keys().map(|key| (key.clone(), name.into())));
        write_tensors(&bench.path("model").join(name), part).unwrap();
    }
    let index = serde_json::json!({ "metadata": {}, "weight_map": map });
    let file = bench.path("model/model.safetensors.index.json");
    std::fs::write(file, index.to_string()).unwrap();

    let options = |resume, stop_after| RunOptions {
        resume,
        stop_after,
        ..options(bench.path("run"))
    };
    run(&config, &options(false, Some(2))).unwrap();
    run(&config, &options(true, Some(3))).unwrap();
    let shard = bench.path("model/b.safetensors");
    let mut changed = read_tensors(&shard).unwrap();
    let table = changed.get_mut(EMBEDDING).unwrap();
    table.as_mut_slice::<f32>().unwrap()[0] += 1.0;
    write_tensors(&shard, changed).unwrap();
    let error = run(&config, &options(true, None)).unwrap_err().to_string();
    let said = "`model.safetensors.index.json` is not what the run was made with";
    assert!(error.contains(said), "{error}");
}

#[test]
fn a_stored_head_beside_a_tied_one_is_told_and_can_be_chosen() {
    let (bench, mut config) = bench();
    let mut all = tensors(&bench);
    let mut head = all[EMBEDDING].clone();
    head.as_mut_slice::<f32>().unwrap()[0] += 1.0;
    all.insert("lm_head.weight".into(), head);
    write_tensors(&bench.path("model/model.safetensors"), all).unwrap();

    for (spec, told, has_head) in [
        (HeadSpec::Config, true, false),
        (HeadSpec::Stored, false, true),
        (HeadSpec::Tied, true, false),
    ] {
        config.model.head = spec;
        let out = bench.path(&format!("{spec:?}"));
        assert_eq!(run(&config, &options(out.clone())).unwrap(), told);
        let saved = read_tensors(&out.join("model/model.safetensors")).unwrap();
        assert_eq!(saved.contains_key("lm_head.weight"), has_head);
    }
}
