#!/usr/bin/env python3
"""Write one small corpus in the formats that `vpt_text::data` reads, by other libraries.

    pip install -r tests/golden/requirements-formats.txt
    python tests/golden/make_formats.py

The columns are those of AI-MO/NuminaMath-CoT, nested `messages` included, with an answer that is
null in places. Writes tests/golden/formats/.
"""

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

OUT = Path(__file__).parent / "formats"
SOURCES = ["cn_k12", "gsm8k", "olympiads", "synthetic_math"]


def rows():
    rng = random.Random(7)
    made = []
    for i in range(61):
        a, b = rng.randrange(100), rng.randrange(100)
        problem = rng.choice(["Find ${}+{}$.", "Müssen wir {} und {} addieren?", "{}+{}=?\n求值"])
        solution = "We add.\n\n" * rng.randrange(3) + f"\\boxed{{{a + b}}}"
        made.append({
            "source": SOURCES[i % 4],
            "problem": problem.format(a, b),
            "solution": "" if i == 17 else solution,
            "answer": None if i % 5 == 0 else a + b,
            "level": f"{i % 3}",
            "hard": i % 7 == 0,
        })
    return made


def table(made, text):
    columns = {
        "source": pa.array([r["source"] for r in made]).dictionary_encode(),
        "messages": pa.array(
            [[{"role": "user", "content": r["problem"]}] for r in made],
            pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
        ),
        "problem": pa.array([r["problem"] for r in made], text),
        "solution": pa.array([r["solution"] for r in made], text),
        "answer": pa.array([r["answer"] for r in made], pa.int64()),
        "level": pa.array([r["level"] for r in made], pa.string()),
        "hard": pa.array([r["hard"] for r in made], pa.bool_()),
    }
    return pa.table(columns)


def main():
    OUT.mkdir(exist_ok=True)
    made = rows()
    (OUT / "expected.json").write_text(json.dumps(made, ensure_ascii=False, indent=0) + "\n")

    pq.write_table(table(made, pa.string()), OUT / "snappy.parquet",
                   compression="snappy", row_group_size=25)
    pq.write_table(table(made, pa.large_string()), OUT / "zstd.parquet",
                   compression="zstd", data_page_version="2.0", data_page_size=256)
    pq.write_table(table(made, pa.string()), OUT / "plain.parquet",
                   compression="none", use_dictionary=False, write_statistics=False)
    pq.write_table(table(made, pa.string()), OUT / "gzip.parquet",
                   compression="gzip", column_encoding={"problem": "DELTA_BYTE_ARRAY"},
                   use_dictionary=["source"])
    pq.write_table(table(made, pa.string()), OUT / "lz4.parquet", compression="lz4")
    nested = pa.table({"problem": [["a"], ["b"]], "solution": ["c", "d"]})
    pq.write_table(nested, OUT / "nested.parquet")

    lines = [json.dumps(r, ensure_ascii=False) + "\n" for r in made]
    data = "".join(lines).encode()
    half = "".join(lines[:30]).encode()
    compressor = zstandard.ZstdCompressor(level=19, write_checksum=True)
    # Two frames: what `cat a.zst b.zst` makes.
    (OUT / "frames.jsonl.zst").write_bytes(
        compressor.compress(half) + compressor.compress(data[len(half):]))
    (OUT / "members.jsonl.gz").write_bytes(
        gzip.compress(half, mtime=0) + gzip.compress(data[len(half):], mtime=0))
    text = "\n\n".join(r["problem"] for r in made)
    (OUT / "paragraphs.txt.zst").write_bytes(compressor.compress(text.encode()))


main()
