//! Tensors of PyTorch files against what PyTorch itself says of them
//! (`tests/golden/make_pytorch.py`), and files that are not whole.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use vpt_core::weights::{Dtype, TensorFiles, WeightsError};

const FORMATS: [&str; 2] = ["views.zip.bin", "views.legacy.bin"];

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden/pytorch")
        .join(name)
}

#[derive(Deserialize)]
struct Said {
    shape: Vec<usize>,
    dtype: String,
    values: Vec<f32>,
}

fn said() -> BTreeMap<String, Said> {
    serde_json::from_slice(&fs::read(golden("views.json")).unwrap()).unwrap()
}

#[test]
fn every_view_of_a_storage_is_read_as_pytorch_reads_it() {
    let said = said();
    for format in FORMATS {
        let mut files = TensorFiles::open(&golden(format)).unwrap();
        let found: Vec<(String, Dtype, Vec<usize>)> = files
            .infos()
            .map(|info| (info.key.to_owned(), info.dtype, info.shape.to_vec()))
            .collect();
        let keys: Vec<&String> = found.iter().map(|(key, ..)| key).collect();
        assert_eq!(keys, said.keys().collect::<Vec<_>>(), "{format}");
        for (key, dtype, shape) in &found {
            let said = &said[key];
            assert_eq!(*shape, said.shape, "{format}: {key}");
            let read = files.read(key, shape);
            if ["float32", "float16", "bfloat16"].contains(&said.dtype.as_str()) {
                assert_eq!(read.unwrap(), said.values, "{format}: {key}");
            } else {
                let named = format!("`{key}` is stored as {dtype:?}");
                assert!(read.unwrap_err().to_string().contains(&named));
            }
        }
        assert!(files.equal("dense", "tied", &[4, 6]).unwrap());
        assert!(
            files
                .equal("rows", "parameter", &[2, 6])
                .is_ok_and(|same| !same)
        );
    }
}

#[test]
fn a_file_that_ends_early_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for format in FORMATS {
        let whole = fs::read(golden(format)).unwrap();
        let path = folder.path().join(format);
        for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
            fs::write(&path, &whole[..length]).unwrap();
            let error = TensorFiles::open(&path).err().unwrap();
            let WeightsError::Malformed { file, .. } = &error else {
                panic!("{format} cut at {length}: {error}")
            };
            assert_eq!(*file, path);
        }
    }
}

/// Whatever a damaged file says of itself, it is refused or read, and nothing panics.
#[test]
fn a_damaged_file_is_refused_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.bin");
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut refused = 0;
    for format in FORMATS {
        let whole = fs::read(golden(format)).unwrap();
        for _ in 0..400 {
            let mut damaged = whole.clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..damaged.len());
                damaged[at] = rng.random();
            }
            fs::write(&path, damaged).unwrap();
            let Ok(mut files) = TensorFiles::open(&path) else {
                refused += 1;
                continue;
            };
            let table = |files: &TensorFiles| -> Vec<(String, Vec<usize>)> {
                let infos = files.infos();
                infos
                    .map(|info| (info.key.to_owned(), info.shape.to_vec()))
                    .collect()
            };
            for (key, shape) in table(&files) {
                // A stride of zero makes any shape of few elements.
                if shape.iter().try_fold(1, |n: usize, &l| n.checked_mul(l)) < Some(1 << 20) {
                    let _ = files.read(&key, &shape);
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn what_a_pickle_would_call_is_not_called() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.bin");
    // Magic number, version 1001, no system; then {"w": os.system("touch …")}, no storages.
    let calls = [
        &b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."[..],
        b"\x80\x02M\xe9\x03.",
        b"\x80\x02}.",
        b"\x80\x02}X\x01\0\0\0wcos\nsystem\nX\x04\0\0\0true\x85Rs.",
        b"\x80\x02].",
    ];
    fs::write(&path, calls.concat()).unwrap();
    let mut files = TensorFiles::open(&path).unwrap();
    assert_eq!(files.infos().count(), 0);
    let error = files.read("w", &[1]).unwrap_err();
    assert!(matches!(error, WeightsError::Missing { .. }), "{error}");
    // Nested without end: refused before it is as deep as the stack.
    let nested = [
        &calls[..3],
        &[b"\x80\x02)"],
        &[&b"\x85"[..]; 100_000],
        &[b"."],
    ]
    .concat();
    fs::write(&path, nested.concat()).unwrap();
    let error = TensorFiles::open(&path).err().unwrap().to_string();
    assert!(error.ends_with("nested too deeply"), "{error}");
}

#[test]
fn a_folder_is_read_by_what_it_prefers() {
    let folder = tempfile::tempdir().unwrap();
    let error = TensorFiles::open(folder.path()).err().unwrap();
    let named = |error: &WeightsError, name: &str| {
        let WeightsError::Io { file, .. } = error else {
            panic!("{error}")
        };
        assert!(file.ends_with(name), "{error}");
    };
    named(&error, "model.safetensors");

    let llama = golden("llama");
    let copy = |name: &str| fs::copy(llama.join(name), folder.path().join(name)).unwrap();
    copy("pytorch_model.bin.index.json");
    copy("pytorch_model-00001-of-00002.bin");
    let error = TensorFiles::open(folder.path()).err().unwrap();
    named(&error, "pytorch_model-00002-of-00002.bin");
    copy("pytorch_model-00002-of-00002.bin");
    let key = "model.embed_tokens.weight";
    let mut sharded = TensorFiles::open(folder.path()).unwrap();
    assert_eq!(sharded.files().count(), 2);
    let expected = sharded.read(key, &[29, 16]).unwrap();

    for name in ["pytorch_model.bin", "legacy.bin"] {
        let mut single = TensorFiles::open(&llama.join(name)).unwrap();
        let keys = |files: &TensorFiles| -> Vec<String> {
            files.infos().map(|info| info.key.to_owned()).collect()
        };
        assert_eq!(keys(&single), keys(&sharded));
        assert_eq!(single.read(key, &[29, 16]).unwrap(), expected);
    }
    copy("pytorch_model.bin");
    let single = TensorFiles::open(folder.path()).unwrap();
    assert!(
        single
            .files()
            .next()
            .unwrap()
            .ends_with("pytorch_model.bin")
    );
}
