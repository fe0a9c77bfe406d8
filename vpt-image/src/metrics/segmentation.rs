//! Mean intersection over union.

use crate::images::{IGNORE, LabelMap};
use serde::{Deserialize, Serialize};

/// Pixels by label and prediction, over all images of a set. Pixels labelled
/// [`IGNORE`] are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// `[label, predicted]`
    pixels: Vec<u64>,
}

/// Pixels of one class in one image: what a mean IoU over a set of images adds up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// Labelled and predicted.
    pub found: u64,
    /// Labelled or predicted.
    pub union: u64,
}

/// Scores over a whole set, not means of images' scores. NaN where there is nothing to score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentationScores {
    /// Mean of `iou` over the classes that have one.
    pub miou: f64,
    /// Share of pixels whose class is right (aAcc).
    pub pixel_accuracy: f64,
    /// Mean over the classes that occur of the share of their pixels that is found (mAcc).
    pub mean_accuracy: f64,
    /// Intersection over union of each class; none if it is neither in the labels nor predicted.
    pub iou: Vec<Option<f64>>,
}

impl Confusion {
    /// Nothing seen yet, of `classes` classes.
    pub fn new(classes: usize) -> Self {
        Self {
            classes,
            pixels: vec![0; classes * classes],
        }
    }

    /// Adds an image.
    ///
    /// # Shapes
    /// `predicted` and `labels`: `[height, width]`, the same for both.
    ///
    /// # Panics
    /// If the sizes differ, or a class is out of range that is not [`IGNORE`] in the labels.
    pub fn add(&mut self, predicted: &LabelMap, labels: &LabelMap) {
        assert_eq!(
            [predicted.height(), predicted.width()],
            [labels.height(), labels.width()],
            "predicted and labelled pixels"
        );
        for (predicted, label) in predicted.values().iter().zip(labels.values()) {
            if *label == IGNORE {
                continue;
            }
            let (predicted, label) = (usize::from(*predicted), usize::from(*label));
            assert!(
                predicted.max(label) < self.classes,
                "class {predicted} for {label} of {}",
                self.classes
            );
            self.pixels[label * self.classes + predicted] += 1;
        }
    }

    /// Adds what another one has seen.
    ///
    /// # Panics
    /// If the numbers of classes differ.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.classes, other.classes, "classes");
        for (pixels, more) in self.pixels.iter_mut().zip(&other.pixels) {
            *pixels += more;
        }
    }

    /// Pixels of `label` that were predicted as `predicted`.
    ///
    /// # Panics
    /// If a class is out of range.
    pub fn count(&self, label: usize, predicted: usize) -> u64 {
        assert!(predicted < self.classes, "class {predicted}");
        self.pixels[label * self.classes + predicted]
    }

    fn labelled(&self, class: usize) -> u64 {
        (0..self.classes)
            .map(|other| self.count(class, other))
            .sum()
    }

    /// Each class's overlap.
    pub fn overlaps(&self) -> Vec<Overlap> {
        let predicted = |class| {
            let others = 0..self.classes;
            others.map(|other| self.count(other, class)).sum::<u64>()
        };
        let overlap = |class| {
            let found = self.count(class, class);
            Overlap {
                found,
                union: self.labelled(class) + predicted(class) - found,
            }
        };
        (0..self.classes).map(overlap).collect()
    }

    /// The scores of all that was added.
    pub fn scores(&self) -> SegmentationScores {
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let overlaps = self.overlaps();
        let iou = overlaps.iter().map(|o| share(o.found, o.union));
        let iou: Vec<Option<f64>> = iou.collect();
        let accuracy = overlaps.iter().enumerate();
        let accuracy = accuracy.map(|(class, o)| share(o.found, self.labelled(class)));
        let right: u64 = overlaps.iter().map(|overlap| overlap.found).sum();
        SegmentationScores {
            miou: mean(iou.iter().copied()),
            pixel_accuracy: share(right, self.pixels.iter().sum()).unwrap_or(f64::NAN),
            mean_accuracy: mean(accuracy),
            iou,
        }
    }
}

/// The mean of those that there are.
fn mean(values: impl Iterator<Item = Option<f64>>) -> f64 {
    let (count, sum) = values
        .flatten()
        .fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    sum / f64::from(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[u8]) -> LabelMap {
        LabelMap::new(1, values.len(), values.to_vec())
    }

    #[test]
    fn absent_classes_and_ignored_pixels_are_left_out() {
        let mut confusion = Confusion::new(4);
        // Class 3 neither occurs nor is predicted; class 2 is only predicted.
        confusion.add(&row(&[0, 0, 1, 2, 9]), &row(&[0, 1, 1, 1, IGNORE]));
        let scores = confusion.scores();
        let third = 1.0 / 3.0;
        assert_eq!(scores.iou, [Some(0.5), Some(third), Some(0.0), None]);
        assert!((scores.miou - (0.5 + third) / 3.0).abs() < 1e-15);
        assert!((scores.mean_accuracy - (1.0 + third) / 2.0).abs() < 1e-15);
        assert_eq!(scores.pixel_accuracy, 0.5);
    }

    #[test]
    fn images_add_up_in_any_order() {
        let pairs = [([0, 1], [0, 0]), ([1, 1], [1, 0])];
        let mut all = Confusion::new(2);
        let mut parts = [Confusion::new(2), Confusion::new(2)];
        for (part, (predicted, labels)) in parts.iter_mut().zip(&pairs) {
            all.add(&row(predicted), &row(labels));
            part.add(&row(predicted), &row(labels));
        }
        let [first, mut second] = parts;
        second.merge(&first);
        assert_eq!(second, all);
        assert!(Confusion::new(2).scores().miou.is_nan());
    }
}
