#!/usr/bin/env python3
"""Golden DINOv3: tiny random checkpoints that Transformers saved, and what it computes with them.

    pip install -r tests/golden/requirements-vision.txt
    python tests/golden/make_dinov3.py

vision/dinov3/plain has no registers, vision/dinov3/gated two, a gated MLP and biases on the
keys alone. Each folder is what save_pretrained writes, and beside it

golden.safetensors    pixels [2, 3, 22, 17] (not whole patches), every hidden state before the
                      final norm, last_hidden_state and pooler_output. In gated also train:
                      last_hidden_state in training mode, with the shift and scale of the
                      coordinates that torch drew for it.
features.safetensors  vision/source.png through AutoImageProcessor and the model: cls and
                      patches after the final norm. native_cls and native_patches: the same for
                      vision/dinov3/native.png at its own size, 36 x 28 pixels.

    python tests/golden/make_dinov3.py --check FOLDER

Loads a folder that was written here from plain or gated, and says how far its features for
vision/source.png are from those in features.safetensors.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    AutoImageProcessor,
    AutoModel,
    DINOv3ViTConfig,
    DINOv3ViTImageProcessor,
    DINOv3ViTModel,
)
from transformers.models.dinov3_vit.modeling_dinov3_vit import augment_patches_center_coordinates

VISION = Path(__file__).parent / "vision"
OUT = VISION / "dinov3"

COMMON = dict(
    patch_size=4,
    image_size=24,
    hidden_size=24,
    num_attention_heads=2,
    attn_implementation="eager",
)
CONFIGS = {
    "plain": dict(intermediate_size=40, num_hidden_layers=3, num_register_tokens=0),
    "gated": dict(
        intermediate_size=32,
        num_hidden_layers=3,
        num_register_tokens=2,
        use_gated_mlp=True,
        hidden_act="silu",
        query_bias=False,
        key_bias=True,
        value_bias=False,
        proj_bias=False,
        mlp_bias=False,
        pos_embed_shift=0.2,
        pos_embed_jitter=1.5,
        rope_theta=50.0,
    ),
}


def make_model(name: str) -> DINOv3ViTModel:
    """Weights large enough that every part shows in the output."""
    torch.manual_seed(len(name))
    model = DINOv3ViTModel(DINOv3ViTConfig(**COMMON, **CONFIGS[name])).eval()
    with torch.no_grad():
        for path, parameter in model.named_parameters():
            if "norm" in path and path.endswith("weight") or "lambda1" in path:
                parameter.copy_(1 + 0.3 * torch.randn_like(parameter))
            else:
                parameter.copy_(0.3 * torch.randn_like(parameter))
    return model


def drawn(config: DINOv3ViTConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """The shift and scale that the next training pass draws; the generator is left as it was."""
    state = torch.get_rng_state()
    # Where the coordinates 0 and 1 end up, as rows of one draw.
    coordinates = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    zero, one = augment_patches_center_coordinates(
        coordinates,
        shift=config.pos_embed_shift,
        jitter=config.pos_embed_jitter,
        rescale=config.pos_embed_rescale,
    )
    torch.set_rng_state(state)
    scale = one - zero
    return zero / scale, scale


def features(model, folder: Path, image: Image.Image, **options) -> tuple[torch.Tensor, torch.Tensor]:
    processor = AutoImageProcessor.from_pretrained(folder)
    pixels = processor(images=image, return_tensors="pt", **options)["pixel_values"]
    with torch.no_grad():
        output = model(pixels)
    patches = output.last_hidden_state[:, 1 + model.config.num_register_tokens :]
    return output.pooler_output.contiguous(), patches.contiguous()


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    source = Image.open(VISION / "source.png").convert("RGB")
    native = source.crop((1, 1, 37, 29))
    native.save(OUT / "native.png", optimize=True)
    for name in CONFIGS:
        folder, model = OUT / name, make_model(name)
        model.save_pretrained(folder)
        DINOv3ViTImageProcessor(size={"height": 20, "width": 24}).save_pretrained(folder)
        pixels = torch.randn(2, 3, 22, 17)
        with torch.no_grad():
            output = model(pixels, output_hidden_states=True)
        tensors = {
            "pixels": pixels,
            "last_hidden_state": output.last_hidden_state,
            "pooler_output": output.pooler_output,
        }
        for index, state in enumerate(output.hidden_states):
            tensors[f"hidden_states.{index}"] = state
        if name == "gated":
            tensors["train.shift"], tensors["train.scale"] = drawn(model.config)
            model.train()
            with torch.no_grad():
                tensors["train.last_hidden_state"] = model(pixels).last_hidden_state
            model.eval()
        tensors = {key: tensor.clone().contiguous() for key, tensor in tensors.items()}
        save_file(tensors, folder / "golden.safetensors")
        cls, patches = features(model, folder, source)
        native_cls, native_patches = features(model, folder, native, do_resize=False)
        named = dict(
            cls=cls, patches=patches, native_cls=native_cls, native_patches=native_patches
        )
        save_file(named, folder / "features.safetensors")


def check(folder: Path) -> None:
    model = AutoModel.from_pretrained(folder).eval()
    name = "gated" if model.config.use_gated_mlp else "plain"
    source = Image.open(VISION / "source.png").convert("RGB")
    expected = load_file(OUT / name / "features.safetensors")
    for key, found in zip(("cls", "patches"), features(model, folder, source)):
        print(f"{key} {tuple(found.shape)}: {(found - expected[key]).abs().max():.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", type=Path)
    folder = parser.parse_args().check
    check(folder) if folder else main()
