#!/usr/bin/env python3
"""Make tiny decoder checkpoints with transformers, and what transformers computes from them.

    pip install -r tests/golden/requirements.txt
    python tests/golden/make_decoder.py

Writes a folder each to tests/golden/decoder/ for a tied Qwen2, an untied Qwen2 and a
Llama whose `head_dim` is not hidden_size / heads:

    config.json             as transformers 5 writes it (`rope_parameters`, `dtype`)
    config.v4.json          the same in the keys of transformers 4 (`rope_theta`, `torch_dtype`),
                            put together here, not by transformers 4
    generation_config.json
    model.safetensors       float32
    golden.json             tokens [2][16], logits [2][16][97], prompts [4][3..9], greedy [4][24]

All weights are random, and larger than a real initialisation, so that logits differ
well and a wrong rotation, bias, norm or head order shows. The logits are float32 as
transformers computes them, to seven significant digits. No end token exists: each
greedy continuation runs to its 24 tokens, and at every one of them the best logit
leads by more than `MARGIN`, so that rounding elsewhere cannot turn a choice.
"""

import argparse
import json
import tempfile
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    logging,
)

VOCABULARY = 97
NEW_TOKENS = 24
MARGIN = 1e-3
SHAPE = dict(
    vocab_size=VOCABULARY,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    bos_token_id=None,
    eos_token_id=None,
    pad_token_id=None,
    dtype="float32",
)
QWEN2 = dict(SHAPE, rms_norm_eps=1e-6, rope_parameters={"rope_type": "default", "rope_theta": 1e6})
LLAMA = dict(SHAPE, rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 1e4})

# Folder, model class, config, first seed to try.
MODELS = [
    ("qwen2-tied", Qwen2ForCausalLM, Qwen2Config(**QWEN2, tie_word_embeddings=True), 100),
    ("qwen2-untied", Qwen2ForCausalLM, Qwen2Config(**QWEN2, tie_word_embeddings=False), 200),
    ("llama", LlamaForCausalLM, LlamaConfig(**LLAMA, tie_word_embeddings=False, head_dim=16), 300),
]


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Matrices and biases with standard deviation 0.3, norms 1 ± 0.2."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("norm.weight"):
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_(0.3 * noise)


def draw_tokens(seed: int, *lengths: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(VOCABULARY, (n,), generator=generator).tolist() for n in lengths]


@torch.no_grad()
def logits_of(model, tokens: list[list[int]]) -> torch.Tensor:
    return model(torch.tensor(tokens)).logits


@torch.no_grad()
def continue_greedily(model, prompt: list[int]) -> tuple[list[int], float]:
    """The new tokens, and the smallest lead of a chosen logit over the runner-up."""
    ids = torch.tensor([prompt])
    output = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=NEW_TOKENS
    )[0].tolist()
    new = output[len(prompt):]
    assert len(new) == NEW_TOKENS
    steps = logits_of(model, [output[:-1]])[0, len(prompt) - 1:]
    assert steps.argmax(-1).tolist() == new, "generate and the forward pass disagree"
    best = steps.topk(2).values
    return new, (best[:, 0] - best[:, 1]).min().item()


def significant(x):
    """Nested lists of numbers to seven significant digits."""
    return [significant(y) for y in x] if isinstance(x, list) else float(f"{x:.7g}")


def as_version_4(config: dict) -> dict:
    """A transformers 5 config in the keys of transformers 4."""
    config = dict(config)
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    config["rope_scaling"] = None
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.40.0"
    config.pop("layer_types", None)
    return dict(sorted(config.items()))


def write_json(path: Path, value, **options) -> None:
    path.write_text(json.dumps(value, **options) + "\n")


def check_saved(folder: Path, tokens: list[list[int]], logits: torch.Tensor) -> None:
    """Either config must give back the model that was saved."""
    for config in ("config.json", "config.v4.json"):
        with tempfile.TemporaryDirectory() as copy:
            (Path(copy) / "config.json").write_text((folder / config).read_text())
            (Path(copy) / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
            again = AutoModelForCausalLM.from_pretrained(copy).eval()
        assert torch.equal(logits_of(again, tokens), logits), f"{folder.name}/{config}"


def make(folder: Path, model_class, config, seed: int) -> None:
    model = model_class(config).eval()
    while True:
        randomise(model, seed)
        prompts = draw_tokens(seed + 1, 3, 5, 6, 9)
        greedy, margins = zip(*(continue_greedily(model, p) for p in prompts))
        if min(margins) > MARGIN and all(len(set(g)) > 4 for g in greedy):
            break
        seed += 10
    tokens = draw_tokens(seed + 2, 16, 16)
    logits = logits_of(model, tokens)

    model.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    saved = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.v4.json", as_version_4(saved), indent=2)
    golden = {
        "tokens": tokens,
        "logits": significant(logits.tolist()),
        "prompts": prompts,
        "greedy": greedy,
    }
    write_json(folder / "golden.json", golden, separators=(",", ":"))
    check_saved(folder, tokens, logits)
    print(
        f"{folder.name}: seed {seed}, {sum(p.numel() for p in model.parameters())} parameters, "
        f"logits' deviation {logits.std():.2f}, smallest greedy lead {min(margins):.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", default=Path(__file__).resolve().parent / "decoder",
        help="where the folders go (default: tests/golden/decoder)",
    )
    output = parser.parse_args().output
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name, model_class, config, seed in MODELS:
        make(output / name, model_class, config, seed)


if __name__ == "__main__":
    main()
