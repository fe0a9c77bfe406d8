//! Classification, neighbours, retrieval, and what is written of them.

use super::{F32, SIZE, backbone, colours, processor, quick, scenes};
use image::Rgb;
use serde_json::json;
use std::path::Path;
use vpt_image::evaluate::{
    Classification, Evaluation, HeadConfig, HeadFit, Pooling, Segmentation, classification,
    nearest_neighbours, retrieval, segmentation,
};
use vpt_image::images::RgbImage;
use vpt_image::scenes::Split;
use vpt_image::sets::Revisited;

const QUESTION: Classification = Classification {
    classes: 4,
    pooling: Pooling::Cls,
};

/// Colours are told by a probe and by neighbours; the fourth class has no sample anywhere.
#[test]
fn colours_are_told_apart() {
    let vit = backbone::<F32>(1);
    let (train, test) = (colours(6), colours(5));
    let head = HeadConfig::classifier();
    let device = Default::default();
    let mut fit = HeadFit::new(QUESTION, &head, quick(60), &vit, train.len(), &device).unwrap();
    fit.run(&vit, &train, 60).unwrap();
    let probe = classification(&vit, (&QUESTION, fit.head()), &test, 4).unwrap();
    assert_eq!((probe.top1.mean, probe.top5.mean), (1.0, 1.0));
    assert_eq!(probe.top1.standard_error, Some(0.0));
    assert_eq!((probe.counts.images, probe.empty_classes), (15, 1));

    let near = nearest_neighbours(&vit, &QUESTION, (&train, &test), &[1, 5], 4).unwrap();
    assert_eq!(near.scores[0].top1, 1.0);
    assert_eq!(near.standard_errors, [0.0, 0.0]);
    assert_eq!((near.neighbours.images, near.counts.images), (18, 15));
    let error = nearest_neighbours(&vit, &QUESTION, (&train, &test), &[19], 4).unwrap_err();
    assert!(error.to_string().contains("between 1 and 18"), "{error}");
}

fn plain(folder: &Path, name: &str, colour: impl Fn(u32) -> [u8; 3]) {
    let side = SIZE as u32;
    let image = RgbImage::from_fn(side, side, |column, _| Rgb(colour(column)));
    image.save(folder.join(format!("{name}.jpg"))).unwrap();
}

/// The query shows mostly red, and blue where it is asked about: with the crop blue is found first,
/// without it red is.
#[test]
fn queries_are_cropped_or_not() {
    let (red, blue) = ([220, 30, 30], [30, 30, 220]);
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("roxford5k");
    std::fs::create_dir_all(folder.join("jpg")).unwrap();
    let images = folder.join("jpg");
    plain(&images, "red", |_| red);
    plain(&images, "blue", |_| blue);
    plain(
        &images,
        "query",
        |column| if column < 24 { red } else { blue },
    );
    let truth = json!({
        "imlist": ["red", "blue"],
        "qimlist": ["query"],
        "gnd": [{"bbx": [26.0, 0.0, 32.0, 32.0], "easy": [1], "hard": [], "junk": []}],
    });
    std::fs::write(folder.join("gnd_roxford5k.json"), truth.to_string()).unwrap();
    let set = Revisited::open(root.path(), "roxford5k").unwrap();
    let vit = backbone::<F32>(1);
    let mut sized = processor();
    sized.size = Some(vpt_image::images::Size {
        height: SIZE,
        width: SIZE,
    });
    let cropped = retrieval(&vit, &set, &sized, true).unwrap();
    let whole = retrieval(&vit, &set, &sized, false).unwrap();
    assert_eq!(
        (cropped.database, cropped.queries, cropped.crop),
        (2, 1, true)
    );
    assert_eq!(cropped.scores.easy.map, 1.0);
    assert_eq!(whole.scores.easy.map, 0.25);
    assert!(!whole.crop && whole.scores.hard.map.is_nan());
    // The crop is no multiple of the patch.
    let error = retrieval(&vit, &set, &processor(), true).unwrap_err();
    assert!(error.to_string().contains("multiples of 8"), "{error}");
}

/// Figures of nothing are null, what was not measured is absent.
#[test]
fn an_evaluation_as_json() {
    let vit = backbone::<F32>(1);
    let question = Segmentation { classes: 9 };
    let device = Default::default();
    let fit = HeadFit::new(question, &HeadConfig::decoder(), quick(1), &vit, 1, &device).unwrap();
    let set = scenes(Split::Test, 2);
    let mut evaluation = Evaluation::default();
    let result = segmentation(&vit, (&question, fit.head()), &set, 2).unwrap();
    evaluation.segmentation.insert("scenes".into(), result);
    let json = serde_json::to_value(&evaluation).unwrap();
    assert_eq!(json.as_object().unwrap().len(), 1);
    let scenes = &json["segmentation"]["scenes"];
    assert!(scenes["miou"].as_f64().is_some_and(|miou| miou <= 1.0));
    assert_eq!(
        (&scenes["images"], &scenes["skipped"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(scenes["iou"].as_array().unwrap().len(), 9);
    // Classes 7 and 8 are nowhere, unless the untrained head says so.
    assert!(scenes["pixels"] == json!(2 * SIZE * SIZE));
}
