//! What follows the learner: it starts as the learner, never gets a gradient, is in checkpoints,
//! and targets know it through the reference alone.

use super::toy::{
    Classification, Examples, F32, Labelled, Mixer, Mlp, Stream, Whole, bits, config, host,
};
use burn::backend::Autodiff;
use burn::module::{AutodiffModule, Module, Param};
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::*;

const MOMENTUM: CosineRamp = CosineRamp { from: 0.8, to: 1.0 };
const STEPS: usize = 6;

/// An average of the learner, and of what it said.
#[derive(Module, Debug)]
struct Average<B: Backend> {
    learner: Mlp<B>,
    centre: Param<Tensor<B, 1>>,
}

/// The centred teacher's distribution, tilted by the designer.
#[derive(Module, Debug)]
struct Taught<B: Backend> {
    logits: Tensor<B, 2>,
}

/// q = softmax(teacher − centre + x·scores).
struct MeanTeacher;

impl TargetFn<Classification> for MeanTeacher {
    type Designer<B: Backend> = Mixer<B>;
    type Teacher<B: Backend> = Average<B>;
    type Reference<B: Backend> = Taught<B>;

    fn teacher<B: Backend>(&self, learner: &Mlp<B>) -> Average<B> {
        Average {
            learner: learner.clone(),
            centre: Param::from_tensor(Tensor::zeros([super::toy::CLASSES], &Default::default())),
        }
    }

    fn reference<B: Backend>(
        &self,
        teacher: &Average<B>,
        _: Tensor<B, 2>,
        views: &Examples<B>,
    ) -> Taught<B> {
        let logits = Classification::predict(&teacher.learner, views);
        Taught {
            logits: logits - teacher.centre.val().unsqueeze(),
        }
    }

    fn target<B: Backend>(
        &self,
        mixer: &Mixer<B>,
        views: &Examples<B>,
        taught: &Taught<B>,
    ) -> Tensor<B, 2> {
        softmax(taught.logits.clone() + mixer.tilt(views), 1)
    }

    fn unshaped_target<B: Backend>(&self, _: &Examples<B>, taught: &Taught<B>) -> Tensor<B, 2> {
        softmax(taught.logits.clone(), 1)
    }

    fn kept<B: Backend>(&self, taught: Taught<B>) -> Option<Taught<B>> {
        Some(taught)
    }

    fn follow<B: Backend>(
        &self,
        teacher: Average<B>,
        learner: &Mlp<B>,
        kept: &[Taught<B>],
        progress: Progress,
    ) -> Average<B> {
        let seen = kept.iter().map(|taught| taught.logits.clone().mean_dim(0));
        let seen = seen.reduce(|sum, mean| sum + mean).unwrap();
        let seen = seen.div_scalar(kept.len() as f64).squeeze_dim(0);
        Average {
            learner: follow_average(teacher.learner, learner, MOMENTUM.at(progress)),
            centre: teacher.centre.map(|centre| centre + seen.mul_scalar(0.1)),
        }
    }
}

struct SoftCrossEntropy;

impl PredictiveLoss<Classification, MeanTeacher> for SoftCrossEntropy {
    fn loss<B: Backend>(
        &self,
        logits: Tensor<B, 2>,
        q: &Tensor<B, 2>,
        views: &Examples<B>,
    ) -> Loss<B> {
        let entries = (log_softmax(logits, 1) * q.clone()).sum_dim(1).neg();
        Loss {
            entries: entries.squeeze_dim(1),
            weights: views.weights(),
        }
    }
}

type Distilled = Objective<Classification, Whole, MeanTeacher, SoftCrossEntropy>;
type Run = Trainer<Distilled, F32, Stream, Downstream<Distilled, F32>, Nested>;

impl Source<Distilled, F32> for Stream {
    fn next_step(&mut self) -> Result<StepData<Distilled, F32>, CoreError> {
        let StepData { batches, tokens } = Source::<super::toy::Toy, F32>::next_step(self)?;
        Ok(StepData { batches, tokens })
    }
}

impl Evaluator<Distilled, F32> for Labelled {
    fn name(&self) -> &str {
        &self.name
    }

    fn loss(
        &mut self,
        learner: &Mlp<Autodiff<F32>>,
    ) -> Result<Tensor<Autodiff<F32>, 1>, CoreError> {
        Evaluator::<super::toy::Toy, F32>::loss(self, learner)
    }
}

fn run(seed: u64) -> Run {
    let source = Stream::new::<F32>(seed + 1, (2, 4));
    let feedback = Downstream::new(Labelled::new::<F32>("held", seed + 6));
    let task = Distilled::new(Whole, MeanTeacher, SoftCrossEntropy);
    let (learner, designer) = (Mlp::drawn(seed), (NoParameters, Mixer::drawn(seed + 3)));
    let mut config = config();
    config.schedule.steps = STEPS;
    Trainer::new(task, learner, designer, (source, feedback, Nested), config)
}

#[test]
fn the_teacher_starts_as_the_learner_and_follows_it() {
    let mut run = run(3);
    assert_eq!(bits(&run.teacher.learner), bits(&run.learner));
    let all = ParamSubset::all(&run.learner);
    for step in 0..STEPS {
        let before = GradVector::of(&run.teacher.learner, &all).to_vec();
        let centre = host(run.teacher.centre.val());
        run.step().unwrap();
        let learner = GradVector::of(&run.learner, &all).to_vec();
        let after = GradVector::of(&run.teacher.learner, &all).to_vec();
        let m = MOMENTUM.at(Progress { step, steps: STEPS });
        for ((before, learner), after) in before.iter().zip(learner).zip(&after) {
            let expected = m * before + (1.0 - m) * learner;
            assert!((after - expected).abs() < 1e-6, "{after} {expected}");
        }
        assert_ne!(before, after);
        assert_ne!(centre, host(run.teacher.centre.val()));
    }
}

/// The reference is made on the plain backend, and what is lifted from it is a constant: the
/// gradient that reaches the learner is that of its own prediction, with the target pinned.
#[test]
fn the_teacher_never_gets_a_gradient() {
    let run = run(3);
    let mut source = run.source.clone();
    let batch = source.draw::<F32>().remove(0);
    let teacher: Average<Autodiff<F32>> = trainable(&run.teacher);
    // Even a teacher on the tape is cut off by the plain reference.
    let prediction = run.task.predict(&run.learner, &batch);
    let reference = run
        .task
        .reference::<F32>(&teacher.valid(), prediction, &batch);
    let learner: Mlp<Autodiff<F32>> = trainable(&run.learner);
    let loss = run.task.pretraining_loss::<Autodiff<F32>>(
        &learner,
        &lift(&run.designer),
        &lift(&batch),
        &lift(&reference),
    );
    let mut grads = loss.total().backward();
    let all = ParamSubset::all(&learner);
    assert!(GradVector::take(&mut grads, &learner, &all).norm() > 0.0);
    // Ids are shared, tensors are not: what is left in `grads` is the teacher's, which is nothing.
    assert_eq!(
        GradVector::take(&mut grads, &teacher, &ParamSubset::all(&teacher)).norm(),
        0.0
    );
}

/// A teacher that stands still changes nothing of the learner's first step, whatever it becomes
/// afterwards, and its state is another run's after the second.
#[test]
fn the_teacher_is_in_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let until = |run: &mut Run, step: usize| {
        while run.step < step {
            run.step().unwrap();
        }
    };
    let mut whole = run(3);
    until(&mut whole, STEPS);
    whole.save(&place("whole"), "").unwrap();
    for cut in 1..STEPS {
        let mut first = run(3);
        until(&mut first, cut);
        first.save(&place("cut"), "").unwrap();
        let mut second = run(53);
        second.load(&place("cut"), "", &Default::default()).unwrap();
        assert_eq!(bits(&second.teacher), bits(&first.teacher));
        until(&mut second, STEPS);
        second.save(&place("resumed"), "").unwrap();
        for file in ["state.json", "state.safetensors"] {
            let read = |folder: &str| std::fs::read(place(folder).join(file)).unwrap();
            assert!(read("resumed") == read("whole"), "{file}, cut at {cut}");
        }
    }
    let names = read_tensors(&place("whole").join("state.safetensors")).unwrap();
    assert!(names.contains_key("teacher/learner.first"), "{names:?}");
    assert!(names.contains_key("teacher/centre"));
}

/// A step that fails leaves the teacher where it was.
#[test]
fn a_failed_step_leaves_the_teacher_alone() {
    let mut run = run(3);
    run.step().unwrap();
    let before = bits(&run.teacher);
    run.source.broken_after = 0;
    assert!(run.step().is_err());
    assert_eq!(bits(&run.teacher), before);
}

#[test]
#[should_panic(expected = "that the learner lacks")]
fn a_stranger_has_nothing_to_follow() {
    let (teacher, learner) = (Mlp::<F32>::drawn(1), Mlp::<F32>::drawn(1));
    let _ = follow_average(teacher, &learner, 0.5);
}

#[test]
fn momentum_one_stands_still_and_zero_copies() {
    let teacher = Mlp::<F32>::drawn(1);
    let moved = GradVector::of(&teacher, &ParamSubset::all(&teacher)).shift(teacher.clone(), 0.5);
    let held = follow_average(teacher.clone(), &moved, 1.0);
    assert_eq!(bits(&held), bits(&teacher));
    let copied = follow_average(teacher, &moved, 0.0);
    assert_eq!(bits(&copied), bits(&moved));
}
