"""The learner step of `peers.rs` in PyTorch: the same shapes, weights and batch.

Reads a folder with `model.safetensors`, `config.json` and `batch.json`; then answers each line on
standard input with one step's wall time, processor time and loss. Pinned in requirements.txt.

What PyTorch has for speed is used: scaled_dot_product_attention with a mask made once, fused AdamW,
logits only where they are asked for, and torch.compile with --compile.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file


class Linear(torch.nn.Module):
    def __init__(self, weight, rank, scale):
        super().__init__()
        self.weight = torch.nn.Parameter(weight, requires_grad=rank == 0)
        self.scale = scale
        self.a = self.b = None
        if rank:
            self.a = torch.nn.Parameter(torch.randn(rank, weight.shape[1]) * weight.shape[1] ** -0.5)
            self.b = torch.nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, x):
        y = F.linear(x, self.weight)
        return y if self.a is None else y + F.linear(F.linear(x, self.a) * self.scale, self.b)


class Block(torch.nn.Module):
    def __init__(self, weights, config, rank, scale):
        super().__init__()
        self.heads = (config["num_attention_heads"], config["num_key_value_heads"])
        self.eps = config["rms_norm_eps"]
        self.norms = torch.nn.ParameterList(
            torch.nn.Parameter(weights[name + ".weight"], requires_grad=rank == 0)
            for name in ("input_layernorm", "post_attention_layernorm")
        )
        linear = lambda name: Linear(weights[name + ".weight"], rank, scale)
        self.q, self.k, self.v, self.o = (linear(f"self_attn.{x}_proj") for x in "qkvo")
        self.gate, self.up, self.down = (linear(f"mlp.{x}_proj") for x in ("gate", "up", "down"))

    def forward(self, x, cos, sin, mask):
        batch, seq, _ = x.shape
        h = F.rms_norm(x, x.shape[-1:], self.norms[0], self.eps)
        split = lambda x, heads: x.view(batch, seq, heads, -1).transpose(1, 2)
        heads, kv = self.heads
        q, k = turn(split(self.q(h), heads), cos, sin), turn(split(self.k(h), kv), cos, sin)
        mixed = F.scaled_dot_product_attention(
            q, k, split(self.v(h), kv), attn_mask=mask, enable_gqa=heads != kv
        )
        x = x + self.o(mixed.transpose(1, 2).reshape(batch, seq, -1))
        h = F.rms_norm(x, x.shape[-1:], self.norms[1], self.eps)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


def turn(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


class Decoder(torch.nn.Module):
    def __init__(self, weights, config, rank, scale):
        super().__init__()
        self.eps = config["rms_norm_eps"]
        fixed = lambda w: torch.nn.Parameter(w, requires_grad=rank == 0)
        self.table = fixed(weights["model.embed_tokens.weight"])
        self.norm = fixed(weights["model.norm.weight"])
        self.blocks = torch.nn.ModuleList()
        for layer in range(config["num_hidden_layers"]):
            prefix = f"model.layers.{layer}."
            own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
            self.blocks.append(Block(own, config, rank, scale))

    def forward(self, tokens, cos, sin, mask, rows, labels):
        x = F.embedding(tokens, self.table)
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        h = F.rms_norm(x, x.shape[-1:], self.norm, self.eps)
        logits = F.linear(h.flatten(0, 1)[rows], self.table)
        return F.cross_entropy(logits, labels)


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

    width = config["hidden_size"] // config["num_attention_heads"]
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    frequencies = theta ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = (batch["positions"][..., None] * frequencies).repeat(1, 1, 2)[:, None]
    cos, sin = angles.cos().float(), angles.sin().float()
    documents = batch["documents"]
    same = documents[:, :, None] == documents[:, None, :]
    mask = (same & torch.ones_like(same).tril())[:, None]

    learns = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learns if p.ndim >= 2], "weight_decay": 0.1},
        {"params": [p for p in learns if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.99), fused=True)
    forward = torch.compile(model) if arguments.compile else model

    def step():
        loss = forward(batch["tokens"], cos, sin, mask, batch["rows"], batch["labels"])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learns, 1.0)
        optimiser.step()
        return loss.item()

    for _ in sys.stdin:
        wall, processor = time.perf_counter(), processor_time()
        loss = step()
        wall, processor = time.perf_counter() - wall, processor_time() - processor
        print(wall, processor, loss, flush=True)


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
