#!/usr/bin/env python3
"""Make LoRA adapters with PEFT on the tiny decoders, and what PEFT computes from them.

    pip install -r tests/golden/requirements-lora.txt
    python tests/golden/make_lora.py

Writes a folder each to tests/golden/lora/ for three ways to select and scale:

    adapter_config.json         as PEFT writes it
    adapter_model.safetensors   float32, A and B random and nonzero
    golden.json                 the base's folder in tests/golden/decoder, tokens [2][8],
                                logits [2][8][97] of base and adapter, and of each merged weight
                                W + s·B·A its product with (cos 0, cos 1, ...)

The other direction, for a run folder of `vpt train` with lora.rank > 0:

    python tests/golden/make_lora.py --check runs/mine --base BASE

loads its adapter/ onto BASE with PEFT and its model/ with Transformers; both must have the same
logits, and they must not be the base's.
"""

import argparse
import json
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, logging

HERE = Path(__file__).resolve().parent

# Folder, base, config.
ADAPTERS = [
    (
        "list",
        "llama",
        LoraConfig(r=4, lora_alpha=6, lora_dropout=0.1, target_modules=["q_proj", "v_proj", "down_proj"]),
    ),
    (
        "all-linear",
        "qwen2-tied",
        LoraConfig(
            r=2,
            lora_alpha=4,
            use_rslora=True,
            target_modules="all-linear",
            # In the order that the file has, which is sorted: the first that matches counts.
            rank_pattern={r"layers\.1\..*": 1, "up_proj": 3},
            alpha_pattern={r"layers\.2\.self_attn\.k_proj": 7},
        ),
    ),
    (
        "regex",
        "llama",
        LoraConfig(r=3, lora_alpha=5, target_modules=r"model\.layers\.[02]\..*\.(gate|o|k)_proj|lm_head"),
    ),
]


def base_model(folder: Path):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def randomise(model, seed: int) -> None:
    """A and B with standard deviation 0.3: B is zero where training begins."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "lora_" in name:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))


@torch.no_grad()
def logits_of(model, tokens) -> torch.Tensor:
    return model(torch.tensor(tokens)).logits


def significant(x):
    """Nested lists of numbers to seven significant digits."""
    return [significant(y) for y in x] if isinstance(x, list) else float(f"{x:.7g}")


def make(folder: Path, base: str, config: LoraConfig, seed: int) -> None:
    config.task_type = "CAUSAL_LM"
    plain = base_model(HERE / "decoder" / base)
    before = {name: p.detach().clone() for name, p in plain.named_parameters()}
    tokens = torch.randint(97, (2, 8), generator=torch.Generator().manual_seed(seed)).tolist()
    unadapted = logits_of(plain, tokens)
    model = get_peft_model(plain, config).eval()
    randomise(model, seed)
    logits = logits_of(model, tokens)
    assert (logits - unadapted).abs().max() > 0.1
    model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    (folder / "adapter_model.safetensors").chmod(0o644)

    again = PeftModel.from_pretrained(base_model(HERE / "decoder" / base), folder).eval()
    assert torch.equal(logits_of(again, tokens), logits), f"{folder.name}: PEFT reads another adapter"

    merged = model.merge_and_unload()
    assert (logits_of(merged, tokens) - logits).abs().max() < 1e-4
    products = {}
    for name, weight in merged.named_parameters():
        if name in before and not torch.equal(weight, before[name]):
            probe = torch.cos(torch.arange(weight.shape[1], dtype=torch.float64))
            products[name] = significant((weight.detach().double() @ probe).tolist())
    golden = {
        "base": base,
        "tokens": tokens,
        "logits": significant(logits.tolist()),
        "merged": products,
    }
    (folder / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{folder.name}: {len(products)} weights adapted")


def check(run: Path, base: Path) -> None:
    model = base_model(base)
    tokens = torch.randint(
        model.config.vocab_size, (2, 16), generator=torch.Generator().manual_seed(1)
    ).tolist()
    plain = logits_of(model, tokens)
    adapted = logits_of(PeftModel.from_pretrained(model, run / "adapter").eval(), tokens)
    merged = logits_of(base_model(run / "model"), tokens)
    apart, moved = (adapted - merged).abs().max().item(), (adapted - plain).abs().max().item()
    print(f"adapter and merged model: {apart:.1e} apart; {moved:.1e} from the base")
    assert apart < 1e-4 * max(1.0, plain.abs().max().item()) and moved > 10 * apart


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", type=Path, metavar="RUN", help="a run folder to check")
    parser.add_argument("--base", type=Path, metavar="DIR", help="the model that the run began with")
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    if arguments.check:
        if not arguments.base:
            parser.error("--check needs --base")
        check(arguments.check, arguments.base)
        return
    for seed, (name, base, config) in enumerate(ADAPTERS, 500):
        make(HERE / "lora" / name, base, config, seed)


if __name__ == "__main__":
    main()
