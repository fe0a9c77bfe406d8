//! Folders: what is written is read back, and what is wrong is named.

use super::fixture::{
    Flex, NdArray, fresh, golden_folder, largest_difference, packed, tiny, values,
};
use burn::tensor::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{read, write};
use std::path::Path;
use tempfile::TempDir;
use vpt_core::weights::WeightsError;
use vpt_text::decoder::{CheckpointError, Decoder, LoadNotes, LoadOptions, ModelType};

type Stored = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// A saved tiny model, its tensors rewritten by `edit`.
fn edited(tied: bool, edit: impl FnOnce(&mut Stored)) -> TempDir {
    let folder = TempDir::new().unwrap();
    fresh::<Flex>(&tiny(ModelType::Qwen2, tied), 7)
        .save(folder.path())
        .unwrap();
    let path = folder.path().join("model.safetensors");
    let mut stored = tensors(&path);
    edit(&mut stored);
    write(&path, bytes(&stored)).unwrap();
    folder
}

fn tensors(path: &Path) -> Stored {
    let file = read(path).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap().tensors();
    let owned = |view: &TensorView<'_>| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
    tensors
        .iter()
        .map(|(key, view)| (key.clone(), owned(view)))
        .collect()
}

fn bytes(stored: &Stored) -> Vec<u8> {
    let view = |(dtype, shape, data)| TensorView::new(dtype, shape, data).unwrap();
    let views = stored
        .iter()
        .map(|(key, (d, s, b))| (key.as_str(), view((*d, s.clone(), &b[..]))));
    serialize(views, None).unwrap()
}

fn load(folder: &Path) -> Result<(Decoder<Flex>, LoadNotes), CheckpointError> {
    Decoder::load(folder, &LoadOptions::default(), &Default::default())
}

fn probe<B: burn::tensor::backend::Backend>(decoder: &Decoder<B>) -> Vec<f64> {
    let hidden = decoder.hidden(&packed(&[&[3, 1, 4], &[1, 5, 9, 2]]));
    values(decoder.logits(hidden.flatten(0, 1)))
}

#[test]
fn a_saved_model_is_loaded_bit_for_bit() {
    for kind in [ModelType::Qwen2, ModelType::Llama] {
        for tied in [true, false] {
            let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
            let decoder = fresh::<Flex>(&tiny(kind, tied), 7);
            decoder.save(first.path()).unwrap();
            let (loaded, notes) = load(first.path()).unwrap();
            assert_eq!(notes, LoadNotes::default());
            assert_eq!(loaded.config(), decoder.config());
            assert_eq!(probe(&loaded), probe(&decoder));
            loaded.save(second.path()).unwrap();
            for file in ["config.json", "model.safetensors"] {
                let of = |folder: &TempDir| read(folder.path().join(file)).unwrap();
                assert_eq!(of(&first), of(&second), "{file}");
            }
            // Nothing temporary is left behind.
            assert_eq!(std::fs::read_dir(first.path()).unwrap().count(), 2);
        }
    }
}

#[test]
fn a_checkpoint_of_transformers_keeps_its_tensors() {
    for name in ["qwen2-tied", "qwen2-untied", "llama"] {
        let folder = TempDir::new().unwrap();
        load(&golden_folder(name))
            .unwrap()
            .0
            .save(folder.path())
            .unwrap();
        let of = |folder: &Path| tensors(&folder.join("model.safetensors"));
        assert_eq!(of(folder.path()), of(&golden_folder(name)), "{name}");
        let file = read(folder.path().join("model.safetensors")).unwrap();
        let (_, header) = SafeTensors::read_metadata(&file).unwrap();
        let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        assert_eq!(*header.metadata(), Some(format));
    }
}

#[test]
fn one_generator_gives_one_model_on_every_backend() {
    let config = tiny(ModelType::Llama, false);
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    fresh::<Flex>(&config, 5).save(folders[0].path()).unwrap();
    fresh::<NdArray>(&config, 5)
        .save(folders[1].path())
        .unwrap();
    let of = |folder: &TempDir| read(folder.path().join("model.safetensors")).unwrap();
    assert_eq!(of(&folders[0]), of(&folders[1]));
}

#[test]
fn half_precision_is_widened() {
    let narrow = |dtype, to: fn(f32) -> [u8; 2]| {
        edited(true, move |stored| {
            for (kind, _, data) in stored.values_mut() {
                let floats = data
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|&b| f32::from_le_bytes(b));
                (*kind, *data) = (dtype, floats.flat_map(to).collect());
            }
        })
    };
    let exact = probe(&load(edited(true, |_| ()).path()).unwrap().0);
    let check = |dtype, to, tolerance| {
        let found = probe(&load(narrow(dtype, to).path()).unwrap().0);
        let difference = largest_difference(&found, &exact);
        assert!(
            difference > 0.0 && difference < tolerance,
            "{dtype:?}: {difference}"
        );
    };
    check(Dtype::F16, |x| f16::from_f32(x).to_le_bytes(), 2e-2);
    check(Dtype::BF16, |x| bf16::from_f32(x).to_le_bytes(), 2e-1);
}

#[test]
fn wrong_tensors_are_refused_by_file_and_key() {
    const KEY: &str = "model.layers.1.self_attn.k_proj.bias";
    let refused = |edit: fn(&mut Stored)| load(edited(true, edit).path()).unwrap_err();
    let at = |file: &Path, key: &str| file.ends_with("model.safetensors") && key == KEY;

    let error = refused(|stored| drop(stored.remove(KEY)));
    assert!(
        matches!(&error, CheckpointError::Weights(WeightsError::Missing { file, key }) if at(file, key)),
        "{error}"
    );

    let error = refused(|stored| stored.get_mut(KEY).unwrap().1 = vec![2, 4]);
    let CheckpointError::Weights(WeightsError::Shape {
        file,
        key,
        found,
        expected,
    }) = &error
    else {
        panic!("{error}")
    };
    assert!(at(file, key) && found == &[2, 4] && expected == &[8]);

    for (value, index) in [(f32::NAN, 3), (f32::INFINITY, 0), (f32::NEG_INFINITY, 7)] {
        let error = load(
            edited(true, |stored| {
                let data = &mut stored.get_mut(KEY).unwrap().2;
                data[4 * index..4 * index + 4].copy_from_slice(&value.to_le_bytes());
            })
            .path(),
        )
        .unwrap_err();
        let CheckpointError::Weights(WeightsError::NotFinite {
            file,
            key,
            index: named,
        }) = &error
        else {
            panic!("{error}")
        };
        assert!(at(file, key) && *named == index);
    }

    let error = refused(|stored| stored.get_mut(KEY).unwrap().0 = Dtype::I32);
    assert!(
        matches!(&error, CheckpointError::Weights(WeightsError::Dtype { file, key, .. }) if at(file, key)),
        "{error}"
    );

    let error = refused(|stored| {
        let extra = stored[KEY].clone();
        stored.insert("model.layers.2.mlp.up_proj.bias".to_owned(), extra);
    });
    let CheckpointError::Unexpected { key, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(key, "model.layers.2.mlp.up_proj.bias");
}

#[test]
fn files_that_are_not_what_they_say_are_refused() {
    let weights = "model.safetensors";
    let folder = edited(true, |_| ());
    let path = folder.path().join(weights);
    let whole = read(&path).unwrap();
    let huge = [&u64::MAX.to_le_bytes()[..], &whole[8..]].concat();
    let longer = [&whole[..], &[0]].concat();
    for broken in [
        &[][..],
        &whole[..5],
        &whole[..100],
        &whole[..whole.len() - 1],
        &huge,
        &longer,
    ] {
        write(&path, broken).unwrap();
        let error = load(folder.path()).unwrap_err();
        assert!(
            matches!(&error, CheckpointError::Weights(WeightsError::Malformed { file, .. }) if *file == path)
        );
    }
    std::fs::remove_file(&path).unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(
        matches!(&error, CheckpointError::Weights(WeightsError::Io { file, .. }) if *file == path)
    );

    write(
        folder.path().join("config.json"),
        "{\"model_type\": \"gpt2\"}",
    )
    .unwrap();
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("config.json") && error.contains("model_type"),
        "{error}"
    );
}

#[test]
fn a_stored_head_beside_a_tied_one_is_compared_and_can_be_used() {
    let add_head = |differs: bool| {
        edited(true, move |stored| {
            let mut head = stored["model.embed_tokens.weight"].clone();
            if differs {
                head.2[..4].copy_from_slice(&9f32.to_le_bytes());
            }
            stored.insert("lm_head.weight".to_owned(), head);
            let (dtype, shape) = (Dtype::F32, vec![2]);
            let key = "model.layers.0.self_attn.rotary_emb.inv_freq".to_owned();
            stored.insert(key, (dtype, shape, vec![0; 8]));
        })
    };
    for differs in [false, true] {
        let folder = add_head(differs);
        let (tied, notes) = load(folder.path()).unwrap();
        assert_eq!(notes.stored_head_differs, differs);
        assert_eq!(notes.ignored.len(), 2);
        assert!(tied.lm_head.is_none());
        let options = LoadOptions {
            tie_word_embeddings: Some(false),
        };
        let (untied, _) =
            Decoder::<Flex>::load(folder.path(), &options, &Default::default()).unwrap();
        assert_eq!(probe(&tied) == probe(&untied), !differs);
    }
}

#[test]
fn shards_are_followed_by_their_index() {
    let folder = edited(false, |_| ());
    let whole = folder.path().join("model.safetensors");
    let expected = probe(&load(folder.path()).unwrap().0);
    let mut map = BTreeMap::new();
    for (shard, chunk) in (1..).zip(split(tensors(&whole), 3)) {
        let name = format!("model-{shard:05}-of-00003.safetensors");
        map.extend(chunk.keys().map(|key| (key.clone(), name.clone())));
        write(folder.path().join(name), bytes(&chunk)).unwrap();
    }
    std::fs::remove_file(whole).unwrap();
    let index = folder.path().join("model.safetensors.index.json");
    let json = |map: &BTreeMap<String, String>| {
        serde_json::json!({"metadata": {"total_size": 1}, "weight_map": map}).to_string()
    };
    write(&index, json(&map)).unwrap();
    assert_eq!(probe(&load(folder.path()).unwrap().0), expected);

    let outside = map
        .keys()
        .map(|key| (key.clone(), "../elsewhere.safetensors".to_owned()));
    write(&index, json(&outside.collect())).unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(
        matches!(&error, CheckpointError::Weights(WeightsError::Malformed { file, .. }) if *file == index)
    );
}

fn split(stored: Stored, parts: usize) -> Vec<Stored> {
    let mut out = vec![Stored::new(); parts];
    for (i, (key, value)) in stored.into_iter().enumerate() {
        out[i % parts].insert(key, value);
    }
    out
}
