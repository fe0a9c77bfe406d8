//! The learner against Transformers' DINOv3ViTModel on tiny checkpoints that it saved.

use super::golden;
use burn::backend::{Flex, NdArray};
use burn::tensor::{Tensor, TensorData, backend::Backend};
use rand::SeedableRng;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use vpt_core::read_tensors;
use vpt_image::images::ImageProcessor;
use vpt_image::vit::{RopeDraw, Vit, VitConfig};

type Device<B> = <B as burn::tensor::backend::BackendTypes>::Device;

fn folder(name: &str) -> PathBuf {
    golden("dinov3").join(name)
}

fn load<B: Backend>(name: &str) -> Vit<B> {
    Vit::load(&folder(name), &Device::<B>::default()).unwrap()
}

fn tensors(name: &str) -> BTreeMap<String, TensorData> {
    read_tensors(&folder(name).join("golden.safetensors")).unwrap()
}

fn tensor<B: Backend, const D: usize>(data: &TensorData) -> Tensor<B, D> {
    Tensor::from_data(data.clone(), &Device::<B>::default())
}

fn close<B: Backend, const D: usize>(found: &Tensor<B, D>, expected: &TensorData, what: &str) {
    let found = found.to_data();
    assert_eq!(found.shape, expected.shape, "{what}");
    let pairs = found.iter::<f32>().zip(expected.iter::<f32>());
    let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    // NaN is no number below the bound either.
    assert!(largest < 1e-4, "{what}: {largest}");
}

fn agrees<B: Backend>(name: &str) {
    let (model, golden) = (load::<B>(name), tensors(name));
    let pixels = || tensor::<B, 4>(&golden["pixels"]);
    let states = model.hidden_states(pixels(), &RopeDraw::none());
    assert_eq!(states.len(), model.config().num_hidden_layers + 1);
    for (index, state) in states.iter().enumerate() {
        let key = format!("hidden_states.{index}");
        close(state, &golden[&key], &key);
    }
    let features = model.forward(pixels(), &RopeDraw::none());
    assert_eq!(features.grid, [5, 4]);
    close(&features.cls, &golden["pooler_output"], "pooler_output");
    let cls = features.cls.unsqueeze_dim(1);
    let mut tokens = vec![cls, features.patches];
    if model.config().num_register_tokens > 0 {
        tokens.insert(1, features.registers);
    }
    let tokens: Tensor<B, 3> = Tensor::cat(tokens, 1);
    close(&tokens, &golden["last_hidden_state"], "last_hidden_state");
}

#[test]
fn every_state_is_that_of_transformers() {
    for name in ["plain", "gated"] {
        agrees::<Flex>(name);
        agrees::<NdArray>(name);
    }
}

#[test]
fn a_draw_of_training_turns_as_in_transformers() {
    let (model, golden) = (load::<Flex>("gated"), tensors("gated"));
    let pair = |key: &str| -> [f64; 2] {
        let values: Vec<f64> = golden[key].iter::<f64>().collect();
        values.try_into().unwrap()
    };
    let draw = RopeDraw::new(pair("train.shift"), pair("train.scale"));
    let pixels = || tensor::<Flex, 4>(&golden["pixels"]);
    let features = model.forward(pixels(), &draw);
    let expected = tensor::<Flex, 3>(&golden["train.last_hidden_state"]);
    let part = expected.clone().slice([0..2, 3..23, 0..24]).into_data();
    close(&features.patches, &part, "patches");
    let still = model.forward(pixels(), &RopeDraw::none()).patches;
    let moved: f32 = (still - features.patches).abs().max().into_scalar();
    assert!(moved > 1e-2, "{moved}");
}

/// The same keys, shapes, types and values as Transformers wrote, and the same configuration: what
/// it loads is the same model.
#[test]
fn a_folder_that_is_written_is_the_one_that_was_read() {
    for name in ["plain", "gated"] {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("dinov3")
            .join(name);
        let model = load::<Flex>(name);
        model.save(&kept).unwrap();
        let processor = ImageProcessor::of_folder(&folder(name)).unwrap();
        processor.save(&kept).unwrap();
        let file = "model.safetensors";
        let [ours, theirs] =
            [&kept, &folder(name)].map(|folder| fs::read(folder.join(file)).unwrap());
        assert!(ours == theirs, "{name}: {file}");
        let again = Vit::<Flex>::load(&kept, &Default::default()).unwrap();
        assert_eq!(again.config(), model.config());
        assert_eq!(ImageProcessor::of_folder(&kept).unwrap(), processor);
        // Field by field what Transformers' own file says.
        let [ours, theirs] = [&kept, &folder(name)].map(|folder| {
            let text = fs::read_to_string(folder.join("config.json")).unwrap();
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        });
        for (field, value) in ours.as_object().unwrap() {
            if field != "torch_dtype" {
                assert_eq!(value, &theirs[field], "{name}: {field}");
            }
        }
    }
}

/// `plain` with its tensors edited.
fn edited(edit: impl Fn(&mut BTreeMap<String, (Vec<usize>, Vec<u8>)>)) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let from = folder("plain");
    fs::copy(from.join("config.json"), place.path().join("config.json")).unwrap();
    let bytes = fs::read(from.join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors = file
        .iter()
        .map(|(key, view)| {
            (
                key.to_owned(),
                (view.shape().to_vec(), view.data().to_vec()),
            )
        })
        .collect();
    edit(&mut tensors);
    let views = tensors.iter().map(|(key, (shape, data))| {
        (
            key,
            TensorView::new(Dtype::F32, shape.clone(), data).unwrap(),
        )
    });
    let bytes = serialize(views, None).unwrap();
    fs::write(place.path().join("model.safetensors"), bytes).unwrap();
    place
}

#[test]
fn keys_with_the_prefix_of_transformers_5_are_read_too() {
    let place = edited(|tensors| {
        *tensors = std::mem::take(tensors)
            .into_iter()
            .map(|(key, value)| match key.starts_with("layer.") {
                true => (format!("model.{key}"), value),
                false => (key, value),
            })
            .collect();
    });
    let model = Vit::<Flex>::load(place.path(), &Default::default()).unwrap();
    let expected = load::<Flex>("plain");
    let pixels = || tensor::<Flex, 4>(&tensors("plain")["pixels"]);
    let [found, expected] =
        [model, expected].map(|model| model.forward(pixels(), &RopeDraw::none()).cls.into_data());
    assert_eq!(found, expected);
}

#[test]
fn tensors_that_are_not_the_models_are_named() {
    let refused = |place: &tempfile::TempDir| {
        let error = Vit::<Flex>::load(place.path(), &Default::default()).unwrap_err();
        error.to_string()
    };
    let key = "layer.1.layer_scale1.lambda1";
    let missing = edited(|tensors| drop(tensors.remove(key)));
    assert!(refused(&missing).ends_with(&format!("no tensor `{key}`")));
    let other = edited(|tensors| {
        let scale = tensors[key].clone();
        tensors.insert("layer.3.layer_scale1.lambda1".into(), scale);
    });
    let said = refused(&other);
    assert!(
        said.contains("`layer.3.layer_scale1.lambda1` has no place"),
        "{said}"
    );
    let shape = edited(|tensors| tensors.get_mut("norm.bias").unwrap().0 = vec![2, 12]);
    let said = refused(&shape);
    assert!(said.contains("`norm.bias` has shape [2, 12]"), "{said}");
    let place = edited(|_| ());
    fs::write(
        place.path().join("config.json"),
        "{\"model_type\": \"dinov2\"}",
    )
    .unwrap();
    let said = refused(&place);
    assert!(
        said.contains("config.json") && said.contains("\"dinov2\""),
        "{said}"
    );
}

#[test]
fn one_generator_gives_one_model() {
    let config = VitConfig::tiny(32, 8);
    let model = |seed| {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        Vit::<Flex>::init(&config, &mut rng, &Default::default()).unwrap()
    };
    let pixels = Tensor::<Flex, 4>::ones([1, 3, 32, 32], &Default::default());
    let cls = |seed| {
        model(seed)
            .forward(pixels.clone(), &RopeDraw::none())
            .cls
            .into_data()
    };
    assert_eq!(cls(1), cls(1));
    assert_ne!(cls(1), cls(2));
    let counted: usize = vpt_core::parameters(&model(1))
        .iter()
        .map(|info| info.shape.iter().product::<usize>())
        .sum();
    assert_eq!(counted, config.parameter_count());
}
