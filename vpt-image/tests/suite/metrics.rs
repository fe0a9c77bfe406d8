//! Metrics against NumPy's, scikit-learn's and PyTorch's.

use super::golden_json;
use serde::Deserialize;
use vpt_image::images::{DepthMap, Grid, LabelMap};
use vpt_image::metrics::{
    Confusion, DepthMean, DepthProtocol, DepthScores, KnnClassifier, ProtocolScore, Relevance,
    rank, revisited, silog_loss,
};

#[derive(Deserialize)]
struct Golden {
    segmentation: Segmentation,
    depth: Depth,
    knn: Knn,
    retrieval: Retrieval,
}

fn golden() -> Golden {
    golden_json("metrics.json")
}

fn near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-5 * expected.abs().max(1.0),
        "{found} for {expected}"
    );
}

fn grid<T: Copy>(rows: &[Vec<T>]) -> Grid<T> {
    Grid::new(rows.len(), rows[0].len(), rows.concat())
}

#[derive(Deserialize)]
struct Segmentation {
    classes: usize,
    images: Vec<SegmentationImage>,
    iou: Vec<Option<f64>>,
    miou: f64,
    pixel_accuracy: f64,
    mean_accuracy: f64,
}

#[derive(Deserialize)]
struct SegmentationImage {
    predicted: Vec<Vec<u8>>,
    labels: Vec<Vec<u8>>,
}

#[test]
fn segmentation() {
    let golden = golden().segmentation;
    let mut confusion = Confusion::new(golden.classes);
    for image in &golden.images {
        let (predicted, labels): (LabelMap, LabelMap) =
            (grid(&image.predicted), grid(&image.labels));
        confusion.add(&predicted, &labels);
    }
    let scores = confusion.scores();
    near(scores.miou, golden.miou);
    near(scores.pixel_accuracy, golden.pixel_accuracy);
    near(scores.mean_accuracy, golden.mean_accuracy);
    assert_eq!(scores.iou.len(), golden.iou.len());
    for (found, expected) in scores.iou.iter().zip(&golden.iou) {
        assert_eq!(found.is_some(), expected.is_some());
        near(found.unwrap_or(0.0), expected.unwrap_or(0.0));
    }
}

#[derive(Deserialize)]
struct Depth {
    images: Vec<DepthImage>,
    whole: Errors,
    eigen: Errors,
    silog_loss: SilogLoss,
}

#[derive(Deserialize)]
struct DepthImage {
    predicted: Vec<Vec<f32>>,
    truth: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Errors {
    rmse: f64,
    abs_rel: f64,
    sq_rel: f64,
    rmse_log: f64,
    log10: f64,
    silog: f64,
    delta: [f64; 3],
}

#[derive(Deserialize)]
struct SilogLoss {
    predicted: Vec<Vec<f32>>,
    truth: Vec<Vec<f32>>,
    loss: f64,
    warm_up: f64,
}

#[test]
fn depth() {
    let golden = golden().depth;
    for (eigen_crop, expected) in [(false, &golden.whole), (true, &golden.eigen)] {
        let protocol = DepthProtocol {
            eigen_crop,
            ..DepthProtocol::default()
        };
        let mut mean = DepthMean::default();
        for image in &golden.images {
            mean.add(protocol.score(&grid(&image.predicted), &grid(&image.truth)));
        }
        let DepthScores {
            rmse,
            abs_rel,
            sq_rel,
            rmse_log,
            log10,
            silog,
            delta,
        } = mean.mean().unwrap();
        near(rmse, expected.rmse);
        near(abs_rel, expected.abs_rel);
        near(sq_rel, expected.sq_rel);
        near(rmse_log, expected.rmse_log);
        near(log10, expected.log10);
        near(silog, expected.silog);
        for (found, expected) in delta.into_iter().zip(expected.delta) {
            near(found, expected);
        }
    }
    let loss = golden.silog_loss;
    let (predicted, truth): (DepthMap, DepthMap) = (grid(&loss.predicted), grid(&loss.truth));
    near(
        silog_loss(&predicted, &truth, 10.0, false).unwrap(),
        loss.loss,
    );
    near(
        silog_loss(&predicted, &truth, 10.0, true).unwrap(),
        loss.warm_up,
    );
}

#[derive(Deserialize)]
struct Knn {
    classes: usize,
    dim: usize,
    features: Vec<Vec<f32>>,
    labels: Vec<usize>,
    queries: Vec<Vec<f32>>,
    asked: Vec<usize>,
    scores: Vec<KnnGolden>,
}

#[derive(Deserialize)]
struct KnnGolden {
    k: usize,
    top1: f64,
    top5: f64,
    predicted: Vec<usize>,
}

#[test]
fn nearest_neighbours() {
    let golden = golden().knn;
    let features = golden.features.concat();
    let classifier = KnnClassifier::new(&features, &golden.labels, golden.dim, golden.classes);
    let ks: Vec<usize> = golden.scores.iter().map(|score| score.k).collect();
    let temperature = KnnClassifier::TEMPERATURE;
    let queries = golden.queries.concat();
    let scores = classifier.score(&queries, &golden.asked, &ks, temperature);
    for (place, (found, expected)) in scores.iter().zip(&golden.scores).enumerate() {
        assert_eq!(found.k, expected.k);
        near(found.top1, expected.top1);
        near(found.top5, expected.top5);
        for (query, predicted) in golden.queries.iter().zip(&expected.predicted) {
            let ranked = classifier.classify(query, &ks, temperature);
            assert_eq!(ranked[place][0], *predicted);
        }
    }
}

#[derive(Deserialize)]
struct Retrieval {
    database: Vec<Vec<f32>>,
    queries: Vec<Vec<f32>>,
    truth: Vec<Relevance>,
    rankings: Vec<Vec<usize>>,
    scores: RetrievalScores,
}

#[derive(Deserialize)]
struct RetrievalScores {
    easy: RetrievalScore,
    medium: RetrievalScore,
    hard: RetrievalScore,
}

#[derive(Deserialize)]
struct RetrievalScore {
    map: f64,
    precision: [f64; 3],
    queries: usize,
}

#[test]
fn retrieval() {
    let golden = golden().retrieval;
    let rankings = rank(&golden.database.concat(), &golden.queries.concat(), 4);
    assert_eq!(rankings, golden.rankings);
    let found = revisited(&rankings, &golden.truth);
    let check = |found: ProtocolScore, expected: &RetrievalScore| {
        near(found.map, expected.map);
        assert_eq!(found.queries, expected.queries);
        for (found, expected) in found.precision.into_iter().zip(expected.precision) {
            near(found, expected);
        }
    };
    check(found.easy, &golden.scores.easy);
    check(found.medium, &golden.scores.medium);
    check(found.hard, &golden.scores.hard);
}
