#!/usr/bin/env python3
"""Tokenizers that set tokens before a text, and their ids by the tokenizers package.

    pip install -r tests/golden/requirements-gguf.txt
    python tests/golden/make_beginning.py

Writes tests/golden/beginning.json: small tokenizer.json files with the post-processors of Qwen2 and
SmolLM2 (none that adds a token), Llama 2, Llama 3, and one that adds a token at the end, too; for
each, the ids of some texts with the tokens that it adds (`whole`) and without (`pieces`), and how
many of those stand before and after a text.

Texts that spell a special token are cut letter by letter (`encode_special_tokens`), as vpt does.
"""

import json
from pathlib import Path

from tokenizers import (
    AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers,
)

OUT = Path(__file__).parent / "beginning.json"
TEXTS = ["", "a", " a", "Question: 1+2?\nAnswer:", "<s> is no beginning", "<|begin_of_text|>", "é 7"]
SPECIAL = ["<s>", "</s>", "<|begin_of_text|>"]


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=270, special_tokens=SPECIAL, initial_alphabet=alphabet,
                                  show_progress=False)
    tokenizer.train_from_iterator(["Question: Answer: begin beginning text"] * 4, trainer)
    return tokenizer


def sentencepiece():
    """As Transformers converts Llama 2's: spaces are letters, and one comes before every text."""
    letters = ["\u2581"] + [chr(c) for c in range(33, 127)]
    vocab = {token: i for i, token in enumerate(["<unk>", *SPECIAL])}
    vocab |= {f"<0x{b:02X}>": len(vocab) + b for b in range(256)}
    vocab |= {letter: len(vocab) + i for i, letter in enumerate(letters)}
    vocab["\u2581a"] = len(vocab)
    model = models.BPE(vocab, [("\u2581", "a")], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIAL])
    return tokenizer


def template(tokenizer, single):
    used = [token for token in SPECIAL if token in single]
    return processors.TemplateProcessing(
        single=single, pair=f"{single} $B",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in used])


def cases():
    plain = byte_level()
    plain.post_processor = processors.ByteLevel(trim_offsets=True)
    yield "qwen2", plain, 0, 0
    llama2 = sentencepiece()
    llama2.post_processor = template(llama2, "<s> $A")
    yield "llama2", llama2, 1, 0
    llama3 = byte_level()
    llama3.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=True), template(llama3, "<|begin_of_text|> $A")])
    yield "llama3", llama3, 1, 0
    both = byte_level()
    both.post_processor = template(both, "<s> <|begin_of_text|> $A </s>")
    yield "both ends", both, 2, 1


def main():
    found = []
    for name, tokenizer, before, after in cases():
        tokenizer.encode_special_tokens = True
        ids = lambda special: [tokenizer.encode(t, add_special_tokens=special).ids for t in TEXTS]
        found.append({"name": name, "before": before, "after": after, "whole": ids(True),
                      "pieces": ids(False), "tokenizer": json.loads(tokenizer.to_str())})
    OUT.write_text(json.dumps({"texts": TEXTS, "cases": found}, ensure_ascii=False) + "\n")


main()
