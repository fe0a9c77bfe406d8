//! Adapters against PEFT: files made by `tests/golden/make_lora.py`.

use super::fixture::{
    Flex, NdArray, NdArray64, fresh, golden, ints, largest_difference, packed, tiny, values,
};
use burn::backend::Autodiff;
use burn::tensor::TensorData;
use burn::tensor::backend::Backend;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::SafeTensors;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use vpt_core::{export, lift, parameters, read_tensors, trainable, write_tensors};
use vpt_text::decoder::{
    Decoder, DecoderInput, LoraConfig, LoraError, ModelType, TargetModules, is_adapter,
};

const ADAPTERS: [&str; 3] = ["list", "all-linear", "regex"];
const WEIGHTS: &str = "adapter_model.safetensors";
const CONFIG: &str = "adapter_config.json";

#[derive(Deserialize)]
struct Golden {
    base: String,
    tokens: Vec<Vec<i64>>,
    logits: Vec<Vec<Vec<f64>>>,
    /// Products of merged weights with (cos 0, cos 1, …).
    merged: BTreeMap<String, Vec<f64>>,
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden/lora")
        .join(name)
}

fn read(name: &str) -> Golden {
    let text = std::fs::read(folder(name).join("golden.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn logits<B: Backend>(decoder: &Decoder<B>, tokens: &[Vec<i64>]) -> Vec<f64> {
    let hidden = decoder.hidden(&DecoderInput::whole(ints(tokens)));
    values(decoder.logits(hidden.flatten(0, 1)))
}

fn adapters_agree<B: Backend>() {
    for name in ADAPTERS {
        let expected = read(name);
        let base = golden::<B>(&expected.base);
        let plain = logits(&base, &expected.tokens);
        let adapted = base.load_lora(&folder(name)).unwrap();
        let theirs = expected.logits.concat().concat();
        assert!(largest_difference(&plain, &theirs) > 0.1, "{name}");
        let found = logits(&adapted, &expected.tokens);
        let difference = largest_difference(&found, &theirs);
        assert!(difference < 1e-4, "{name}: {difference}");
        let merged = adapted.merged();
        assert!(merged.lora().is_none());
        let difference = largest_difference(&logits(&merged, &expected.tokens), &theirs);
        assert!(difference < 1e-4, "{name}, merged: {difference}");
    }
}

#[test]
fn logits_are_those_of_peft() {
    adapters_agree::<Flex>();
    adapters_agree::<NdArray>();
    adapters_agree::<NdArray64>();
}

#[test]
fn merged_weights_are_those_of_peft() {
    for name in ADAPTERS {
        let expected = read(name);
        let base = golden::<Flex>(&expected.base);
        let before = export(&base);
        let merged = export(&base.load_lora(&folder(name)).unwrap().merged());
        assert_eq!(merged.len(), before.len(), "{name}");
        let mut changed = 0;
        for (path, weight) in merged {
            let key = match path.as_str() {
                "lm_head.weight" => path.clone(),
                _ => format!("model.{path}"),
            };
            let Some(products) = expected.merged.get(&key) else {
                assert_eq!(weight.as_bytes(), before[&path].as_bytes(), "{path}");
                continue;
            };
            changed += 1;
            let width = weight.shape.as_slice()[1];
            let entries: Vec<f64> = weight.iter().collect();
            let found: Vec<f64> = entries
                .chunks(width)
                .map(|row| {
                    row.iter()
                        .zip(0..)
                        .map(|(w, j)| w * f64::from(j).cos())
                        .sum()
                })
                .collect();
            let difference = largest_difference(&found, products);
            assert!(difference < 1e-5, "{name}, {key}: {difference}");
        }
        assert_eq!(changed, expected.merged.len(), "{name}");
    }
}

/// What PEFT wrote, read and written again: the same tensors, and a config that says the same.
#[test]
fn a_saved_adapter_has_pefts_keys_shapes_and_fields() {
    for name in ADAPTERS {
        let place = TempDir::new().unwrap();
        let base = golden::<Flex>(&read(name).base);
        let adapted = base.load_lora(&folder(name)).unwrap();
        adapted.save_lora(place.path(), Some("the/base")).unwrap();

        let mut theirs = read_tensors(&folder(name).join(WEIGHTS)).unwrap();
        theirs.retain(|key, _| key.contains(".lora_"));
        assert_eq!(read_tensors(&place.path().join(WEIGHTS)).unwrap(), theirs);
        let bytes = std::fs::read(place.path().join(WEIGHTS)).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap();
        assert_eq!(metadata["format"], "pt");

        let json = |folder: &Path| -> BTreeMap<String, Value> {
            serde_json::from_slice(&std::fs::read(folder.join(CONFIG)).unwrap()).unwrap()
        };
        let (ours, theirs) = (json(place.path()), json(&folder(name)));
        for (field, value) in &ours {
            // Long-established fields alone, each with PEFT's own value.
            match field.as_str() {
                "base_model_name_or_path" => assert_eq!(value, "the/base"),
                _ => assert_eq!(Some(value), theirs.get(field), "{name}: {field}"),
            }
        }
        for field in ["r", "lora_alpha", "target_modules", "peft_type", "bias"] {
            assert!(ours.contains_key(field), "{field}");
        }
        let again = golden::<Flex>(&read(name).base);
        let again = again.load_lora(place.path()).unwrap();
        assert_eq!(again.lora(), adapted.lora());
        let tokens = read(name).tokens;
        assert_eq!(logits(&again, &tokens), logits(&adapted, &tokens));
        // Nothing temporary is left behind.
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2);
    }
}

fn config(rank: usize, targets: &str) -> LoraConfig {
    let targets = TargetModules::try_from(targets.to_owned()).unwrap();
    LoraConfig::new(rank, 8.0, targets)
}

fn adapted<B: Backend>(config: &LoraConfig, seed: u64) -> Decoder<B> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    fresh::<B>(&tiny(ModelType::Qwen2, true), 7)
        .with_lora(config, &mut rng)
        .unwrap()
}

#[test]
fn fresh_adapters_change_nothing_yet() {
    let input = packed::<Flex>(&[&[3, 1, 4], &[1, 5, 9, 2]]);
    let base = fresh::<Flex>(&tiny(ModelType::Qwen2, true), 7);
    let decoder = adapted::<Flex>(&config(3, "all-linear"), 1);
    assert_eq!(
        values(decoder.hidden(&input)),
        values(base.hidden(&input)),
        "B = 0"
    );
    let mut found = 0;
    for (path, data) in export(&decoder) {
        if path.ends_with(".lora.a") {
            let bound = (data.shape.as_slice()[1] as f64).recip().sqrt();
            let entries: Vec<f64> = data.iter().collect();
            let largest = entries.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            assert!(largest <= bound && largest > 0.7 * bound, "{path}");
            found += 1;
        } else if path.ends_with(".lora.b") {
            assert!(data.iter::<f64>().all(|x| x == 0.0), "{path}");
        }
    }
    assert_eq!(found, 14);
    // The same draw on every backend, another from another seed.
    let a = |decoder: BTreeMap<String, TensorData>| -> Vec<f64> {
        decoder["layers.1.mlp.up_proj.lora.a"].iter().collect()
    };
    let first = a(export(&decoder));
    let other = a(export(&adapted::<NdArray>(&config(3, "all-linear"), 1)));
    assert_eq!(first, other);
    let other = a(export(&adapted::<Flex>(&config(3, "all-linear"), 2)));
    assert_ne!(first, other);
}

/// With B = 0 no gradient reaches A; with the base off the tape none is made for it.
#[test]
fn only_b_has_a_gradient_at_first() {
    type D = Autodiff<Flex>;
    let decoder = adapted::<Flex>(&config(3, "q_proj,down_proj"), 1);
    let input: DecoderInput<D> = lift(&packed::<Flex>(&[&[3, 1, 4], &[1, 5, 9, 2]]));
    let adapters = vpt_core::ParamSubset::matching(&decoder, is_adapter);
    let tracked: Decoder<D> = adapters.track(lift(&decoder));
    let hidden = tracked.hidden(&input);
    let gradients = (hidden.clone() * hidden).sum().backward();
    for (path, gradient) in gradients_of(&tracked, &gradients) {
        let Some(gradient) = gradient else {
            assert!(!is_adapter(&path), "{path}");
            continue;
        };
        assert!(is_adapter(&path), "{path} is off the tape");
        let largest = gradient.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        assert_eq!(largest > 0.0, path.ends_with(".b"), "{path}: {largest}");
    }
    // On the tape everything has one, so the above can fail.
    let tracked: Decoder<D> = trainable(&decoder);
    let hidden = tracked.hidden(&input);
    let gradients = (hidden.clone() * hidden).sum().backward();
    let found = gradients_of(&tracked, &gradients);
    assert!(found.iter().all(|(_, gradient)| gradient.is_some()));
}

/// The gradient that a backward pass made for each parameter.
fn gradients_of(
    module: &Decoder<Autodiff<Flex>>,
    gradients: &<Autodiff<Flex> as burn::tensor::backend::AutodiffBackend>::Gradients,
) -> Vec<(String, Option<Vec<f64>>)> {
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::tensor::Tensor;
    struct Take<'a, G>(&'a G, Vec<Option<Vec<f64>>>);
    impl ModuleVisitor<Autodiff<Flex>>
        for Take<'_, <Autodiff<Flex> as burn::tensor::backend::AutodiffBackend>::Gradients>
    {
        fn visit_float<const N: usize>(&mut self, param: &Param<Tensor<Autodiff<Flex>, N>>) {
            let gradient = param.val().grad(self.0);
            self.1
                .push(gradient.map(|g| g.into_data().iter::<f64>().collect()));
        }
    }
    let mut take = Take(gradients, vec![]);
    module.visit(&mut take);
    let paths = parameters(module).into_iter().map(|info| info.path);
    paths.zip(take.1).collect()
}

/// One seed is one function, with a tape and without; another seed is another.
#[test]
fn dropout_is_drawn_from_the_seed_alone() {
    let mut config = config(3, "all-linear");
    config.dropout = 0.3;
    let decoder = moved(adapted::<Flex>(&config, 1));
    let input = packed::<Flex>(&[&[3, 1, 4], &[1, 5, 9, 2]]);
    let of = |seed| values(decoder.hidden_dropping(&input, seed));
    assert_eq!(of(None), values(decoder.hidden(&input)));
    assert_eq!(of(Some(1)), of(Some(1)));
    assert!(largest_difference(&of(Some(1)), &of(Some(2))) > 1e-3);
    assert!(largest_difference(&of(Some(1)), &of(None)) > 1e-3);
    let taped: Decoder<Autodiff<Flex>> = trainable(&decoder);
    let taped = values(taped.hidden_dropping(&lift(&input), Some(1)));
    assert!(largest_difference(&taped, &of(Some(1))) < 1e-5);
}

/// Every parameter moved a little, so that B is not zero.
fn moved(decoder: Decoder<Flex>) -> Decoder<Flex> {
    let all = vpt_core::ParamSubset::all(&decoder);
    let step = vpt_core::GradVector::generate(&decoder, &all, |length| {
        (0..length).map(|i| 0.1 * (i as f64).sin()).collect()
    });
    step.shift(decoder, 1.0)
}

fn targets_refused(decoder: Decoder<Flex>, config: &LoraConfig, words: &str) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let error = decoder.with_lora(config, &mut rng).unwrap_err();
    assert!(matches!(error, LoraError::Targets(_)));
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn targets_that_cannot_be_had_are_refused() {
    let tied = || fresh::<Flex>(&tiny(ModelType::Qwen2, true), 7);
    let untied = || fresh::<Flex>(&tiny(ModelType::Qwen2, false), 7);
    targets_refused(tied(), &config(3, "no_proj"), "no linear");
    targets_refused(tied(), &config(3, "q_proj,embed_tokens"), "embed_tokens");
    targets_refused(tied(), &config(3, "q_proj,lm_head"), "tied");
    let mut dropping = config(3, "lm_head");
    dropping.dropout = 0.1;
    targets_refused(untied(), &dropping, "lm_head");
    let twice = adapted::<Flex>(&config(3, "q_proj"), 1);
    targets_refused(twice, &config(3, "q_proj"), "already");
}

/// A copy of the first adapter, spoilt; what is said of it.
fn refused(spoil: impl FnOnce(&Path)) -> String {
    let place = TempDir::new().unwrap();
    for file in [CONFIG, WEIGHTS] {
        std::fs::copy(folder("list").join(file), place.path().join(file)).unwrap();
    }
    spoil(place.path());
    let base = golden::<Flex>("llama");
    let error = base.load_lora(place.path()).unwrap_err();
    error.to_string()
}

#[test]
fn spoilt_adapters_are_refused_by_file_and_key() {
    const KEY: &str = "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight";
    let tensors = |change: fn(&mut BTreeMap<String, TensorData>)| {
        refused(|folder| {
            let path = folder.join(WEIGHTS);
            let mut tensors = read_tensors(&path).unwrap();
            change(&mut tensors);
            write_tensors(&path, tensors).unwrap();
        })
    };
    let names = |said: &str, words: &[&str]| {
        for word in words {
            assert!(said.contains(word), "no {word:?} in {said:?}");
        }
    };
    let said = tensors(|tensors| drop(tensors.remove(KEY)));
    names(&said, &[WEIGHTS, KEY, "missing"]);
    let said = tensors(|tensors| {
        let data = TensorData::from([[0f32; 3]; 64]);
        tensors.insert(KEY.into(), data);
    });
    names(&said, &[WEIGHTS, KEY, "[64, 3]", "[64, 4]"]);
    let said = tensors(|tensors| {
        let mut values = vec![0f32; 256];
        values[7] = f32::NAN;
        tensors.insert(KEY.into(), TensorData::new(values, [64, 4]));
    });
    names(&said, &[WEIGHTS, KEY, "not finite at element 7"]);
    let extra = "base_model.model.model.layers.1.self_attn.k_proj.lora_magnitude_vector";
    let said = refused(|folder| {
        let path = folder.join(WEIGHTS);
        let mut tensors = read_tensors(&path).unwrap();
        tensors.insert(extra.into(), TensorData::from([0f32; 3]));
        write_tensors(&path, tensors).unwrap();
    });
    names(&said, &[WEIGHTS, extra, "no place"]);

    let config = |from: &str, to: &str| {
        refused(|folder| {
            let path = folder.join(CONFIG);
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(from));
            std::fs::write(path, text.replace(from, to)).unwrap();
        })
    };
    let said = config("\"use_dora\": false", "\"use_dora\": true");
    names(&said, &[CONFIG, "use_dora"]);
    names(&config("\"r\": 4", "\"r\": 5"), &[WEIGHTS, "[4, ", "[5, "]);
    names(&config("{", ""), &[CONFIG]);
    let said = config("\"v_proj\"", "\"embed_tokens\"");
    names(&said, &[CONFIG, "embed_tokens"]);

    let said = refused(|folder| std::fs::remove_file(folder.join(CONFIG)).unwrap());
    names(&said, &[CONFIG]);
    let said = refused(|folder| {
        let path = folder.join(WEIGHTS);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() - 3]).unwrap();
    });
    names(&said, &[WEIGHTS]);
    // Another model's head beside an adapter for it.
    let place = TempDir::new().unwrap();
    std::fs::copy(folder("regex").join(CONFIG), place.path().join(CONFIG)).unwrap();
    let mut stored = read_tensors(&folder("regex").join(WEIGHTS)).unwrap();
    let head = "base_model.model.lm_head.base_layer.weight";
    stored.insert(head.into(), TensorData::from([[0f32; 32]; 97]));
    write_tensors(&place.path().join(WEIGHTS), stored).unwrap();
    let error = golden::<Flex>("llama").load_lora(place.path()).unwrap_err();
    names(&error.to_string(), &[WEIGHTS, head, "not the head"]);
}

/// A model folder holds the merged model.
#[test]
fn a_saved_model_has_its_adapters_merged() {
    let place = TempDir::new().unwrap();
    let adapted = golden::<Flex>("llama").load_lora(&folder("list")).unwrap();
    adapted.save(place.path()).unwrap();
    let (loaded, notes) =
        Decoder::<Flex>::load(place.path(), &Default::default(), &Default::default()).unwrap();
    assert_eq!(notes, Default::default());
    let tokens = read("list").tokens;
    assert_eq!(logits(&loaded, &tokens), logits(&adapted.merged(), &tokens));
}
