//! Where the tensors of a PyTorch file lie: the zip archives that `torch.save` writes since 1.6,
//! and the pickles followed by raw storages that it wrote before.

use super::file::{Entry, size};
use super::pickle::{self, Dict, Object, Strided};
use super::{Dtype, WeightsError};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use zip::{CompressionMethod, ZipArchive};

const ZIP: [u8; 4] = *b"PK\x03\x04";
/// PROTO 2, LONG1 of ten bytes, the magic number 0x1950a86a20f9469cfc6c, STOP.
const LEGACY: [u8; 15] = *b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
/// A table of tensors is far shorter.
const MAX_PICKLE: u64 = 1 << 28;

/// Where a storage lies: its first byte and its length in bytes.
type Storages = HashMap<String, (u64, u64)>;

/// Whether `file` begins as `torch.save` begins one; it is left at its beginning.
pub(super) fn is_pytorch(file: &mut File) -> io::Result<bool> {
    let mut head = Vec::new();
    file.take(LEGACY.len() as u64).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head.starts_with(&ZIP) || head == LEGACY)
}

/// Where each tensor lies.
pub(super) fn entries(
    file: &mut File,
    path: &Path,
) -> Result<BTreeMap<String, Entry>, WeightsError> {
    table(file).map_err(|error| match error.kind() {
        // Whichever layer noticed, it is the file's fault.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => WeightsError::Malformed {
            file: path.to_owned(),
            reason: error.to_string(),
        },
        _ => WeightsError::io(path)(error),
    })
}

fn table(file: &mut File) -> io::Result<BTreeMap<String, Entry>> {
    let mut head = [0; 4];
    file.read_exact(&mut head)?;
    file.rewind()?;
    let (table, storages) = match head == ZIP {
        true => zipped(file)?,
        false => legacy(file)?,
    };
    let Object::Dict(table) = table else {
        return Err(wrong("not a dictionary of tensors"));
    };
    let mut entries = BTreeMap::new();
    collect(&table, "", &storages, &mut entries)?;
    Ok(entries)
}

fn wrong(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

/// `NAME/data.pkl` beside `NAME/data/KEY`, all stored as they are.
fn zipped(file: &mut File) -> io::Result<(Object, Storages)> {
    let archive = |error: zip::result::ZipError| match error {
        zip::result::ZipError::Io(error) => error,
        other => wrong(other.to_string()),
    };
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(archive)?;
    let names: Vec<String> = zip.file_names().map(str::to_owned).collect();
    let Some(table) = names
        .iter()
        .find(|name| *name == "data.pkl" || name.ends_with("/data.pkl"))
    else {
        return Err(wrong("a zip archive without data.pkl"));
    };
    let prefix = table.strip_suffix("data.pkl").unwrap_or_default();
    let mut storages = Storages::new();
    for name in &names {
        let entry = zip.by_name(name).map_err(archive)?;
        if entry.compression() != CompressionMethod::Stored {
            return Err(wrong(format!("`{name}` is compressed")));
        }
        if name.strip_prefix(prefix) == Some("byteorder") {
            let mut order = String::new();
            entry.take(16).read_to_string(&mut order)?;
            if order.trim() != "little" {
                return Err(wrong(format!("byte order `{}`", order.trim())));
            }
        } else if let Some(key) = name
            .strip_prefix(prefix)
            .and_then(|n| n.strip_prefix("data/"))
        {
            let start = entry
                .data_start()
                .ok_or_else(|| wrong("an entry without data"))?;
            storages.insert(key.to_owned(), (start, entry.size()));
        }
    }
    let table = zip.by_name(table).map_err(archive)?;
    let object = pickle::read(&mut BufReader::new(table.take(MAX_PICKLE)))?;
    Ok((object, storages))
}

/// Magic number, protocol version, system, table, keys of the storages: a pickle each. Then for
/// each key its number of elements in eight bytes, and the elements.
fn legacy(file: &mut File) -> io::Result<(Object, Storages)> {
    let length = file.metadata()?.len();
    let mut source = BufReader::new(file);
    for _ in 0..2 {
        pickle::read(&mut source)?;
    }
    if let Object::Dict(system) = pickle::read(&mut source)? {
        let big = |(key, value): &(Object, Object)| matches!((key, value), (Object::Text(key), Object::Int(0)) if &**key == "little_endian");
        if system.pairs.iter().any(big) {
            return Err(wrong("byte order `big`"));
        }
    }
    let table = pickle::read(&mut source)?;
    let Object::Items(keys) = pickle::read(&mut source)? else {
        return Err(wrong("no list of storages"));
    };
    let mut widths = HashMap::new();
    if let Object::Dict(table) = &table {
        element_sizes(table, &mut widths)?;
    }
    let mut storages = Storages::new();
    let mut at = source.stream_position()?;
    for key in &keys.items {
        let Object::Text(key) = key else {
            return Err(wrong("a storage without a name"));
        };
        let width = widths.get(&**key).copied();
        let width = width.ok_or_else(|| wrong(format!("storage {key} belongs to no tensor")))?;
        source.seek(SeekFrom::Start(at))?;
        let mut word = [0; 8];
        source.read_exact(&mut word)?;
        let bytes = u64::from_le_bytes(word).checked_mul(width);
        let end = bytes.and_then(|bytes| bytes.checked_add(at + 8));
        let (Some(bytes), Some(end)) = (bytes, end.filter(|&end| end <= length)) else {
            return Err(wrong(format!("cut short within storage {key}")));
        };
        storages.insert(key.to_string(), (at + 8, bytes));
        at = end;
    }
    Ok((table, storages))
}

/// Bytes of an element of each storage.
fn element_sizes(table: &Dict, widths: &mut HashMap<String, u64>) -> io::Result<()> {
    for (_, value) in &table.pairs {
        match value {
            Object::Tensor(tensor) => {
                let width = size(dtype(&tensor.storage.kind)?) as u64;
                widths.insert(tensor.storage.key.to_string(), width);
            }
            Object::Dict(inner) => element_sizes(inner, widths)?,
            _ => (),
        }
    }
    Ok(())
}

/// The tensors of a dictionary; those of one within it under `outer.inner`.
fn collect(
    table: &Dict,
    prefix: &str,
    storages: &Storages,
    entries: &mut BTreeMap<String, Entry>,
) -> io::Result<()> {
    for (key, value) in &table.pairs {
        let Object::Text(key) = key else { continue };
        let key = format!("{prefix}{key}");
        match value {
            Object::Tensor(tensor) => {
                let entry = entry(tensor, storages).map_err(|e| wrong(format!("`{key}`: {e}")))?;
                entries.insert(key, entry);
            }
            Object::Dict(inner) => collect(inner, &format!("{key}."), storages, entries)?,
            _ => (),
        }
    }
    Ok(())
}

/// A tensor's place in the file, which must lie within its storage.
fn entry(tensor: &Strided, storages: &Storages) -> io::Result<Entry> {
    let Strided {
        storage,
        offset,
        shape,
        strides,
    } = tensor;
    let dtype = dtype(&storage.kind)?;
    let Some(&(start, bytes)) = storages.get(&*storage.key) else {
        return Err(wrong(format!("no storage {}", storage.key)));
    };
    let count = shape
        .iter()
        .try_fold(1, |n: usize, &length| n.checked_mul(length));
    let last = shape
        .iter()
        .zip(strides)
        .try_fold(0, |at: usize, (&length, &stride)| {
            at.checked_add(length.saturating_sub(1).checked_mul(stride)?)
        });
    let end = match count {
        Some(0) => Some(*offset),
        _ => last.and_then(|last| last.checked_add(*offset)?.checked_add(1)),
    };
    let end = end.and_then(|end| u64::try_from(end.checked_mul(size(dtype))?).ok());
    if count.is_none() || end.is_none_or(|end| end > bytes) {
        return Err(wrong(format!(
            "reaches beyond its storage of {bytes} bytes"
        )));
    }
    Ok(Entry {
        dtype,
        shape: shape.clone(),
        start: start + (offset * size(dtype)) as u64,
        strides: (!is_dense(shape, strides)).then(|| strides.clone()),
    })
}

/// Whether the elements follow one another in row-major order.
fn is_dense(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(&length, &stride)| {
        let fits = length == 1 || stride == expected;
        expected = length.saturating_mul(expected);
        fits
    })
}

fn dtype(kind: &str) -> io::Result<Dtype> {
    match kind {
        "FloatStorage" => Ok(Dtype::F32),
        "HalfStorage" => Ok(Dtype::F16),
        "BFloat16Storage" => Ok(Dtype::BF16),
        "DoubleStorage" => Ok(Dtype::F64),
        "LongStorage" => Ok(Dtype::I64),
        "IntStorage" => Ok(Dtype::I32),
        "ShortStorage" => Ok(Dtype::I16),
        "CharStorage" => Ok(Dtype::I8),
        "ByteStorage" => Ok(Dtype::U8),
        "BoolStorage" => Ok(Dtype::BOOL),
        other => Err(wrong(format!("elements in a {other}"))),
    }
}
