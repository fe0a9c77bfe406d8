//! The part of Python's pickle that `torch.save` writes, read as data.
//!
//! Nothing is imported and nothing is called: of all callables only those are understood that make
//! a tensor from its storage, and whatever else they would make is [`Object::Other`].

use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// Deeper than any table of tensors; what is built of shared parts is not walked further.
const MAX_DEPTH: usize = 16;

/// What a pickle describes.
#[derive(Clone, Debug)]
pub(super) enum Object {
    /// What no tensor's description contains.
    Other,
    /// An integer or a truth value.
    Int(i64),
    Text(Rc<str>),
    /// A class or function, as `module name`.
    Global(Rc<str>),
    /// A tuple or a list.
    Items(Rc<Items>),
    Dict(Rc<Dict>),
    Storage(Rc<Storage>),
    Tensor(Rc<Strided>),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Items {
    pub(super) items: Vec<Object>,
    depth: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Dict {
    pub(super) pairs: Vec<(Object, Object)>,
    depth: usize,
}

/// Elements that lie one after another.
#[derive(Debug)]
pub(super) struct Storage {
    /// `FloatStorage`, say.
    pub(super) kind: Rc<str>,
    pub(super) key: Rc<str>,
}

/// A tensor's place in a storage, counted in elements.
#[derive(Debug)]
pub(super) struct Strided {
    pub(super) storage: Rc<Storage>,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

impl Object {
    fn depth(&self) -> usize {
        match self {
            Self::Items(items) => items.depth,
            Self::Dict(dict) => dict.depth,
            _ => 0,
        }
    }

    fn items(&self) -> Option<&[Self]> {
        match self {
            Self::Items(items) => Some(&items.items),
            _ => None,
        }
    }

    /// A tuple of sizes, each not negative.
    fn sizes(&self) -> Option<Vec<usize>> {
        let size = |item: &Self| match item {
            Self::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        };
        self.items()?.iter().map(size).collect()
    }
}

/// The object that the next pickle of `source` describes; `source` is left behind its end.
pub(super) fn read(source: &mut impl BufRead) -> io::Result<Object> {
    Machine::default().run(source)
}

fn wrong(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

/// The stack machine that a pickle is a program for.
#[derive(Default)]
struct Machine {
    stack: Vec<Object>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Object>,
}

impl Machine {
    fn run(mut self, source: &mut impl BufRead) -> io::Result<Object> {
        loop {
            match byte(source)? {
                0x80 => drop(byte(source)?),
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.stack.push(Object::Other),
                0x88 => self.stack.push(Object::Int(1)),
                0x89 => self.stack.push(Object::Int(0)),
                b'K' => {
                    let value = byte(source)?;
                    self.stack.push(Object::Int(value.into()));
                }
                b'M' => {
                    let value = u16::from_le_bytes(bytes(source)?);
                    self.stack.push(Object::Int(value.into()));
                }
                b'J' => {
                    let value = i32::from_le_bytes(bytes(source)?);
                    self.stack.push(Object::Int(value.into()));
                }
                0x8a => {
                    let length = byte(source)?;
                    let long = run_of(source, length.into())?;
                    self.stack.push(integer(&long));
                }
                b'G' => {
                    bytes::<8>(source)?;
                    self.stack.push(Object::Other);
                }
                b'X' => {
                    let length = u32::from_le_bytes(bytes(source)?);
                    let text = run_of(source, length.into())?;
                    self.stack.push(Object::Text(utf8(text)?.into()));
                }
                b'U' => {
                    let length = byte(source)?;
                    let text = run_of(source, length.into())?;
                    self.stack.push(Object::Text(utf8(text)?.into()));
                }
                b'c' => {
                    let (module, name) = (line(source)?, line(source)?);
                    let global = format!("{module} {name}");
                    self.stack.push(Object::Global(global.into()));
                }
                b'q' => {
                    let slot = byte(source)?;
                    self.remember(slot.into())?;
                }
                b'r' => {
                    let slot = u32::from_le_bytes(bytes(source)?);
                    self.remember(slot)?;
                }
                b'h' => {
                    let slot = byte(source)?;
                    self.recall(slot.into())?;
                }
                b'j' => {
                    let slot = u32::from_le_bytes(bytes(source)?);
                    self.recall(slot)?;
                }
                b')' | b']' => self.stack.push(Object::Items(Rc::default())),
                b'}' => self.stack.push(Object::Dict(Rc::default())),
                b't' | b'l' => {
                    let items = self.above_mark()?;
                    self.push_items(items)?;
                }
                count @ 0x85..=0x87 => {
                    let keep = self.stack.len().checked_sub(usize::from(count - 0x84));
                    let keep = keep.ok_or_else(|| wrong("the stack is empty"))?;
                    let items = self.stack.split_off(keep);
                    self.push_items(items)?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.above_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set(vec![key, value])?;
                }
                b'u' => {
                    let items = self.above_mark()?;
                    self.set(items)?;
                }
                b'Q' => {
                    let identity = self.pop()?;
                    self.stack.push(storage(&identity)?);
                }
                b'R' => {
                    let (arguments, callable) = (self.pop()?, self.pop()?);
                    self.stack.push(call(&callable, &arguments)?);
                }
                0x81 => {
                    self.pop()?;
                    self.pop()?;
                    self.stack.push(Object::Other);
                }
                // The state of what is below it; that of a tensor or a dictionary adds nothing.
                b'b' => drop(self.pop()?),
                other => return Err(wrong(format!("torch.save writes no opcode {other:#04x}"))),
            }
        }
    }

    fn pop(&mut self) -> io::Result<Object> {
        self.stack.pop().ok_or_else(|| wrong("the stack is empty"))
    }

    fn above_mark(&mut self) -> io::Result<Vec<Object>> {
        match self.marks.pop() {
            Some(mark) if mark <= self.stack.len() => Ok(self.stack.split_off(mark)),
            _ => Err(wrong("no mark on the stack")),
        }
    }

    fn push_items(&mut self, items: Vec<Object>) -> io::Result<()> {
        let depth = deepest(0, &items)?;
        self.stack
            .push(Object::Items(Rc::new(Items { items, depth })));
        Ok(())
    }

    fn append(&mut self, added: Vec<Object>) -> io::Result<()> {
        if let Some(Object::Items(items)) = self.stack.last_mut() {
            let items = Rc::make_mut(items);
            items.depth = deepest(items.depth, &added)?;
            items.items.extend(added);
        }
        Ok(())
    }

    fn set(&mut self, added: Vec<Object>) -> io::Result<()> {
        if let Some(Object::Dict(dict)) = self.stack.last_mut() {
            let dict = Rc::make_mut(dict);
            dict.depth = deepest(dict.depth, &added)?;
            let mut added = added.into_iter();
            while let (Some(key), Some(value)) = (added.next(), added.next()) {
                dict.pairs.push((key, value));
            }
        }
        Ok(())
    }

    fn remember(&mut self, slot: u32) -> io::Result<()> {
        let top = self
            .stack
            .last()
            .ok_or_else(|| wrong("the stack is empty"))?;
        self.memo.insert(slot, top.clone());
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> io::Result<()> {
        let object = self.memo.get(&slot).ok_or_else(|| wrong("an empty memo"))?;
        self.stack.push(object.clone());
        Ok(())
    }
}

/// The depth of what holds `items`; bounded, since objects are dropped from the outside in.
fn deepest(before: usize, items: &[Object]) -> io::Result<usize> {
    let within = items.iter().map(|item| item.depth() + 1).max();
    match before.max(within.unwrap_or(1)) {
        depth if depth > MAX_DEPTH => Err(wrong("nested too deeply")),
        depth => Ok(depth),
    }
}

/// `('storage', torch.FloatStorage, key, device, elements)`, and in old files a view of another.
fn storage(identity: &Object) -> io::Result<Object> {
    match identity.items() {
        Some(
            [
                Object::Text(word),
                Object::Global(kind),
                Object::Text(key),
                _,
                _,
                rest @ ..,
            ],
        ) if &**word == "storage" && !matches!(rest.first(), Some(Object::Items(_))) => {
            let kind = kind.rsplit(' ').next().unwrap_or_default().into();
            let key = key.clone();
            Ok(Object::Storage(Rc::new(Storage { kind, key })))
        }
        _ => Err(wrong("a persistent object that is not a storage")),
    }
}

/// What `callable(*arguments)` makes, as far as tensors go.
fn call(callable: &Object, arguments: &Object) -> io::Result<Object> {
    let (Object::Global(name), Some(arguments)) = (callable, arguments.items()) else {
        return Ok(Object::Other);
    };
    match (&**name, arguments) {
        ("collections OrderedDict", []) => Ok(Object::Dict(Rc::default())),
        ("torch._utils _rebuild_parameter", [tensor, ..]) => Ok(tensor.clone()),
        ("torch._tensor _rebuild_from_type_v2", [inner @ Object::Global(_), _, arguments, ..]) => {
            // Not to itself: the recursion ends here.
            match inner {
                Object::Global(inner) if inner.ends_with(" _rebuild_from_type_v2") => {
                    Err(wrong("nested too deeply"))
                }
                inner => call(inner, arguments),
            }
        }
        (
            "torch._utils _rebuild_tensor_v2" | "torch._utils _rebuild_tensor",
            [
                Object::Storage(storage),
                Object::Int(offset),
                shape,
                strides,
                ..,
            ],
        ) => {
            let (Ok(offset), Some(shape), Some(strides)) =
                (usize::try_from(*offset), shape.sizes(), strides.sizes())
            else {
                return Err(wrong("a tensor whose place cannot be meant"));
            };
            if shape.len() != strides.len() {
                return Err(wrong("a tensor with other strides than axes"));
            }
            Ok(Object::Tensor(Rc::new(Strided {
                storage: storage.clone(),
                offset,
                shape,
                strides,
            })))
        }
        (name, _) if name.starts_with("torch._utils _rebuild") => {
            Err(wrong(format!("a tensor made by `{name}` is not read")))
        }
        _ => Ok(Object::Other),
    }
}

fn byte(source: &mut impl Read) -> io::Result<u8> {
    bytes::<1>(source).map(|[byte]| byte)
}

fn bytes<const N: usize>(source: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// `length` bytes; no more is allocated than there are.
fn run_of(source: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut run = Vec::new();
    source.take(length).read_to_end(&mut run)?;
    match run.len() as u64 == length {
        true => Ok(run),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn line(source: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    source.take(1024).read_until(b'\n', &mut line)?;
    match line.pop() {
        Some(b'\n') => utf8(line),
        _ => Err(wrong("a name without an end")),
    }
}

fn utf8(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| wrong("a name that is not UTF-8"))
}

/// A little-endian two's complement integer, if it has no more than 64 bits.
fn integer(bytes: &[u8]) -> Object {
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut word = if negative { [0xff; 8] } else { [0; 8] };
    match word.get_mut(..bytes.len()) {
        Some(low) => {
            low.copy_from_slice(bytes);
            Object::Int(i64::from_le_bytes(word))
        }
        None => Object::Other,
    }
}
