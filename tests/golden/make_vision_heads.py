#!/usr/bin/env python3
"""Golden heads on patch features, from PyTorch in float64.

    pip install -r tests/golden/requirements-vision.txt
    python tests/golden/make_vision_heads.py

vision/heads.safetensors, all F64.

`bilinear.I.*`: F.interpolate(mode="bilinear", align_corners=False) of maps to another size,
and the gradient of <result, cotangent> by the maps.

`linear.*`, `decoder.*`, `depth.*`: heads on tokens [batch, rows * columns, hidden], first in
training mode on `tokens` (`trained`, the running statistics after it), then, with those
statistics, in evaluation mode on the same tokens (`maps`). `linear` is batch norm and a 1 x 1
convolution, `decoder` has 3 x 3 convolutions with batch norm, ReLU and bilinear enlargement by
2 between, `depth` is linear with 16 bins of DINOv3's depth head. `loss` and `gradient` (by the
tokens) in evaluation mode: cross-entropy on logits enlarged to the labels' size, averaged over
all pixels, ignored ones included; for depth the scale-invariant loss, `warm_up` without its
variance. `trained_loss` and `trained_gradient.NAME` (by the parameters) in training mode, whose
depth loss is that of the warm-up.

`probe.*`: MAE's linear probe of classes, batch norm without affine parameters and eps 1e-6.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

OUT = Path(__file__).parent / "vision" / "heads.safetensors"
BATCH, ROWS, COLUMNS, HIDDEN, CLASSES, IGNORE, BINS = 2, 3, 4, 6, 5, 255, 16
SIZE = (7, 9)


class Block(nn.Module):
    def __init__(self, before: int, after: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3) * 0.3)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(F.conv2d(x, self.weight, padding=1)))
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Head(nn.Module):
    def __init__(self, widths: list[int], channels: int, affine: bool = True, eps: float = 1e-5):
        super().__init__()
        self.norm = nn.BatchNorm2d(HIDDEN, affine=affine, eps=eps)
        self.blocks = nn.ModuleList(Block(a, b) for a, b in zip([HIDDEN, *widths], widths))
        self.out = nn.Conv2d([HIDDEN, *widths][-1], channels, 1)
        for name, parameter in self.named_parameters():
            if "norm" in name or "bias" in name:
                nn.init.normal_(parameter, 1.0 if name.endswith("weight") else 0.0, 0.3)
        nn.init.normal_(self.out.weight, 0.0, 0.4)

    def forward(self, tokens: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        x = tokens.transpose(1, 2).reshape(len(tokens), HIDDEN, *grid)
        x = self.norm(x)
        for block in self.blocks:
            x = block(x)
        return self.out(x)


def metres(maps: torch.Tensor) -> torch.Tensor:
    weights = F.relu(maps) + 0.1
    weights = weights / weights.sum(1, keepdim=True)
    centres = torch.linspace(0.001, 10, BINS)
    return torch.einsum("bkhw,k->bhw", weights, centres)[:, None]


def cross_entropy(maps: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    logits = F.interpolate(maps, size=SIZE, mode="bilinear", align_corners=False)
    return F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="none").mean()


def silog(maps: torch.Tensor, truth: torch.Tensor, warm_up: bool) -> torch.Tensor:
    depth = F.interpolate(metres(maps), size=SIZE, mode="bilinear", align_corners=False)[:, 0]
    valid = (truth > 0) & (truth <= 10)
    g = torch.log(depth[valid] + 0.001) - torch.log(truth[valid] + 0.001)
    if warm_up:
        return torch.sqrt(0.15 * torch.mean(g) ** 2)
    return torch.sqrt(torch.var(g) + 0.15 * torch.mean(g) ** 2)


def bilinear(golden: dict) -> None:
    for index, (before, after) in enumerate([((3, 4), (7, 9)), ((2, 5), (4, 10)), ((6, 5), (4, 3)), ((1, 1), (3, 2))]):
        maps = torch.randn(2, 3, *before, requires_grad=True)
        result = F.interpolate(maps, size=after, mode="bilinear", align_corners=False)
        cotangent = torch.randn_like(result)
        (gradient,) = torch.autograd.grad((result * cotangent).sum(), maps)
        golden |= {
            f"bilinear.{index}.maps": maps,
            f"bilinear.{index}.result": result,
            f"bilinear.{index}.cotangent": cotangent,
            f"bilinear.{index}.gradient": gradient,
        }


def head(golden: dict, name: str, head: Head, grid: tuple[int, int], truth: torch.Tensor, loss, first) -> None:
    tokens = torch.randn(BATCH if grid != (1, 1) else 7, grid[0] * grid[1], HIDDEN) * 2 + 0.5
    for key, value in head.state_dict().items():
        if "num_batches" not in key:
            # 1 x 1 convolutions are matrices here.
            value = value[..., 0, 0] if key == "out.weight" else value
            golden[f"{name}.parameter.{key}"] = value.clone()
    head.train()
    maps = head(tokens, grid)
    trained_loss = first(maps, truth)
    parameters = dict(head.named_parameters())
    gradients = torch.autograd.grad(trained_loss, parameters.values())
    for key, value in zip(parameters, gradients):
        golden[f"{name}.trained_gradient.{key}"] = value[..., 0, 0] if key == "out.weight" else value
    for key, value in head.state_dict().items():
        if "running" in key:
            golden[f"{name}.running.{key}"] = value.clone()
    golden |= {f"{name}.tokens": tokens, f"{name}.trained": maps, f"{name}.trained_loss": trained_loss}
    head.eval()
    tokens = tokens.clone().requires_grad_()
    maps = head(tokens, grid)
    value = loss(maps, truth)
    (gradient,) = torch.autograd.grad(value, tokens, retain_graph=True)
    golden |= {
        f"{name}.maps": maps,
        f"{name}.truth": truth,
        f"{name}.loss": value,
        f"{name}.gradient": gradient,
        f"{name}.warm_up": first(maps, truth),
    }


def main() -> None:
    torch.manual_seed(20)
    torch.set_default_dtype(torch.float64)
    golden: dict[str, torch.Tensor] = {}
    bilinear(golden)
    labels = torch.randint(0, CLASSES, (BATCH, *SIZE))
    labels[torch.rand(labels.shape) < 0.2] = IGNORE
    grid = (ROWS, COLUMNS)
    head(golden, "linear", Head([], CLASSES), grid, labels, cross_entropy, cross_entropy)
    head(golden, "decoder", Head([4, 3], CLASSES), grid, labels, cross_entropy, cross_entropy)
    truth = torch.rand(BATCH, *SIZE) * 11
    truth[torch.rand(truth.shape) < 0.2] = 0
    full, first = (lambda m, t: silog(m, t, False)), (lambda m, t: silog(m, t, True))
    head(golden, "depth", Head([], BINS), grid, truth, full, first)
    classes = torch.randint(0, CLASSES, (7,))
    entropy = lambda maps, labels: F.cross_entropy(maps[..., 0, 0], labels)  # noqa: E731
    head(golden, "probe", Head([], CLASSES, affine=False, eps=1e-6), (1, 1), classes, entropy, entropy)
    save_file({name: tensor.detach().double().contiguous() for name, tensor in golden.items()}, OUT)


if __name__ == "__main__":
    main()
