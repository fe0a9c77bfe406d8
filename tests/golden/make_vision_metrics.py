#!/usr/bin/env python3
"""Golden metrics on random data, by NumPy, scikit-learn and PyTorch.

    pip install -r tests/golden/requirements-vision.txt
    python tests/golden/make_vision_metrics.py

vision/metrics.json. `segmentation`: predictions and labels of three images with ignored
pixels and classes that do not occur; jaccard and recall from scikit-learn's confusion
matrix over all pixels. `depth`: two images of 24 x 32 with holes, values out of range and
predictions to be cut, with and without Eigen's crop; the errors of each image, and their
means. `knn`: torch's top-k, softly weighted as in DINO's eval_knn.py. `retrieval`: a
ranking by NumPy, then precision and recall as two curves over the list without junk,
integrated by the trapezium rule at each image found.
"""

import json
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import confusion_matrix

OUT = Path(__file__).parent / "vision"
IGNORE, CLASSES = 255, 6


def short(array: np.ndarray) -> list:
    """Single precision in the few digits that it was rounded to."""
    return np.asarray(array, np.float64).round(4).tolist()


def segmentation() -> dict:
    rng = np.random.default_rng(10)
    images = []
    for height, width in [(5, 7), (4, 4), (1, 9)]:
        # Class 4 is only predicted, class 5 is nowhere.
        labels = rng.choice([0, 1, 2, 3, IGNORE], (height, width), p=[0.4, 0.2, 0.2, 0.1, 0.1])
        wrong = rng.random((height, width)) < 0.4
        predicted = np.where(wrong | (labels == IGNORE), rng.integers(0, 5, (height, width)), labels)
        images.append({"predicted": predicted.tolist(), "labels": labels.tolist()})
    flat = {key: np.concatenate([np.ravel(image[key]) for image in images]) for key in ("predicted", "labels")}
    kept = flat["labels"] != IGNORE
    matrix = confusion_matrix(flat["labels"][kept], flat["predicted"][kept], labels=range(CLASSES)).astype(float)
    with np.errstate(invalid="ignore"):
        iou = np.diag(matrix) / (matrix.sum(0) + matrix.sum(1) - np.diag(matrix))
        recall = np.diag(matrix) / matrix.sum(1)
    return {
        "classes": CLASSES,
        "images": images,
        "iou": [None if np.isnan(value) else value for value in iou],
        "miou": np.nanmean(iou),
        "pixel_accuracy": np.diag(matrix).sum() / matrix.sum(),
        "mean_accuracy": np.nanmean(recall),
    }


def depth_errors(predicted: np.ndarray, truth: np.ndarray, crop: bool) -> dict:
    mask = (truth > 1e-3) & (truth < 10)
    if crop:
        height, width = truth.shape
        eigen = np.zeros_like(mask)
        eigen[int(45 / 480 * height) : int(471 / 480 * height), int(41 / 640 * width) : int(601 / 640 * width)] = True
        mask &= eigen
    gt = truth[mask].astype(np.float64)
    p = np.clip(predicted, np.float32(1e-3), 10)[mask].astype(np.float64)
    ratio = np.maximum(gt / p, p / gt)
    log = np.log(gt) - np.log(p)
    return {
        "rmse": np.sqrt(np.mean((gt - p) ** 2)),
        "abs_rel": np.mean(np.abs(gt - p) / gt),
        "sq_rel": np.mean((gt - p) ** 2 / gt),
        "rmse_log": np.sqrt(np.mean(log**2)),
        "log10": np.mean(np.abs(np.log10(gt) - np.log10(p))),
        "silog": 100 * np.std(log),
        "delta": [np.mean(ratio < 1.25**power) for power in (1, 2, 3)],
    }


def depth() -> dict:
    rng = np.random.default_rng(11)
    images = []
    for spread in (0.2, 0.5):
        truth = rng.uniform(0.5, 11, (24, 32)).astype(np.float32).round(3)
        truth[rng.random(truth.shape) < 0.3] = 0
        predicted = (truth * np.exp(rng.normal(0, spread, truth.shape)) - 0.3).astype(np.float32).round(3)
        images.append((predicted, truth))
    result = {"images": [{"predicted": short(p), "truth": short(t)} for p, t in images]}
    for name, crop in [("whole", False), ("eigen", True)]:
        each = [depth_errors(p, t, crop) for p, t in images]
        result[name] = {key: np.mean([errors[key] for errors in each], axis=0).tolist() for key in each[0]}
    valid = [(t > 0) & (t <= 10) & (p > 0) for p, t in images][0]
    # Only pixels whose logarithm there is: predictions of heads are positive.
    p, t = (torch.tensor(np.where(valid, array, 0), dtype=torch.float64) for array in images[0])
    g = torch.log(p[valid] + 0.001) - torch.log(t[valid] + 0.001)
    result["silog_loss"] = {
        "predicted": short(p),
        "truth": short(t),
        "loss": torch.sqrt(torch.var(g) + 0.15 * g.mean() ** 2).item(),
        "warm_up": torch.sqrt(0.15 * g.mean() ** 2).item(),
    }
    return result


def knn() -> dict:
    rng = np.random.default_rng(12)
    classes, dim = 7, 5
    centres = rng.normal(0, 1, (classes, dim))
    labels, asked = rng.integers(0, classes, 60), rng.integers(0, classes, 40)
    features = (centres[labels] + rng.normal(0, 0.9, (60, dim))).astype(np.float32).round(4)
    queries = (centres[asked] + rng.normal(0, 0.9, (40, dim))).astype(np.float32).round(4)
    train = torch.nn.functional.normalize(torch.tensor(features), dim=1)
    test = torch.nn.functional.normalize(torch.tensor(queries), dim=1)
    scores = []
    for k in (1, 3, 10, 20):
        distances, indices = (test @ train.T).topk(k, largest=True, sorted=True)
        neighbours = torch.tensor(labels)[indices]
        votes = torch.zeros(len(asked), k, classes).scatter_(2, neighbours[..., None], 1)
        weights = distances.div(0.07).exp()
        ranked = (votes * weights[..., None]).sum(1).sort(dim=1, descending=True, stable=True).indices
        right = ranked == torch.tensor(asked)[:, None]
        scores.append({
            "k": k,
            "top1": right[:, :1].any(1).double().mean().item(),
            "top5": right[:, : min(5, k)].any(1).double().mean().item(),
            "predicted": ranked[:, 0].tolist(),
        })  # fmt: skip
    return {
        "classes": classes, "dim": dim, "features": short(features), "labels": labels.tolist(),
        "queries": short(queries), "asked": asked.tolist(), "scores": scores,
    }  # fmt: skip


def retrieval() -> dict:
    rng = np.random.default_rng(13)
    database = rng.normal(0, 1, (40, 4)).astype(np.float32).round(4)
    queries = rng.normal(0, 1, (6, 4)).astype(np.float32).round(4)
    unit = [array / np.linalg.norm(array, axis=1, keepdims=True) for array in (database, queries)]
    rankings = np.argsort(-(unit[0] @ unit[1].T), axis=0, kind="stable").T
    truth = []
    for query, ranking in enumerate(rankings):
        some = rng.permutation(len(database))[:15].tolist()
        easy = 0 if query == 2 else 5
        truth.append({"easy": some[:easy], "hard": some[5:9], "junk": some[9:]})
        if query == 4:
            # All found early: precision at 5 and 10 looks no further than the last.
            truth[-1] = {"easy": ranking[[0, 2]].tolist(), "hard": ranking[[4]].tolist(), "junk": ranking[[1, 9]].tolist()}
    protocols = {
        "easy": (["easy"], ["junk", "hard"]),
        "medium": (["easy", "hard"], ["junk"]),
        "hard": (["hard"], ["junk", "easy"]),
    }
    scores = {}
    for name, (wanted_keys, junk_keys) in protocols.items():
        aps, precisions = [], []
        for ranking, gnd in zip(rankings, truth):
            wanted = {index for key in wanted_keys for index in gnd[key]}
            junk = {index for key in junk_keys for index in gnd[key]}
            if not wanted:
                continue
            hits = np.array([index in wanted for index in ranking if index not in junk], float)
            found, shown = np.cumsum(hits), np.arange(1, len(hits) + 1)
            # Precision with nothing shown counts as 1.
            precision = np.concatenate([[1.0], found / shown])
            recall = np.concatenate([[0.0], found / len(wanted)])
            aps.append(np.trapezoid(precision, recall))
            last = int(np.flatnonzero(hits).max()) + 1
            precisions.append([hits[: min(k, last)].mean() for k in (1, 5, 10)])
        scores[name] = {"map": np.mean(aps), "precision": np.mean(precisions, 0).tolist(), "queries": len(aps)}
    return {
        "database": short(database), "queries": short(queries), "truth": truth,
        "rankings": rankings.tolist(), "scores": scores,
    }  # fmt: skip


def main() -> None:
    golden = {"segmentation": segmentation(), "depth": depth(), "knn": knn(), "retrieval": retrieval()}
    (OUT / "metrics.json").write_text(json.dumps(golden, default=lambda number: number.item()) + "\n")


if __name__ == "__main__":
    main()
