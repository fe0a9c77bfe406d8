//! The container: metadata and the table of tensors, versions 2 and 3, little-endian.
//!
//! No count, length or offset of the file is trusted: each is compared with the bytes that are
//! left before anything of its size is made.

use super::fault::{GgufFault, malformed, unsupported};
use super::metadata::{Metadata, Value};
use super::quant::TensorType;
use std::collections::BTreeMap;
use std::io::Read;

const MAGIC: [u8; 4] = *b"GGUF";
const ALIGNMENT: &str = "general.alignment";
/// Arrays may hold arrays; deeper than this is no metadata.
const DEEPEST: usize = 4;

/// A file without its values.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) metadata: Metadata,
    pub(super) tensors: BTreeMap<String, TensorInfo>,
}

/// Where a tensor's values are.
#[derive(Clone, Debug)]
pub(super) struct TensorInfo {
    /// Row-major: the reverse of the order in the file.
    pub(super) shape: Vec<usize>,
    pub(super) kind: TensorType,
    /// From the beginning of the file.
    pub(super) start: u64,
    pub(super) bytes: usize,
}

impl Header {
    /// Reads a file of `length` bytes from its beginning.
    pub(super) fn read(reader: impl Read, length: u64) -> Result<Self, GgufFault> {
        let mut cursor = Cursor {
            reader,
            left: length,
        };
        if cursor.array()? != MAGIC {
            return malformed("does not begin with `GGUF`");
        }
        match cursor.u32()? {
            2 | 3 => {}
            other if matches!(other.swap_bytes(), 1..=3) => {
                return unsupported("a big-endian file");
            }
            other => return unsupported(format!("version {other} of the format")),
        }
        let (tensor_count, key_count) = (cursor.u64()?, cursor.u64()?);
        // The shortest name, dimension, type and offset; the shortest key, type and value.
        cursor.room_for(tensor_count, 32)?;
        cursor.room_for(key_count, 13)?;

        let mut metadata = BTreeMap::new();
        for _ in 0..key_count {
            let key = cursor.string()?;
            let kind = cursor.u32()?;
            let value = cursor.value(kind, 0)?;
            if metadata.insert(key.clone(), value).is_some() {
                return malformed(format!("`{key}` occurs twice"));
            }
        }
        let metadata = Metadata(metadata);
        let mut tensors = BTreeMap::new();
        for _ in 0..tensor_count {
            let name = cursor.string()?;
            let info = cursor.tensor(&name)?;
            if tensors.insert(name.clone(), info).is_some() {
                return malformed(format!("tensor `{name}` occurs twice"));
            }
        }

        let alignment = metadata.integer(ALIGNMENT)?.unwrap_or(32);
        if !(1..=1 << 20).contains(&alignment) {
            return malformed(format!("`{ALIGNMENT}` = {alignment}"));
        }
        let data = (length - cursor.left).next_multiple_of(alignment);
        for (name, info) in &mut tensors {
            let start = data.checked_add(info.start);
            match start.filter(|start| start.saturating_add(info.bytes as u64) <= length) {
                Some(start) => info.start = start,
                None => return malformed(format!("tensor `{name}` ends beyond the file")),
            }
        }
        Ok(Self { metadata, tensors })
    }
}

/// What is left of a file.
struct Cursor<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Cursor<R> {
    /// Whether `count` things of at least `size` bytes can follow.
    fn room_for(&self, count: u64, size: u64) -> Result<(), GgufFault> {
        match count.checked_mul(size).filter(|bytes| *bytes <= self.left) {
            Some(_) => Ok(()),
            None => malformed(format!(
                "{count} entries announced with {} bytes left",
                self.left
            )),
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), GgufFault> {
        let wanted = bytes.len() as u64;
        if wanted > self.left {
            return malformed("ends within its header");
        }
        self.reader.read_exact(bytes).map_err(GgufFault::Io)?;
        self.left -= wanted;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufFault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, GgufFault> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, GgufFault> {
        self.array().map(u64::from_le_bytes)
    }

    fn string(&mut self) -> Result<String, GgufFault> {
        let length = self.u64()?;
        self.room_for(length, 1)?;
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).or_else(|_| malformed("a text that is not UTF-8"))
    }

    fn integer(&mut self, kind: u32) -> Result<i64, GgufFault> {
        Ok(match kind {
            0 => self.array::<1>()?[0].into(),
            1 => i8::from_le_bytes(self.array()?).into(),
            2 => u16::from_le_bytes(self.array()?).into(),
            3 => i16::from_le_bytes(self.array()?).into(),
            4 => self.u32()?.into(),
            5 => i32::from_le_bytes(self.array()?).into(),
            // Nothing that is read here comes near the limit.
            10 => i64::try_from(self.u64()?).unwrap_or(i64::MAX),
            _ => i64::from_le_bytes(self.array()?),
        })
    }

    fn float(&mut self, kind: u32) -> Result<f64, GgufFault> {
        Ok(match kind {
            6 => f32::from_le_bytes(self.array()?).into(),
            _ => f64::from_le_bytes(self.array()?),
        })
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<Value, GgufFault> {
        Ok(match kind {
            0..=5 | 10 | 11 => Value::Integer(self.integer(kind)?),
            6 | 12 => Value::Float(self.float(kind)?),
            7 => Value::Flag(self.array::<1>()? != [0]),
            8 => Value::Text(self.string()?),
            9 => self.list(depth)?,
            _ => return malformed(format!("metadata of type {kind}")),
        })
    }

    fn list(&mut self, depth: usize) -> Result<Value, GgufFault> {
        let (kind, count) = (self.u32()?, self.u64()?);
        let shortest = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            9 if depth < DEEPEST => 12,
            _ => return malformed(format!("a list of type {kind}")),
        };
        self.room_for(count, shortest)?;
        let mut entries = 0..count;
        Ok(match kind {
            0..=5 | 10 | 11 => {
                let list = entries
                    .map(|_| self.integer(kind))
                    .collect::<Result<_, _>>();
                Value::Integers(list?)
            }
            6 | 12 => {
                let list = entries.map(|_| self.float(kind)).collect::<Result<_, _>>();
                Value::Floats(list?)
            }
            8 => Value::Texts(entries.map(|_| self.string()).collect::<Result<_, _>>()?),
            // Lists of flags and of lists are passed over: nothing that is read has one.
            7 => {
                entries.try_for_each(|_| self.array::<1>().map(|_| ()))?;
                Value::Other
            }
            _ => {
                entries.try_for_each(|_| self.list(depth + 1).map(|_| ()))?;
                Value::Other
            }
        })
    }

    /// The entry of tensor `name`; `start` still counts from the beginning of the values.
    fn tensor(&mut self, name: &str) -> Result<TensorInfo, GgufFault> {
        let dimensions = self.u32()?;
        if !(1..=4).contains(&dimensions) {
            return malformed(format!("tensor `{name}` has {dimensions} dimensions"));
        }
        let dimensions: Vec<u64> = (0..dimensions)
            .map(|_| self.u64())
            .collect::<Result<_, _>>()?;
        let kind = TensorType::from_id(self.u32()?)
            .or_else(|other| unsupported(format!("tensor `{name}` of type {other}")))?;
        let start = self.u64()?;
        let (elements, size) = kind.block();
        let blocks = |row: u64| row.is_multiple_of(elements as u64).then_some(row);
        let count = dimensions
            .iter()
            .try_fold(1, |count: u64, &size| count.checked_mul(size))
            .filter(|&count| count > 0 && blocks(dimensions[0]).is_some());
        let bytes = count.and_then(|count| (count / elements as u64).checked_mul(size as u64));
        let (Some(bytes), Ok(shape)) = (
            bytes.and_then(|bytes| usize::try_from(bytes).ok()),
            dimensions
                .iter()
                .rev()
                .map(|&size| usize::try_from(size))
                .collect(),
        ) else {
            return malformed(format!("tensor `{name}` has dimensions {dimensions:?}"));
        };
        Ok(TensorInfo {
            shape,
            kind,
            start,
            bytes,
        })
    }
}
