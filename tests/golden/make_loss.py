#!/usr/bin/env python3
"""Golden numbers for the text loss, its value step and the optimiser, from PyTorch in float64.

    pip install -r tests/golden/requirements.txt
    python tests/golden/make_loss.py

loss.json. N tokens with hidden vectors h [N, d], a head W [V, d], weights w [N] (some
zero), labels y [N], mixing weights alpha [N] and, over K candidate tokens a row
(the K largest logits), probabilities p [N, K]. With z = h W^T,

    q(t)  = (1 - alpha_t) delta_{y_t} + alpha_t sum_k p_tk delta_{candidates_tk}
    loss  = sum_t w_t (logsumexp z_t - sum_v q_tv z_tv)

and the gradients by h, W, alpha and p. The label is a candidate in some rows and not
in others. Along a direction (h_dot, W_dot),

    c_candidates[t][k] = -d/de log p_e(candidates_tk | t) at e = 0,  c_label[t] likewise,
    value = sum_t w_t sum_v q_tv c_tv

which is also d/de of the loss at e = 0 with q held fixed; the script checks that, and
checks c against central differences. The weights are not normalised: divide by their
sum to get a mean.

adamw.json. Five steps of torch.optim.AdamW on four parameters with given gradients and
a learning rate a step, each gradient first clipped to norm 1 by clip_grad_norm_, which
multiplies by min(1, 1 / (norm + 1e-6)). `norms` are those before clipping.
"""

import argparse
import json
from pathlib import Path

import torch

N, D, V, K = 6, 5, 11, 3


def make_loss() -> dict:
    generator = torch.Generator().manual_seed(2)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    h, W, h_dot, W_dot = normal(N, D), normal(V, D), normal(N, D), normal(V, D)
    w = torch.tensor([1.0, 0.0, 0.5, 2.0, 0.0, 1.25], dtype=torch.float64)
    alpha = torch.tensor([0.1, 0.9, 0.0, 0.5, 0.3, 1.0], dtype=torch.float64)
    p = torch.softmax(normal(N, K), -1)
    candidates = (h @ W.T).topk(K).indices
    outside = (h @ W.T).argsort(-1)[:, V // 2]
    # In turn: the best candidate, the last one, and a token that is no candidate.
    y = torch.stack([[candidates[t, 0], candidates[t, K - 1], outside[t]][t % 3] for t in range(N)])
    inside = (candidates == y[:, None]).any(-1)
    assert inside[w > 0].any() and (~inside)[w > 0].any()

    def targets(alpha, p):
        label = torch.nn.functional.one_hot(y, V).to(p.dtype)
        others = torch.zeros(N, V, dtype=p.dtype).scatter_add(1, candidates, p)
        return (1 - alpha)[:, None] * label + alpha[:, None] * others

    def loss_of(h, W, q):
        z = h @ W.T
        return (w * (z.logsumexp(-1) - (q * z).sum(-1))).sum()

    inputs = [x.clone().requires_grad_() for x in (h, W, alpha, p)]
    loss = loss_of(inputs[0], inputs[1], targets(inputs[2], inputs[3]))
    gradients = torch.autograd.grad(loss, inputs)

    def log_probabilities(h, W):
        return torch.log_softmax(h @ W.T, -1)

    c = -torch.func.jvp(log_probabilities, (h, W), (h_dot, W_dot))[1]
    e = 1e-5
    plus = log_probabilities(h + e * h_dot, W + e * W_dot)
    minus = log_probabilities(h - e * h_dot, W - e * W_dot)
    assert torch.allclose(c, (minus - plus) / (2 * e), rtol=1e-7, atol=1e-8)

    q = targets(alpha, p)
    value = (w[:, None] * q * c).sum()
    assert torch.allclose(value, (gradients[0] * h_dot).sum() + (gradients[1] * W_dot).sum())

    return {
        "h": h, "W": W, "w": w, "y": y, "alpha": alpha, "candidates": candidates, "p": p,
        "label_is_candidate": inside, "q": q,
        "loss": loss, "grad_h": gradients[0], "grad_W": gradients[1],
        "grad_alpha": gradients[2], "grad_p": gradients[3],
        "h_dot": h_dot, "W_dot": W_dot,
        "c_candidates": c.gather(1, candidates), "c_label": c.gather(1, y[:, None])[:, 0],
        "value": value,
    }


def make_adamw() -> dict:
    settings = {"betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1}
    rates = [1e-3, 2e-3, 3e-3, 2e-3, 5e-4]
    max_norm = 1.0
    # Norms above and below the limit, and a parameter that sees no gradient at first.
    grads = [
        [0.3, -0.2, 0.1, 0.0],
        [2.0, 1.0, -3.0, 0.0],
        [-0.5, 0.4, 0.6, 0.01],
        [0.9, -0.9, 0.9, -0.9],
        [1e-4, 2e-4, -1e-4, 0.0],
    ]
    initial = [1.0, -2.0, 0.5, 0.25]
    parameter = torch.nn.Parameter(torch.tensor(initial, dtype=torch.float64))
    optimiser = torch.optim.AdamW(
        [parameter], lr=rates[0], betas=tuple(settings["betas"]), eps=settings["eps"],
        weight_decay=settings["weight_decay"],
    )
    norms, clipped, parameters = [], [], []
    for rate, grad in zip(rates, grads):
        optimiser.param_groups[0]["lr"] = rate
        parameter.grad = torch.tensor(grad, dtype=torch.float64)
        norms.append(torch.nn.utils.clip_grad_norm_([parameter], max_norm).item())
        clipped.append(parameter.grad.tolist())
        optimiser.step()
        parameters.append(parameter.tolist())
    return {
        **settings, "max_norm": max_norm, "initial": initial, "learning_rates": rates,
        "grads": grads, "norms": norms, "clipped_grads": clipped, "parameters": parameters,
    }


def write(path: Path, values: dict) -> None:
    """One key a line."""
    plain = {k: v.tolist() if isinstance(v, torch.Tensor) else v for k, v in values.items()}
    lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in plain.items())
    path.write_text("{\n" + lines + "\n}\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", default=Path(__file__).resolve().parent,
        help="where the files go (default: tests/golden)",
    )
    output = parser.parse_args().output
    write(output / "loss.json", make_loss())
    write(output / "adamw.json", make_adamw())


if __name__ == "__main__":
    main()
