#!/usr/bin/env python3
"""Golden images: Pillow's and torchvision's operations, and Transformers' image processor.

    pip install -r tests/golden/requirements-vision.txt
    python tests/golden/make_vision_images.py

vision/source.png is a drawn image; every other PNG is what Pillow or torchvision's
functions on PIL images (the ones that DINO's recipe is made of) make of it, by the
parameters that vision/images.json lists. jpeg-*.jpg are files that Pillow wrote and
jpeg-*.png what it reads from them. depth16.png holds 16-bit millimetres that the JSON
repeats. crops in the JSON are RandomResizedCrop's boxes [top, left, height, width] for
the uniform draws listed with them.

vision/processor/ holds preprocessor_config.json as DINOv3ViTImageProcessor saves it, and
its pixel_values for source.png, down, up and with a side of each.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps
from safetensors.numpy import save_file
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F
from transformers import DINOv3ViTImageProcessor

WIDTH, HEIGHT = 37, 29
OUT = Path(__file__).parent / "vision"


def draw_source() -> Image.Image:
    """Gradients, edges, noise, greys and saturated corners."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    red = 255 * x / (WIDTH - 1)
    green = 255 * y / (HEIGHT - 1)
    blue = 127 + 127 * np.sin(x / 3) * np.cos(y / 4)
    image = np.stack([red, green, blue], -1) + rng.normal(0, 12, (HEIGHT, WIDTH, 3))
    image[5:12, 8:20] = rng.integers(0, 256, (7, 12, 3))
    image[18:24, 22:34] = rng.integers(0, 256, (6, 12, 1))
    image[0:2, 0:2], image[0:2, -2:], image[-2:, 0:2] = 0, 255, [255, 0, 0]
    return Image.fromarray(np.clip(image.round(), 0, 255).astype(np.uint8))


def operations(source: Image.Image) -> list[dict]:
    listed = []

    def add(name: str, image: Image.Image, **parameters) -> None:
        image.save(OUT / f"{name}.png", optimize=True)
        listed.append({"file": f"{name}.png", **parameters})

    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    for filter_name, filter_ in filters.items():
        for width, height in [(16, 12), (64, 50), (37, 11), (9, 29), (37, 29), (1, 1)]:
            add(
                f"resize-{filter_name}-{width}x{height}",
                source.resize((width, height), filter_),
                op="resize", filter=filter_name, width=width, height=height,
            )  # fmt: skip
    for top, left, height, width, size in [(3, 5, 20, 15, 16), (0, 0, 29, 37, 24), (10, 20, 7, 9, 32)]:
        add(
            f"resized-crop-{size}",
            F.resized_crop(source, top, left, height, width, [size, size], InterpolationMode.BICUBIC),
            op="resized_crop", box=[top, left, height, width], size=size,
        )  # fmt: skip
    for size in (12, 64):
        add(f"shorter-side-{size}", F.resize(source, size, InterpolationMode.BICUBIC), op="shorter_side", size=size)
    add("centre-crop-14", F.center_crop(source, [14, 14]), op="centre_crop", size=14)
    add("flip", F.hflip(source), op="flip")
    for factor in (0.0, 0.6, 0.93, 1.0, 1.4):
        add(f"brightness-{factor}", F.adjust_brightness(source, factor), op="brightness", factor=factor)
        add(f"contrast-{factor}", F.adjust_contrast(source, factor), op="contrast", factor=factor)
    for factor in (0.0, 0.8, 1.2):
        add(f"saturation-{factor}", F.adjust_saturation(source, factor), op="saturation", factor=factor)
    for shift in (-0.5, -0.1, -0.033, 0.0, 0.07, 0.1):
        add(f"hue-{shift}", F.adjust_hue(source, shift), op="hue", shift=shift)
    add("grayscale", F.to_grayscale(source, 3), op="grayscale")
    for sigma in (0.1, 0.4, 0.73, 1.0, 1.37, 2.0, 9.0):
        add(f"blur-{sigma}", source.filter(ImageFilter.GaussianBlur(sigma)), op="blur", sigma=sigma)
    add("solarise", ImageOps.solarize(source), op="solarise")

    # All of them in the order of a view.
    view = F.resized_crop(source, 2, 4, 22, 27, [24, 24], InterpolationMode.BICUBIC)
    view = F.hflip(view)
    view = F.adjust_hue(view, -0.06)
    view = F.adjust_contrast(view, 1.3)
    view = F.adjust_saturation(view, 0.9)
    view = F.adjust_brightness(view, 0.7)
    view = view.filter(ImageFilter.GaussianBlur(1.1))
    add("view", ImageOps.solarize(view), op="view")
    pixels = F.normalize(F.to_tensor(ImageOps.solarize(view)), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    save_file({"view": pixels.numpy()}, OUT / "view.safetensors")
    return listed


def crops() -> list[dict]:
    """RandomResizedCrop.get_params with torch's draws replaced by listed uniform ones in [0, 1).

    They are taken in order: two a try for area and ratio, and two more, by
    floor(u * places), for where the first box that fits is put.
    """
    rng = np.random.default_rng(1)
    cases = []
    shapes = [(29, 37, (0.4, 1.0)), (29, 37, (0.05, 0.4)), (10, 90, (0.9, 1.0)), (90, 10, (0.9, 1.0)), (64, 64, (0.2, 1.0))]
    for height, width, scale in shapes:
        for _ in range(6):
            uniform = rng.random(22).tolist()
            draws = iter(uniform)
            box = None
            for _ in range(10):
                area = height * width * (scale[0] + (scale[1] - scale[0]) * next(draws))
                low, high = math.log(3 / 4), math.log(4 / 3)
                ratio = math.exp(low + (high - low) * next(draws))
                w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
                if 0 < w <= width and 0 < h <= height:
                    top = math.floor(next(draws) * (height - h + 1))
                    left = math.floor(next(draws) * (width - w + 1))
                    box = [top, left, h, w]
                    break
            if box is None:
                w, h = width, height
                if width / height < 3 / 4:
                    h = round(w / (3 / 4))
                elif width / height > 4 / 3:
                    w = round(h * (4 / 3))
                box = [(height - h) // 2, (width - w) // 2, h, w]
            cases.append({
                "height": height, "width": width, "scale": scale, "box": box, "uniform": uniform,
            })  # fmt: skip
    return cases


def jpegs(source: Image.Image) -> None:
    smooth = source.resize((48, 40), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))
    smooth.save(OUT / "jpeg-420.jpg", quality=92, subsampling="4:2:0")
    smooth.save(OUT / "jpeg-444.jpg", quality=92, subsampling="4:4:4", progressive=True)
    smooth.convert("L").save(OUT / "jpeg-grey.jpg", quality=92)
    smooth.convert("CMYK").save(OUT / "jpeg-cmyk.jpg", quality=92)
    for name in ("420", "444", "grey", "cmyk"):
        Image.open(OUT / f"jpeg-{name}.jpg").convert("RGB").save(OUT / f"jpeg-{name}.png", optimize=True)


def depth16() -> list[list[int]]:
    rng = np.random.default_rng(2)
    millimetres = rng.integers(0, 10001, (5, 7)).astype(np.uint16)
    millimetres[1, 2], millimetres[4, 6], millimetres[0, 0] = 0, 65535, 257
    Image.fromarray(millimetres).save(OUT / "depth16.png")
    return millimetres.tolist()


def processor(source: Image.Image) -> None:
    folder = OUT / "processor"
    DINOv3ViTImageProcessor().save_pretrained(folder)
    sizes = {"down": (16, 16), "up": (48, 64), "mixed": (48, 16), "native": (HEIGHT, WIDTH)}
    values = {}
    for name, (height, width) in sizes.items():
        process = DINOv3ViTImageProcessor(size={"height": height, "width": width})
        values[name] = process(source, return_tensors="np")["pixel_values"][0]
    save_file(values, folder / "pixel_values.safetensors")


def main() -> None:
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)
    source = draw_source()
    source.save(OUT / "source.png", optimize=True)
    listed = {"operations": operations(source), "crops": crops(), "depth16": depth16()}
    jpegs(source)
    processor(source)
    for path in OUT.rglob("*.safetensors"):
        path.chmod(0o644)
    (OUT / "images.json").write_text(json.dumps(listed, indent=0) + "\n")


if __name__ == "__main__":
    main()
