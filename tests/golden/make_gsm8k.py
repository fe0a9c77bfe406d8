#!/usr/bin/env python3
"""Score strings as lm-evaluation-harness scores GSM8K, for the tests of `vpt_text::eval::gsm8k`.

    pip install -r tests/golden/requirements-gsm8k.txt
    python tests/golden/make_gsm8k.py

The patterns, the filter and the metric are the harness's own, read from its gsm8k.yaml; nothing of
them is written down here. Writes tests/golden/gsm8k/scores.json.
"""

import json
import random
from pathlib import Path

import lm_eval
import yaml
from lm_eval.api.metrics import exact_match_hf_evaluate
from lm_eval.filters.extraction import RegexFilter

HAND = [
    ("..$<<9*2=18>>18 every day.\n#### 18", "#### 18"),
    ("#### 1,234", "#### 1,234"),
    ("#### $18", "#### 18"),
    ("####18", "#### 18"),
    ("#### 18.", "#### 18"),
    ("#### 18.00", "#### 18"),
    ("#### 7\n\nThis cost $12.50", "#### 7"),
    ("18\n#### 18\n#### 19", "#### 19"),
    ("The answer is 33.", "#### 33"),
    ("The answer is $33", "33"),
    ("The answer is 12, not 13.", "12"),
    ("Total: $1,234.50.", "1234.50"),
    ("It is 7 ... well", "7"),
    ("It is 7...", "7"),
    ("10-3=7", "7"),
    ("3/4", "3/4"),
    ("- 5", "-5"),
    ("#### -0", "#### 0"),
    ("#### 07", "#### 7"),
    ("no digits here", "7"),
    ("", "7"),
    ("#### \n7", "7"),
    ("####  7", "7"),
    ("#### ١٢", "12"),
    ("#### 5%", "5%"),
    ("#### ,", ""),
    ("#### .", "."),
    ("$,.", ""),
    ("7.", "7.\n"),
    ("#### 1.234.567", "1.234.567"),
    ("[invalid]", "[INVALID]"),
    ("nothing", "[INVALID]"),
]
NUMBERS = ["18", "1,234", "-5", "18.00", "07", "$12.50", "3.", "1,2", "-0", ".5", "$", "...", "5%", "1e3", "−4", "٣", "12.", "-", ",", "8"]
BETWEEN = [" ", "\n", "#### ", "####", "\n#### ", ". ", "=", "-", "/", "The answer is ", "$", "<<9*2=18>>", " dollars", "\n\n", "#### $", ",", " and ", "Question:", "\r\n", "\t"]
GOLDS = ["#### 18", "So it is 18.\n#### 18", "1,234", "#### 1,234", "-5", "#### 18.00", "7", "#### -5", "12.50", "3", "3.", "8", "#### 8\n", "[invalid]"]


def strings():
    """Hand-made ones, then random ones that the same pieces make."""
    yield from HAND
    draw = random.Random(20260)
    while True:
        pieces = [draw.choice(draw.choice([NUMBERS, BETWEEN])) for _ in range(draw.randint(1, 9))]
        yield "".join(pieces), draw.choice(GOLDS)


def main():
    task = Path(lm_eval.__file__).parent / "tasks" / "gsm8k" / "gsm8k.yaml"
    config = yaml.safe_load(task.read_text())
    metric = next(m for m in config["metric_list"] if m["metric"] == "exact_match")
    filters = {}
    for chain in config["filter_list"]:
        settings = dict(next(f for f in chain["filter"] if f["function"] == "regex"))
        settings.pop("function")
        filters[chain["name"]] = RegexFilter(**settings)
    seen, items = set(), []
    for response, gold in strings():
        if (response, gold) in seen:
            continue
        seen.add((response, gold))
        item = {"response": response, "gold": gold}
        for name, key in [("strict-match", "strict"), ("flexible-extract", "flexible")]:
            extracted = filters[name].apply([[response]], [{}])[0][0]
            score = exact_match_hf_evaluate(
                predictions=[extracted],
                references=[gold],
                regexes_to_ignore=metric["regexes_to_ignore"],
                ignore_case=metric["ignore_case"],
                ignore_punctuation=metric["ignore_punctuation"],
            )
            item[key] = {"extracted": extracted, "right": bool(score["exact_match"] == 1.0)}
        items.append(item)
        if len(items) == 500:
            break
    out = Path(__file__).parent / "gsm8k" / "scores.json"
    text = json.dumps({"lm_eval": lm_eval.__version__, "items": items}, ensure_ascii=True, indent=0)
    out.write_text(text + "\n")
    right = {key: sum(item[key]["right"] for item in items) for key in ("strict", "flexible")}
    print(len(items), "strings; right:", right)


if __name__ == "__main__":
    main()
