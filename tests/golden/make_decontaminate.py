#!/usr/bin/env python3
"""Near-duplicates by other people's code and by plain Python, for the tests of `vpt_text::decontaminate`.

    pip install -r tests/golden/requirements-decontaminate.txt
    python tests/golden/make_decontaminate.py

The division of signatures into bands is datasketch's, GPT-3's 13-grams are lm-evaluation-harness's
Janitor; Jaccard similarity, containment and signatures are written down here from their definitions,
over sets of tuples of words and Python's integers. The problems are made up. Writes
tests/golden/decontaminate/{items,stream}.jsonl and expected.json.
"""

import json
import random
import re
import unicodedata
from pathlib import Path

from datasketch.lsh import _optimal_param
from lm_eval.decontamination.janitor import Janitor, word_ngrams

OUT = Path(__file__).parent / "decontaminate"
PRIME = (1 << 61) - 1
# Pairs whose measures are both below this are left out of expected.json.
FLOOR = 0.3

NAMES = ["Ada", "Björn", "Chloé", "Deniz", "Emre", "Femi", "Goran", "Håkon", "Ines", "José", "Kofi", "Lucía", "Mina", "Noor", "Olga", "Priya", "Zoë"]
THINGS = ["apples", "tickets", "stamps", "tiles", "pencils", "litres of paint", "sacks of flour", "lanterns", "eggs", "postcards", "seedlings", "candles"]
PLACES = ["the harbour market", "a village school", "the old library", "her uncle's farm", "the night train", "a mountain hut", "the bakery on Mill Street", "the museum shop"]
OPENINGS = [
    "{a} buys {x} {t} at {p} and gives {y} of them to {b}.",
    "At {p}, {a} counts {x} {t} before lunch; after lunch there are {y} fewer.",
    "{a} and {b} carry {x} {t} to {p}, although {y} of these are broken on the way.",
    "Every morning for {x} days {a} brings {y} {t} to {p}.",
    "{p} sells {t} in boxes of {x}, and {a} has already packed {y} boxes.",
    "When {a} opened the door of {p}, {x} {t} fell out, then {y} more.",
]
MIDDLES = [
    "Later {b} returns with {z} more, but half of those belong to somebody else.",
    "Each one costs {z} cents, or {y} cents on a Sunday.",
    "{b} says that exactly {z} will be needed before the end of the week.",
    "The storeroom holds no more than {z} at a time.",
    "{b} paints {z} of them blue and leaves the others as they are.",
    "A third person, who arrives {z} minutes late, takes none.",
]
QUESTIONS = [
    "How many {t} does {a} have at the end of the day?",
    "How much money does {b} owe {a} in total?",
    "What is the smallest number of trips that {a} must make?",
    "How many {t} are still missing?",
    "What share of the {t}, as a fraction in lowest terms, stays with {b}?",
    "By how many does the result differ from {z}?",
]
FILLER = "we first write down what is known and then work step by step towards the quantity that was asked for checking each line against the statement before going on since an early slip is carried through to the end".split()
SHORT = ["Compute 2 + 2.", "Find x.", "What is 7 × 8?", "Evaluate the sum of the first nine odd primes.", "Simplify (3/4) ÷ (9/16) and give a mixed number, please, in words."]
STRINGS = [
    "Zoé’s café: 12 cups!",
    "ZOE\u0301'S  CAFE\u0301\t12\ncups",
    "ｆｕｌｌ　ｗｉｄｔｈ １２",
    "𝑥² + 𝑦² = 𝑧²",
    "½ of 1,234.50 is 617.25; is it not?",
    "9−3+5=11, 9-3+5 = 11 and 9 - 3 + 5 = 11",
    "2×4÷8·1 ⋅ 3 ∕ 5 ⁄ 7",
    "twenty-five well‑known non-negative -5",
    "\\frac{1}{2} + \\sqrt{x_1^{2}} \\leq 50\\%",
    "小明有3个苹果。",
    "Ёлка, Straße, İstanbul, ǅ",
    "  ...  ",
    "",
    "a\u00a0b\u2003c\u200bd",
    "x<y>z & p|q ~ #tag @you 100% $5",
    "Ünïcödé ①②③ Ⅻ ﬁne",
    "3.14.15,9265 and 1,2,3 .5 5.",
    "१२३ और ٣٤",
]


def plain(text, numbers):
    """NFKD, no marks, lower case, and numbers as 0 if asked for."""
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.category(c).startswith("M"))
    text = "".join(c.lower() for c in text)
    return re.sub(r"\d+(?:[.,]\d+)*", "0", text) if numbers == "zero" else text


OPERATORS = dict(zip("+-−–*×·⋅∙/÷⁄∕=<>^%", "+---*****////=<>^%"))


def words(text, punctuation="separate", numbers="keep"):
    if punctuation == "delete":
        return Janitor().normalize_string(re.sub(r"\d+(?:[.,]\d+)*", "0", text) if numbers == "zero" else text).split()
    out = []
    for c in plain(text, numbers):
        if c.isalnum():
            out.append(c)
        elif punctuation == "operators" and c in OPERATORS:
            out.append(f" {OPERATORS[c]} ")
        else:
            out.append(" ")
    return "".join(out).split()


def ngrams(sequence, n):
    return {tuple(sequence[i : i + n]) for i in range(len(sequence) - n + 1)}


def problem(rng):
    a, b = rng.sample(NAMES, 2)
    fill = {"a": a, "b": b, "t": rng.choice(THINGS), "p": rng.choice(PLACES), "x": rng.randint(12, 99), "y": rng.randint(3, 11), "z": rng.randint(13, 60)}
    return [rng.choice(part).format(**fill) for part in (OPENINGS, MIDDLES, QUESTIONS)]


def solution(rng, length=25):
    return " ".join(rng.choice(FILLER) for _ in range(length)).capitalize() + f".\n#### {rng.randint(2, 400)}"


def changed(rng, text, count):
    """Other numbers in `count` places."""
    places = list(re.finditer(r"\d+", text))
    for match in sorted(rng.sample(places, min(count, len(places))), key=lambda m: -m.start()):
        text = text[: match.start()] + str(rng.randint(100, 999)) + text[match.end() :]
    return text


def odd(text):
    """The same words in other characters."""
    return unicodedata.normalize("NFD", text).upper().replace(" ", "\u00a0 ").replace("'", "’").replace("?", " ?!")


def fullwidth(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def made():
    rng = random.Random(2)
    items = [problem(rng) for _ in range(40)]
    texts = [" ".join(item) for item in items] + SHORT
    stream = []

    def add(kind, text, worked=None):
        stream.append({"problem": text, "solution": worked or solution(rng), "kind": kind})

    for index, parts in enumerate(items):
        text = texts[index]
        match index % 10:
            case 0:
                add("copy", text)
            case 1:
                add("numbers", changed(rng, text, 1))
                add("numbers", changed(rng, text, 3))
            case 2:
                add("reordered", " ".join([parts[1], parts[0], parts[2]]))
            case 3:
                add("quoted", " ".join(problem(rng)), f"{solution(rng)} As in this one: {text} {solution(rng)}")
            case 4:
                add("truncated", " ".join(parts[:2]))
                add("truncated", " ".join(text.split()[:14]))
            case 5:
                add("unicode", odd(text))
            case 6:
                add("unicode", fullwidth(text))
            case 7:
                add("longer", f"{text} {' '.join(problem(rng))}")
            case 8:
                add("quoted", " ".join(problem(rng)), f"{solution(rng)} {' '.join(parts[:2])} {solution(rng)}")
            case 9:
                add("word", text.replace(" and ", " or ", 1).replace("the ", "this ", 1))
    for text in SHORT:
        add("short", text.lower())
        add("short", f"{text} And then some other words follow here.")
        add("short", " ".join(problem(rng)), f"{solution(rng)} {text} {solution(rng)}")
    for _ in range(200 - len(stream)):
        add("other", " ".join(problem(rng)))
    rng.shuffle(stream)
    return texts, stream


def measures(items, stream, n, **rule):
    """[record, item, |A ∩ B|, |A ∪ B| of the problems; |A ∩ T|, |A| in problem and solution]."""
    rows = []
    item_words = [words(item, **rule) for item in items]
    for r, record in enumerate(stream):
        problem = words(record["problem"], **rule)
        text = problem + words(record["solution"], **rule)
        p, t = ngrams(problem, n), ngrams(text, n)
        for i, item in enumerate(item_words):
            a = ngrams(item, n)
            row = [len(a & p), len(a | p), len(a & t), len(a)]
            if a and max(row[0] / row[1], row[2] / row[3]) >= FLOOR:
                rows.append([r, i, *row])
    return rows


def signature(hashes, functions):
    return [min((a * h + b) % PRIME & 0xFFFFFFFF for h in hashes) for a, b in functions]


def main():
    rng = random.Random(5)
    items, stream = made()
    janitor = Janitor()
    for item in items:
        janitor.register_contaminant_python(item)
    dirty = []
    for r, record in enumerate(stream):
        text = janitor.normalize_string(f"{record['problem']} {record['solution']}")
        if janitor.dirt_ngrams & set(word_ngrams(text, janitor.ngram_n)):
            dirty.append(r)
    hashes = [rng.getrandbits(64) for _ in range(12)]
    functions = [(rng.randrange(1, PRIME), rng.randrange(PRIME)) for _ in range(16)]
    expected = {
        "words": [
            {"text": text, "punctuation": p, "numbers": n, "words": words(text, p, n)}
            for text in STRINGS
            for p in ("separate", "operators", "delete")
            for n in ("keep", "zero")
        ],
        "bands": [
            [permutations, threshold, miss, *_optimal_param(threshold, permutations, round(1 - miss, 6), miss)]
            for permutations in (16, 64, 112, 128, 256)
            for threshold in (0.3, 0.5, 0.7, 0.8, 0.9)
            for miss in (0.5, 0.95)
        ],
        "signature": {"hashes": hashes, "functions": functions, "values": signature(hashes, functions)},
        "measures": {
            "paper": measures(items, stream, 5),
            "zero": measures(items, stream, 5, numbers="zero"),
            "trigrams": measures(items, stream, 3, punctuation="operators"),
        },
        "janitor": dirty,
    }
    OUT.mkdir(exist_ok=True)
    for name, rows in (("items", [{"question": item} for item in items]), ("stream", stream)):
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (OUT / f"{name}.jsonl").write_text("".join(lines))
    (OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, separators=(",", ":")) + "\n")
    counts = {name: len(rows) for name, rows in expected["measures"].items()}
    print(f"{len(items)} items, {len(stream)} records, pairs {counts}, {len(dirty)} dirty")


if __name__ == "__main__":
    main()
