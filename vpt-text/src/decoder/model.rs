//! The decoder itself.

use super::attention::Context;
use super::block::Block;
use super::config::DecoderConfig;
use super::lora::LoraConfig;
use super::reach::Reach;
use super::rope::Rotary;
use burn::module::Module;
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};
use rand::Rng;
use rand_distr::StandardNormal;
use vpt_core::kernels::linear;
use vpt_core::layers::{Embedding, Linear, RmsNorm, fill};
use vpt_core::pretrained::ConfigError;

/// A decoder-only language model: the learner θ of §3.3.
///
/// A parameter's dotted path is its checkpoint key without `model.`.
#[derive(Module, Debug)]
pub struct Decoder<B: Backend> {
    /// Token embedding, `[vocab, hidden]`.
    pub embed_tokens: Embedding<B>,
    /// The blocks, lowest first.
    pub layers: Vec<Block<B>>,
    /// The final norm.
    pub norm: RmsNorm<B>,
    /// The head, `[vocab, hidden]`; none when tied to the embedding.
    pub lm_head: Option<Linear<B>>,
    pub(crate) rotary: Rotary<B>,
    #[module(skip)]
    config: DecoderConfig,
    #[module(skip)]
    lora: Option<LoraConfig>,
    /// Whether the head's weight may learn; its gradient is as large as the vocabulary.
    #[module(skip)]
    head_learns: bool,
    /// What the value is on.
    #[module(skip)]
    pub(super) reach: Reach,
    /// Parts that the tape of its own step is cut into.
    #[module(skip)]
    pub(super) segments: usize,
}

/// Packed token ids with what attention needs to know about them.
///
/// The mask is made of arrays, never derived from token ids: token i attends to token j iff j ≤ i
/// and both carry the same document id, and positions restart at every document.
#[derive(Module, Debug)]
pub struct DecoderInput<B: Backend> {
    /// Token ids, `[batch, seq]`, each below `vocab_size`.
    pub tokens: Tensor<B, 2, Int>,
    /// Position inside the document, `[batch, seq]`, each below `max_position_embeddings`.
    pub positions: Tensor<B, 2, Int>,
    /// Document id inside the row, `[batch, seq]`.
    pub documents: Tensor<B, 2, Int>,
}

impl<B: Backend> DecoderInput<B> {
    /// Rows that are one document each.
    ///
    /// # Shapes
    /// `[batch, seq]`
    pub fn whole(tokens: Tensor<B, 2, Int>) -> Self {
        let ([batch, seq], device) = (tokens.dims(), tokens.device());
        let positions = Tensor::<B, 1, Int>::arange(0..seq as i64, &device);
        Self {
            positions: positions.reshape([1, seq]).expand([batch, seq]),
            documents: Tensor::zeros([batch, seq], &device),
            tokens,
        }
    }
}

/// The block that a dotted parameter path lies in: `layers.3.mlp.up_proj.weight` is in block 3,
/// the embedding, the final norm and the head in none.
pub fn layer_index(path: &str) -> Option<usize> {
    let (index, _) = path.strip_prefix("layers.")?.split_once('.')?;
    index.parse().ok()
}

impl<B: Backend> Decoder<B> {
    /// The structure without values: parameters allocate when they are filled.
    pub(crate) fn unfilled(config: DecoderConfig, device: &B::Device) -> Self {
        let (vocab, hidden) = (config.vocab_size, config.hidden_size);
        let blocks = 0..config.num_hidden_layers;
        Self {
            embed_tokens: Embedding::unfilled(vocab, hidden, device),
            layers: blocks.map(|_| Block::unfilled(&config, device)).collect(),
            norm: RmsNorm::unfilled(hidden, config.rms_norm_eps, device),
            lm_head: (!config.tie_word_embeddings)
                .then(|| Linear::unfilled(hidden, vocab, false, device)),
            rotary: Rotary::new(&config, device),
            config,
            lora: None,
            head_learns: true,
            reach: Reach::WHOLE,
            segments: 1,
        }
    }

    /// A fresh decoder. Weights are normal with standard deviation `initializer_range`, divided
    /// by √(2·layers) where a block writes to the residual stream; norms are one, biases zero.
    ///
    /// Every weight is drawn on the host from `rng`, in module order: the same generator gives
    /// the same model on every backend, up to the rounding of its element type.
    ///
    /// # Errors
    /// [`ConfigError`] if the sizes do not fit together.
    pub fn init<R: Rng + ?Sized>(
        config: &DecoderConfig,
        rng: &mut R,
        device: &B::Device,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let std = config.initializer_range;
        let residual = std / (2.0 * config.num_hidden_layers as f64).sqrt();
        let draw = |path: &str, shape: &[usize]| {
            let count = shape.iter().product();
            let mut normal = |std: f64| -> Vec<f64> {
                (0..count)
                    .map(|_| std * rng.sample::<f64, _>(StandardNormal))
                    .collect()
            };
            let values = match path {
                _ if path.ends_with(".bias") => vec![0.0; count],
                _ if path.ends_with("norm.weight") => vec![1.0; count],
                _ if path.ends_with("o_proj.weight") || path.ends_with("down_proj.weight") => {
                    normal(residual)
                }
                _ => normal(std),
            };
            Ok(TensorData::new(values, shape.to_vec()))
        };
        fill(Self::unfilled(config.clone(), device), draw)
    }

    /// The configuration it was built from.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// What its adapters were made by, where it has some.
    pub fn lora(&self) -> Option<&LoraConfig> {
        self.lora.as_ref()
    }

    pub(super) fn set_lora(&mut self, lora: Option<LoraConfig>) {
        self.lora = lora;
    }

    /// Says that the head does not learn, so that nothing prepares its gradient. The embedding,
    /// where the head is tied to it, does not either.
    #[must_use]
    pub fn with_fixed_head(mut self) -> Self {
        self.head_learns = false;
        self
    }

    pub(crate) fn head_learns(&self) -> bool {
        self.head_learns
    }

    /// Whether the head is on a tape.
    pub(crate) fn head_tracked(&self) -> bool {
        match &self.lm_head {
            Some(head) => head.is_tracked(),
            None => self.embed_tokens.weight.val().is_require_grad(),
        }
    }

    /// Where its parameters are.
    pub fn device(&self) -> B::Device {
        self.norm.weight.device()
    }

    /// Final hidden states h, after the last norm.
    ///
    /// # Shapes
    /// `[batch, seq] → [batch, seq, hidden]`
    ///
    /// # Panics
    /// If the three arrays of `input` differ in shape.
    pub fn hidden(&self, input: &DecoderInput<B>) -> Tensor<B, 3> {
        self.hidden_dropping(input, None)
    }

    /// [`hidden`](Self::hidden) in training: `seed` is that of the adapters' dropout masks. One
    /// seed gives one function, at every level of differentiation.
    ///
    /// # Shapes
    /// `[batch, seq] → [batch, seq, hidden]`
    ///
    /// # Panics
    /// As [`hidden`](Self::hidden).
    pub fn hidden_dropping(&self, input: &DecoderInput<B>, seed: Option<u64>) -> Tensor<B, 3> {
        self.hidden_keeping(input, seed).0
    }

    /// [`hidden_dropping`](Self::hidden_dropping), and the states that enter the lowest block that
    /// the value is on.
    ///
    /// # Shapes
    /// `[batch, seq] → [batch, seq, hidden]`, both
    pub(crate) fn hidden_keeping(
        &self,
        input: &DecoderInput<B>,
        seed: Option<u64>,
    ) -> (Tensor<B, 3>, Option<Tensor<B, 3>>) {
        let x = self.embed(input);
        let context = self.context(input, &x, seed);
        let Some(from) = self.reach.from else {
            return (self.norm.forward(run(&self.layers, x, &context)), None);
        };
        let entering = run(&self.layers[..from], x, &context);
        let top = run(&self.layers[from..], entering.clone(), &context);
        (self.norm.forward(top), Some(entering))
    }

    /// The hidden states entering block `upto`: the embedding and the blocks below it. They can
    /// be computed once and kept while everything below `upto` is frozen.
    ///
    /// # Shapes
    /// `[batch, seq] → [batch, seq, hidden]`
    ///
    /// # Panics
    /// If there are fewer than `upto` blocks, or the three arrays of `input` differ in shape.
    pub fn embed_and_below(&self, input: &DecoderInput<B>, upto: usize) -> Tensor<B, 3> {
        let x = self.embed(input);
        if upto == 0 {
            return x;
        }
        let context = self.context(input, &x, None);
        run(&self.layers[..upto], x, &context)
    }

    /// Final hidden states from the states entering block `from`; the rest of
    /// [`hidden_dropping`](Self::hidden_dropping) after
    /// [`embed_and_below`](Self::embed_and_below).
    ///
    /// # Shapes
    /// `[batch, seq, hidden] → [batch, seq, hidden]`
    ///
    /// # Panics
    /// If there are fewer than `from` blocks.
    pub fn resume(
        &self,
        hidden: Tensor<B, 3>,
        input: &DecoderInput<B>,
        from: usize,
        seed: Option<u64>,
    ) -> Tensor<B, 3> {
        if from == self.layers.len() {
            return self.norm.forward(hidden);
        }
        let context = self.context(input, &hidden, seed);
        self.norm
            .forward(run(&self.layers[from..], hidden, &context))
    }

    /// The head W, `[vocab, hidden]`: the embedding when tied.
    pub fn head_weight(&self) -> Tensor<B, 2> {
        match &self.lm_head {
            Some(head) => head.whole_weight(),
            None => self.embed_tokens.weight.val(),
        }
    }

    /// z = h·Wᵀ.
    ///
    /// # Shapes
    /// `[tokens, hidden] → [tokens, vocab]`
    pub fn logits(&self, hidden: Tensor<B, 2>) -> Tensor<B, 2> {
        linear(hidden, self.head_weight())
    }

    pub(crate) fn embed(&self, input: &DecoderInput<B>) -> Tensor<B, 3> {
        let shape = input.tokens.dims();
        assert_eq!(shape, input.positions.dims(), "DecoderInput: positions");
        assert_eq!(shape, input.documents.dims(), "DecoderInput: documents");
        self.embed_tokens.forward(input.tokens.clone())
    }

    pub(super) fn context(
        &self,
        input: &DecoderInput<B>,
        x: &Tensor<B, 3>,
        seed: Option<u64>,
    ) -> Context<B> {
        let mut context = context(&self.rotary, input, x);
        context.dropout = seed;
        context
    }
}

/// `x` through `blocks`, one after the other.
pub(crate) fn run<B: Backend>(
    blocks: &[Block<B>],
    x: Tensor<B, 3>,
    context: &Context<B>,
) -> Tensor<B, 3> {
    blocks
        .iter()
        .fold(x, |x, block| block.forward(x, context, None))
}

/// What every block of one call shares: rotations and the mask of `input`, in the type of `x`.
pub(crate) fn context<B: Backend>(
    rotary: &Rotary<B>,
    input: &DecoderInput<B>,
    x: &Tensor<B, 3>,
) -> Context<B> {
    Context::new(rotary, input, &input.documents, x)
}
