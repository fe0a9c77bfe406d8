#!/usr/bin/env python3
"""Make tiny GGUF files with the gguf package, and what other programs read from them.

    pip install -r tests/golden/requirements-gguf.txt
    python tests/golden/make_gguf.py

Writes to tests/golden/gguf/:

    types.gguf          a tensor [2, 256] of every type that is read; no model
    llama.gguf          a Llama of two blocks with a tied head, in the types of 32 elements a
                        block, with a byte-level vocabulary
    qwen2.gguf          a Qwen2 of one block with a head of its own, in the types of 256 and
                        without a vocabulary
    sentencepiece.gguf  the vocabulary of a sentencepiece model, and nothing else
    golden.safetensors  `types.TYPE`, the values of each type as the gguf package has them;
                        `MODEL.tokens` and `MODEL.logits`, which transformers computes from the
                        de-quantised weights
    tokens.json         awkward texts with their ids: by the pre-tokenizers of byte-level
                        vocabularies, and by the sentencepiece model

The logits are computed twice: from the weights that were de-quantised here, in the order of
Transformers, and from the file by transformers' own reader. The gguf package quantises no
K-types: their blocks are random bytes with sane scales.

The ids of the byte-level vocabulary come from a plain implementation below: the text is cut as
llama.cpp cuts it (llm_tokenizer_bpe in src/llama-vocab.cpp), and each piece is merged by rank.
Texts are brought to NFC first for `qwen2`, as the tokenizer.json of Qwen says and llama.cpp
leaves out. Those of the sentencepiece model come from sentencepiece.
"""

import argparse
import io
import json
import tempfile
import unicodedata
from pathlib import Path

import gguf
import numpy as np
import regex
import sentencepiece
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    logging,
)

TEXT = """
The cat sat on the mat, and the dog didn't mind: they're friends, aren't they? She'll say we've
been there; I'm sure he'd agree. What is 12 + 34? It is 46, and 46 - 34 = 12, 100 * 10 = 1000.
In 1999 the price was 3.50, in 2024 it was 12.75: more than 3 times as much. Der Bär aß früh
über vierzig Äpfel, naïve café déjà vu, señor año. Question: how many apples are in the basket?
Answer: there are seven red apples and two green ones, so 7 + 2 = 9.    for i in range(10):
        print(i, i * i)    return [x for x in values if x > 0]
The answer is that the other one there then has the same number of them as this one has.
"""
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

AWKWARD = [
    "", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", "\t\tx", "\r\n", "a\r\nb", "  \n\n  x",
    "The cat", " the cat", "the  cat", "the   cat   ", "THE CAT", "they're", "THEY'RE", "I'M he'd",
    "don't 'tis 's", "it''s", "5", " 5", "12", " 12", "1234567", "3.50", "1,234.5", "x2y3",
    "2024-05-06", "½ ² Ⅷ ٣", "a1 b22 c333", "the 46 apples", "café", "cafe\u0301", "naïve déjà",
    "Äpfel über", "\u1e9b\u0323", "日本語", "日本 語", "🙂", "🙂🙂 x", "👩‍👩‍👧", "\u00a0x", "x\u3000y",
    "\u2003\u2003z", "\u0085", "a\u200bb", "...", " ... ", "!?!?", "#### 42", "a_b-c", "f(x)=x**2;",
    "for i in range(10):\n    print(i)\n", "    indented", "<s>", "<|im_start|>user", "<0x0A>",
    "<think>wholly</think>", "wholly wholly", "\x00\x01", "\ufffd", "aaaaaaaaaaa", "000000",
    "▁x ▁ y", "Question: how many\nAnswer: seven", " \t \n\t the", "\ufeffthe",
]

# --- Tensors -----------------------------------------------------------------

LEGACY = [Type.F32, Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1]
# Scale, minimum for each unit of scale, where the scale and the minimum lie in a block.
K_TYPES = {
    Type.Q4_K: (5e-4, 7.5, 0, 2),
    Type.Q5_K: (2.5e-4, 15.5, 0, 2),
    Type.Q6_K: (1e-4, None, 208, None),
}


def quantised(generator: np.random.Generator, rows: int, columns: int, kind: Type) -> np.ndarray:
    """Random rows as they lie in a file: floats, or bytes of whole blocks."""
    if kind in K_TYPES:
        scale, ratio, at, minimum_at = K_TYPES[kind]
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = generator.integers(0, 256, (rows * columns // elements, size), np.uint8)
        scales = (scale * generator.uniform(0.5, 1.5, (len(blocks), 1))).astype(np.float16)
        blocks[:, at:at + 2] = scales.view(np.uint8)
        if minimum_at is not None:
            blocks[:, minimum_at:minimum_at + 2] = (ratio * scales).astype(np.float16).view(np.uint8)
        return blocks.reshape(rows, -1)
    values = (0.2 * generator.standard_normal((rows, columns))).astype(np.float32)
    return gguf.quantize(values, kind)


def values_of(data: np.ndarray, kind: Type) -> np.ndarray:
    return np.ascontiguousarray(gguf.dequantize(data, kind), dtype=np.float32)


def paired(rows: np.ndarray, heads: int) -> np.ndarray:
    """As the converter of llama.cpp orders rows of q and k for the architecture `llama`."""
    return (
        rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
        .swapaxes(1, 2).reshape(rows.shape)
    )


def write_types(folder: Path, golden: dict) -> None:
    generator = np.random.default_rng(1)
    writer = gguf.GGUFWriter(folder / "types.gguf", "none")
    for kind in [*LEGACY, *K_TYPES]:
        data = quantised(generator, 2, 256, kind)
        writer.add_tensor(kind.name, data, raw_dtype=kind)
        golden[f"types.{kind.name}"] = values_of(data, kind)
    finish(writer)


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# --- Models ------------------------------------------------------------------

SHORT = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def gguf_name(name: str) -> str:
    whole = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    module, part = name.rsplit(".", 1)
    if module not in whole:
        _, _, index, rest = module.split(".", 3)
        return f"blk.{index}.{SHORT[rest]}.{part}"
    return f"{whole[module]}.{part}"


# Types by the end of a parameter's module, for each block in turn.
LLAMA_TYPES = [
    {"embed_tokens": Type.Q8_0, "q_proj": Type.Q4_0, "k_proj": Type.Q4_1, "v_proj": Type.Q5_0,
     "o_proj": Type.Q5_1, "gate_proj": Type.F16, "up_proj": Type.BF16, "down_proj": Type.Q8_0},
    {"q_proj": Type.Q8_0, "k_proj": Type.F16, "v_proj": Type.Q4_1, "o_proj": Type.Q4_0,
     "gate_proj": Type.Q5_1, "up_proj": Type.Q5_0, "down_proj": Type.Q4_1},
]
QWEN2_TYPES = [
    {"embed_tokens": Type.Q4_K, "q_proj": Type.Q4_K, "k_proj": Type.Q5_K, "v_proj": Type.Q6_K,
     "o_proj": Type.Q4_1, "gate_proj": Type.Q5_K, "up_proj": Type.Q6_K, "down_proj": Type.Q5_0,
     "lm_head": Type.Q6_K},
]


@torch.no_grad()
def write_model(path: Path, model, types: list[dict], metadata, golden: dict) -> None:
    config, name = model.config, path.stem
    generator = np.random.default_rng(len(name))
    writer = gguf.GGUFWriter(path, name)
    writer.add_name("Tiny")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    metadata(writer)
    for key, parameter in sorted(model.named_parameters()):
        shape = tuple(parameter.shape)
        if parameter.ndim == 1:
            values = (key.endswith("norm.weight") + 0.2 * generator.standard_normal(shape))
            kind, data = Type.F32, values.astype(np.float32)
        else:
            index = int(key.split(".")[2]) if ".layers." in key else 0
            kind = types[index][key.split(".")[-2]]
            data = quantised(generator, *shape, kind)
        parameter.copy_(torch.from_numpy(values_of(data, kind)))
        if name == "llama" and ".q_proj." in key:
            data = paired(data, config.num_attention_heads)
        if name == "llama" and ".k_proj." in key:
            data = paired(data, config.num_key_value_heads)
        writer.add_tensor(gguf_name(key), np.ascontiguousarray(data), raw_dtype=kind)
    finish(writer)

    tokens = torch.from_numpy(generator.integers(0, config.vocab_size, (2, 6)))
    logits = model(tokens).logits
    again = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype="float32")
    difference = (again.eval()(tokens).logits - logits).abs().max().item()
    assert difference < 1e-4, f"{name}: transformers' reader differs by {difference}"
    golden[f"{name}.tokens"] = tokens.numpy()
    golden[f"{name}.logits"] = logits.numpy()
    print(f"{name}: logits' deviation {logits.std():.2f}, from the file {difference:.1e}")


SIZES = dict(max_position_embeddings=64, bos_token_id=None, eos_token_id=None, pad_token_id=None,
             attn_implementation="eager", dtype="float32")


def llama(vocabulary: int) -> LlamaForCausalLM:
    rope = {"rope_type": "default", "rope_theta": 1e5}
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=vocabulary, hidden_size=64, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, rope_parameters=rope,
        tie_word_embeddings=True, **SIZES)).eval()


def qwen2(vocabulary: int) -> Qwen2ForCausalLM:
    rope = {"rope_type": "default", "rope_theta": 1e6}
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=vocabulary, hidden_size=256, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=8, num_key_value_heads=1, rms_norm_eps=1e-6, rope_parameters=rope,
        tie_word_embeddings=False, **SIZES)).eval()


# --- The byte-level vocabulary -----------------------------------------------


def byte_alphabet() -> dict[int, str]:
    """GPT-2's letter for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
QWEN2 = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CUTS = {
    "gpt-2": [GPT2],
    "smollm": [r"\p{N}", GPT2],
    "qwen2": [QWEN2],
    "llama-bpe": [QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")],
}


def cut(pieces: list[str], pattern: str) -> list[str]:
    """Each piece into the matches in it and what lies between them."""
    out = []
    for piece in pieces:
        at = 0
        for match in regex.finditer(pattern, piece):
            out += [piece[at:match.start()], match[0]]
            at = match.end()
        out.append(piece[at:])
    return [piece for piece in out if piece]


class ByteLevel:
    """Token ids as llama.cpp's byte-level tokenizer has them, for one pre-tokenizer."""

    def __init__(self, tokens: list[str], types: list[int], merges: list[tuple[str, str]], pre: str):
        self.ids = {token: i for i, token in enumerate(tokens)}
        self.rank = {pair: i for i, pair in enumerate(merges)}
        self.whole = [t for t, kind in zip(tokens, types) if kind == USER_DEFINED]
        self.control = {i for i, kind in enumerate(types) if kind == CONTROL}
        self.pre = pre
        self.letters = byte_alphabet()

    def merge(self, piece: str) -> list[str]:
        word = [self.letters[byte] for byte in piece.encode()]
        if self.pre == "llama-bpe" and "".join(word) in self.ids:
            return ["".join(word)]
        while True:
            ranks = [self.rank.get(pair, len(self.rank)) for pair in zip(word, word[1:])]
            if not ranks or min(ranks) == len(self.rank):
                return word
            at = ranks.index(min(ranks))
            word[at:at + 2] = [word[at] + word[at + 1]]

    def encode(self, text: str) -> list[int]:
        if self.pre == "qwen2":
            text = unicodedata.normalize("NFC", text)
        ids = []
        whole = "|".join(map(regex.escape, self.whole)) or r"(?!)"
        for part in regex.split(f"({whole})", text):
            if part in self.whole:
                ids.append(self.ids[part])
                continue
            pieces = [part] if part else []
            for pattern in CUTS[self.pre]:
                pieces = cut(pieces, pattern)
            ids += [self.ids[token] for piece in pieces for token in self.merge(piece)]
        return ids


def byte_level() -> tuple[list[str], list[int], list[tuple[str, str]]]:
    """Tokens, types and merges of a vocabulary trained on `TEXT`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + 100, initial_alphabet=sorted(byte_alphabet().values()),
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    types = [CONTROL] * 3 + [NORMAL] * (len(tokens) - 3)
    # A token that no merges lead to, one that is matched in any text, and two that fill up.
    tokens += ["Ġwholly", "<think>", "[PAD1]", "[PAD2]"]
    types += [NORMAL, USER_DEFINED, UNUSED, UNUSED]
    return tokens, types, [tuple(pair) for pair in model["merges"]]


def add_byte_level(writer: gguf.GGUFWriter, tokens, types, merges) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}")


# --- The sentencepiece vocabulary --------------------------------------------


def sentencepieces() -> bytes:
    """A model trained on `TEXT`, with the settings of Llama's."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.splitlines()), model_writer=model, model_type="bpe",
        vocab_size=256 + 3 + 180, byte_fallback=True, split_digits=True,
        allow_whitespace_only_pieces=True, remove_extra_whitespaces=False,
        normalization_rule_name="identity", hard_vocab_limit=False, minloglevel=2,
    )
    return model.getvalue()


def write_sentencepieces(path: Path, model: sentencepiece.SentencePieceProcessor) -> None:
    def kind(i: int) -> int:
        if model.is_byte(i):
            return BYTE
        return UNKNOWN if model.is_unknown(i) else CONTROL if model.is_control(i) else NORMAL

    ids = range(model.vocab_size())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([model.id_to_piece(i) for i in ids])
    writer.add_token_scores([model.get_score(i) for i in ids])
    writer.add_token_types([kind(i) for i in ids])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    finish(writer)


# --- Everything --------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", default=Path(__file__).resolve().parent / "gguf",
        help="where the files go (default: tests/golden/gguf)",
    )
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)

    golden = {}
    write_types(folder, golden)
    tokens, types, merges = byte_level()
    pieces = sentencepiece.SentencePieceProcessor(model_proto=sentencepieces())
    write_sentencepieces(folder / "sentencepiece.gguf", pieces)
    write_model(
        folder / "llama.gguf", llama(len(tokens)), LLAMA_TYPES,
        lambda writer: add_byte_level(writer, tokens, types, merges), golden,
    )
    write_model(folder / "qwen2.gguf", qwen2(48), QWEN2_TYPES, lambda writer: None, golden)
    save_file(golden, folder / "golden.safetensors")
    (folder / "golden.safetensors").chmod(0o644)

    ids = {pre: ByteLevel(tokens, types, merges, pre) for pre in CUTS}
    encoded = {pre: [t.encode(text) for text in AWKWARD] for pre, t in ids.items()}
    encoded["sentencepiece"] = [pieces.encode(text) for text in AWKWARD]
    assert len({json.dumps(rows) for rows in encoded.values()}) == len(encoded), "no difference"
    text = json.dumps({"texts": AWKWARD, **encoded}, separators=(",", ":"))
    (folder / "tokens.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
