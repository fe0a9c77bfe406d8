//! First and second derivatives against differences in f64.

use super::fixture::{NdArray64, fresh, ints, packed, tiny};
use burn::backend::Autodiff;
use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{DType, Int, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vpt_text::decoder::{Decoder, DecoderInput, ModelType, layer_index};

type Once = Autodiff<NdArray64>;
type Twice = Autodiff<Once>;

const TOKENS: [&[i64]; 2] = [&[3, 1, 4, 1, 5], &[9, 2, 6, 5]];

/// Mean next-token loss of two packed documents.
fn loss<B: Backend>(decoder: &Decoder<B>) -> Tensor<B, 1> {
    let input: DecoderInput<B> = packed(&TOKENS);
    let next: Tensor<B, 2, Int> = ints(&[vec![1, 4, 1, 5, 0, 2, 6, 5, 0]]);
    let log_p = log_softmax(decoder.logits(decoder.hidden(&input).flatten(0, 1)), 1);
    log_p.gather(1, next.swap_dims(0, 1)).mean().neg()
}

/// θ + scale·v, v drawn from a seeded generator in module order.
struct Shift {
    scale: f64,
    rng: ChaCha8Rng,
}

impl Shift {
    fn new(scale: f64) -> Self {
        Self {
            scale,
            rng: ChaCha8Rng::seed_from_u64(21),
        }
    }

    fn direction(&mut self, count: usize) -> Vec<f64> {
        (0..count)
            .map(|_| self.rng.random_range(-1.0..1.0))
            .collect()
    }
}

impl<B: Backend> ModuleMapper<B> for Shift {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let shape = param.dims();
        let step = self.direction(shape.iter().product());
        let (scale, device) = (self.scale, param.device());
        let step = Tensor::<B, D>::from_data(TensorData::new(step, shape), (&device, DType::F64));
        param.map(|theta| theta + step.mul_scalar(scale))
    }
}

/// ⟨v, ∇⟩ of one level's gradients, on the level below.
struct Along<'a, B: AutodiffBackend> {
    shift: Shift,
    grads: &'a B::Gradients,
    sum: Option<Tensor<B::InnerBackend, 1>>,
    reached: usize,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Along<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let shape = param.dims();
        let step = self.shift.direction(shape.iter().product());
        let Some(grad) = param.grad(self.grads) else {
            return;
        };
        let step = Tensor::from_data(TensorData::new(step, shape), (&param.device(), DType::F64));
        let term = (grad * step).sum();
        self.reached += 1;
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + term,
            None => term,
        });
    }
}

fn along<B: AutodiffBackend>(decoder: &Decoder<B>) -> (Tensor<B::InnerBackend, 1>, usize) {
    let grads = loss(decoder).backward();
    let mut along = Along {
        shift: Shift::new(0.0),
        grads: &grads,
        sum: None,
        reached: 0,
    };
    decoder.visit(&mut along);
    (along.sum.unwrap(), along.reached)
}

/// Every parameter tracked, at the level `B`.
fn tracked<B: AutodiffBackend>(decoder: Decoder<B>) -> Decoder<B> {
    struct Track;
    impl<B: AutodiffBackend> ModuleMapper<B> for Track {
        fn map_float<const D: usize>(&mut self, p: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            p.map(Tensor::require_grad)
        }
    }
    decoder.map(&mut Track)
}

fn scalar<B: Backend>(tensor: Tensor<B, 1>) -> f64 {
    tensor.into_data().iter::<f64>().next().unwrap()
}

fn shifted(decoder: &Decoder<NdArray64>, scale: f64) -> Decoder<NdArray64> {
    decoder.clone().map(&mut Shift::new(scale))
}

fn relative(found: f64, expected: f64) -> f64 {
    (found - expected).abs() / expected.abs()
}

#[test]
fn first_and_second_derivatives_are_those_of_differences() {
    for kind in [ModelType::Qwen2, ModelType::Llama] {
        for tied in [true, false] {
            let plain = fresh::<NdArray64>(&tiny(kind, tied), 9);
            let once = |decoder: Decoder<NdArray64>| tracked(Decoder::<Once>::from_inner(decoder));

            // ⟨v, ∇L⟩ against (L(θ + εv) − L(θ − εv)) / 2ε, extrapolated.
            let (first, reached) = along(&once(plain.clone()));
            let all = Counter::of(&plain);
            assert_eq!(reached, all, "a parameter without a gradient");
            let difference = |e: f64, f: &dyn Fn(Decoder<NdArray64>) -> f64| {
                (f(shifted(&plain, e)) - f(shifted(&plain, -e))) / (2.0 * e)
            };
            let extrapolated = |e: f64, f: &dyn Fn(Decoder<NdArray64>) -> f64| {
                (4.0 * difference(e / 2.0, f) - difference(e, f)) / 3.0
            };
            let expected = extrapolated(1e-4, &|decoder| scalar(loss(&decoder)));
            let error = relative(scalar(first), expected);
            assert!(error < 1e-8, "{kind:?}, tied {tied}: {error}");

            // ⟨v, ∇⟨v, ∇L⟩⟩ on nested tapes against the difference of ⟨v, ∇L⟩.
            let inner = once(plain.clone());
            let outer = tracked(Decoder::<Twice>::from_inner(inner.clone()));
            let (slope, _) = along(&outer);
            let grads = slope.backward();
            let mut second = Along::<Once> {
                shift: Shift::new(0.0),
                grads: &grads,
                sum: None,
                reached: 0,
            };
            inner.visit(&mut second);
            assert_eq!(
                second.reached, all,
                "a parameter without a second derivative"
            );
            let expected = extrapolated(1e-4, &|decoder| scalar(along(&once(decoder)).0));
            let error = relative(scalar(second.sum.unwrap()), expected);
            assert!(error < 1e-8, "{kind:?}, tied {tied}, second order: {error}");
        }
    }
}

/// The number of parameters.
struct Counter(usize);

impl Counter {
    fn of<B: Backend>(decoder: &Decoder<B>) -> usize {
        let mut counter = Self(0);
        decoder.visit(&mut counter);
        counter.0
    }
}

impl<B: Backend> ModuleVisitor<B> for Counter {
    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<B, D>>) {
        self.0 += 1;
    }
}

#[test]
fn paths_name_their_block() {
    assert_eq!(layer_index("layers.3.mlp.up_proj.weight"), Some(3));
    assert_eq!(layer_index("layers.12.input_layernorm.weight"), Some(12));
    for path in [
        "norm.weight",
        "embed_tokens.weight",
        "lm_head.weight",
        "layers.x.w",
        "layers.3",
    ] {
        assert_eq!(layer_index(path), None, "{path}");
    }
}
