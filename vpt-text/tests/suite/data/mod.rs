mod corpus;
mod formats;

use std::path::{Path, PathBuf};

/// A file of `tests/golden/formats`.
fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden/formats")
        .join(name)
}

/// One corpus, in every format that holds its records whole.
const FILES: [&str; 6] = [
    "snappy.parquet",
    "zstd.parquet",
    "plain.parquet",
    "gzip.parquet",
    "frames.jsonl.zst",
    "members.jsonl.gz",
];
