#!/usr/bin/env python3
"""Golden files of data sets' own formats, as Python, h5py and SciPy write them.

    pip install -r tests/golden/requirements-vision.txt
    python tests/golden/make_vision_sets.py

vision/nyu.mat has the layout of nyu_depth_v2_labeled.mat (MATLAB 7.3: HDF5 behind a user
block of 512 bytes, axes reversed, chunked and deflated; cell arrays are references into
`#refs#`) with 3 frames of 12 x 9 pixels. vision/splits.mat is splits.mat of the same
release in MATLAB's older format, with indices from 1. vision/gnd_roxford5k.pkl and .json
hold one small ground truth in the form of Revisited Oxford's. vision/sets.json repeats
what the readers should find.
"""

import json
import pickle
from pathlib import Path

import h5py
import numpy as np
from scipy.io import savemat

FRAMES, HEIGHT, WIDTH = 3, 9, 12
OUT = Path(__file__).parent / "vision"


def nyu() -> dict:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (FRAMES, HEIGHT, WIDTH, 3)).astype(np.uint8)
    depths = rng.uniform(0.7, 9.9, (FRAMES, HEIGHT, WIDTH)).astype(np.float32)
    raw = np.where(rng.random(depths.shape) < 0.2, np.float32(0), depths)
    labels = rng.integers(0, 895, (FRAMES, HEIGHT, WIDTH)).astype(np.uint16)
    path = OUT / "nyu.mat"
    with h5py.File(path, "w", userblock_size=512, libver="earliest") as file:
        def put(name, value, chunks):
            set_ = file.create_dataset(name, data=value, chunks=chunks, compression="gzip", compression_opts=3)
            set_.attrs["MATLAB_class"] = np.bytes_(str(value.dtype))

        put("images", images.transpose(0, 3, 2, 1), (1, 3, 8, HEIGHT))
        put("depths", depths.transpose(0, 2, 1), (1, 5, HEIGHT))
        put("rawDepths", raw.transpose(0, 2, 1), (2, 5, HEIGHT))
        put("labels", labels.transpose(0, 2, 1), (1, WIDTH, HEIGHT))
        names = ["book", "bottle"]
        refs = file.create_group("#refs#")
        cells = []
        for index, name in enumerate(names):
            refs[f"{index}"] = np.array([[ord(c)] for c in name], np.uint16)
            cells.append(refs[f"{index}"].ref)
        file.create_dataset("names", data=np.array([cells], dtype=h5py.ref_dtype))
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM"
    with open(path, "r+b") as file:
        file.write(head)
    savemat(
        OUT / "splits.mat",
        {"trainNdxs": np.array([[1.0], [3.0]]), "testNdxs": np.array([[2.0]])},
        do_compression=True,
    )
    return {
        "images": images[1].tolist(),
        "depths": [[float(v) for v in row] for row in depths[1]],
        "raw": [[float(v) for v in row] for row in raw[2]],
        "train": [0, 2],
        "test": [1],
    }


def revisited() -> dict:
    truth = {
        "imlist": ["all_souls_000013", "oxford_002904", "worcester_000198"],
        "qimlist": ["all_souls_000006", "ashmolean_000000"],
        "gnd": [
            {"bbx": [136.5, 34.1, 648.5, 955.7], "easy": [0, 1], "hard": [], "junk": [2]},
            {"bbx": [1.0, 2.0, 3.5, 4.25], "easy": [], "hard": [2], "junk": []},
        ],
    }  # fmt: skip
    for protocol, name in [(2, "gnd_roxford5k.pkl"), (4, "gnd_rparis6k.pkl")]:
        (OUT / name).write_bytes(pickle.dumps(truth, protocol))
    (OUT / "gnd_roxford5k.json").write_text(json.dumps(truth) + "\n")
    return truth


def main() -> None:
    found = {"nyu": nyu(), "revisited": revisited()}
    (OUT / "sets.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
