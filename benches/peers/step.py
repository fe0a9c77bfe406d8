"""The learner step of `peers.rs` in PyTorch: the same shapes, weights and batch.

Reads a folder with `model.safetensors`, `config.json` and `batch.json`; then answers each line on
standard input with one step's wall time, processor time and loss. Pinned in requirements.txt.
--compile puts the forward pass through torch.compile.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from decoder import Decoder, adamw, learner_context, timed


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--rank", type=int, default=0, help="of LoRA on every linear; 0: all learn")
    arguments.add_argument("--scale", type=float, default=2.0)
    arguments.add_argument("--compile", action="store_true")
    arguments = arguments.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)

    config = json.loads((arguments.folder / "config.json").read_text())
    batch = json.loads((arguments.folder / "batch.json").read_text())
    batch = {name: torch.tensor(values) for name, values in batch.items()}
    weights = load_file(arguments.folder / "model.safetensors")
    model = Decoder(weights, config, arguments.rank, arguments.scale)
    context = learner_context(batch, config)

    learns = [p for p in model.parameters() if p.requires_grad]
    optimiser = adamw(learns, 1e-4, 0.1)
    forward = torch.compile(model) if arguments.compile else model

    def step():
        loss = forward(batch["tokens"], *context, batch["rows"], batch["labels"])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learns, 1.0)
        optimiser.step()
        return loss.item()

    for _ in sys.stdin:
        print(*timed(step), flush=True)


if __name__ == "__main__":
    main()
