//! What cannot be used is refused in one line, or left out and counted.

use super::{Colours, F32, SIZE, backbone, colours, processor, quick, scenes};
use image::Rgb;
use vpt_image::evaluate::{
    Classification, Depth, EvaluateError, FeedbackConfig, FitConfig, HeadConfig, HeadFeedback,
    HeadFit, Labelled, LabelledSet, Part, Pooling, Question, Segmentation, classification,
    segmentation,
};
use vpt_image::images::{IGNORE, LabelMap, RgbImage};
use vpt_image::loader::Unreadable;
use vpt_image::scenes::Split;
use vpt_image::sets::SetError;

/// Labels of 4 images: one good, one with a class too many, one ignored, one of another size.
struct Mixed;

impl LabelledSet<LabelMap> for Mixed {
    fn len(&self) -> usize {
        4
    }

    fn load(&self, index: usize) -> Result<(RgbImage, LabelMap), SetError> {
        let side = if index == 3 { SIZE + 8 } else { SIZE };
        let label = [0, 2, IGNORE, 1][index];
        let image = RgbImage::from_pixel(side as u32, side as u32, Rgb([9, 99, 199]));
        let labels = LabelMap::from_fn(side, side, |row, column| match (row, column) {
            (3, 5) => label,
            _ if index == 2 => IGNORE,
            _ => 0,
        });
        Ok((image, labels))
    }
}

const QUESTION: Segmentation = Segmentation { classes: 2 };

fn fit(samples: usize) -> HeadFit<Segmentation, F32> {
    let (vit, head) = (backbone::<F32>(1), HeadConfig::linear());
    let device = Default::default();
    HeadFit::new(QUESTION, &head, quick(2), &vit, samples, &device).unwrap()
}

fn one_line(error: &impl ToString, parts: &[&str]) {
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "{message}: {part}");
    }
}

fn mixed(indices: &[usize]) -> Labelled<LabelMap> {
    let part = Part::new(std::sync::Arc::new(Mixed), indices.to_vec());
    Labelled::new(part, processor())
}

#[test]
fn labels_out_of_range() {
    let vit = backbone::<F32>(1);
    let fit = fit(4);
    let error = segmentation(&vit, (&QUESTION, fit.head()), &mixed(&[0, 1]), 2).unwrap_err();
    one_line(
        &error,
        &["sample 1", "label 2", "row 3, column 5", "2 classes"],
    );
    let mut skipping = mixed(&[0, 1, 0]);
    skipping.unreadable = Unreadable::Skip;
    let result = segmentation(&vit, (&QUESTION, fit.head()), &skipping, 2).unwrap();
    assert_eq!((result.counts.images, result.counts.skipped), (2, 1));
    // A class that is nowhere has no IoU and does not enter the mean, unless it was predicted.
    assert!(result.scores.miou.is_finite());
}

/// Ignored images are evaluated as nothing and taught from never.
#[test]
fn images_without_a_label() {
    let vit = backbone::<F32>(1);
    let mut fit = fit(1);
    let set = mixed(&[2]);
    let result = segmentation(&vit, (&QUESTION, fit.head()), &set, 1).unwrap();
    assert_eq!((result.counts.images, result.pixels), (1, 0));
    assert!(result.scores.miou.is_nan());
    let error = fit.run(&vit, &set, 1).unwrap_err();
    one_line(&error, &["sample 0", "no pixel is labelled"]);
    assert_eq!(fit.step(), 0);
    let mut skipping = mixed(&[2]);
    skipping.unreadable = Unreadable::Skip;
    let error = fit.run(&vit, &skipping, 1).unwrap_err();
    one_line(&error, &["none of 1 samples", "sample 0"]);
}

/// Half of an image ignored adds nothing to the sum, and the mean is still over all pixels.
#[test]
fn ignored_pixels_add_nothing() {
    use burn::tensor::Tensor;
    let maps = Tensor::<F32, 4>::zeros([1, 2, 4, 4], &Default::default());
    let labels = |ignored: usize| {
        LabelMap::from_fn(4, 4, |row, column| match 4 * row + column < ignored {
            true => IGNORE,
            false => 1,
        })
    };
    let loss = |ignored| {
        QUESTION
            .loss(maps.clone(), &[&labels(ignored)], false)
            .into_scalar()
    };
    let all = 2_f32.ln();
    assert!((loss(0) - all).abs() < 1e-6);
    assert!((loss(8) - all / 2.0).abs() < 1e-6);
    assert_eq!(loss(16), 0.0);
}

#[test]
fn sizes_that_do_not_fit() {
    let vit = backbone::<F32>(1);
    let mut one = fit(2);
    let error = one.run(&vit, &mixed(&[0, 3]), 1).unwrap_err();
    one_line(&error, &["sample", "40 x 40", "32 x 32"]);
    // Evaluation takes any sizes.
    let result = segmentation(&vit, (&QUESTION, one.head()), &mixed(&[0, 3, 0]), 2).unwrap();
    assert_eq!(result.counts.images, 3);

    let mut odd = mixed(&[0]);
    odd.processor.size = Some(vpt_image::images::Size {
        height: 36,
        width: 32,
    });
    let error = segmentation(&vit, (&QUESTION, one.head()), &odd, 2).unwrap_err();
    one_line(&error, &["sample 0", "36 x 32", "multiples of 8"]);
}

#[test]
fn classes_out_of_range_and_empty_sets() {
    let vit = backbone::<F32>(1);
    let question = Classification {
        classes: 2,
        pooling: Pooling::Mean,
    };
    let head = HeadConfig::classifier();
    let device = Default::default();
    let mut fit = HeadFit::new(question, &head, quick(1), &vit, 3, &device).unwrap();
    let error = fit.run(&vit, &colours(1), 1).unwrap_err();
    one_line(&error, &["class 2; there are 2"]);
    let empty = Labelled::new(Colours { classes: vec![] }, processor());
    let error = classification(&vit, (&question, fit.head()), &empty, 4).unwrap_err();
    assert!(matches!(
        error,
        EvaluateError::NothingUsable { samples: 0, .. }
    ));
    assert!(HeadFit::new(question, &head, quick(1), &vit, 0, &device).is_err());
}

#[test]
fn settings_out_of_range() {
    let vit = backbone::<F32>(1);
    let refused = |config: FitConfig| {
        let head = HeadConfig::linear();
        let fit = HeadFit::<_, F32>::new(QUESTION, &head, config, &vit, 4, &Default::default());
        fit.err().unwrap().to_string()
    };
    let (batch, rate, dropout) = (0, f64::NAN, 1.0);
    assert!(refused(FitConfig { batch, ..quick(1) }).starts_with("batch must be"));
    assert!(refused(FitConfig { rate, ..quick(1) }).starts_with("rate must be"));
    assert!(
        refused(FitConfig {
            dropout,
            ..quick(1)
        })
        .starts_with("dropout must be")
    );
    let error = Segmentation { classes: 256 }.check_settings().unwrap_err();
    one_line(&error, &["classes must be between 1 and 255"]);
    let (min, max) = (10.0, 1.0);
    let depth = Depth {
        min,
        max,
        ..Depth::default()
    };
    one_line(
        &depth.check_settings().unwrap_err(),
        &["min and max must be"],
    );
    let config = FeedbackConfig {
        batch: 0,
        ..FeedbackConfig::default()
    };
    let sets = (scenes(Split::Train, 1), scenes(Split::Meta, 1));
    let feedback = HeadFeedback::<_, F32>::new(QUESTION, config, &vit, sets, &Default::default());
    assert!(feedback.err().unwrap().to_string().contains("batch"));
}
