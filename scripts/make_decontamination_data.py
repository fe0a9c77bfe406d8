#!/usr/bin/env python3
"""Synthetic texts on which the speed and recall of `vpt data decontaminate` are measured.

    python scripts/make_decontamination_data.py DIR

Writes DIR/test.jsonl, 1,319 problems of 45 words, and DIR/stream.jsonl, 100,000 records with problems of
20 to 80 words and solutions of 80 to 240. 10,000 of the records have as problem a test problem in which one
to six words are others, so that their 5-gram Jaccard similarity to it spreads from about .2 to .8. Words are
random letters, so that nothing else is alike. Needs nothing but Python.
"""

import json
import random
import sys
from pathlib import Path


def main():
    out = Path(sys.argv[1])
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(5000)]

    def text(length):
        return rng.choices(words, k=length)

    def other(problem):
        problem = list(problem)
        for place in rng.sample(range(len(problem)), rng.randint(1, 6)):
            problem[place] = rng.choice(words)
        return problem

    test = [text(45) for _ in range(1319)]
    planted = set(rng.sample(range(100_000), 10_000))
    out.mkdir(parents=True, exist_ok=True)
    with (out / "test.jsonl").open("w") as file:
        for problem in test:
            file.write(json.dumps({"problem": " ".join(problem)}) + "\n")
    with (out / "stream.jsonl").open("w") as file:
        for record in range(100_000):
            problem = other(rng.choice(test)) if record in planted else text(rng.randint(20, 80))
            solution = text(rng.randint(80, 240))
            file.write(json.dumps({"problem": " ".join(problem), "solution": " ".join(solution)}) + "\n")


if __name__ == "__main__":
    main()
