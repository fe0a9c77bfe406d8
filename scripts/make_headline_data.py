#!/usr/bin/env python3
"""Make the data of the headline experiment, byte for byte the same every time.

    pip install -r scripts/requirements.txt
    python scripts/make_headline_data.py                          # data/headline
    python scripts/make_headline_data.py --base-stream base-stream  # the base model's streams

The experiment asks whether value feedback can steer pretraining on a stream of
mixed quality. So the stream is half small arithmetic problems, answered in three
styles and often wrongly, and half other tasks from reasoning-gym. The feedback,
validation and test sets hold arithmetic answered rightly in one of those styles.
A fifth set, `off_target`, holds other tasks and shows what the steering cost.

The sets are split twice over. Each has its own phrase templates, and each has its
own arithmetic expressions, by a hash of the expression: no sentence frame and no
sum of the test set occurs in the stream, the feedback or the validation set.

The second command writes the two streams that the base model was trained on. They
use the templates, the expressions and the other tasks that the stream may use, and
are large and cheap to make again, so they are not kept.
"""

import argparse
import gzip
import hashlib
import json
import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import reasoning_gym
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

# --- Sizes -------------------------------------------------------------------

STREAM_DOCUMENTS = 12_000
FEEDBACK_DOCUMENTS = 256
VALIDATION_DOCUMENTS = 300
TEST_DOCUMENTS = 300
OFF_TARGET_DOCUMENTS = 300
BASE_DOCUMENTS = 36_500  # 1,500 steps of 24 documents, and some to spare

VOCABULARY = 768
SPECIAL_TOKENS = ["<pad>", "<eos>"]  # ids 0 and 1

# --- Arithmetic --------------------------------------------------------------

SPLITS = ("stream", "feedback", "validation", "test")

# A symbolic template shows the expression. Disjoint between splits.
SYMBOLIC = {
    "stream": [
        "Calculate {e}.",
        "State the final answer to the following arithmetic problem: {e} =",
        "What is {e}?",
        "Evaluate {e}.",
        "Find the value of {e}.",
        "Compute {e}.",
    ],
    "feedback": ["How much is {e}?", "Work out {e}."],
    "validation": ["Determine {e}.", "Tell me the result of {e}."],
    "test": ["Please solve {e}.", "{e} = ?"],
}


@dataclass(frozen=True)
class Story:
    """A story template: how it starts, what adds, what takes away, what is asked."""

    start: str
    gain: str
    lose: str
    ask: str


STORY = {
    "stream": [
        Story("{n} has {x} {o}.", "Then {n} gets {x} more.", "Then {n} loses {x}.",
              "How many {o} does {n} have now?"),
        Story("{n} starts with {x} {o}.", "A friend gives {x} more.", "{n} gives away {x}.",
              "How many {o} are left?"),
        Story("{n} has {x} {o} in a bag.", "{n} finds {x}.", "{n} drops {x}.",
              "What is the number of {o} now?"),
        Story("A box holds {x} {o}.", "{x} are added.", "{x} are removed.",
              "How many {o} are in the box?"),
    ],
    "feedback": [
        Story("{n} has {x} {o} on a shelf.", "{n} gets {x}.", "{n} gives away {x}.",
              "What is the total number of {o}?"),
    ],
    "validation": [
        Story("There are {x} {o} in a bag.", "{n} adds {x} more.", "{n} removes {x}.",
              "How many {o} are in the bag now?"),
    ],
    "test": [
        Story("{n} has a box of {x} {o}.", "Then {x} are added.", "Then {x} are removed.",
              "How many {o} are left in the box?"),
    ],
}

PEOPLE = ["Tom", "Mia", "Sam", "Ana", "Leo", "Eva", "Max", "Zoe", "Ben", "Ida"]
THINGS = ["coins", "apples", "cards", "books", "shells", "pens", "stamps", "beads"]

# How far a wrong result lies from the right one.
ERRORS = (-3, -2, -1, 1, 2, 3, 5, 10)


@dataclass(frozen=True)
class Expression:
    """A chain of additions and subtractions that never goes below zero."""

    operands: tuple[int, ...]
    operators: tuple[str, ...]

    def __str__(self) -> str:
        rest = (f"{op}{x}" for op, x in zip(self.operators, self.operands[1:]))
        return str(self.operands[0]) + "".join(rest)

    @property
    def split(self) -> str:
        """The one split that may use this expression: 80, 8, 6 and 6 per cent."""
        bucket = int(hashlib.sha256(str(self).encode()).hexdigest(), 16) % 100
        return SPLITS[(bucket >= 80) + (bucket >= 88) + (bucket >= 94)]

    @property
    def value(self) -> int:
        return apply_all(self.operands, self.operators)


def apply(left: int, operator: str, right: int) -> int:
    return left + right if operator == "+" else left - right


def apply_all(operands, operators) -> int:
    total = operands[0]
    for operator, x in zip(operators, operands[1:]):
        total = apply(total, operator, x)
    return total


def draw_expression(rng: random.Random, split: str) -> Expression:
    """Two to four terms, drawn until the expression belongs to `split`."""
    while True:
        operands, operators = [rng.randint(2, 9)], []
        for _ in range(rng.randint(1, 3)):
            operator, x = rng.choice("+-"), rng.randint(1, 9)
            if apply(apply_all(operands, operators), operator, x) < 0:
                operator = "+"
            operands.append(x)
            operators.append(operator)
        expression = Expression(tuple(operands), tuple(operators))
        if expression.split == split:
            return expression


def write_problem(rng: random.Random, split: str, expression: Expression) -> str:
    """Put the expression into one of the split's templates."""
    template = rng.choice(SYMBOLIC[split] + STORY[split])
    if isinstance(template, str):
        return template.format(e=expression)
    words = {"n": rng.choice(PEOPLE), "o": rng.choice(THINGS)}
    sentences = [template.start.format(x=expression.operands[0], **words)]
    for operator, x in zip(expression.operators, expression.operands[1:]):
        sentence = template.gain if operator == "+" else template.lose
        sentences.append(sentence.format(x=x, **words))
    sentences.append(template.ask.format(**words))
    return " ".join(sentences)


def maybe_wrong(rng: random.Random, result: int, noise: float) -> int:
    """`result`, or with probability `noise` some other number that is not negative."""
    if rng.random() >= noise:
        return result
    return rng.choice([result + error for error in ERRORS if result + error >= 0])


def write_solution(rng: random.Random, style: str, expression: Expression, noise: float) -> str:
    """Answer in a style: `bare`, or worked and closed by a sentence (`so`) or `####` (`hash`).

    A wrong step is carried on from, so the answer of a worked solution follows from its
    steps even where it is wrong.
    """
    if style == "bare":
        return f"The answer is {maybe_wrong(rng, expression.value, noise)}."
    total, steps = expression.operands[0], []
    for operator, x in zip(expression.operators, expression.operands[1:]):
        result = maybe_wrong(rng, apply(total, operator, x), noise)
        steps.append(f"{total}{operator}{x}={result}")
        total = result
    work = "We get " + ", ".join(steps) + "."
    return work + (f"\n#### {total}" if style == "hash" else f" So it is {total}.")


@dataclass(frozen=True)
class Mixture:
    """What a stream is made of."""

    arithmetic: float  # share of arithmetic among the documents
    styles: dict[str, float]
    noise: float  # chance that a step of a solution is wrong


STREAM = Mixture(0.5, {"bare": 0.4, "so": 0.3, "hash": 0.3}, 0.2)
BASE_STAGES = {
    "stage1": Mixture(0.3, {"so": 1.0}, 0.25),
    "stage2": Mixture(0.6, {"bare": 0.4, "so": 0.3, "hash": 0.3}, 0.2),
}


def draw_stream_arithmetic(rng: random.Random, mixture: Mixture) -> dict:
    expression = draw_expression(rng, "stream")
    [style] = rng.choices(list(mixture.styles), list(mixture.styles.values()))
    return {
        "problem": write_problem(rng, "stream", expression),
        "solution": write_solution(rng, style, expression, mixture.noise),
        "kind": f"arithmetic/{style}",
        "expression": str(expression),  # for check_splits; not written
    }


def make_target_set(seed: str, split: str, size: int) -> list[dict]:
    """Right worked answers that end in `#### N`; no problem twice."""
    rng = random.Random(seed)
    documents = {}
    while len(documents) < size:
        expression = draw_expression(rng, split)
        problem = write_problem(rng, split, expression)
        documents[problem] = {
            "problem": problem,
            "solution": write_solution(rng, "hash", expression, noise=0.0),
            "answer": str(expression.value),
            "kind": "arithmetic/hash",
            "expression": str(expression),  # for check_splits; not written
        }
    return list(documents.values())


# --- The other tasks ---------------------------------------------------------

FAMILIES = [
    "letter_counting", "spell_backward", "calendar_arithmetic", "gcd", "number_sequence",
    "simple_equations", "family_relationships", "coin_flip", "syllogism", "leg_counting",
    "fraction_simplification", "time_intervals", "aiw", "complex_arithmetic",
]
ITEMS_PER_FAMILY = 1_500
GENERATOR_SEED = 11

# An item is kept if it is about 80 tokens or fewer (a few come to as many as 103). A digit
# is a token of its own and other text mostly has 2.4 bytes a token or more. The estimate
# does without the tokenizer, which is trained on the documents that are kept.
MAX_TOKENS = 80
BYTES_PER_TOKEN = 2.4

# How some generators ask for a form of answer.
FORM_OF_ANSWER = re.compile(
    r" (Give only|Reply with|Respond only|Answer in|Provide only|Return only)[^.?]*\.?"
)
LEG_COUNTING_PREAMBLE = (
    "Your task is to count how many legs there are in total when given a list of animals.\n\nNow, h"
)


def estimated_tokens(text: str) -> float:
    digits = sum(c.isdigit() for c in text)
    return digits + (len(text.encode()) - digits) / BYTES_PER_TOKEN


def make_other_tasks() -> list[dict]:
    """Every short item of every family, shuffled; no problem twice."""
    documents = {}
    for family in FAMILIES:
        dataset = reasoning_gym.create_dataset(family, size=ITEMS_PER_FAMILY, seed=GENERATOR_SEED)
        for index in range(ITEMS_PER_FAMILY):
            item = dataset[index]
            problem = FORM_OF_ANSWER.sub("", item["question"])
            problem = problem.replace(LEG_COUNTING_PREAMBLE, "H").strip()
            document = {
                "problem": problem,
                "solution": str(item["answer"]).strip(),
                "kind": family,
            }
            if estimated_tokens(format_document(document)) <= MAX_TOKENS:
                documents.setdefault(problem, document)
    documents = list(documents.values())
    random.Random("other tasks").shuffle(documents)
    return documents


# --- Streams -----------------------------------------------------------------


def make_stream(seed: str, mixture: Mixture, other_tasks: list[dict], size: int) -> list[dict]:
    """`size` documents in random order. Other tasks repeat only once all have been used."""
    rng = random.Random(seed)
    arithmetic = round(mixture.arithmetic * size)
    documents = [draw_stream_arithmetic(rng, mixture) for _ in range(arithmetic)]
    while len(documents) < size:
        documents += rng.sample(other_tasks, min(len(other_tasks), size - len(documents)))
    rng.shuffle(documents)
    return documents


# --- Tokenizer ---------------------------------------------------------------


def format_document(document: dict) -> str:
    return f"Question: {document['problem']}\nAnswer: {document['solution']}"


def train_tokenizer(documents: list[dict]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((format_document(d) for d in documents), trainer)
    return tokenizer


def token_lengths(tokenizer: Tokenizer, documents: list[dict]) -> list[tuple[int, int]]:
    """Prompt and answer tokens; the answer holds its leading space and an end token."""
    return [
        (
            len(tokenizer.encode(f"Question: {d['problem']}\nAnswer:").ids),
            len(tokenizer.encode(f" {d['solution']}").ids) + 1,
        )
        for d in documents
    ]


# --- Files -------------------------------------------------------------------


def write_jsonl_gz(path: Path, documents: list[dict]) -> None:
    fields = ("problem", "solution", "answer", "kind")
    lines = [
        json.dumps({f: d[f] for f in fields if f in d}, ensure_ascii=False) + "\n"
        for d in documents
    ]
    with open(path, "wb") as raw:
        # No time and no name in the header, so that the bytes are the same every time.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0) as file:
            file.write("".join(lines).encode())


def report(name: str, documents: list[dict], tokenizer: Tokenizer | None = None) -> None:
    print(f"{name}: {len(documents)} documents")
    for kind, count in sorted(Counter(d["kind"] for d in documents).items()):
        print(f"    {kind:26} {count:6}")
    if tokenizer is not None:
        prompts, answers = zip(*token_lengths(tokenizer, documents))
        total = [p + a for p, a in zip(prompts, answers)]
        for what, lengths in (("prompt", prompts), ("answer", answers), ("both", total)):
            print(f"    {what} tokens: mean {sum(lengths) / len(lengths):.1f}, max {max(lengths)}")


def check_splits(streams: list[list[dict]], targets: dict[str, list[dict]], off_target) -> None:
    """Stop if two sets that must be disjoint are not."""
    templates = [t for table in (SYMBOLIC, STORY) for split in SPLITS for t in table[split]]
    assert len(templates) == len(set(templates)), "a template belongs to two splits"

    stream_problems = {d["problem"] for stream in streams for d in stream}
    assert not stream_problems & {d["problem"] for d in off_target}, "off_target is in a stream"
    assert len({d["problem"] for d in off_target}) == len(off_target)

    seen = {d["expression"] for stream in streams for d in stream if "expression" in d}
    for split, documents in targets.items():
        expressions = {d["expression"] for d in documents}
        problems = {d["problem"] for d in documents}
        assert len(problems) == len(documents), f"{split} holds a problem twice"
        assert not expressions & seen, f"{split} shares an expression"
        assert not problems & stream_problems, f"{split} shares a problem with a stream"
        for document in documents:
            assert document["solution"].endswith(f"\n#### {document['answer']}")
        seen |= expressions


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR",
        default=Path(__file__).resolve().parent.parent / "data" / "headline",
        help="where the experiment's files go (default: data/headline)",
    )
    parser.add_argument(
        "--base-stream", type=Path, metavar="DIR",
        help="write only the base model's stage1.jsonl.gz and stage2.jsonl.gz, into DIR",
    )
    arguments = parser.parse_args()

    other_tasks = make_other_tasks()
    off_target, other_tasks = other_tasks[:OFF_TARGET_DOCUMENTS], other_tasks[OFF_TARGET_DOCUMENTS:]
    targets = {
        "feedback": make_target_set("feedback", "feedback", FEEDBACK_DOCUMENTS),
        "validation": make_target_set("validation", "validation", VALIDATION_DOCUMENTS),
        "test": make_target_set("test", "test", TEST_DOCUMENTS),
    }

    if arguments.base_stream is not None:
        stages = {
            name: make_stream(name, mixture, other_tasks, BASE_DOCUMENTS)
            for name, mixture in BASE_STAGES.items()
        }
        check_splits(list(stages.values()), targets, off_target)
        arguments.base_stream.mkdir(parents=True, exist_ok=True)
        for name, documents in stages.items():
            write_jsonl_gz(arguments.base_stream / f"{name}.jsonl.gz", documents)
            report(name, documents)
        return

    stream = make_stream("stream", STREAM, other_tasks, STREAM_DOCUMENTS)
    check_splits([stream], targets, off_target)
    tokenizer = train_tokenizer(stream)
    assert tokenizer.get_vocab_size() == VOCABULARY
    assert [tokenizer.token_to_id(t) for t in SPECIAL_TOKENS] == [0, 1]

    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "base").mkdir(exist_ok=True)
    tokenizer.save(str(arguments.output / "base" / "tokenizer.json"))
    for name, documents in {"stream": stream, **targets, "off_target": off_target}.items():
        write_jsonl_gz(arguments.output / f"{name}.jsonl.gz", documents)
        report(name, documents, tokenizer)


if __name__ == "__main__":
    main()
