"""The learner of the benches in PyTorch: what the scripts beside this one train.

What PyTorch has for speed is used: scaled_dot_product_attention with a mask made once, and logits
only where they are asked for.
"""

import resource
import time

import torch
import torch.nn.functional as F


class Linear(torch.nn.Module):
    def __init__(self, weight, rank=0, scale=2.0):
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
    def __init__(self, weights, config, rank=0, scale=2.0):
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


def blocks(weights, config, rank=0, scale=2.0):
    """The blocks `layers.N.` of `weights`."""
    found = torch.nn.ModuleList()
    while any(name.startswith(f"layers.{len(found)}.") for name in weights):
        prefix = f"layers.{len(found)}."
        own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        found.append(Block(own, config, rank, scale))
    return found


class Decoder(torch.nn.Module):
    """A tied decoder."""

    def __init__(self, weights, config, rank=0, scale=2.0):
        super().__init__()
        weights = {name.removeprefix("model."): weight for name, weight in weights.items()}
        self.eps = config["rms_norm_eps"]
        fixed = lambda w: torch.nn.Parameter(w, requires_grad=rank == 0)
        self.table = fixed(weights["embed_tokens.weight"])
        self.norm = fixed(weights["norm.weight"])
        self.blocks = blocks(weights, config, rank, scale)

    def below(self, tokens, context, upto):
        """The states that enter block `upto`."""
        x = F.embedding(tokens, self.table)
        for block in self.blocks[:upto]:
            x = block(x, *context)
        return x

    def above(self, x, context, rows, start):
        """From the states that enter block `start` to the final ones at `rows`."""
        for block in self.blocks[start:]:
            x = block(x, *context)
        return F.rms_norm(x, x.shape[-1:], self.norm, self.eps).flatten(0, 1)[rows]

    def forward(self, tokens, cos, sin, mask, rows, labels):
        hidden = self.above(self.below(tokens, (cos, sin, mask), 0), (cos, sin, mask), rows, 0)
        return F.cross_entropy(F.linear(hidden, self.table), labels)


def context(batch, head_dim, theta):
    """Cosines, sines and the mask of a batch."""
    frequencies = theta ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    angles = (batch["positions"][..., None] * frequencies).repeat(1, 1, 2)[:, None]
    documents = batch["documents"]
    same = documents[:, :, None] == documents[:, None, :]
    mask = (same & torch.ones_like(same).tril())[:, None]
    return angles.cos().float(), angles.sin().float(), mask


def learner_context(batch, config):
    """`context` as the config has it."""
    head_dim = config["hidden_size"] // config["num_attention_heads"]
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    return context(batch, head_dim, theta)


def adamw(parameters, rate, decay):
    """Fused AdamW without decay on vectors."""
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), fused=True)


def timed(work):
    """Wall and processor time, and what `work` returns."""
    wall, processor = time.perf_counter(), processor_time()
    result = work()
    return time.perf_counter() - wall, processor_time() - processor, result


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
