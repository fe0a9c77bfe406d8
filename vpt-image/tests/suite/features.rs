//! Features of image files against Transformers' image processor and model on the same files.

use super::golden;
use burn::backend::Flex;
use std::path::{Path, PathBuf};
use vpt_core::read_tensors;
use vpt_image::features::{FeatureError, FeatureSize, ImageFeatures, features};

fn of(model: &str, images: &[&str], size: FeatureSize) -> Result<ImageFeatures, FeatureError> {
    let folder = golden("dinov3").join(model);
    let images: Vec<PathBuf> = images.iter().map(|image| golden(image)).collect();
    let folder = folder.to_string_lossy();
    features::<Flex>(&folder, &images, size, 2, &Default::default())
}

fn write(features: &ImageFeatures, name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, features.to_bytes().unwrap()).unwrap();
    file
}

#[test]
fn files_become_the_features_of_transformers() {
    for model in ["plain", "gated"] {
        let expected = golden("dinov3").join(model).join("features.safetensors");
        let expected = read_tensors(&expected).unwrap();
        for (image, size, prefix) in [
            ("source.png", FeatureSize::Processor, ""),
            // 37 x 29 is no multiple of the patch: the processor decides.
            ("source.png", FeatureSize::Native, ""),
            ("dinov3/native.png", FeatureSize::Native, "native_"),
        ] {
            let found = of(model, &[image], size).unwrap();
            let file = write(&found, &format!("features-{model}.safetensors"));
            let found = read_tensors(&file).unwrap();
            assert_eq!(found.len(), 2);
            for key in ["cls", "patches"] {
                let (found, expected) = (&found[key], &expected[&format!("{prefix}{key}")]);
                assert_eq!(found.shape, expected.shape);
                let pairs = found.iter::<f32>().zip(expected.iter::<f32>());
                let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                println!("{model} {image} {size:?} {key}: {largest:e}");
                assert!(largest < 1e-4, "{model} {image} {size:?} {key}: {largest}");
            }
        }
    }
}

#[test]
fn images_of_one_call_need_equally_many_patches() {
    let both = ["dinov3/native.png", "source.png", "source.png"];
    let found = of("gated", &both, FeatureSize::Processor).unwrap();
    assert_eq!(found.cls_shape(), [3, 24]);
    assert_eq!(found.patches_shape(), [3, 30, 24]);
    assert_eq!((found.images[2].rows, found.images[2].columns), (5, 6));
    // 7 x 9 patches at its own size, 5 x 6 after the processor.
    let said = of("gated", &both, FeatureSize::Native)
        .unwrap_err()
        .to_string();
    assert!(said.contains("source.png: 30 patches, and "), "{said}");
    assert!(said.contains("native.png has 63;"), "{said}");
}
