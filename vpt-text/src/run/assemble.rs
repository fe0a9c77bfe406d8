//! From a config to a trainer: which files, which task, which estimator.

use super::RunError;
use super::corpus;
use super::dropout::Seeded;
use super::evaluate::HeldOut;
use super::evaluator::{AnswerLoss, ProbeBatch};
use super::learns::{Learning, adapted};
use super::origin::Origin;
use super::places::{adapter_folder, locate_model};
use super::source::PackedSource;
use crate::artefacts::Split;
use crate::config::{DesignerForm, Method, RunConfig};
use crate::data::{
    Columns, Corpus, Counts, DataError, FeedbackSet, Formatter, Prefetch, StreamOptions, Template,
    TextStream, read_records,
};
use crate::decoder::{Decoder, LoadNotes};
use crate::eval::answer::gold_answer;
use crate::task::{
    DesignerSize, SoftTargetDesigner, SoftTargets, TargetRule, TextEstimator, TextTask, text_task,
};
use crate::tokenizer::Tokenizer;
use burn::tensor::{DType, backend::Backend};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vpt_core::hub::kept_model;
use vpt_core::run::{Fingerprint, locate};
use vpt_core::{
    AdamW, Cadence, Clip, CosineSchedule, DifferenceStep, Downstream, Feedback, NoParameters,
    RandomDirection, Source, StepProbe, Trainer, TrainerConfig,
};

/// Feedback of any kind.
pub(super) type AnyFeedback<I> = Box<dyn Feedback<TextTask, I>>;

/// The trainer of a text run.
pub(super) type TextTrainer<I> = TrainerOver<I, PackedSource<I>>;

/// The same over any source.
pub(super) type TrainerOver<I, S> = Trainer<TextTask, I, Seeded<S>, AnyFeedback<I>, TextEstimator>;

/// A learner, and what of it learns.
pub(super) type Learned<I> = (Decoder<I>, Learning);

/// A run, ready to step.
pub(super) struct Assembled<I: Backend> {
    pub(super) trainer: TextTrainer<I>,
    pub(super) held_out: Vec<HeldOut>,
    pub(super) tokenizer: Tokenizer,
    pub(super) origin: Origin,
    pub(super) notes: LoadNotes,
    pub(super) fingerprint: Fingerprint,
    pub(super) counts: Counts,
    pub(super) feedback_items: Option<u64>,
}

/// Streams of random numbers, one for each purpose, so that no purpose disturbs another.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Stream = 1,
    Feedback = 2,
    Designer = 3,
    Direction = 4,
    Learner = 5,
    Adapters = 6,
    Dropout = 7,
}

pub(super) fn generator(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(purpose as u64);
    generator
}

/// Opens everything that `config` names. `told` hears how far the corpus is tokenised.
pub(super) fn assemble<I: Backend>(
    config: &RunConfig,
    init_from: Option<&Path>,
    device: &I::Device,
    told: &mut dyn FnMut(Counts),
) -> Result<Assembled<I>, RunError> {
    config.check()?;
    let origin = Origin::at(&locate_model(&config.model.path)?)?;
    let tokenizer = origin.tokenizer(&config.model.end_of_text)?;
    let (learner, notes) = learner::<I>(config, &origin, init_from, device)?;
    let learner = adapted(
        learner,
        config,
        &mut generator(config.seed, Purpose::Adapters),
    )?;
    let (learning, learner) = Learning::of(config, learner)?;
    if init_from.is_some() && !learning.trainable.is_all(&learner) {
        return Err(RunError::Unfit {
            key: "train.parameters",
            message:
                "what does not learn is not in checkpoints, and a resumed run would look for it in \
                      model.path: name the weights there, not by --init-from"
                    .into(),
        });
    }
    check_fit(config, &learner, &tokenizer)?;

    let template = Template::new(&config.data.prompt, &config.data.answer)?;
    let reader = Reader {
        formatter: Formatter {
            tokenizer: &tokenizer,
            template: &template,
            seq_len: config.data.seq_len,
        },
        columns: &config.data.columns,
    };
    let corpus = Arc::new(corpus::open(config, &reader.formatter, told)?);
    let source = PackedSource {
        stream: Prefetch::new(
            stream(config, corpus.clone()),
            config.train.batch_size,
            config.data.prefetch,
        ),
        accumulation: config.train.grad_accum,
        device: device.clone(),
    };
    let mut files = vec![origin.tokenizer_file()];
    let mut feedback = None;
    if config.method.needs_feedback() {
        let path = locate(&config.data.feedback)?;
        feedback = Some(reader.feedback_set(&path, config)?);
        files.push(("data.feedback", path));
    }
    let feedback_items = feedback.as_ref().map(|set| set.documents().len() as u64);
    let feedback = feedback.map(|set| direction::<I>(set, config, device));
    let held_out = reader.held_out(config, &mut files)?;
    if !config.model.from_scratch {
        files.extend(origin.weight_files()?);
    }
    if let Some(folder) = adapter_folder(&config.model.adapter)? {
        for name in ["adapter_config.json", "adapter_model.safetensors"] {
            files.push((name, folder.join(name)));
        }
    }
    // Its tokens, not its files: what was moved or packed again is the same stream.
    let fingerprint = Fingerprint::new(config, &files)?.with("data.corpus", corpus.fingerprint());

    let mut trainer = trainer(config, (learner, learning), source, feedback, device);
    trainer.probe = probe(config, &held_out, device);
    Ok(Assembled {
        trainer,
        held_out,
        tokenizer,
        origin,
        notes,
        fingerprint,
        counts: corpus.counts(),
        feedback_items,
    })
}

fn learner<I: Backend>(
    config: &RunConfig,
    origin: &Origin,
    init_from: Option<&Path>,
    device: &I::Device,
) -> Result<(Decoder<I>, LoadNotes), RunError> {
    let options = config.model.head.options();
    match init_from {
        Some(path) => Origin::at(&kept_model(path))?.learner(&options, device),
        None if config.model.from_scratch => {
            let learner = fresh(config, origin, device)?;
            Ok((learner, LoadNotes::default()))
        }
        None => origin.learner(&options, device),
    }
}

fn fresh<I: Backend>(
    config: &RunConfig,
    origin: &Origin,
    device: &I::Device,
) -> Result<Decoder<I>, RunError> {
    let mut rng = generator(config.seed, Purpose::Learner);
    let mut architecture = origin.config()?;
    if let Some(tied) = config.model.head.options().tie_word_embeddings {
        architecture.tie_word_embeddings = tied;
    }
    Decoder::init(&architecture, &mut rng, device).map_err(|source| RunError::ModelConfig {
        path: origin.path().into(),
        source,
    })
}

/// What the config asks of this model.
fn check_fit<I: Backend>(
    config: &RunConfig,
    learner: &Decoder<I>,
    tokenizer: &Tokenizer,
) -> Result<(), RunError> {
    let model = learner.config();
    let refuse = |key, message| Err(RunError::Unfit { key, message });
    if config.data.seq_len > model.max_position_embeddings {
        let (asked, limit) = (config.data.seq_len, model.max_position_embeddings);
        return refuse(
            "data.seq_len",
            format!("{asked} exceeds the model's {limit} positions"),
        );
    }
    check_tokenizer(learner, tokenizer)?;
    check_value(config, learner)
}

/// What the value asks of this model.
pub(super) fn check_value<I: Backend>(
    config: &RunConfig,
    learner: &Decoder<I>,
) -> Result<(), RunError> {
    let model = learner.config();
    let refuse = |key, message| Err(RunError::Unfit { key, message });
    if config.designer.top_k > model.vocab_size {
        let (asked, limit) = (config.designer.top_k, model.vocab_size);
        return refuse(
            "designer.top_k",
            format!("{asked} exceeds the vocabulary of {limit}"),
        );
    }
    Ok(())
}

/// Every token that the tokenizer can give has a row in the embedding.
pub(super) fn check_tokenizer<I: Backend>(
    learner: &Decoder<I>,
    tokenizer: &Tokenizer,
) -> Result<(), RunError> {
    let (tokens, rows) = (tokenizer.vocab_size(), learner.config().vocab_size);
    if tokens > rows {
        return Err(RunError::Unfit {
            key: "model.path",
            message: format!(
                "the tokenizer has {tokens} tokens, the model's embedding {rows} rows"
            ),
        });
    }
    Ok(())
}

/// The stream of `corpus` from its start, in the order of the config's seed.
pub(super) fn stream(config: &RunConfig, corpus: Arc<Corpus>) -> TextStream {
    let options = StreamOptions {
        seq_len: config.data.seq_len,
        shuffle_buffer: config.data.shuffle_buffer,
        open_rows: config.data.open_rows,
    };
    TextStream::new(corpus, options, generator(config.seed, Purpose::Stream))
}

/// Reads documents as the config has them.
pub(super) struct Reader<'a> {
    pub(super) formatter: Formatter<'a>,
    pub(super) columns: &'a Columns,
}

impl Reader<'_> {
    pub(super) fn feedback_set(
        &self,
        path: &Path,
        config: &RunConfig,
    ) -> Result<FeedbackSet, RunError> {
        let draws = generator(config.seed, Purpose::Feedback);
        Ok(FeedbackSet::read(
            path,
            self.columns,
            &self.formatter,
            draws,
        )?)
    }

    /// A set to be measured on.
    pub(super) fn labelled(&self, split: Split, path: &Path) -> Result<HeldOut, RunError> {
        let records = read_records(path, self.columns)?;
        let made = self.formatter.format(&records)?;
        if made.documents.is_empty() {
            return Err(RunError::Data(DataError::NoDocuments {
                path: path.into(),
                counts: made.counts,
            }));
        }
        // Off-target text is scored by its tokens alone.
        let gold = |source: &usize| match split {
            Split::OffTarget => None,
            _ => gold_answer(&records[*source]),
        };
        Ok(HeldOut {
            split,
            gold: made.sources.iter().map(gold).collect(),
            documents: made.documents,
        })
    }

    fn held_out(
        &self,
        config: &RunConfig,
        files: &mut Vec<(&'static str, PathBuf)>,
    ) -> Result<Vec<HeldOut>, RunError> {
        let data = &config.data;
        let named = [
            ("data.validation", Split::Validation, &data.validation),
            ("data.test", Split::Test, &data.test),
            ("data.off_target", Split::OffTarget, &data.off_target),
        ];
        let mut sets = vec![];
        for (key, split, path) in named.into_iter().filter(|(_, _, path)| !path.is_empty()) {
            let path = locate(path)?;
            let set = self.labelled(split, &path)?;
            files.push((key, path));
            sets.push(set);
        }
        Ok(sets)
    }
}

/// What the designer is steered by: g_down on the labelled set, or a random direction of its
/// length.
pub(super) fn direction<I: Backend>(
    set: FeedbackSet,
    config: &RunConfig,
    device: &I::Device,
) -> AnyFeedback<I> {
    let truth = Downstream::new(AnswerLoss {
        set,
        batch: config.value.feedback_batch,
        device: device.clone(),
    });
    match config.method {
        Method::Random => {
            let draws = generator(config.seed, Purpose::Direction);
            Box::new(RandomDirection::new(truth, draws))
        }
        _ => Box::new(truth),
    }
}

/// The probe of A.6 on the first validation items.
fn probe<I: Backend>(
    config: &RunConfig,
    held_out: &[HeldOut],
    device: &I::Device,
) -> Option<StepProbe<TextTask, I>> {
    let every = config.probe.every;
    let mut sets = held_out.iter();
    let set = sets.find(|set| every > 0 && set.split == Split::Validation)?;
    let items = config.probe.items.min(set.documents.len());
    let batch = ProbeBatch {
        documents: set.documents[..items].to_vec(),
        device: device.clone(),
    };
    Some(StepProbe::new(every, batch))
}

fn rule(config: &RunConfig) -> SoftTargets {
    let designer = &config.designer;
    let (alpha, alpha_max) = (config.target.alpha, designer.alpha_max);
    let rule = match config.method {
        Method::Ntp => return SoftTargets::one_hot(),
        Method::Value | Method::Random => TargetRule::Learned {
            form: designer.form,
            alpha_max,
            kl: designer.kl,
            gate_penalty: designer.gate_penalty,
        },
        Method::Smoothing => TargetRule::Uniform { alpha },
        Method::SelfDistillation => TargetRule::SelfDistillation {
            alpha,
            temperature: config.target.temperature,
        },
        Method::Oracle => TargetRule::Oracle { alpha_max },
        Method::OracleHard => TargetRule::HardOracle { alpha_max },
    };
    SoftTargets {
        rule,
        top_k: designer.top_k,
    }
}

fn cadence(config: &RunConfig) -> Cadence {
    let burn_in = Some(config.value.burn_in);
    match config.method {
        Method::Ntp => Cadence::never(),
        Method::Smoothing | Method::SelfDistillation => Cadence {
            burn_in,
            update_every: None,
        },
        Method::Value | Method::Random => Cadence {
            burn_in,
            update_every: Some(config.value.update_every),
        },
        // Their targets are made from this very step's values.
        Method::Oracle | Method::OracleHard => Cadence {
            burn_in,
            update_every: Some(1),
        },
    }
}

/// Wanted movement of log-probabilities between θ ± εv: larger in f32, where rounding sets in.
fn difference<I: Backend>(learner: &Decoder<I>) -> DifferenceStep {
    match learner.norm.weight.dtype() {
        DType::F64 => DifferenceStep::new(1e-5),
        _ => DifferenceStep::default(),
    }
}

/// The trainer of `config` over `source`.
pub(super) fn trainer<I: Backend, S: Source<TextTask, I>>(
    config: &RunConfig,
    (learner, learning): Learned<I>,
    source: S,
    feedback: Option<AnyFeedback<I>>,
    device: &I::Device,
) -> TrainerOver<I, S> {
    let learned = matches!(config.method, Method::Value | Method::Random);
    let designer = learned.then(|| {
        SoftTargetDesigner::init(
            DesignerSize {
                layers: config.designer.layers,
                width: config.designer.width,
                heads: config.designer.heads,
            },
            learner.config().hidden_size,
            config.data.seq_len,
            &mut generator(config.seed, Purpose::Designer),
            device,
        )
    });
    let scaled = config.designer.form == DesignerForm::Stabilised
        || matches!(config.method, Method::Oracle | Method::OracleHard);
    let (train, designing) = (&config.train, &config.designer);
    let schedule = TrainerConfig {
        cadence: cadence(config),
        schedule: CosineSchedule {
            peak: train.lr,
            min_ratio: train.min_lr_ratio,
            warmup: train.warmup,
            steps: train.steps,
        },
        weight_decay: None,
        clip: Clip::global(train.clip),
        designer_rate: designing.lr,
        designer_steps: if learned { designing.steps } else { 0 },
        curvature: config.value.curvature,
        noise_every: config.value.probe_every,
        noise_batches: config.value.noise_batches,
    };
    let estimator = TextEstimator::new(config.value.estimator, scaled, difference(&learner));
    let dropping = learner.lora().is_some_and(|lora| lora.dropout > 0.0);
    let source = Seeded {
        inner: source,
        draws: dropping.then(|| generator(config.seed, Purpose::Dropout)),
    };
    let feedback = feedback.unwrap_or_else(|| Box::new(Downstream::none()));
    let mut trainer = Trainer::new(
        text_task(rule(config)),
        learner,
        (NoParameters, designer),
        (source, feedback, estimator),
        schedule,
    );
    trainer.trainable = learning.trainable;
    trainer.subset = learning.subset;
    trainer.learner_optimiser = AdamW::new(
        train.beta_1,
        train.beta_2,
        train.epsilon,
        train.weight_decay,
    );
    trainer.designer_optimiser = AdamW::new(designing.beta_1, designing.beta_2, 1e-8, 0.0);
    trainer
}
