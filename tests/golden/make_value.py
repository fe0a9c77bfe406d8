#!/usr/bin/env python3
"""Make the values of tokens by `value_reference.py` on the tiny decoder checkpoints.

    pip install -r tests/golden/requirements.txt
    python tests/golden/make_value.py

Writes value.json: for each case the checkpoint, the subset S as `value.subset` names it, feedback
and scored documents in tokens, and what the reference says of them. Values are checked here
against central differences of the log-probabilities, and against V as the inner product of the
two gradients that eq. 14 names. Transformers computes norms, softmax and rotary angles in float32
whatever the model's type; here they are in float64 like all the rest.
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, logging

from value_reference import downstream_gradient, log_probabilities, token_values

HERE = Path(__file__).resolve().parent
TOP_K, ALPHA_MAX = 4, 0.5
# Checkpoint, value.subset, and which parameters that is.
CASES = [
    ("qwen2-tied", "all", lambda name: True),
    ("qwen2-tied", "head", lambda name: name == "model.embed_tokens.weight"),
    ("qwen2-untied", "last:2", lambda name: name.startswith(("model.layers.1.", "model.layers.2.", "model.norm."))),
    ("llama", "last:1", lambda name: name.startswith(("model.layers.2.", "model.norm."))),
]


class Rotary64(torch.nn.Module):
    """Cosines and sines of the rotary angles in float64."""

    def __init__(self, config):
        super().__init__()
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        exponents = torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim
        self.frequencies = config.rope_parameters["rope_theta"] ** -exponents

    def forward(self, x, position_ids):
        angles = position_ids[..., None] * self.frequencies
        angles = torch.cat([angles, angles], -1)
        return angles.cos(), angles.sin()


def documents(seed: int, *lengths: tuple[int, int]) -> list[tuple[list[int], list[int]]]:
    generator = torch.Generator().manual_seed(seed)
    draw = lambda n: torch.randint(97, (n,), generator=generator).tolist()
    return [(draw(prompt), draw(answer)) for prompt, answer in lengths]


def check(model, subset, feedback, scored, values) -> None:
    theta = {n: p.detach() for n, p in model.named_parameters() if n in subset}
    g_down = downstream_gradient(model, theta, feedback)[1]
    g_pre = downstream_gradient(model, theta, scored)[1]
    inner = sum((g_down[name] * g_pre[name]).sum() for name in subset)
    torch.testing.assert_close(values["v_ntp"], inner, rtol=1e-11, atol=0)
    step = 1e-5 / values["g_down_norm"]
    moved = [
        torch.cat([
            log_probabilities(model, {n: t + sign * step * g_down[n] for n, t in theta.items()}, d)
            for d in scored
        ]).detach()
        for sign in (1, -1)
    ]
    difference = (moved[1] - moved[0]).gather(1, values["slots"]) / (2 * step)
    torch.testing.assert_close(values["c"], difference, rtol=1e-6, atol=1e-8 * values["c"].abs().max().item())


def make(checkpoint: str, name: str, in_subset) -> dict:
    folder = HERE / "decoder" / checkpoint
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager"
    ).eval()
    model.model.rotary_emb = Rotary64(model.config)
    subset = [parameter for parameter, _ in model.named_parameters() if in_subset(parameter)]
    feedback = documents(21, (5, 4), (3, 7), (9, 2))
    scored = documents(22, (4, 6), (8, 3), (2, 5))
    narrow, torch.float32 = torch.float32, torch.float64  # what the layers name when they widen
    values = token_values(model, subset, feedback, scored, TOP_K, ALPHA_MAX)
    check(model, subset, feedback, scored, values)
    torch.float32 = narrow
    plain = {k: v.tolist() if isinstance(v, torch.Tensor) else v for k, v in values.items()}
    given = {"checkpoint": checkpoint, "subset": name, "top_k": TOP_K, "alpha_max": ALPHA_MAX,
             "feedback": feedback, "documents": scored}
    print(checkpoint, name, {k: plain[k] for k in ("g_down_norm", "sigma", "v_ntp", "v_oracle_hard")})
    return {**given, **plain}


def main() -> None:
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    cases = [make(*case) for case in CASES]
    (HERE / "value.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
