//! Each kernel against the composition it stands for: values, first and second derivatives, and
//! the same bits with any number of threads.

use super::{
    AdamWUpdate, AttentionMask, Rotation, adamw, add_product, attention, dot, gathered, linear,
    pairing, rms_norm, rows, sampled, scattered, swiglu,
};
use burn::backend::{Autodiff, Flex, NdArray};
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Tensors of f64, where everything is composed.
type Exact = Autodiff<NdArray<f64>>;

/// An operation of several tensors on any backend.
trait Law {
    /// Shapes of its inputs; how many of them have gradients.
    fn inputs(&self) -> (Vec<Vec<usize>>, usize);
    fn run<B: Backend>(&self, inputs: Vec<Tensor<B, 1>>) -> Tensor<B, 1>;
}

fn draw(law: &impl Law, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let lengths = law.inputs().0;
    let lengths = lengths.iter().map(|shape| shape.iter().product());
    lengths
        .map(|n: usize| (0..n).map(|_| rng.random_range(-1.5f32..1.5)).collect())
        .collect()
}

fn tensors<B: Backend>(values: &[Vec<f32>]) -> Vec<Tensor<B, 1>> {
    let device = B::Device::default();
    let dtype = <B::FloatElem as burn::tensor::Element>::dtype();
    let tensor = |values: &Vec<f32>| {
        let data = TensorData::new(values.clone(), [values.len()]).convert_dtype(dtype);
        Tensor::from_data(data, (&device, dtype))
    };
    values.iter().map(tensor).collect()
}

/// The value, and the gradients of Σ y·(1 + y/2) by each input.
fn slopes<I: Backend>(law: &impl Law, values: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let inputs: Vec<Tensor<Autodiff<I>, 1>> = tensors(values);
    let count = law.inputs().1;
    let inputs: Vec<_> = inputs
        .into_iter()
        .enumerate()
        .map(|(i, x)| if i < count { x.require_grad() } else { x })
        .collect();
    let y = law.run(inputs.clone());
    let grads = (y.clone() + y.clone() * y.clone() * 0.5).sum().backward();
    let mut found = vec![y.into_data().iter().collect()];
    for input in &inputs[..count] {
        found.push(input.grad(&grads).unwrap().into_data().iter().collect());
    }
    found
}

/// H·x for H the second derivatives of Σ y², by a nested tape.
fn curvature<I: Backend>(law: &impl Law, values: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let count = law.inputs().1;
    let inner: Vec<Tensor<Autodiff<I>, 1>> = tensors(values);
    let inner: Vec<_> = inner.into_iter().map(Tensor::require_grad).collect();
    let outer: Vec<Tensor<Autodiff<Autodiff<I>>, 1>> = inner
        .iter()
        .map(|x| Tensor::from_inner(x.clone()).require_grad())
        .collect();
    let y = law.run(outer.clone());
    let grads = (y.clone() * y).sum().backward();
    let along = outer[..count].iter().map(|x| {
        let slope = x.grad(&grads).unwrap();
        (slope * x.clone().inner().detach()).sum()
    });
    let along = along.reduce(|a, b| a + b).unwrap();
    let grads = along.backward();
    let found = inner[..count].iter();
    found
        .map(|x| x.grad(&grads).unwrap().into_data().iter().collect())
        .collect()
}

fn close(found: &[Vec<f64>], expected: &[Vec<f64>], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (part, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len());
        let largest = expected.iter().fold(1.0f64, |top, x| top.max(x.abs()));
        for (found, expected) in found.iter().zip(expected) {
            let error = (found - expected).abs() / largest;
            assert!(error < tolerance, "{part}: {found} {expected}");
        }
    }
}

/// The kernel, the composition in f64, and one and two threads.
fn holds(law: impl Law + Sync) {
    let values = draw(&law, 3);
    let found = slopes::<Flex>(&law, &values);
    close(&found, &slopes::<NdArray<f64>>(&law, &values), 4e-6);
    let exact = curvature::<NdArray<f64>>(&law, &values);
    close(&curvature::<Flex>(&law, &values), &exact, 2e-5);
    // Without a tape it is the same kernel.
    let plain: Vec<f64> = law
        .run::<Flex>(tensors(&values))
        .into_data()
        .iter()
        .collect();
    assert_eq!(plain, found[0]);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let again = pool
            .build()
            .unwrap()
            .install(|| slopes::<Flex>(&law, &values));
        assert_eq!(again, found, "{threads} threads");
    }
}

struct Norm([usize; 2]);

impl Law for Norm {
    fn inputs(&self) -> (Vec<Vec<usize>>, usize) {
        (vec![self.0.to_vec(), vec![self.0[1]]], 2)
    }
    fn run<B: Backend>(&self, inputs: Vec<Tensor<B, 1>>) -> Tensor<B, 1> {
        let [x, weight] = inputs.try_into().unwrap();
        rms_norm(x.reshape(self.0), weight, 1e-5).reshape([-1])
    }
}

#[test]
fn the_norm_is_its_composition() {
    for shape in [[1, 1], [3, 7], [5, 64], [700, 33]] {
        holds(Norm(shape));
    }
}

struct Gate(usize);

impl Law for Gate {
    fn inputs(&self) -> (Vec<Vec<usize>>, usize) {
        (vec![vec![self.0]; 2], 2)
    }
    fn run<B: Backend>(&self, inputs: Vec<Tensor<B, 1>>) -> Tensor<B, 1> {
        let [gate, up] = inputs.try_into().unwrap();
        swiglu(gate.mul_scalar(4.0), up)
    }
}

#[test]
fn the_gate_is_its_composition() {
    for length in [1, 17, 40_000] {
        holds(Gate(length));
    }
}

struct Product([usize; 3]);

impl Law for Product {
    fn inputs(&self) -> (Vec<Vec<usize>>, usize) {
        let [rows, input, output] = self.0;
        (vec![vec![rows, input], vec![output, input]], 2)
    }
    fn run<B: Backend>(&self, inputs: Vec<Tensor<B, 1>>) -> Tensor<B, 1> {
        let [x, weight] = inputs.try_into().unwrap();
        let [rows, input, output] = self.0;
        linear(x.reshape([rows, input]), weight.reshape([output, input])).reshape([-1])
    }
}

#[test]
fn the_product_is_its_composition() {
    for sizes in [[1, 1, 1], [5, 3, 7], [33, 16, 20]] {
        holds(Product(sizes));
    }
}

/// Heads of two kinds share the angles.
struct Turn {
    batch: usize,
    seq: usize,
    heads: usize,
    width: usize,
}

impl Law for Turn {
    fn inputs(&self) -> (Vec<Vec<usize>>, usize) {
        let shape = vec![self.batch, self.seq, self.heads * self.width];
        let angles = vec![self.batch * self.seq, self.width / 2];
        (vec![shape, angles], 1)
    }
    fn run<B: Backend>(&self, inputs: Vec<Tensor<B, 1>>) -> Tensor<B, 1> {
        let [x, angles] = inputs.try_into().unwrap();
        let angles = angles
            .detach()
            .reshape([self.batch * self.seq, self.width / 2]);
        let rotation = Rotation::new(angles.clone().cos(), angles.sin(), &[self.heads, 1]);
        let x = x.reshape([self.batch, self.seq, self.heads * self.width]);
        rotation.turn(x).reshape([-1])
    }
}

#[test]
fn turning_is_its_composition() {
    for (batch, seq, heads, width) in [(1, 1, 1, 2), (2, 5, 3, 8), (3, 90, 4, 30)] {
        holds(Turn {
            batch,
            seq,
            heads,
            width,
        });
    }
}

struct Attends {
    heads: [usize; 2],
    width: usize,
    seq: usize,
    /// Documents of the keys, row by row; none: an open mask over as many keys as queries.
    documents: Option<Vec<Vec<i64>>>,
}

impl Attends {
    fn batch_and_seen(&self) -> [usize; 2] {
        match &self.documents {
            Some(rows) => [rows.len(), rows[0].len()],
            None => [2, self.seq],
        }
    }
}

impl Law for Attends {
    fn inputs(&self) -> (Vec<Vec<usize>>, usize) {
        let ([batch, seen], [heads, kv]) = (self.batch_and_seen(), self.heads);
        let keys = vec![batch, seen, kv * self.width];
        let queries = vec![batch, self.seq, heads * self.width];
        (vec![queries, keys.clone(), keys], 3)
    }
    fn run<B: Backend>(&self, inputs: Vec<Tensor<B, 1>>) -> Tensor<B, 1> {
        let ([batch, seen], [heads, kv]) = (self.batch_and_seen(), self.heads);
        let [q, k, v] = inputs.try_into().unwrap();
        let keys = |x: Tensor<B, 1>| x.reshape([batch, seen, kv * self.width]);
        let q = q.reshape([batch, self.seq, heads * self.width]);
        let mask = match &self.documents {
            None => AttentionMask::open(),
            Some(rows) => {
                let data = TensorData::new(rows.concat(), [batch, seen]);
                let documents = Tensor::<B, 2, Int>::from_data(data, &q.device());
                AttentionMask::causal(&documents, self.seq, heads / kv, &q)
            }
        };
        attention([q, keys(k), keys(v)], self.heads, &mask).reshape([-1])
    }
}

#[test]
fn attention_is_its_composition() {
    let packed = |lengths: &[usize]| -> Vec<i64> {
        let documents = lengths.iter().enumerate();
        documents
            .flat_map(|(id, &length)| vec![7 * id as i64 - 3; length])
            .collect()
    };
    let law = |heads, width, seq, documents| Attends {
        heads,
        width,
        seq,
        documents,
    };
    // One token; one document; several in rows that differ, longer than a block; a document that
    // comes back after another; more keys than queries, with padding at the front; no mask.
    holds(law([1, 1], 1, 1, Some(vec![packed(&[1])])));
    holds(law([2, 2], 4, 9, Some(vec![packed(&[9])])));
    holds(law(
        [6, 2],
        8,
        150,
        Some(vec![packed(&[70, 1, 30, 49]), packed(&[149, 1])]),
    ));
    holds(law([4, 1], 3, 6, Some(vec![vec![5, 5, 2, 5, 2, 5]])));
    holds(law(
        [3, 3],
        6,
        4,
        Some(vec![packed(&[2, 7]), packed(&[0, 9])]),
    ));
    holds(law([4, 2], 5, 67, None));
}

/// Which rows of a table of `count` each position picks, some more than once.
fn ids<B: Backend>(positions: usize, slots: usize, count: usize) -> Tensor<B, 2, Int> {
    let ids = (0..positions * slots).map(|i| ((i * 7 + i / 3) % count) as i64);
    let data = TensorData::new(ids.collect::<Vec<_>>(), [positions, slots]);
    Tensor::from_data(data, &Default::default())
}

#[derive(Clone, Copy)]
enum SparseKind {
    Rows,
    Sampled,
    Gathered,
}

/// Table `[count, width]`, positions, slots.
struct Sparse(SparseKind, [usize; 4]);

impl Law for Sparse {
    fn inputs(&self) -> (Vec<Vec<usize>>, usize) {
        let [count, width, positions, slots] = self.1;
        let other = match self.0 {
            SparseKind::Rows => return (vec![vec![count, width]], 1),
            SparseKind::Sampled => vec![positions, width],
            SparseKind::Gathered => vec![positions, slots],
        };
        (vec![vec![count, width], other], 2)
    }
    fn run<B: Backend>(&self, mut inputs: Vec<Tensor<B, 1>>) -> Tensor<B, 1> {
        let [count, width, positions, slots] = self.1;
        let ids = ids::<B>(positions, slots, count);
        let table = inputs.remove(0).reshape([count, width]);
        let other = inputs.pop();
        match (self.0, other) {
            (SparseKind::Sampled, Some(x)) => sampled(table, &ids, x.reshape([positions, width])),
            (SparseKind::Gathered, Some(q)) => gathered(table, &ids, q.reshape([positions, slots])),
            _ => rows(table, ids.reshape([positions * slots])),
        }
        .reshape([-1])
    }
}

#[test]
fn sparse_products_are_their_compositions() {
    for sizes in [[1, 1, 1, 1], [9, 5, 4, 3], [40, 33, 70, 9]] {
        for kind in [SparseKind::Rows, SparseKind::Sampled, SparseKind::Gathered] {
            holds(Sparse(kind, sizes));
        }
    }
}

/// What is added off the tape, and that what is shared is left alone.
#[test]
fn sums_take_sparse_and_dense_products() {
    fn run<B: Backend>(values: &[Vec<f32>], [count, width, n, slots]: [usize; 4]) -> [Vec<f64>; 2] {
        let [sum, q, x, a] = <[Tensor<B, 1>; 4]>::try_from(tensors::<B>(values)).unwrap();
        let (sum, x) = (sum.reshape([count, width]), x.reshape([n, width]));
        let before = sum.to_data();
        let sparse = scattered(
            sum.clone(),
            &ids::<B>(n, slots, count),
            q.reshape([n, slots]),
            x.clone(),
        );
        let dense = add_product(sum.clone(), a.reshape([n, count]), x);
        sum.into_data().assert_eq(&before, true);
        [sparse, dense].map(|found| found.into_data().iter().collect())
    }
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    // The last has more rows than are multiplied at a time.
    for sizes in [[1, 1, 1, 1], [9, 5, 4, 3], [700, 1024, 3, 2]] {
        let [count, width, n, slots] = sizes;
        let lengths = [count * width, n * slots, n * width, n * count];
        let values = lengths.map(|length| {
            let draw = |_| rng.random_range(-1.5f32..1.5);
            (0..length).map(draw).collect::<Vec<f32>>()
        });
        close(
            &run::<Flex>(&values, sizes),
            &run::<NdArray<f64>>(&values, sizes),
            1e-6,
        );
    }
}

/// ⟨x, g⟩ and its gradient, also behind a factor; the products of other backends.
#[test]
fn a_pairing_hands_its_gradient_on() {
    fn run<I: Backend>(values: &[Vec<f32>], factor: f64) -> [Vec<f64>; 3] {
        let [x, g] = <[Tensor<I, 1>; 2]>::try_from(tensors::<I>(values)).unwrap();
        let shape = [values[0].len() / 3, 3];
        let g = g.reshape(shape);
        let leaf = Tensor::<Autodiff<I>, 1>::from_inner(x.clone()).require_grad();
        let paired = pairing(leaf.clone().reshape(shape), g.clone());
        let alone = dot(x.reshape(shape), g);
        let slope = leaf.grad(&paired.clone().mul_scalar(factor).backward());
        [paired.inner(), alone, slope.unwrap()].map(|found| found.into_data().iter().collect())
    }
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for length in [3, 3 * 20_000] {
        let values = [(); 2].map(|()| {
            let draw = |_| rng.random_range(-1.5f32..1.5);
            (0..length).map(draw).collect::<Vec<f32>>()
        });
        for factor in [1.0, -0.5] {
            let found = run::<Flex>(&values, factor);
            close(&found, &run::<NdArray<f64>>(&values, factor), 1e-6);
            let slope = values[1].iter().map(|g| f64::from(*g) * factor);
            assert_eq!(found[2], slope.collect::<Vec<_>>());
        }
    }
}

/// Burn's own rule to the last bit, shared tensors untouched.
#[test]
fn adamw_rounds_as_burns_does() {
    use burn::optim::{AdamWConfig, SimpleOptimizer};
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut vector = |scale: f32| -> Tensor<Flex, 1> {
        let values: Vec<f32> = (0..70_001)
            .map(|_| scale * rng.random_range(-1.0f32..1.0))
            .collect();
        Tensor::from_data(TensorData::new(values, [70_001]), &Default::default())
    };
    let (rate, decay) = (3e-4f64, 0.1f32);
    let burns = AdamWConfig::new()
        .with_beta_1(0.9)
        .with_beta_2(0.99)
        .with_epsilon(1e-8)
        .with_weight_decay(decay)
        .build();
    let mut theta = vector(1.0);
    let (mut expected, mut state) = burns.step(rate, theta.clone(), vector(0.1), None);
    theta = expected.clone();
    for time in 2..5 {
        let gradient = vector(0.1);
        let momentum = state.clone().unwrap().momentum;
        let update = AdamWUpdate {
            betas: [0.9, 0.99],
            corrections: [0.9f32, 0.99].map(|beta| 1.0 - beta.powi(time)),
            epsilon: 1e-8,
            kept: (1.0 - rate * f64::from(decay)) as f32,
            rate: rate as f32,
        };
        let before = theta.to_data();
        let held = theta.clone();
        let moved = adamw(
            &update,
            [theta, momentum.moment_1, momentum.moment_2],
            &gradient,
        );
        let [next, first, second] = moved.unwrap();
        held.into_data().assert_eq(&before, true);
        (expected, state) = burns.step(rate, expected, gradient, state);
        next.to_data().assert_eq(&expected.to_data(), true);
        let momentum = state.clone().unwrap().momentum;
        first
            .into_data()
            .assert_eq(&momentum.moment_1.to_data(), true);
        second
            .into_data()
            .assert_eq(&momentum.moment_2.to_data(), true);
        theta = next;
    }
}

#[test]
fn softmax_is_its_composition() {
    for (rows, vocab) in [(1, 1), (3, 7), (90, 1000)] {
        let count = rows * vocab;
        let values = (0..count)
            .map(|i| ((i * 37) % 101) as f32 * 0.3 - 20.0)
            .collect();
        let logits: Vec<Tensor<Flex, 1>> = tensors(&[values]);
        let logits = logits[0].clone().reshape([rows, vocab]);
        let before = logits.to_data();
        let (p, lse) = super::softmax(logits.clone());
        let (expected_p, expected_lse) = super::softmax::composed(logits.clone());
        let list = |x: Tensor<Flex, 2>| -> Vec<f64> { x.into_data().iter().collect() };
        close(&[list(p)], &[list(expected_p)], 1e-6);
        close(&[list(lse)], &[list(expected_lse)], 1e-6);
        logits.into_data().assert_eq(&before, true);
    }
}

/// On other backends nothing is taken, and the tensors come back.
#[test]
fn other_backends_compose() {
    let law = Norm([3, 5]);
    let values = draw(&law, 9);
    let exact = law.run::<Exact>(tensors(&values)).into_data();
    assert_eq!(exact.dtype, burn::tensor::DType::F64);
    let wide = tensors::<Flex>(&values);
    let wide = wide
        .into_iter()
        .map(|x| x.cast(burn::tensor::FloatDType::F64));
    let found = law.run::<Flex>(wide.collect()).into_data();
    let pairs = found.iter::<f64>().zip(exact.iter::<f64>());
    pairs.for_each(|(found, exact)| assert!((found - exact).abs() < 1e-12));
    let _ = law.run::<Autodiff<Flex>>(tensors(&values));
}
