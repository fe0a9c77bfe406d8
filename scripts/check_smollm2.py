#!/usr/bin/env python3
"""Hold `vpt` on SmolLM2 against Transformers on the same de-quantised weights.

    scripts/fetch-smollm2
    cargo build --release -p vpt-cli
    pip install -r tests/golden/requirements-gguf.txt
    python scripts/check_smollm2.py

Three things are compared, and the first that differs ends the check with an error:

    log-likelihood  of every token of the texts below but the first, as ids (`vpt score --tokens`):
                    at most 1e-3 nats apart; and of the second half of each text given its first
                    half, with the end-of-text token after it, as text (`vpt eval`), so that its
                    tokens are checked by the same number.
    continuation    of a few prompts, greedily, up to an end-of-text token: the same text, special
                    tokens left out.
    export          the folder that a run leaves when nothing was learned (learning rate 0):
                    Transformers loads it with the same logits, and its tokenizer cuts every
                    text as `vpt` does.

The tokens that are expected come from the plain tokenizer in tests/golden/make_gguf.py.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, logging

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/golden"))
from make_gguf import AWKWARD, ByteLevel  # noqa: E402

MODEL = ROOT / "data/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
END_OF_TEXT = 0
TOLERANCE = 1e-3
LOGITS = 1e-3

TEXTS = [
    ("The capital of France is", " Paris, and the capital of Italy is Rome."),
    ("What is 12 + 34?", " 12 + 34 = 46, so the answer is 46."),
    ("In 1999 the price was 3.50;", " by 2024 it had risen to 12.75, more than three times as much."),
    ("def fibonacci(n):\n", "    if n < 2:\n        return n\n    return fibonacci(n - 1) + fibonacci(n - 2)\n"),
    ("Once upon a time", " there was a little girl who lived in a village near the forest."),
    ("Question: A farmer has 7 cows and buys 5 more. How many does he have?\nAnswer:",
     " He has 7 + 5 = 12 cows.\n#### 12"),
    ("Water boils at", " 100 degrees Celsius at sea level."),
    ("She said, \"I don't", " think we've met; you're new here, aren't you?\""),
    ("Der Bär aß früh", " über vierzig Äpfel und schlief dann ein."),
    ("Le café était", " fermé, déjà vu ou naïveté ?"),
    ("日本の首都は", "東京です。"),
    ("The sum of the angles", " of a triangle is 180°, i.e. π radians."),
    ("<p>Hello,", " <b>world</b>!</p>\n"),
    ("SELECT name, COUNT(*)", " FROM users WHERE age >= 18 GROUP BY name;"),
    ("1, 1, 2, 3, 5, 8, 13,", " 21, 34, 55, 89, 144"),
    ("  \n\n\tIndented", "\n\n\n   and   oddly    spaced\ttext  "),
    ("🙂 is a smiling face and", " 👩‍👩‍👧 is a family"),
    ("Photosynthesis is the process by which", " plants turn light, water and carbon dioxide into sugar and oxygen."),
    ("2024-05-06T07:08:09Z INFO", " connected to 192.168.0.1:8080 in 12ms"),
    ("To be, or not to be:", " that is the question: Whether 'tis nobler in the mind to suffer"),
]
PROMPTS = ["The capital of France is", "Once upon a time", "What is 2 + 3? The answer is"]
NEW_TOKENS = 12


def run(binary: Path, *arguments: str) -> str:
    done = subprocess.run([binary, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"vpt {' '.join(arguments)}\n{done.stderr}")
    return done.stdout


def require(holds: bool, message: str) -> None:
    if not holds:
        sys.exit(f"FAILED: {message}")


def tokenizer(path: Path) -> ByteLevel:
    fields = gguf.GGUFReader(path).fields
    key = "tokenizer.ggml."
    tokens, types = fields[key + "tokens"].contents(), fields[key + "token_type"].contents()
    merges = [tuple(merge.split(" ", 1)) for merge in fields[key + "merges"].contents()]
    return ByteLevel(tokens, types, merges, fields[key + "pre"].contents())


@torch.no_grad()
def tokens(binary: Path, model, cut: ByteLevel, folder: Path) -> None:
    data = folder / "tokens.json"
    rows = [cut.encode(problem) + cut.encode(solution) for problem, solution in TEXTS]
    data.write_text(json.dumps(rows))
    said = run(binary, "score", "--model", str(MODEL), "--tokens", str(data))
    found = json.loads(said)["logprobs"]
    require(len(found) == len(rows), f"{len(found)} rows for {len(rows)} texts")
    worst = 0.0
    for row, scores in zip(rows, found):
        logits = model(torch.tensor([row])).logits[0, :-1].double().log_softmax(-1)
        expected = logits.gather(1, torch.tensor(row[1:])[:, None])[:, 0]
        require(len(scores) == len(expected), f"{len(scores)} scores for {len(expected)} tokens")
        worst = max(worst, (torch.tensor(scores, dtype=torch.double) - expected).abs().max().item())
    require(worst <= TOLERANCE, f"a token's log-likelihood differs by {worst}")
    count = sum(len(scores) for scores in found)
    print(f"tokens: {count} log-likelihoods; at most {worst:.1e} nats apart")


@torch.no_grad()
def likelihood(binary: Path, model, cut: ByteLevel, folder: Path) -> None:
    data = folder / "texts.jsonl"
    rows = [{"problem": problem, "solution": solution} for problem, solution in TEXTS]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = run(
        binary, "eval", "--model", str(MODEL), "--data", str(data), "--json",
        "--set", "data.prompt='{problem}'", "--set", "data.answer='{solution}'",
        "--set", "model.end_of_text=<|endoftext|>",
    )
    items = json.loads(said)["items"]
    require(len(items) == len(TEXTS), f"{len(items)} items for {len(TEXTS)} texts")
    worst = 0.0
    for (problem, solution), item in zip(TEXTS, items):
        prompt, answer = cut.encode(problem), [*cut.encode(solution), END_OF_TEXT]
        logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1:-1]
        chosen = logits.double().log_softmax(-1).gather(1, torch.tensor(answer)[:, None])
        require(item["tokens"] == len(answer), f"{solution!r}: {item['tokens']} tokens")
        whole = abs(item["nll"] + chosen.sum().item()) / len(answer)
        first = abs(item["first"] + chosen[0].item())
        require(max(whole, first) <= TOLERANCE, f"{solution!r}: {whole}, first token {first}")
        worst = max(worst, whole, first)
    tokens = sum(item["tokens"] for item in items)
    print(f"log-likelihood: {len(TEXTS)} texts, {tokens} tokens; at most {worst:.1e} nats a token apart")


@torch.no_grad()
def continuation(binary: Path, model, cut: ByteLevel) -> None:
    said = run(
        binary, "generate", "--model", str(MODEL), "--raw", "--json",
        "--max-new-tokens", str(NEW_TOKENS), *PROMPTS,
    )
    # vpt ends a text at the tokenizer's end-of-text token and at the one that the file names.
    named = gguf.GGUFReader(MODEL).fields["tokenizer.ggml.eos_token_id"].contents()
    letters = {letter: byte for byte, letter in cut.letters.items()}
    tokens = {i: token for token, i in cut.ids.items()}
    for prompt, line in zip(PROMPTS, said.splitlines(), strict=True):
        ids = torch.tensor([cut.encode(prompt)])
        output = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, eos_token_id=[END_OF_TEXT, named],
            max_new_tokens=NEW_TOKENS, pad_token_id=END_OF_TEXT,
        )[0, ids.shape[1]:].tolist()
        text = "".join(tokens[i] for i in output if i not in cut.control)
        expected = bytes(letters[letter] for letter in text).decode()
        found = json.loads(line)["completion"]
        require(found == expected, f"{prompt!r}: {found!r}, expected {expected!r}")
    print(f"continuation: {len(PROMPTS)} prompts, {NEW_TOKENS} tokens each: the same text")


@torch.no_grad()
def export(binary: Path, model, cut: ByteLevel, folder: Path) -> None:
    settings = [
        f"model.path={MODEL}", "method=ntp", f"data.corpus={ROOT}/data/smollm2/gsm8k-100.jsonl",
        "data.feedback=", "data.validation=", "data.test=", "data.off_target=",
        "data.seq_len=256", "train.steps=1", "train.batch_size=1", "train.lr=0", "train.warmup=0",
    ]
    sets = [argument for setting in settings for argument in ("--set", setting)]
    run(binary, "train", "--quiet", "--out", str(folder / "run"), *sets)
    exported = folder / "run/model"
    again = AutoModelForCausalLM.from_pretrained(exported, dtype="float32").eval()
    ids = torch.tensor([cut.encode(TEXTS[5][0])])
    difference = (again(ids).logits - model(ids).logits).abs().max().item()
    require(difference <= LOGITS, f"exported: logits differ by {difference}")
    fast = AutoTokenizer.from_pretrained(exported)
    texts = [part for text in TEXTS for part in text] + AWKWARD
    texts = [text for text in texts if "<|" not in text]  # special tokens are found there
    for text in texts:
        found = fast.encode(text, add_special_tokens=False)
        require(found == cut.encode(text), f"exported tokenizer: {text!r}: {found}")
    require(fast.eos_token == "<|im_end|>", f"end of text is {fast.eos_token}")
    print(f"export: logits at most {difference:.1e} apart; {len(texts)} texts, the same tokens")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--vpt", type=Path, metavar="FILE", default=ROOT / "target/release/vpt",
        help="the binary (default: target/release/vpt)",
    )
    binary = parser.parse_args().vpt
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        MODEL.parent, gguf_file=MODEL.name, dtype="float32"
    ).eval()
    cut = tokenizer(MODEL)
    with tempfile.TemporaryDirectory() as folder:
        tokens(binary, model, cut, Path(folder))
        likelihood(binary, model, cut, Path(folder))
        continuation(binary, model, cut)
        export(binary, model, cut, Path(folder))


if __name__ == "__main__":
    main()
