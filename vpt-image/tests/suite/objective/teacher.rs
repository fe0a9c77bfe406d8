//! Runs: what the teacher does, what is frozen, and what the alarms see.

use super::{F32, IMAGES, batch, bits, dino_learner, host, latent_learner, rng, tensor};
use burn::backend::Autodiff;
use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;
use vpt_core::*;
use vpt_image::objective::{
    Centring, Collapse, CollapseWatch, CropBatch, DinoSettings, DinoTask, LatentSettings,
    LatentTask, TeacherAnswer, TemperatureWarmup, Whole, dino, head_burn_in, latent,
};

const STEPS: usize = 4;

/// Two micro-batches of random crops a step, or always the same.
struct Noise {
    rng: ChaCha8Rng,
    still: bool,
}

impl<T: PredictiveTask<Batch<F32> = CropBatch<F32>>> Source<T, F32> for Noise {
    fn next_step(&mut self) -> Result<StepData<T, F32>, CoreError> {
        let before = self.rng.clone();
        let batches = (0..2).map(|_| batch(&mut self.rng, 2 * IMAGES)).collect();
        if self.still {
            self.rng = before;
        }
        Ok(StepData { batches, tokens: 1 })
    }
}

impl Stateful for Noise {
    fn state(&self) -> serde_json::Value {
        to_state(&self.rng)
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        from_state(state).map(|rng| self.rng = rng)
    }
}

type Run<T> = Trainer<T, F32, Noise, Downstream<T, F32>, CentralDifference>;

fn run<T>(task: T, learner: LearnerOf<T, F32>, designer: DesignerOf<T, F32>, seed: u64) -> Run<T>
where
    T: On<Autodiff<F32>> + PredictiveTask<Batch<F32> = CropBatch<F32>>,
{
    let mut config = TrainerConfig::new(STEPS, 1e-2);
    config.cadence = Cadence::never();
    config.clip = Clip::PerTensor(3.0);
    config.weight_decay = Some(CosineRamp {
        from: 0.04,
        to: 0.4,
    });
    let source = Noise {
        rng: rng(seed),
        still: false,
    };
    let parts = (source, Downstream::none(), CentralDifference::default());
    Trainer::new(task, learner, designer, parts, config)
}

fn settings() -> DinoSettings {
    DinoSettings {
        teacher_temperature: TemperatureWarmup {
            from: 0.04,
            to: 0.07,
            steps: 3,
        },
        ..DinoSettings::default()
    }
}

fn dino_run(seed: u64) -> Run<DinoTask<Whole>> {
    let task = dino(Whole, settings());
    run(task, dino_learner(seed), (NoParameters, NoParameters), seed)
}

#[test]
fn the_teacher_starts_as_the_student_and_follows_it() {
    let mut run = dino_run(3);
    assert_eq!(bits(&run.teacher.backbone), bits(&run.learner.backbone));
    assert_eq!(bits(&run.teacher.head), bits(&run.learner.head));
    assert!(host(run.teacher.centre.val()).iter().all(|c| *c == 0.0));
    let mut centre = vec![0.0; 10];
    for step in 0..STEPS {
        let temperature = host(run.teacher.temperature.val())[0];
        let expected = settings().teacher_temperature.at(step);
        assert!((temperature - expected).abs() < 1e-7);
        let before = host(run.teacher.head.last_layer.weight_v.val());
        // The logits of this step, from the teacher before it.
        let mut source = Noise {
            rng: run.source.rng.clone(),
            still: false,
        };
        let data = Source::<DinoTask<Whole>, F32>::next_step(&mut source).unwrap();
        let answers = data.batches.iter().map(|batch| {
            let prediction = run.task.predict(&run.learner, batch);
            run.task.reference(&run.teacher, prediction, batch)
        });
        let sums = answers.map(|answer: TeacherAnswer<F32>| host(answer.logit_sum));
        let sums = sums.reduce(|a, b| a.iter().zip(b).map(|(a, b)| a + b).collect());
        for (centre, sum) in centre.iter_mut().zip(sums.unwrap()) {
            *centre = 0.9 * *centre + 0.1 * sum / (2 * 2 * IMAGES) as f64;
        }
        run.step().unwrap();
        for (found, expected) in host(run.teacher.centre.val()).iter().zip(&centre) {
            let error = (found - expected).abs() / expected.abs().max(1.0);
            assert!(error < 1e-6, "{found} {expected}");
        }
        let student = host(run.learner.head.last_layer.weight_v.val());
        let after = host(run.teacher.head.last_layer.weight_v.val());
        let m = 1.0 - 0.002 * (1.0 + (std::f64::consts::PI * step as f64 / STEPS as f64).cos());
        for ((before, student), after) in before.iter().zip(student).zip(&after) {
            let expected = m * before + (1.0 - m) * student;
            assert!((after - expected).abs() < 1e-6, "{after} {expected}");
        }
    }
}

fn law<T>(make: impl Fn(u64) -> Run<T>)
where
    T: On<Autodiff<F32>> + PredictiveTask<Batch<F32> = CropBatch<F32>>,
{
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let until = |run: &mut Run<T>, step: usize| {
        while run.step < step {
            run.step().unwrap();
        }
    };
    let mut whole = make(3);
    until(&mut whole, STEPS);
    whole.save(&place("whole"), "").unwrap();
    let mut first = make(3);
    until(&mut first, 2);
    first.save(&place("cut"), "").unwrap();
    let mut second = make(40);
    second.load(&place("cut"), "", &Default::default()).unwrap();
    until(&mut second, STEPS);
    second.save(&place("resumed"), "").unwrap();
    for file in ["state.json", "state.safetensors"] {
        let read = |folder: &str| std::fs::read(place(folder).join(file)).unwrap();
        assert!(read("resumed") == read("whole"), "{file}");
    }
}

#[test]
fn a_resumed_run_is_the_same_run() {
    law(dino_run);
    law(|seed| {
        let task: LatentTask<Whole> = latent(Whole, LatentSettings::default());
        run(
            task,
            latent_learner(seed),
            (NoParameters, NoParameters),
            seed,
        )
    });
}

/// A fresh head settles on a backbone that stays to the bit; DINO's last layer waits longer.
#[test]
fn burn_in_keeps_the_backbone() {
    let mut run = dino_run(3);
    run.freezes = vec![
        head_burn_in(&run.learner, 2),
        run.learner.last_layer_freeze(3),
    ];
    let before = bits(&run.learner);
    for step in 0..STEPS {
        run.step().unwrap();
        let after = bits(&run.learner);
        for (path, values) in &after {
            let frozen = match path {
                _ if path.starts_with("backbone.") => step < 2,
                _ if path.starts_with("head.last_layer.") => step < 3,
                _ => false,
            };
            // Nothing is masked in the backbone's way: the mask token never learns.
            if !path.ends_with("mask_token") {
                assert_eq!(*values == before[path], frozen, "{path} at step {step}");
            }
        }
    }
}

/// A teacher that stands still can be learned.
#[test]
fn a_run_brings_the_loss_down() {
    let still = DinoSettings {
        momentum: CosineRamp { from: 1.0, to: 1.0 },
        centring: Centring::Ema { momentum: 1.0 },
        ..settings()
    };
    let task = dino(Whole, still);
    let mut run = run(task, dino_learner(3), (NoParameters, NoParameters), 3);
    run.config.schedule.peak = 3e-3;
    run.source.still = true;
    run.config.schedule.steps = 30;
    run.config.weight_decay = None;
    let losses: Vec<f64> = (0..30).map(|_| run.step().unwrap().loss).collect();
    assert!(losses[29] < 0.5 * losses[0], "{losses:?}");
}

/// What the trainer reports of a healthy teacher and of ones that have collapsed.
#[test]
fn alarms_see_a_collapsed_teacher() {
    let report = |spoil: fn(&mut Run<DinoTask<Whole>>)| {
        let mut run = dino_run(3);
        spoil(&mut run);
        let report = run.step().unwrap();
        let figures = report.measures.clone();
        assert_eq!(figures.len(), 2, "{figures:?}");
        let mut watch = CollapseWatch::new(10, 1);
        (watch.look(&report), figures)
    };
    let (found, figures) = report(|_| ());
    assert_eq!(found, None, "{figures:?}");
    // Sharpened by nothing: all outputs alike.
    let (found, figures) = report(|run| {
        let hot = |t: Tensor<F32, 1>| t.mul_scalar(1e6);
        run.teacher.temperature = run.teacher.temperature.clone().map(hot);
    });
    assert!(
        matches!(found, Some(Collapse::UniformTeacher { step: 0, .. })),
        "{figures:?}"
    );
    // A centre that lets one output win always.
    let (found, figures) = report(|run| {
        let centre = tensor::<F32, 2>([1, 10], {
            let mut first = true;
            move || {
                if std::mem::take(&mut first) {
                    -50.0
                } else {
                    0.0
                }
            }
        });
        run.teacher.centre = run.teacher.centre.clone().map(|_| centre);
    });
    assert!(
        matches!(found, Some(Collapse::ConstantTeacher { step: 0, .. })),
        "{figures:?}"
    );
}

/// With Sinkhorn there is no centre to follow.
#[test]
fn sinkhorn_leaves_the_centre_alone() {
    let task = dino(
        Whole,
        DinoSettings {
            centring: Centring::Sinkhorn { iterations: 3 },
            ..settings()
        },
    );
    let mut run = run(task, dino_learner(3), (NoParameters, NoParameters), 3);
    let report = run.step().unwrap();
    assert!(report.loss.is_finite());
    assert!(host(run.teacher.centre.val()).iter().all(|c| *c == 0.0));
}
