"""The V-Pretraining step of `value_step.rs` in PyTorch: the same shapes, weights, batches and designer.

Reads a folder with `model.safetensors`, `config.json`, `designer.safetensors`, `batch.json` and
`feedback.json`; then answers each line on standard input with wall time, processor time and figures:

  gradient FILE   nothing moves: V; the designer's gradient of V goes to FILE, f32, by name of parameter
  between         a learner step to soft targets: its loss
  update          the same behind a value update: its loss, V

--way says how the value update differentiates:

  create-graph    as the paper does (A.1, A.2): the gradient g_pre over the last two blocks and the final
                  norm with create_graph=True, its product with g_down, backward into the designer;
                  fused attention off, which has no second derivative
  closed-form     as vpt does: the states that enter those blocks are the learner step's own, one
                  forward-mode pass gives their derivative along g_down, and the values of tokens follow
                  from K + 1 rows of the head; backward through the designer alone

The designer is A.1's in the paper's form (nothing added to V, not divided by its scale).
"""

import argparse
import json
import sys
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch.nn.attention import SDPBackend, sdpa_kernel

from decoder import Decoder, Linear, adamw, blocks, context, learner_context, timed

TOP_K = 8
ALPHA_MAX = 0.5
VALUED = 2  # blocks


class Designer(torch.nn.Module):
    def __init__(self, weights, heads):
        super().__init__()
        width = weights["norm.weight"].shape[0]
        self.head_dim, self.eps = width // heads, 1e-6
        config = dict(num_attention_heads=heads, num_key_value_heads=heads, rms_norm_eps=self.eps)
        linear = lambda name: Linear(weights[name + ".weight"])
        self.context, self.next, self.query, self.key, self.gate = (
            linear(name) for name in ("context", "next", "query", "key", "gate")
        )
        self.bias = torch.nn.Parameter(weights["gate.bias"])
        self.norm = torch.nn.Parameter(weights["norm.weight"])
        self.blocks = blocks(weights, config)

    def forward(self, table, batch, around, ids):
        """q over the label and the candidates."""
        x = self.context(unit_rms(table[batch["tokens"]])) + self.next(unit_rms(table[batch["next"]]))
        for block in self.blocks:
            x = block(x, *around)
        h = F.rms_norm(x, x.shape[-1:], self.norm, self.eps).flatten(0, 1)[batch["rows"]]
        query = self.query(h) @ self.key.weight
        scores = (unit_rms(table[ids[:, 1:]]) * query[:, None]).sum(-1) / h.shape[-1] ** 0.5
        alpha = ALPHA_MAX * torch.sigmoid(self.gate(h) + self.bias)
        return torch.cat((1 - alpha, alpha * torch.softmax(scores, -1)), 1)


def unit_rms(rows):
    return rows / (rows.square().mean(-1, keepdim=True) + 1e-12).sqrt()


class Step:
    def __init__(self, folder, way, heads):
        self.config = json.loads((folder / "config.json").read_text())
        self.batch, self.feedback = (load(folder / f"{name}.json") for name in ("batch", "feedback"))
        self.model = Decoder(load_file(folder / "model.safetensors"), self.config)
        self.designer = Designer(load_file(folder / "designer.safetensors"), heads)
        self.around = learner_context(self.batch, self.config)
        self.around_feedback = learner_context(self.feedback, self.config)
        self.around_designer = context(self.batch, self.designer.head_dim, 10_000.0)
        self.start = len(self.model.blocks) - VALUED
        valued = [*self.model.blocks[self.start :].named_parameters()]
        self.valued = [p for _, p in valued] + [self.model.norm]
        self.update = {"create-graph": self.create_graph, "closed-form": self.closed_form}[way]
        self.all = [*self.model.parameters()]
        self.optimiser = adamw(self.all, 1e-4, 0.1)
        self.designer_optimiser = adamw([*self.designer.parameters()], 1e-3, 0.0)

    def direction(self):
        """g_down. What lies below the value's blocks needs no graph."""
        with torch.no_grad():
            entering = self.model.below(self.feedback["tokens"], self.around_feedback, self.start)
        hidden = self.model.above(entering, self.around_feedback, self.feedback["rows"], self.start)
        loss = F.cross_entropy(F.linear(hidden, self.model.table.detach()), self.feedback["labels"])
        return torch.autograd.grad(loss, self.valued)

    def create_graph(self, _entering, _logits, ids):
        """V and its gradient in the designer, through g_pre."""
        direction = self.direction()
        with sdpa_kernel(SDPBackend.MATH):
            with torch.no_grad():
                entering = self.model.below(self.batch["tokens"], self.around, self.start)
            hidden = self.model.above(entering, self.around, self.batch["rows"], self.start)
            logits = F.linear(hidden, self.model.table.detach())
            table = self.model.table.detach()
            q = self.designer(table, self.batch, self.around_designer, ids)
            g_pre = torch.autograd.grad(soft_loss(logits, q, ids), self.valued, create_graph=True)
            value = sum((a * b).sum() for a, b in zip(direction, g_pre))
            return value.item(), torch.autograd.grad(value, [*self.designer.parameters()])

    def closed_form(self, entering, logits, ids):
        """The same without a graph over a graph."""
        direction = self.direction()
        names = [*dict(self.model.blocks[self.start :].named_parameters())]
        above = torch.nn.ModuleList(self.model.blocks[self.start :])

        def hidden(parameters, norm):
            x = entering
            for index, block in enumerate(above):
                prefix = f"{index}."
                own = {k.removeprefix(prefix): v for k, v in parameters.items() if k.startswith(prefix)}
                x = torch.func.functional_call(block, own, (x, *self.around))
            return F.rms_norm(x, x.shape[-1:], norm, self.model.eps).flatten(0, 1)[self.batch["rows"]]

        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            at = dict(zip(names, (p.detach() for p in self.valued)))
            along = dict(zip(names, direction))
            primals, tangents = (at, self.model.norm.detach()), (along, direction[-1])
            _, moved = torch.func.jvp(hidden, primals, tangents)
            table = self.model.table.detach()
            expected = torch.softmax(logits, -1) @ table
            rows = table[ids]
            values = (expected * moved).sum(-1, keepdim=True) - (rows * moved[:, None]).sum(-1)
        q = self.designer(table, self.batch, self.around_designer, ids)
        value = (q * values).sum(1).mean()
        return value.item(), torch.autograd.grad(value, [*self.designer.parameters()])

    def forward(self):
        """What the learner says, and its own candidates behind the label."""
        entering = self.model.below(self.batch["tokens"], self.around, self.start)
        hidden = self.model.above(entering, self.around, self.batch["rows"], self.start)
        logits = F.linear(hidden, self.model.table)
        best = logits.detach().topk(TOP_K, -1).indices
        return entering, logits, torch.cat((self.batch["labels"][:, None], best), 1)

    def step(self, updates):
        entering, logits, ids = self.forward()
        figures = []
        if updates:
            value, gradients = self.update(entering.detach(), logits.detach(), ids)
            for parameter, gradient in zip(self.designer.parameters(), gradients):
                parameter.grad = -gradient
            self.designer_optimiser.step()
            figures.append(value)
        with torch.no_grad():
            q = self.designer(self.model.table, self.batch, self.around_designer, ids)
        loss = soft_loss(logits, q, ids)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.all, 1.0)
        self.optimiser.step()
        return loss.item(), *figures

    def gradient(self, file):
        entering, logits, ids = self.forward()
        value, gradients = self.update(entering.detach(), logits.detach(), ids)
        named = dict(zip((n for n, _ in self.designer.named_parameters()), gradients))
        flat = [named[name].flatten() for name in sorted(named, key=path)]
        numpy.concatenate([part.numpy() for part in flat]).astype("<f4").tofile(file)
        return (value,)


def path(name):
    """A parameter's name on the other side, which is also the order there."""
    if name == "bias":
        return "gate.bias"
    if name == "norm":
        return "norm.weight"
    layer = name.removeprefix("blocks.")
    if layer == name:
        return name
    index, rest = layer.split(".", 1)
    inner = {
        "norms.0": "input_layernorm.weight",
        "norms.1": "post_attention_layernorm.weight",
        **{f"{x}.weight": f"self_attn.{x}_proj.weight" for x in "qkvo"},
        **{f"{x}.weight": f"mlp.{x}_proj.weight" for x in ("gate", "up", "down")},
    }
    return f"layers.{index}.{inner[rest]}"


def soft_loss(logits, q, ids):
    """Cross-entropy to q, without log p of the whole vocabulary."""
    return (logits.logsumexp(-1) - (q * logits.gather(1, ids)).sum(1)).mean()


def load(file):
    return {name: torch.tensor(values) for name, values in json.loads(file.read_text()).items()}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--way", choices=["create-graph", "closed-form"], required=True)
    arguments.add_argument("--heads", type=int, default=4, help="of the designer")
    arguments = arguments.parse_args()
    torch.set_num_threads(arguments.threads)

    step = Step(arguments.folder, arguments.way, arguments.heads)
    for line in sys.stdin:
        match line.split():
            case ["gradient", file]:
                wall, processor, figures = timed(lambda: step.gradient(file))
            case ["between" | "update" as which]:
                wall, processor, figures = timed(lambda: step.step(which == "update"))
        print(wall, processor, *figures, flush=True)


if __name__ == "__main__":
    main()
