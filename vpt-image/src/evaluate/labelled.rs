//! Labelled sets as heads and evaluations take them.

use super::{EvaluateError, Question};
use crate::images::{DepthMap, ImageProcessor, LabelMap, Planes, RgbImage};
use crate::loader::Unreadable;
use crate::random::{Purpose, generator};
use crate::sets::{Ade20k, ImageFolder, NyuList, NyuMat, SetError};
use rand::seq::SliceRandom;
use std::sync::Arc;

/// Images, each with the truth about it.
pub trait LabelledSet<Y> {
    /// How many samples there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A sample.
    ///
    /// # Errors
    /// What keeps it from being read.
    ///
    /// # Panics
    /// If there is no such sample.
    fn load(&self, index: usize) -> Result<(RgbImage, Y), SetError>;
}

impl LabelledSet<LabelMap> for Ade20k {
    fn len(&self) -> usize {
        self.len()
    }

    fn load(&self, index: usize) -> Result<(RgbImage, LabelMap), SetError> {
        let sample = self.load(index)?;
        Ok((sample.image, sample.labels))
    }
}

impl LabelledSet<DepthMap> for NyuList {
    fn len(&self) -> usize {
        self.len()
    }

    fn load(&self, index: usize) -> Result<(RgbImage, DepthMap), SetError> {
        let sample = self.load(index)?;
        Ok((sample.image, sample.depth))
    }
}

impl LabelledSet<DepthMap> for NyuMat {
    fn len(&self) -> usize {
        self.len()
    }

    fn load(&self, index: usize) -> Result<(RgbImage, DepthMap), SetError> {
        let sample = self.load(index)?;
        Ok((sample.image, sample.depth))
    }
}

impl LabelledSet<usize> for ImageFolder {
    fn len(&self) -> usize {
        self.samples().len()
    }

    fn load(&self, index: usize) -> Result<(RgbImage, usize), SetError> {
        self.load(index)
    }
}

/// Some samples of a set, in an order of their own: an official split, or a part for heads and
/// another one for g_down.
pub struct Part<S> {
    set: Arc<S>,
    indices: Vec<usize>,
}

impl<S> Clone for Part<S> {
    fn clone(&self) -> Self {
        Self {
            set: self.set.clone(),
            indices: self.indices.clone(),
        }
    }
}

impl<Y, S: LabelledSet<Y> + ?Sized> LabelledSet<Y> for Arc<S> {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn load(&self, index: usize) -> Result<(RgbImage, Y), SetError> {
        (**self).load(index)
    }
}

impl<S> Part<S> {
    /// The samples `indices` of `set`.
    pub fn new(set: Arc<S>, indices: Vec<usize>) -> Self {
        Self { set, indices }
    }
}

impl<Y, S: LabelledSet<Y>> LabelledSet<Y> for Part<S> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn load(&self, index: usize) -> Result<(RgbImage, Y), SetError> {
        self.set.load(self.indices[index])
    }
}

/// Parts of the given sizes, drawn from `0..len` without replacement, so that none has a sample
/// in common with another one; 2,000 to train heads and 512 for g_down in A.2.
///
/// # Errors
/// Sizes that add up to more than `len`.
pub fn disjoint_parts(
    len: usize,
    sizes: &[usize],
    seed: u64,
) -> Result<Vec<Vec<usize>>, EvaluateError> {
    if sizes.iter().sum::<usize>() > len {
        return Err(EvaluateError::OutOfRange {
            key: "sizes of the parts",
            range: format!("at most {len}, the set's, together"),
        });
    }
    let mut indices: Vec<usize> = (0..len).collect();
    indices.shuffle(&mut generator(seed, Purpose::Parts, 0, 0));
    let mut rest = indices.into_iter();
    Ok(sizes
        .iter()
        .map(|s| rest.by_ref().take(*s).collect())
        .collect())
}

/// A labelled set with how its images become pixels and what happens to samples that cannot be
/// used.
pub struct Labelled<Y> {
    set: Box<dyn LabelledSet<Y>>,
    /// From images to pixels; the same as the backbone was trained with.
    pub processor: ImageProcessor,
    /// Whether a sample that cannot be used is an error.
    pub unreadable: Unreadable,
}

/// One image as the backbone takes it, and the truth about it at its own size.
pub(super) struct Sample<Y> {
    pub(super) pixels: Planes,
    pub(super) truth: Y,
}

impl<Y> Labelled<Y> {
    /// Samples that cannot be used are errors.
    pub fn new(set: impl LabelledSet<Y> + 'static, processor: ImageProcessor) -> Self {
        Self {
            set: Box::new(set),
            processor,
            unreadable: Unreadable::Refuse,
        }
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first `count` samples that can be used, or all there are.
    ///
    /// # Errors
    /// A sample that cannot be used, unless such ones are left out.
    pub fn first<Q: Question<Truth = Y>>(
        &self,
        question: &Q,
        count: usize,
        patch: usize,
    ) -> Result<Vec<usize>, EvaluateError> {
        let mut found = vec![];
        for index in 0..self.len() {
            if found.len() == count {
                break;
            }
            match self.sample(question, index, patch) {
                Ok(_) => found.push(index),
                Err(error) if self.skips(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// A sample's image as the set has it.
    ///
    /// # Errors
    /// What keeps it from being read.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn image(&self, index: usize) -> Result<RgbImage, EvaluateError> {
        Ok(self.set.load(index)?.0)
    }

    /// A sample.
    ///
    /// # Errors
    /// What keeps it from being used; sides that are no multiple of `patch`.
    pub(super) fn sample<Q: Question<Truth = Y>>(
        &self,
        question: &Q,
        index: usize,
        patch: usize,
    ) -> Result<Sample<Y>, EvaluateError> {
        let (image, truth) = self.set.load(index)?;
        question.check(&truth, index)?;
        let pixels = pixels(&self.processor, &image, patch, index)?;
        Ok(Sample { pixels, truth })
    }

    /// A sample to learn from, with its truth at the size of its pixels.
    ///
    /// # Errors
    /// As [`sample`](Self::sample), and one that says nothing.
    pub(super) fn lesson<Q: Question<Truth = Y>>(
        &self,
        question: &Q,
        index: usize,
        patch: usize,
    ) -> Result<Sample<Y>, EvaluateError> {
        let Sample { pixels, truth } = self.sample(question, index, patch)?;
        let truth = question.resized(&truth, pixels.size());
        if question.is_labelled(&truth) {
            return Ok(Sample { pixels, truth });
        }
        Err(EvaluateError::Unlabelled { index })
    }

    /// Whether a sample with this error is left out.
    pub(super) fn skips(&self, error: &EvaluateError) -> bool {
        self.unreadable == Unreadable::Skip && error.is_of_one_sample()
    }
}

/// An image as a backbone with patches of `patch` takes it.
pub(super) fn pixels(
    processor: &ImageProcessor,
    image: &RgbImage,
    patch: usize,
    index: usize,
) -> Result<Planes, EvaluateError> {
    let pixels = processor.apply(image);
    let [height, width] = pixels.size();
    if height.is_multiple_of(patch) && width.is_multiple_of(patch) {
        return Ok(pixels);
    }
    Err(EvaluateError::Size {
        index,
        height,
        width,
        needed: format!("sides must be multiples of {patch}, the backbone's patch"),
    })
}

#[cfg(test)]
mod tests {
    use super::disjoint_parts;

    #[test]
    fn parts_have_nothing_in_common() {
        let parts = disjoint_parts(10, &[4, 3], 1).unwrap();
        assert_eq!((parts[0].len(), parts[1].len()), (4, 3));
        assert!(parts[0].iter().all(|index| !parts[1].contains(index)));
        assert_eq!(parts, disjoint_parts(10, &[4, 3], 1).unwrap());
        assert_ne!(parts, disjoint_parts(10, &[4, 3], 2).unwrap());
        let error = disjoint_parts(6, &[4, 3], 1).unwrap_err();
        assert!(error.to_string().contains("at most 6"), "{error}");
    }
}
