//! The labelled sets of a run, each in five parts that have nothing in common.

use super::RunError;
use super::pictures::SCENE_SEED;
use crate::config::{RunConfig, SCENES};
use crate::evaluate::{
    Classification, Depth, DrawnSet, Labelled, LabelledSet, Part, Pooling, SceneSet, Segmentation,
    disjoint_parts,
};
use crate::images::{DepthMap, ImageProcessor, LabelMap};
use crate::scenes::{Scenes, Split};
use crate::sets::{
    Ade20k, EmptyClass, ImageFolder, LabelScheme, NyuDepth, NyuList, NyuMat, NyuSplit,
};
use std::path::Path;
use std::sync::Arc;

/// What part of the labelled images is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Feedback's heads.
    Heads,
    /// g_down.
    Meta,
    /// Settings, the guard, the probe of A.6.
    Validation,
    /// The evaluation's heads.
    Probe,
    /// The report.
    Test,
}

/// A question with the images that it is asked about.
pub(super) struct Asked<Q, Y> {
    pub(super) question: Q,
    sets: [Arc<dyn LabelledSet<Y>>; 5],
    processor: ImageProcessor,
    unreadable: crate::loader::Unreadable,
}

impl<Q, Y: 'static> Asked<Q, Y> {
    pub(super) fn part(&self, which: Use) -> Labelled<Y> {
        let mut labelled = Labelled::new(self.set(which), self.processor.clone());
        labelled.unreadable = self.unreadable;
        labelled
    }

    fn set(&self, which: Use) -> Arc<dyn LabelledSet<Y>> {
        self.sets[which as usize].clone()
    }
}

/// Everything that is labelled.
pub(super) struct Labels {
    pub(super) segmentation: Option<Asked<Segmentation, LabelMap>>,
    pub(super) depth: Option<Asked<Depth, DepthMap>>,
    pub(super) pictures: Option<Asked<Classification, usize>>,
}

impl Labels {
    /// Opens, or draws, the sets that `config` names.
    pub(super) fn open(config: &RunConfig, processor: &ImageProcessor) -> Result<Self, RunError> {
        let opener = Opener::new(config, processor)?;
        let (data, named) = (&config.data, |set: &String| !set.is_empty());
        Ok(Self {
            segmentation: named(&data.segmentation)
                .then(|| opener.segmentation())
                .transpose()?,
            depth: named(&data.depth).then(|| opener.depth()).transpose()?,
            pictures: named(&data.pictures)
                .then(|| opener.pictures())
                .transpose()?,
        })
    }
}

struct Opener<'a> {
    config: &'a RunConfig,
    processor: &'a ImageProcessor,
    /// The parts of drawn sets, where one is used.
    drawn: Option<[Part<SceneSet>; 5]>,
}

impl<'a> Opener<'a> {
    fn new(config: &'a RunConfig, processor: &'a ImageProcessor) -> Result<Self, RunError> {
        let data = &config.data;
        let any = [&data.segmentation, &data.depth, &data.pictures];
        let drawn = any.into_iter().any(|set| set == SCENES);
        Ok(Self {
            config,
            processor,
            drawn: drawn.then(|| drawn_parts(config)).transpose()?,
        })
    }

    fn asked<Q, Y>(&self, question: Q, sets: [Arc<dyn LabelledSet<Y>>; 5]) -> Asked<Q, Y> {
        Asked {
            question,
            sets,
            processor: self.processor.clone(),
            unreadable: self.config.data.unreadable,
        }
    }

    /// The drawn sets, if `name` means them.
    fn scenes<Y: 'static>(&self, name: &str) -> Option<[Arc<dyn LabelledSet<Y>>; 5]>
    where
        SceneSet: LabelledSet<Y>,
    {
        let parts = self.drawn.as_ref().filter(|_| name == SCENES)?;
        Some(parts.each_ref().map(|part| Arc::new(part.clone()) as _))
    }

    fn segmentation(&self) -> Result<Asked<Segmentation, LabelMap>, RunError> {
        let data = &self.config.data;
        if let Some(sets) = self.scenes(&data.segmentation) {
            let classes = crate::scenes::CLASSES.len();
            return Ok(self.asked(Segmentation { classes }, sets));
        }
        let scheme = LabelScheme {
            classes: data.classes as u8,
            reduce_zero_label: data.reduce_zero_label,
        };
        let open = |split| Ade20k::open(Path::new(&data.segmentation), split, scheme);
        let (train, test) = (Arc::new(open("training")?), Arc::new(open("validation")?));
        let (all, tested) = (0..train.len(), 0..test.len());
        let sets = self.parts(
            "data.segmentation",
            (train, all.collect()),
            (test, tested.collect()),
        )?;
        let classes = data.classes;
        Ok(self.asked(Segmentation { classes }, sets))
    }

    fn depth(&self) -> Result<Asked<Depth, DepthMap>, RunError> {
        const KEY: &str = "data.depth";
        let name = &self.config.data.depth;
        if let Some(sets) = self.scenes(name) {
            return Ok(self.asked(Depth::default(), sets));
        }
        let folder = Path::new(name);
        let list = folder.join("nyu_train.txt");
        let sets = if list.is_file() {
            let train = Arc::new(NyuList::open(&list, folder)?);
            let test = Arc::new(NyuList::open(&folder.join("nyu_test.txt"), folder)?);
            let (all, tested) = (0..train.len(), 0..test.len());
            self.parts(KEY, (train, all.collect()), (test, tested.collect()))?
        } else {
            let split = NyuSplit::read(&folder.join("splits.mat"))?;
            let open = NyuMat::open(
                &folder.join("nyu_depth_v2_labeled.mat"),
                NyuDepth::default(),
            );
            let frames = Arc::new(open?);
            self.parts(KEY, (frames.clone(), split.train), (frames, split.test))?
        };
        Ok(self.asked(Depth::default(), sets))
    }

    fn pictures(&self) -> Result<Asked<Classification, usize>, RunError> {
        const KEY: &str = "data.pictures";
        let name = &self.config.data.pictures;
        let question = |classes| Classification {
            classes,
            pooling: Pooling::ClsMean,
        };
        if let Some(sets) = self.scenes(name) {
            return Ok(self.asked(question(DrawnSet::CLASSES), sets));
        }
        let open = |split| ImageFolder::open(&Path::new(name).join(split), EmptyClass::Refuse);
        let (train, test) = (Arc::new(open("train")?), Arc::new(open("val")?));
        if train.classes() != test.classes() {
            let message = format!("{name}: train and val have other classes");
            return Err(RunError::Unfit { key: KEY, message });
        }
        let classes = train.classes().len();
        let (all, tested) = (0..train.samples().len(), 0..test.samples().len());
        let sets = self.parts(KEY, (train, all.collect()), (test, tested.collect()))?;
        Ok(self.asked(question(classes), sets))
    }

    /// The official training samples in four parts, and the first of the official test samples.
    fn parts<Y, S: LabelledSet<Y> + 'static>(
        &self,
        key: &'static str,
        (train, samples): (Arc<S>, Vec<usize>),
        (test, mut tested): (Arc<S>, Vec<usize>),
    ) -> Result<[Arc<dyn LabelledSet<Y>>; 5], RunError> {
        let data = &self.config.data;
        let sizes = [
            data.head_images,
            data.meta_images,
            data.validation_images,
            data.probe_images,
        ];
        let parts = disjoint_parts(samples.len(), &sizes, 0).map_err(|_| RunError::Unfit {
            key,
            message: format!(
                "{} training samples, and data.head_images, meta_images, validation_images and \
                 probe_images ask for {}",
                samples.len(),
                sizes.iter().sum::<usize>()
            ),
        })?;
        let of = |set: &Arc<S>, indices| -> Arc<dyn LabelledSet<Y>> {
            Arc::new(Part::new(set.clone(), indices))
        };
        let [heads, meta, validation, probe] = [0, 1, 2, 3].map(|part| {
            let chosen = parts[part].iter().map(|index| samples[*index]);
            of(&train, chosen.collect())
        });
        tested.truncate(data.test_images);
        Ok([heads, meta, validation, probe, of(&test, tested)])
    }
}

/// Drawn scenes: heads of feedback and of the evaluation from one split, the others from their own.
fn drawn_parts(config: &RunConfig) -> Result<[Part<SceneSet>; 5], RunError> {
    let data = &config.data;
    let (heads, probe) = (data.head_images, data.probe_images);
    let draw = |split, count| {
        let set = DrawnSet {
            scenes: Scenes::new(config.scenes())?,
            seed: SCENE_SEED,
            split,
            count,
        };
        Ok::<_, RunError>(Arc::new(set.keep()))
    };
    let train = draw(Split::Train, heads + probe)?;
    let whole =
        |split, count| Ok::<_, RunError>(Part::new(draw(split, count)?, (0..count).collect()));
    Ok([
        Part::new(train.clone(), (0..heads).collect()),
        whole(Split::Meta, data.meta_images)?,
        whole(Split::Validation, data.validation_images)?,
        Part::new(train, (heads..heads + probe).collect()),
        whole(Split::Test, data.test_images)?,
    ])
}
