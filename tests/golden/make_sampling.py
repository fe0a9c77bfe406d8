#!/usr/bin/env python3
"""Make the probabilities that transformers draws tokens by.

    pip install -r tests/golden/requirements.txt
    python tests/golden/make_sampling.py

Writes sampling.json: random logits, a temperature, a top k (0: off) and a top p, and the
probabilities that are left after transformers' own warpers, in the order in which its
generation applies them, in float64. No case has a sum within 1e-6 of its top p.
"""

import json
from pathlib import Path

import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper


def make(generator: torch.Generator, temperature: float, top_k: int, top_p: float) -> dict:
    while True:
        logits = (3 * torch.randn(12, generator=generator)).round(decimals=3)
        scores = TemperatureLogitsWarper(temperature)(None, logits.double()[None])
        if top_k:
            scores = TopKLogitsWarper(top_k)(None, scores)
        sums = scores.softmax(-1).sort(descending=True).values.cumsum(-1)
        if top_p == 1 or (sums - top_p).abs().min() > 1e-6:
            break
    if top_p < 1:
        scores = TopPLogitsWarper(top_p)(None, scores)
    return {
        "logits": [float(f"{x:.3f}") for x in logits.tolist()],
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "probabilities": [float(f"{x:.12g}") for x in scores.softmax(-1)[0].tolist()],
    }


def main() -> None:
    generator = torch.Generator().manual_seed(4)
    cases = [
        make(generator, temperature, top_k, top_p)
        for temperature in (0.2, 0.6, 1.0, 1.7)
        for top_k in (0, 1, 5, 40)
        for top_p in (0.05, 0.5, 0.9, 0.95, 1.0)
    ]
    path = Path(__file__).resolve().parent / "sampling.json"
    path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
