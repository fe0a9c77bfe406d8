#!/usr/bin/env python3
"""Make PyTorch checkpoints in the formats that torch.save has written, and a Llama with scaled
rotary positions whose logits transformers computes.

    pip install -r tests/golden/requirements.txt
    python tests/golden/make_pytorch.py

Writes to tests/golden/pytorch/:

    views.zip.bin, views.legacy.bin   one dictionary of tensors in both formats: dense, transposed,
                                      sliced, sharing a storage, nested, in every element type
    views.json                        what they hold: shape and values in row-major order
    llama/config.json                 rope_type llama3, as transformers 5 writes it
    llama/config.v4.json              the same in the keys of transformers 4, put together here
    llama/config.linear.json          the same weights with rope_type linear
    llama/pytorch_model.bin           torch's zip format, float32
    llama/legacy.bin                  the same in the format before torch 1.6
    llama/pytorch_model-0000?-of-00002.bin, llama/pytorch_model.bin.index.json   the same in shards
    llama/golden.json                 tokens [1][48]; logits [1][48][29] for each kind of scaling
"""

import json
from pathlib import Path

import torch
from make_decoder import significant
from transformers import LlamaConfig, LlamaForCausalLM, logging

OUTPUT = Path(__file__).resolve().parent / "pytorch"
VOCABULARY = 29
LENGTH = 48
# The wavelengths of a head of 8 at base 100 are 6.3, 19.9, 62.8 and 198.7 positions: with these
# figures the first is fast, the last two slow and the second in between.
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 100.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
LINEAR = {"rope_type": "linear", "rope_theta": 100.0, "factor": 2.5}


def config(rope: dict) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=[1, 2],
        pad_token_id=None,
        dtype="float32",
        rope_parameters=rope,
    )


def write_json(path: Path, value, **options) -> None:
    path.write_text(json.dumps(value, **options) + "\n")


def save_both(state: dict, zipped: Path, legacy: Path) -> None:
    torch.save(state, zipped)
    torch.save(state, legacy, _use_new_zipfile_serialization=False)


def llama(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model = LlamaForCausalLM(config(LLAMA3)).eval()
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.2 * noise if name.endswith("norm.weight") else 0.4 * noise)
    state = {k: v.clone() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_both(state, folder / "pytorch_model.bin", folder / "legacy.bin")
    keys = sorted(state)
    names = [f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)]
    for i, name in enumerate(names):
        torch.save({k: state[k] for k in keys[i::2]}, folder / name)
    weight_map = {k: names[i % 2] for i, k in enumerate(keys)}
    size = sum(4 * v.numel() for v in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    write_json(folder / "pytorch_model.bin.index.json", index, indent=2)

    tokens = torch.randint(VOCABULARY, (1, LENGTH), generator=generator)
    golden = {"tokens": tokens.tolist()}
    for name, rope in ("llama3", LLAMA3), ("linear", LINEAR):
        scaled = LlamaForCausalLM(config(rope)).eval()
        scaled.load_state_dict(model.state_dict())
        with torch.no_grad():
            golden[name] = significant(scaled(tokens).logits.tolist())
        said = scaled.config.to_dict()
        said["architectures"] = ["LlamaForCausalLM"]
        write_json(folder / ("config.json" if name == "llama3" else "config.linear.json"), said, indent=2)
        if name == "llama3":
            rope = dict(said.pop("rope_parameters"))
            said["rope_theta"] = rope.pop("rope_theta")
            said["rope_scaling"] = rope
            said["torch_dtype"] = said.pop("dtype")
            said["transformers_version"] = "4.45.0"
            write_json(folder / "config.v4.json", said, indent=2)
    write_json(folder / "golden.json", golden, separators=(",", ":"))


def views(folder: Path) -> None:
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8 - 1
    shared = torch.arange(10, dtype=torch.float32)
    state = {
        "dense": base.clone(),
        "transposed": base.clone().t(),
        "rows": base.clone()[1:3],
        "columns": base.clone()[:, 1:4],
        "steps": base.clone()[::2, ::3],
        "expanded": torch.tensor([1.5, -2.0]).expand(3, 2),
        "permuted": torch.arange(24, dtype=torch.float32).reshape(2, 3, 4).permute(2, 0, 1),
        "low": shared[:4],
        "high": shared[4:],
        "scalar": torch.tensor(0.25),
        "empty": torch.zeros(0, 3),
        "half": base.half().t(),
        "bfloat": base.bfloat16(),
        "parameter": torch.nn.Parameter(base[:2].clone()),
        "double": base.double(),
        "long": torch.arange(5),
        "flags": torch.tensor([True, False]),
        "inner": {"weight": base[0].clone(), "step": 3, "name": "adam", "rate": 0.5},
        "epoch": 7,
    }
    state["tied"] = state["dense"]
    save_both(state, folder / "views.zip.bin", folder / "views.legacy.bin")
    tensors = {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}
    tensors["inner.weight"] = state["inner"]["weight"]
    said = {
        k: {"shape": list(v.shape), "dtype": str(v.dtype).removeprefix("torch."),
            "values": v.detach().double().flatten().tolist()}
        for k, v in sorted(tensors.items())
    }
    write_json(folder / "views.json", said, indent=1)


if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    llama(OUTPUT / "llama")
    views(OUTPUT)
