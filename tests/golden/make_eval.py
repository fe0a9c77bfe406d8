#!/usr/bin/env python3
"""Few-shot draws and prompts of lm-evaluation-harness, for the tests of `vpt_text::eval::task`.

    pip install -r tests/golden/requirements-eval.txt
    python tests/golden/make_eval.py

The harness's own task classes render made-up rows from its own task files; only the data and, where
a task file quotes its examples, the examples are replaced. Writes tests/golden/eval/draws.json (of
Python's own generator) and prompts.json.
"""

import json
import random
from pathlib import Path

import datasets
import lm_eval
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml

TASKS = Path(lm_eval.__file__).parent / "tasks"
OUT = Path(__file__).parent / "eval"
# Characters that a template engine may get wrong.
ODD = ["{{x}}", "a < b & c", "\"quoted\" 'too'", "$5 and \\frac{1}{2}", "café 3–4", "{% if %}", "two\nlines", "tab\there", "# not a comment", "100%"]


def draws():
    cases = []
    for seed in (1234, 0, 7, 2**32 + 5):
        for n in (1, 5, 20, 21, 22, 37, 84, 85, 86, 277, 278, 1000, 7473, 2**32 + 11):
            for k in (1, 2, 5, 6, 16, 21, 22, 64):
                if k > n or (n, k) == (2**32 + 11, 64):
                    continue
                draw = random.Random(seed)
                # A range: nothing of its size is made.
                cases.append([seed, n, k, [draw.sample(range(n), k) for _ in range(2)]])
    return cases


def word_problems(count, start):
    rows = []
    for i in range(start, start + count):
        question = f"Item {i}: {ODD[i % len(ODD)]}. How many?"
        answer = f"It is {i}+{i}=<<{i}+{i}={2 * i}>>{2 * i}.\n#### {2 * i:,}"
        rows.append({"question": question, "answer": answer})
    return rows


def maths(count, start):
    boxes = ["7", "\\frac{1}{2}", "x=\\sqrt3", "90^\\circ", "(1,2)"]
    rows = []
    for i in range(start, start + count):
        box = boxes[i % len(boxes)]
        rows.append({"problem": f"Find {ODD[i % len(ODD)]} ({i}).", "solution": f"So ${box}$ is $\\boxed{{{box}}}$."})
    return rows


def choices(count, subject, start):
    rows = []
    for i in range(start, start + count):
        texts = [f"{ODD[(i + j) % len(ODD)]} {j}" for j in range(4)]
        rows.append({"question": f"  {subject} {i}: {ODD[i % len(ODD)]}? \n", "choices": texts, "answer": i % 4, "subject": subject})
    return rows


def build(file, test, train, shots, test_is_train=False, rows=None):
    """A task of the harness on our rows: what it shows and asks, item by item."""
    config = load_yaml(TASKS / file, resolve_func=True)
    splits = {"test": test, config.get("fewshot_split") or "train": train}
    made = {name: datasets.Dataset.from_list(items) for name, items in splits.items() if items}
    config["custom_dataset"] = lambda **_: datasets.DatasetDict(made)
    config.pop("dataset_name", None)
    if rows is not None:
        config["fewshot_config"] = {**config["fewshot_config"], "samples": rows}
    if test_is_train:
        config.pop("training_split", None)
        config["fewshot_split"] = "test"
    if "train" not in made:
        config.pop("training_split", None)
    task = ConfigurableTask(config=config)
    task.set_fewshot_seed(1234)
    docs = list(task.eval_docs)
    prompts = [task.fewshot_context(doc, num_fewshot=shots) for doc in docs]
    result = {"prompts": prompts}
    if task.OUTPUT_TYPE == "multiple_choice":
        arguments = [task.construct_requests(doc, prompt, metadata=("", 0, 1)) for doc, prompt in zip(docs, prompts)]
        result["continuations"] = [[request.args[1] for request in requests[: len(test[0]["choices"])]] for requests in arguments]
        result["gold"] = [task.doc_to_target(doc) for doc in docs]
        result["gold"] = [int(gold) for gold in result["gold"]]
    else:
        result["gold"] = [task.doc_to_target(doc) for doc in docs]
        result["until"] = task.config.generation_kwargs["until"]
        result["max_shots"] = shots
    return result


def main():
    OUT.mkdir(exist_ok=True)
    text = json.dumps({"cases": draws()}, separators=(",", ":"))
    (OUT / "draws.json").write_text(text + "\n")

    train, test = word_problems(40, 100), word_problems(12, 0)
    shared = word_problems(30, 200) + word_problems(1, 200)
    examples = [{"question": row["question"], "target": f"So it is {i}. The answer is {i}."} for i, row in enumerate(word_problems(9, 300))]
    math_train, math_test = maths(5, 50), maths(6, 0)
    subjects = ["us_foreign_policy", "virology"]
    mmlu = {subject: (choices(5, subject, 10 * s), choices(6, subject, 10 * s + 5)) for s, subject in enumerate(subjects)}

    cases = []

    def case(task, number, rows, shots, **golden):
        cases.append({"task": task, "number": number, "rows": rows, "shots": shots, **golden})

    case("gsm8k", 5, test, train, **build("gsm8k/gsm8k.yaml", test, train, 5))
    case("gsm8k", 3, shared, shared, **build("gsm8k/gsm8k.yaml", shared, None, 3, test_is_train=True))
    case("gsm8k_cot", 8, test[:4], examples, **build("gsm8k/gsm8k-cot.yaml", test[:4], None, 8, rows=examples))
    case("gsm8k_cot_zeroshot", 0, test, [], **build("gsm8k/gsm8k-cot-zeroshot.yaml", test, train, 0))
    case("hendrycks_math", 2, math_test, math_train, **build("hendrycks_math/hendrycks_math_algebra.yaml", math_test, math_train, 2))
    case("minerva_math", 4, math_test, math_train, **build("minerva_math/minerva_math_algebra.yaml", math_test, None, 4, rows=[{**row, "few_shot": "1"} for row in math_train]))
    for task, file in [("mmlu", "mmlu/default/mmlu_{}.yaml"), ("mmlu_continuation", "mmlu/continuation/mmlu_{}.yaml")]:
        for number in (0, 3):
            parts = [build(file.format(s), mmlu[s][1], mmlu[s][0], number) for s in subjects]
            whole = {key: [x for part in parts for x in part[key]] for key in parts[0]}
            rows, shots = ([row for s in subjects for row in mmlu[s][i]] for i in (1, 0))
            case(task, number, rows, shots, **whole)
    text = json.dumps({"lm_eval": lm_eval.__version__, "cases": cases}, ensure_ascii=True, indent=0)
    (OUT / "prompts.json").write_text(text + "\n")
    print(len(cases), "cases,", sum(len(case["prompts"]) for case in cases), "prompts")


if __name__ == "__main__":
    main()
