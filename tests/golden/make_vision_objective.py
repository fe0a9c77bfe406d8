#!/usr/bin/env python3
"""Golden values of the vision objectives, by PyTorch in double precision.

    pip install -r tests/golden/requirements-vision.txt
    python tests/golden/make_vision_objective.py

vision/objective.json. `dino`: the loss of two global and two local crops of three images by the
formulas of Caron et al. (2021), its gradient in the student's logits, and the centre after the step.
`sinkhorn`: three rounds by the formulas of Caron et al. (2020), as DINOv2 applies them. `heads`:
DINO's head from PyTorch's own modules, without and with batch norm and free lengths, and the gradient
of its output's sum of squares in its input. `reconstruction`: He et al.'s (2022) loss with and without
normalised targets, and eq. 6 with a soft mask and its gradient in mask and prediction. `latent`: one
minus the cosine over the same pairs of crops as DINO's.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

OUT = Path(__file__).parent / "vision" / "objective.json"
IMAGES, GLOBALS, LOCALS = 3, 2, 2
CROPS = GLOBALS + LOCALS
torch.set_default_dtype(torch.float64)
torch.manual_seed(5)


def drawn(*shape: int) -> torch.Tensor:
    """Few digits in the file, and the same numbers here."""
    return (torch.randn(*shape) * 1000).round() / 1000


def pairs(student: torch.Tensor, teacher: torch.Tensor, term) -> torch.Tensor:
    total, count = 0, 0
    for i, q in enumerate(teacher.chunk(GLOBALS)):
        for v, s in enumerate(student.chunk(CROPS)):
            if v != i:
                total, count = total + term(s, q).mean(), count + 1
    return total / count


def dino() -> dict:
    student = drawn(CROPS * IMAGES, 7).requires_grad_()
    teacher, centre = drawn(GLOBALS * IMAGES, 7), drawn(1, 7) * 0.1
    student_temperature, teacher_temperature, momentum = 0.1, 0.05, 0.9
    q = F.softmax((teacher - centre) / teacher_temperature, dim=-1)
    loss = pairs(
        student / student_temperature,
        q,
        lambda s, q: torch.sum(-q * F.log_softmax(s, dim=-1), dim=-1),
    )
    loss.backward()
    return {
        "student": student.tolist(),
        "teacher": teacher.tolist(),
        "centre": centre.tolist(),
        "student_temperature": student_temperature,
        "teacher_temperature": teacher_temperature,
        "momentum": momentum,
        "loss": loss.item(),
        "gradient": student.grad.tolist(),
        "new_centre": (centre * momentum + teacher.mean(0, keepdim=True) * (1 - momentum)).tolist(),
    }


def sinkhorn() -> dict:
    logits, temperature, iterations = drawn(6, 7) * 0.2, 0.06, 3
    q = torch.exp(logits / temperature).t()
    prototypes, samples = q.shape
    q /= q.sum()
    for _ in range(iterations):
        q /= q.sum(dim=1, keepdim=True)
        q /= prototypes
        q /= q.sum(dim=0, keepdim=True)
        q /= samples
    q *= samples
    return {
        "logits": logits.tolist(),
        "temperature": temperature,
        "iterations": iterations,
        "q": q.t().tolist(),
    }


def head(batch_norm: bool, free_lengths: bool) -> dict:
    width, hidden, bottleneck, output = 5, 6, 4, 7
    linears = [nn.Linear(width, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, bottleneck)]
    norms = [nn.BatchNorm1d(hidden), nn.BatchNorm1d(hidden)] if batch_norm else []
    last = weight_norm(nn.Linear(bottleneck, output, bias=False), dim=0)
    with torch.no_grad():
        for module in linears + norms:
            for parameter in module.parameters():
                parameter.copy_(drawn(*parameter.shape) * 0.5)
        last.parametrizations.weight.original0.copy_(
            1 + 0.3 * drawn(output, 1) if free_lengths else torch.ones(output, 1)
        )
        last.parametrizations.weight.original1.copy_(drawn(output, bottleneck))
    layers = []
    for index, linear in enumerate(linears):
        layers.append(linear)
        if index < 2:
            layers += ([norms[index]] if batch_norm else []) + [nn.GELU()]
    x = drawn(5, width).requires_grad_()
    y = last(F.normalize(nn.Sequential(*layers)(x), dim=-1, p=2))
    (y * y).sum().backward()
    parameters = {"last_layer.weight_v": last.parametrizations.weight.original1}
    if free_lengths:
        parameters["last_layer.weight_g"] = last.parametrizations.weight.original0
    for name, modules in [("mlp", linears), ("norms", norms)]:
        for index, module in enumerate(modules):
            for key, parameter in module.named_parameters():
                parameters[f"{name}.{index}.{key}"] = parameter
    return {
        "batch_norm": batch_norm,
        "free_lengths": free_lengths,
        "parameters": {name: parameter.tolist() for name, parameter in parameters.items()},
        "x": x.tolist(),
        "y": y.tolist(),
        "gradient": x.grad.tolist(),
    }


def patchify(images: torch.Tensor, side: int) -> torch.Tensor:
    n, channels, height, width = images.shape
    h, w = height // side, width // side
    x = images.reshape(n, channels, h, side, w, side)
    return torch.einsum("nchpwq->nhwpqc", x).reshape(n, h * w, side * side * channels)


def reconstruction() -> dict:
    side, images = 4, drawn(2, 3, 8, 12)
    prediction = drawn(2, 6, 48).requires_grad_()
    removed = torch.tensor([[1.0, 0, 1, 1, 0, 1], [0, 1, 1, 1, 1, 0]])

    def masked(target: torch.Tensor) -> float:
        errors = ((prediction - target) ** 2).mean(dim=-1)
        return ((errors * removed).sum() / removed.sum()).item()

    target = patchify(images, side)
    mean, var = target.mean(dim=-1, keepdim=True), target.var(dim=-1, keepdim=True)
    soft = torch.sigmoid(drawn(2, 1, 8, 12)).requires_grad_()
    loss = ((prediction - patchify(images * (1 - soft), side)) ** 2).mean()
    loss.backward()
    return {
        "side": side,
        "images": images.tolist(),
        "prediction": prediction.tolist(),
        "removed": removed.tolist(),
        "hidden": masked(target),
        "normalised": masked((target - mean) / (var + 1e-6) ** 0.5),
        "mask": soft.tolist(),
        "soft": loss.item(),
        "mask_gradient": soft.grad.tolist(),
        "gradient_norm": prediction.grad.norm().item(),
    }


def latent() -> dict:
    student, teacher = drawn(CROPS * IMAGES, 5), drawn(GLOBALS * IMAGES, 5)
    loss = pairs(student, teacher, lambda s, t: 1 - F.cosine_similarity(s, t, dim=-1))
    return {"student": student.tolist(), "teacher": teacher.tolist(), "loss": loss.item()}


def short(value):
    """Eleven digits: enough for a tolerance of 1e-9."""
    if isinstance(value, dict):
        return {key: short(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [short(entry) for entry in value]
    return float(f"{value:.11g}") if isinstance(value, float) else value


OUT.write_text(
    json.dumps(
        short(
            {
                "dino": dino(),
                "sinkhorn": sinkhorn(),
                "heads": [head(False, False), head(True, True)],
                "reconstruction": reconstruction(),
                "latent": latent(),
            }
        )
    )
    + "\n"
)
