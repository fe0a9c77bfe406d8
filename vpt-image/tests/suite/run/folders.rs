//! A Hugging Face folder goes in and out again.

use super::{bytes, config, fresh};
use crate::suite::golden;
use burn::backend::Flex;
use std::path::Path;
use vpt_core::weights::TensorFiles;
use vpt_image::vit::Vit;

fn tensors(folder: &Path) -> Vec<(String, Vec<usize>)> {
    let files = TensorFiles::open(folder).unwrap();
    let mut found: Vec<_> = files
        .infos()
        .map(|info| (info.key.to_owned(), info.shape.to_vec()))
        .collect();
    found.sort();
    found
}

/// Names and shapes as Transformers wrote them; the weights have moved.
#[test]
fn a_dinov3_folder_is_continued_and_comes_out_in_its_own_form() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain", "gated"] {
        let model = golden("dinov3").join(name);
        let path = toml::Value::from(model.to_str().unwrap()).to_string();
        let patch = Vit::<Flex>::load(&model, &Default::default())
            .unwrap()
            .config()
            .patch_size;
        let side = (4 * patch).max(32).to_string();
        let small = patch.to_string();
        let keys = [
            ("model.path", path.as_str()),
            ("data.size", side.as_str()),
            ("crops.global", side.as_str()),
            ("crops.local", small.as_str()),
            ("train.steps", "3"),
            ("train.eval_every", "0"),
            ("eval.references", "false"),
        ];
        let (out, _) = fresh(folder.path(), name, &config(folder.path(), &keys));
        assert_eq!(tensors(&model), tensors(&out.join("model")), "{name}");
        let weights = "model.safetensors";
        assert!(bytes(&model, weights) != bytes(&out.join("model"), weights));
        let again = Vit::<Flex>::load(&out.join("model"), &Default::default()).unwrap();
        assert_eq!(again.config().patch_size, patch);
    }
}
