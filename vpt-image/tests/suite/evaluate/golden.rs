//! Bilinear maps, batch norm, heads and their losses against PyTorch's, in f64.

use super::{F64, exact};
use crate::suite::golden;
use burn::backend::Autodiff;
use burn::tensor::{Tensor, TensorData};
use std::collections::BTreeMap;
use vpt_core::{UpdateGradient, export, import, parameters, read_tensors, trainable};
use vpt_image::evaluate::{
    Classification, Depth, DepthOutput, Head, HeadConfig, Moments, Pooling, Question, Segmentation,
    Tokens, upsample,
};
use vpt_image::images::{DepthMap, LabelMap};

type Once = Autodiff<F64>;

struct Golden(BTreeMap<String, TensorData>);

impl Golden {
    fn read() -> Self {
        Self(read_tensors(&golden("heads.safetensors")).unwrap())
    }

    fn tensor<const D: usize>(&self, name: &str) -> Tensor<Once, D> {
        exact(self.0[name].clone())
    }

    fn values(&self, name: &str) -> Vec<f64> {
        self.0[name].iter::<f64>().collect()
    }

    /// Everything below `prefix`, by the rest of its name.
    fn below(&self, prefix: &str) -> BTreeMap<String, TensorData> {
        let named = self.0.iter();
        named
            .filter_map(|(name, data)| Some((name.strip_prefix(prefix)?.to_owned(), data.clone())))
            .collect()
    }

    fn near(&self, found: impl IntoIterator<Item = f64>, name: &str) {
        let found: Vec<f64> = found.into_iter().collect();
        let expected = self.values(name);
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(expected) {
            let apart = (found - expected).abs();
            // The depth loss has 1e-12 under its root, and true depths are f32 here.
            assert!(
                apart < 2e-6 * expected.abs().max(0.1),
                "{name}: {found} for {expected}"
            );
        }
    }
}

fn values<const D: usize>(tensor: Tensor<Once, D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

#[test]
fn bilinear_maps_and_their_slopes() {
    let golden = Golden::read();
    for index in 0..4 {
        let name = |part: &str| format!("bilinear.{index}.{part}");
        let maps: Tensor<Once, 4> = golden.tensor(&name("maps")).require_grad();
        let cotangent: Tensor<Once, 4> = golden.tensor(&name("cotangent"));
        let [_, _, height, width] = cotangent.dims();
        let result = upsample(maps.clone(), [height, width]);
        golden.near(values(result.clone()), &name("result"));
        let gradients = (result * cotangent).sum().backward();
        let gradient = maps.grad(&gradients).unwrap().into_data();
        golden.near(gradient.iter::<f64>(), &name("gradient"));
    }
}

fn head<Q: Question>(
    name: &str,
    config: &HeadConfig,
    question: &Q,
    grid: [usize; 2],
    truth: impl Fn(&[f64]) -> Vec<Q::Truth>,
) {
    let golden = Golden::read();
    let of = |part: &str| format!("{name}.{part}");
    let mut rng = <rand_chacha::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
    let sizes = (6, question.channels());
    let plain: Head<F64> = Head::init(config, sizes, &mut rng, &Default::default());
    let plain = import(plain, golden.below(&of("parameter."))).unwrap();
    let truths = truth(&golden.values(&of("truth")));
    let truths: Vec<&Q::Truth> = truths.iter().collect();
    let tokens = || Tokens {
        values: golden.tensor::<3>(&of("tokens")).require_grad(),
        grid,
    };

    let lifted: Head<Once> = trainable(&plain);
    let (maps, moments) = lifted.forward_training(tokens());
    golden.near(values(maps.clone()), &of("trained"));
    let loss = question.loss(maps, &truths, true);
    golden.near(values(loss.clone()), &of("trained_loss"));
    let gradient = UpdateGradient::backward(loss, &lifted).as_vector().to_vec();
    let mut rest = &gradient[..];
    for info in parameters(&plain) {
        let (part, after) = rest.split_at(info.shape.iter().product());
        rest = after;
        match info.path.contains("running") {
            true => assert!(part.iter().all(|slope| *slope == 0.0)),
            false => golden.near(
                part.to_vec(),
                &of(&format!("trained_gradient.{}", info.path)),
            ),
        }
    }

    let moments: Vec<Moments<F64>> = moments.into_iter().map(Moments::inner).collect();
    let plain = plain.follow(&moments);
    let after = export(&plain);
    for path in golden.below(&of("running.")).into_keys() {
        golden.near(after[&path].iter::<f64>(), &of(&format!("running.{path}")));
    }

    let fixed: Head<Once> = vpt_core::lift(&plain);
    let tokens = tokens();
    let maps = fixed.forward(tokens.clone());
    golden.near(values(maps.clone()), &of("maps"));
    golden.near(
        values(question.loss(maps.clone(), &truths, true)),
        &of("warm_up"),
    );
    let loss = question.loss(maps, &truths, false);
    golden.near(values(loss.clone()), &of("loss"));
    let slopes = tokens.values.grad(&loss.backward()).unwrap().into_data();
    golden.near(slopes.iter::<f64>(), &of("gradient"));
}

/// Two maps of 7 × 9.
fn label_maps(values: &[f64]) -> Vec<LabelMap> {
    let maps = values.chunks_exact(63);
    maps.map(|map| LabelMap::new(7, 9, map.iter().map(|label| *label as u8).collect()))
        .collect()
}

#[test]
fn linear_probe() {
    let question = Segmentation { classes: 5 };
    head(
        "linear",
        &HeadConfig::linear(),
        &question,
        [3, 4],
        label_maps,
    );
}

#[test]
fn convolutional_decoder() {
    let config = HeadConfig {
        widths: vec![4, 3],
        ..HeadConfig::linear()
    };
    head(
        "decoder",
        &config,
        &Segmentation { classes: 5 },
        [3, 4],
        label_maps,
    );
}

#[test]
fn depth_bins() {
    let question = Depth {
        output: DepthOutput::Bins(16),
        ..Depth::default()
    };
    head(
        "depth",
        &HeadConfig::linear(),
        &question,
        [3, 4],
        |values| {
            let maps = values.chunks_exact(63);
            maps.map(|map| DepthMap::new(7, 9, map.iter().map(|depth| *depth as f32).collect()))
                .collect()
        },
    );
}

#[test]
fn class_probe() {
    let question = Classification {
        classes: 5,
        pooling: Pooling::Cls,
    };
    head(
        "probe",
        &HeadConfig::classifier(),
        &question,
        [1, 1],
        |values| values.iter().map(|class| *class as usize).collect(),
    );
}

/// 256 bins of 0.001 to 10 m, all logits 0 but one; and the bounded form in its middle.
#[test]
fn metres() {
    let mut logits = vec![0.0; 256];
    logits[100] = 5.0;
    let maps = |values: Vec<f64>| {
        let shape = [1, values.len(), 1, 1];
        exact::<F64, 4>(TensorData::new(values, shape))
    };
    let depth = Depth::default().metres(maps(logits), [1, 1]).into_scalar();
    assert!((depth - 4.824_303).abs() < 1e-6, "{depth}");
    let bounded = Depth {
        output: DepthOutput::Sigmoid,
        ..Depth::default()
    };
    let at = |logit| bounded.metres(maps(vec![logit]), [1, 1]).into_scalar();
    assert!((at(0.0) - 5.0005).abs() < 1e-12);
    assert!(at(-1e4) >= 0.001 && at(1e4) <= 10.0);
}
