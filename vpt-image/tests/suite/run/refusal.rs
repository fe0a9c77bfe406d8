//! What cannot be run is refused in one line that names it; what cannot be used is left out and
//! counted where the config says so.

use super::{config, fresh, options, run};
use image::{GrayImage, ImageFormat, RgbImage};
use std::path::Path;
use vpt_image::run::RunError;

/// The one line that a run with `keys` ends with.
fn refused(folder: &Path, keys: &[(&str, &str)]) -> (String, bool) {
    let error: RunError = run(&config(folder, keys), &options(&folder.join("out"))).unwrap_err();
    assert!(!error.to_string().contains('\n'));
    (error.to_string(), error.is_usage())
}

#[test]
fn keys_out_of_range_are_refused_by_name_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    for (keys, expected) in [
        (
            &[("train.steps", "0")][..],
            "train.steps: must be at least 1",
        ),
        (
            &[("objective.momentum", "1.5")],
            "objective.momentum: 1.5 is not between 0 and 1",
        ),
        (
            &[("designer.keep", "1.0")],
            "designer: keep: 1 is not in (0, 1)",
        ),
        (
            &[("crops.global", "33")],
            "designer: size: 33 is not a multiple of 2",
        ),
        (&[("crops.blur_sigma", "[2.0, 1.0]")], "crops: blur_sigma"),
        (&[("data.kind", "\"folder\"")], "data.path: names no folder"),
        (
            &[("data.depth", "\"\"")],
            "data.depth: names no set, and value needs one",
        ),
        (
            &[("value.alpha_seg", "0.0"), ("value.alpha_depth", "0.0")],
            "value.alpha_seg: is 0",
        ),
        (
            &[("value.subset", "\"all\"")],
            "value.subset: all reaches into the embeddings",
        ),
        (
            &[("guard.watch", "true"), ("data.pictures", "\"\"")],
            "guard.watch: needs data.pictures",
        ),
        (
            &[
                ("objective.kind", "\"reconstruction\""),
                ("objective.target", "\"hidden\""),
            ],
            "objective.target: counts hidden patches",
        ),
        (
            &[("data.size", "16")],
            "data.size: drawn scenes: size must be 32 to 224",
        ),
    ] {
        let (message, usage) = refused(folder.path(), keys);
        assert!(message.starts_with(expected), "{message}");
        assert!(usage, "{message}");
    }
}

#[test]
fn what_does_not_fit_the_model_is_refused_by_key() {
    let folder = tempfile::tempdir().unwrap();
    for (keys, expected) in [
        (
            &[("crops.local", "12")][..],
            "crops.local: 12 is no multiple of the backbone's patch of 8",
        ),
        (
            &[("value.subset", "\"last:3\"")],
            "value.subset: last:3, and the backbone has 2 blocks",
        ),
        (
            &[("train.parameters", "\"last:9\"")],
            "train.parameters: last:9",
        ),
        (&[("model.path", "\"nowhere/at/all\"")], "nowhere/at/all"),
    ] {
        let (message, usage) = refused(folder.path(), keys);
        assert!(message.contains(expected), "{message}");
        assert!(!usage, "{message}");
    }
}

/// Eight images of noise in ADE20K's layout, labels by image.
fn labelled(root: &Path, labels: impl Fn(usize) -> u8) {
    for (split, count) in [("training", 8), ("validation", 2)] {
        let [images, annotations] =
            ["images", "annotations"].map(|kind| root.join(kind).join(split));
        std::fs::create_dir_all(&images).unwrap();
        std::fs::create_dir_all(&annotations).unwrap();
        for index in 0..count {
            let image = RgbImage::from_fn(40, 36, |x, y| {
                image::Rgb([(x * 7 + y * 13 + index as u32 * 31) as u8, x as u8, y as u8])
            });
            let name = format!("{index:03}.png");
            image
                .save_with_format(images.join(&name), ImageFormat::Png)
                .unwrap();
            let map = GrayImage::from_pixel(40, 36, image::Luma([labels(index)]));
            map.save_with_format(annotations.join(&name), ImageFormat::Png)
                .unwrap();
        }
    }
}

/// The keys of a run on folders alone.
fn on_folders(root: &Path) -> Vec<(&'static str, String)> {
    let quoted = |path: &Path| toml::Value::from(path.to_str().unwrap()).to_string();
    let keys = [
        ("data.kind", "\"folder\"".to_owned()),
        ("data.path", quoted(&root.join("images"))),
        ("data.segmentation", quoted(root)),
        ("data.classes", "3".into()),
        ("data.depth", "\"\"".into()),
        ("data.pictures", "\"\"".into()),
        ("value.alpha_depth", "0.0".into()),
        ("data.head_images", "3".into()),
        ("data.meta_images", "2".into()),
        ("data.validation_images", "1".into()),
        ("data.probe_images", "2".into()),
        ("data.test_images", "2".into()),
        ("eval.references", "false".into()),
        ("value.head_batch", "1".into()),
        ("value.feedback_batch", "1".into()),
    ];
    keys.to_vec()
}

#[test]
fn folders_of_images_and_labels_are_run_on() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("ade");
    labelled(&root, |index| (index % 3) as u8 + 1);
    let keys = on_folders(&root);
    let keys: Vec<(&str, &str)> = keys
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    let (_, summary) = fresh(folder.path(), "run", &config(folder.path(), &keys));
    assert!(summary.test.miou.is_some() && summary.test.rmse.is_none());
    assert_eq!(summary.skipped, 0);

    let mut many = keys.clone();
    many.push(("data.head_images", "30"));
    let (message, _) = refused(folder.path(), &many);
    assert!(
        message.starts_with("data.segmentation: 8 training samples, and data.head_images"),
        "{message}"
    );
}

#[test]
fn labels_out_of_range_and_unreadable_images_end_a_run_or_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("ade");
    // Class 9 of 3 in one training image.
    labelled(&root, |index| if index == 2 { 10 } else { 1 });
    let keys = on_folders(&root);
    let keys: Vec<(&str, &str)> = keys
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    let (message, _) = refused(folder.path(), &keys);
    assert!(
        message.contains("002.png: label 10 at row 0, column 0"),
        "{message}"
    );

    let mut skipping = keys.clone();
    skipping.push(("data.unreadable", "\"skip\""));
    fresh(folder.path(), "labels", &config(folder.path(), &skipping));

    labelled(&root, |_| 1);
    let broken = root.join("images/training/002.png");
    std::fs::write(&broken, "no image").unwrap();
    let (message, _) = refused(folder.path(), &keys);
    assert!(message.contains("002.png"), "{message}");
    let (_, summary) = fresh(folder.path(), "images", &config(folder.path(), &skipping));
    assert!(summary.skipped > 0 || summary.steps == 4);
}
