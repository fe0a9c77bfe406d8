//! Training of heads and of the last blocks.

use super::{F32, backbone, colours, quick, scenes};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use vpt_core::{Stateful, export};
use vpt_image::evaluate::{
    Classification, Depth, DepthOutput, FitConfig, HeadConfig, HeadFit, Pooling, Segmentation,
    classification, depth, fine_tune, segmentation,
};
use vpt_image::images::{DepthMap, LabelMap};
use vpt_image::metrics::{Confusion, DepthMean, DepthProtocol};
use vpt_image::scenes::{CLASSES, SceneConfig, Scenes, Split};
use vpt_image::vit::{Vit, VitConfig};

fn drawn(split: Split, count: u64) -> Vec<vpt_image::scenes::Scene> {
    let config = SceneConfig {
        size: super::SIZE,
        ..SceneConfig::default()
    };
    let scenes = Scenes::new(config).unwrap();
    (0..count)
        .map(|index| scenes.draw(1, split, index))
        .collect()
}

/// Patches of 4, and random weights so large that attention tells places apart.
fn scattering() -> Vit<F32> {
    let config = VitConfig {
        layerscale_value: 1.0,
        initializer_range: 0.1,
        ..VitConfig::tiny(super::SIZE, 4)
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    Vit::init(&config, &mut rng, &Default::default()).unwrap()
}

/// A linear probe on random weights finds more than any one class everywhere does, on scenes that
/// nothing was trained on; and the backbone stays as it was, to the bit.
#[test]
fn a_linear_probe_beats_chance_and_moves_nothing_else() {
    let vit = scattering();
    let before = export(&vit);
    let question = Segmentation {
        classes: CLASSES.len(),
    };
    let train = scenes(Split::Train, 60);
    let device = Default::default();
    let head = HeadConfig::linear();
    let config = FitConfig {
        batch: 16,
        dropout: 0.1,
        ..quick(250)
    };
    let mut fit = HeadFit::new(question, &head, config, &vit, train.len(), &device).unwrap();
    let first = fit.run(&vit, &train, 1).unwrap();
    let last = fit.run(&vit, &train, 249).unwrap();
    assert!(last < 0.8 * first, "{first} to {last}");
    assert_eq!(export(&vit), before);

    let validation = scenes(Split::Validation, 30);
    let result = segmentation(&vit, (&question, fit.head()), &validation, 8).unwrap();
    assert_eq!((result.counts.images, result.pixels), (30, 30 * 32 * 32));

    let mut chance = vec![];
    for class in 0..CLASSES.len() as u8 {
        let mut confusion = Confusion::new(CLASSES.len());
        for scene in drawn(Split::Validation, 30) {
            let everywhere = LabelMap::from_fn(32, 32, |_, _| class);
            confusion.add(&everywhere, &scene.labels);
        }
        chance.push(confusion.scores());
    }
    let most = |figure: fn(&vpt_image::metrics::SegmentationScores) -> f64| {
        chance.iter().map(figure).fold(0.0, f64::max)
    };
    let (accuracy, miou) = (most(|s| s.pixel_accuracy), most(|s| s.miou));
    let found = &result.scores;
    assert!(
        found.pixel_accuracy > accuracy + 0.05,
        "{found:?}, {accuracy}"
    );
    assert!(found.miou > 1.6 * miou, "{found:?}, {miou}");
    // Batches change nothing.
    let alone = segmentation(&vit, (&question, fit.head()), &validation, 1).unwrap();
    assert!((alone.scores.miou - result.scores.miou).abs() < 1e-3);
}

/// Depths are nearer the truth than the mean depth of the training scenes is.
#[test]
fn a_depth_head_beats_the_mean() {
    let vit = scattering();
    let train = scenes(Split::Train, 60);
    let question = Depth {
        output: DepthOutput::Bins(32),
        ..Depth::default()
    };
    let head = HeadConfig::linear();
    let config = quick(200);
    let mut fit = HeadFit::new(question, &head, config, &vit, 60, &Default::default()).unwrap();
    fit.run(&vit, &train, 200).unwrap();
    let validation = scenes(Split::Validation, 30);
    let protocol = DepthProtocol::default();
    let result = depth(&vit, (&question, fit.head()), &validation, protocol, 8).unwrap();
    assert_eq!((result.counts.images, result.empty), (30, 0));
    assert!(result.rmse.standard_error.unwrap() < result.rmse.mean);
    assert_eq!(result.scores.unwrap().rmse, result.rmse.mean);

    let depths = drawn(Split::Train, 60);
    let depths = depths.iter().flat_map(|scene| scene.depth.values());
    let (count, sum) = depths.fold((0, 0.0), |(count, sum), depth| (count + 1, sum + depth));
    let mut mean = DepthMean::default();
    for scene in drawn(Split::Validation, 30) {
        let everywhere = DepthMap::from_fn(32, 32, |_, _| sum / count as f32);
        mean.add(protocol.score(&everywhere, &scene.depth));
    }
    let chance = mean.mean().unwrap();
    let found = result.rmse.mean;
    assert!(found < 0.9 * chance.rmse, "{found}, {}", chance.rmse);
}

/// n + m steps are n steps, a state, and m steps, to the bit; dropout included.
#[test]
fn a_fit_goes_on_from_its_state() {
    let vit = backbone::<F32>(2);
    let train = scenes::<LabelMap>(Split::Train, 12);
    let config = FitConfig {
        dropout: 0.2,
        ..quick(9)
    };
    let new = || {
        let question = Segmentation { classes: 7 };
        let head = HeadConfig {
            widths: vec![6],
            ..HeadConfig::linear()
        };
        let device = Default::default();
        HeadFit::<_, F32>::new(question, &head, config.clone(), &vit, 12, &device).unwrap()
    };
    let mut whole = new();
    whole.run(&vit, &train, 4).unwrap();
    let state = serde_json::to_string(&whole.state()).unwrap();
    let expected = whole.run(&vit, &train, 5).unwrap();
    let mut again = new();
    again
        .restore(serde_json::from_str(&state).unwrap())
        .unwrap();
    assert_eq!(again.run(&vit, &train, 5).unwrap(), expected);
    assert_eq!(export(again.head()), export(whole.head()));
}

/// Fine-tuning moves the last blocks, the final norm and the head of a copy, and nothing else.
#[test]
fn fine_tuning_moves_the_last_blocks_of_a_copy() {
    let vit = backbone::<F32>(3);
    let before = export(&vit);
    let set = colours(4);
    let question = Classification {
        classes: 3,
        pooling: Pooling::ClsMean,
    };
    let head = HeadConfig::classifier();
    let device = Default::default();
    let mut fit = HeadFit::new(question, &head, quick(30), &vit, set.len(), &device).unwrap();
    fit.run(&vit, &set, 30).unwrap();
    let config = FitConfig {
        rate: 1e-3,
        ..quick(10)
    };
    let tuned = fine_tune(&question, (&vit, fit.head()), &set, 1, &config).unwrap();
    assert_eq!(export(&vit), before);
    for (path, values) in export(&tuned.backbone) {
        let learns = path.starts_with("layer.2.") || path.starts_with("norm.");
        // Transformers gives keys no bias.
        assert_eq!(values != before[&path], learns, "{path}");
    }
    let right = classification(&tuned.backbone, (&question, &tuned.head), &set, 5).unwrap();
    assert_eq!(right.top1.mean, 1.0);
    assert!(fine_tune(&question, (&vit, fit.head()), &set, 4, &config).is_err());
    assert!(fine_tune(&question, (&vit, fit.head()), &set, 0, &config).is_err());
}
