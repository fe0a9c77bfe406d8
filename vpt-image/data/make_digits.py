#!/usr/bin/env python3
"""digits.png from scikit-learn's digits.

    pip install scikit-learn==1.9.1 pillow==13.0.0
    python vpt-image/data/make_digits.py

1,797 pictures of 8 x 8 with values 0 to 16, stored as 15 times that, ordered by digit
(within a digit as scikit-learn has them), 43 to a row, with the rest of the last row black.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

COLUMNS = 43


def main() -> None:
    digits = load_digits()
    order = np.argsort(digits.target, kind="stable")
    print("of each digit:", np.bincount(digits.target).tolist())
    rows = -(-len(order) // COLUMNS)
    sheet = np.zeros((rows * 8, COLUMNS * 8), np.uint8)
    for place, index in enumerate(order):
        row, column = divmod(place, COLUMNS)
        sheet[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = 15 * digits.images[index]
    Image.fromarray(sheet).save(Path(__file__).with_name("digits.png"), optimize=True)


if __name__ == "__main__":
    main()
