//! The pickle machine: a stack, a memo, and the instructions that build data.
//!
//! Where Python would call something, this looks up the name among the known ones and builds the object it stands
//! for. An instruction creates at most one object, and copies of collections are counted, so that a small file cannot
//! demand much memory.

use std::collections::{HashMap, HashSet};

use crate::class::Class;
use crate::cursor::Cursor;
use crate::object::{Id, Object, Storage, TensorObject};
use crate::{Dtype, PickleError};

/// The result of running a pickle.
pub struct Run {
    pub objects: Vec<Object>,
    pub root: Id,
}

/// Runs a pickle to its end and leaves the cursor there.
pub fn run(cursor: &mut Cursor<'_>) -> Result<Run, PickleError> {
    let mut machine = Machine::default();
    loop {
        let at = cursor.position();
        let opcode = cursor.u8()?;
        if opcode == b'.' {
            let root = machine.pop(at)?;
            return Ok(Run { objects: machine.objects, root });
        }
        machine.step(opcode, at, cursor)?;
    }
}

#[derive(Default)]
struct Machine {
    objects: Vec<Object>,
    stack: Vec<Id>,
    /// Stack heights at the marks.
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
    /// The storages so far.
    storages: HashSet<Storage>,
    /// Number of items of collections, and of bytes of texts, copied so far.
    copied: usize,
}

/// More items than the collections of any checkpoint have, and more bytes than its texts.
const MAX_COPIED: usize = 1 << 22;

type Done = Result<(), PickleError>;

fn malformed(at: usize, why: impl Into<String>) -> PickleError {
    PickleError::Malformed { at, why: why.into() }
}

impl Machine {
    /// Executes one instruction, named as in Python's `pickletools`.
    fn step(&mut self, opcode: u8, at: usize, cursor: &mut Cursor<'_>) -> Done {
        match opcode {
            /* PROTO */
            0x80 => match cursor.u8()? {
                0..=5 => {}
                other => return Err(malformed(at, format!("protocol {other}; supported are those up to 5"))),
            },
            /* FRAME */ 0x95 => _ = cursor.take(8)?,
            /* MARK */ b'(' => self.marks.push(self.stack.len()),
            /* POP */ b'0' => _ = self.pop(at)?,
            /* POP_MARK */ b'1' => _ = self.pop_to_mark(at)?,
            /* DUP */ b'2' => self.stack.push(self.top(at)?),

            /* NONE */ b'N' => self.push(Object::None),
            /* NEWTRUE */ 0x88 => self.push(Object::Bool(true)),
            /* NEWFALSE */ 0x89 => self.push(Object::Bool(false)),
            /* INT, of which 00 and 01 are truth values */
            b'I' => match cursor.line()? {
                "00" => self.push(Object::Bool(false)),
                "01" => self.push(Object::Bool(true)),
                line => self.push(Object::Int(parse(line, at)?)),
            },
            /* LONG */ b'L' => self.push(Object::Int(parse(cursor.line()?.trim_end_matches('L'), at)?)),
            /* BININT */ b'J' => self.push(Object::Int(cursor.i32()?.into())),
            /* BININT1 */ b'K' => self.push(Object::Int(cursor.u8()?.into())),
            /* BININT2 */ b'M' => self.push(Object::Int(cursor.u16()?.into())),
            /* LONG1 */ 0x8a => self.push_long(1, cursor)?,
            /* LONG4 */ 0x8b => self.push_long(4, cursor)?,
            /* FLOAT */ b'F' => self.push(Object::Float(parse(cursor.line()?, at)?)),
            /* BINFLOAT, the one big-endian number */
            b'G' => self.push(Object::Float(f64::from_be_bytes(cursor.array()?))),

            /* SHORT_BINUNICODE */ 0x8c => self.push_text(1, cursor)?,
            /* BINUNICODE */ b'X' => self.push_text(4, cursor)?,
            /* BINUNICODE8 */ 0x8d => self.push_text(8, cursor)?,
            /* UNICODE */ b'V' => self.push(Object::Text(cursor.line()?.to_owned())),
            /* SHORT_BINSTRING, of Python 2: texts */ b'U' => self.push_text(1, cursor)?,
            /* BINSTRING */ b'T' => self.push_text(4, cursor)?,
            /* SHORT_BINBYTES */ b'C' => self.push_bytes(1, cursor)?,
            /* BINBYTES */ b'B' => self.push_bytes(4, cursor)?,
            /* BINBYTES8, BYTEARRAY8 */ 0x8e | 0x96 => self.push_bytes(8, cursor)?,

            /* EMPTY_LIST */ b']' => self.push(Object::List(Vec::new())),
            /* EMPTY_TUPLE */ b')' => self.push(Object::Tuple(Vec::new())),
            /* EMPTY_DICT */ b'}' => self.push(Object::Dict(Vec::new())),
            /* EMPTY_SET */ 0x8f => self.push(Object::Set(Vec::new())),
            /* LIST */ b'l' => self.collect(at, Object::List)?,
            /* TUPLE */ b't' => self.collect(at, Object::Tuple)?,
            /* FROZENSET */ 0x91 => self.collect(at, Object::Set)?,
            /* TUPLE1 … TUPLE3 */ 0x85..=0x87 => self.push_tuple(usize::from(opcode - 0x84), at)?,
            /* DICT */
            b'd' => {
                let entries = pairs(&self.pop_to_mark(at)?, at)?;
                self.push(Object::Dict(entries));
            }
            /* APPEND */
            b'a' => {
                let item = self.pop(at)?;
                self.extend(&[item], at)?;
            }
            /* APPENDS, ADDITEMS */
            b'e' | 0x90 => {
                let items = self.pop_to_mark(at)?;
                self.extend(&items, at)?;
            }
            /* SETITEM */
            b's' => {
                let (value, key) = (self.pop(at)?, self.pop(at)?);
                self.set_items(&[key, value], at)?;
            }
            /* SETITEMS */
            b'u' => {
                let items = self.pop_to_mark(at)?;
                self.set_items(&items, at)?;
            }

            /* PUT */ b'p' => self.remember(parse(cursor.line()?, at)?, at)?,
            /* BINPUT */ b'q' => self.remember(cursor.u8()?.into(), at)?,
            /* LONG_BINPUT */ b'r' => self.remember(cursor.u32()? as usize, at)?,
            /* MEMOIZE */ 0x94 => self.remember(self.memo.len(), at)?,
            /* GET */ b'g' => self.recall(parse(cursor.line()?, at)?, at)?,
            /* BINGET */ b'h' => self.recall(cursor.u8()?.into(), at)?,
            /* LONG_BINGET */ b'j' => self.recall(cursor.u32()? as usize, at)?,

            /* GLOBAL */
            b'c' => {
                let (module, name) = (cursor.line()?, cursor.line()?);
                self.push_class(module, name, at)?;
            }
            /* STACK_GLOBAL */
            0x93 => {
                let (name, module) = (self.pop(at)?, self.pop(at)?);
                let (Object::Text(module), Object::Text(name)) = (&self.objects[module], &self.objects[name])
                else {
                    return Err(malformed(at, "a name is not a string"));
                };
                let (module, name) = (module.clone(), name.clone());
                self.push_class(&module, &name, at)?;
            }
            /* REDUCE */
            b'R' => {
                let (arguments, class) = (self.pop(at)?, self.pop(at)?);
                self.build(class, arguments, at)?;
            }
            /* NEWOBJ */
            0x81 => {
                let (arguments, class) = (self.pop(at)?, self.pop(at)?);
                self.build(class, arguments, at)?;
            }
            /* BUILD */ b'b' => self.set_state(at)?,
            /* BINPERSID */ b'Q' => self.push_storage(at)?,
            // INST, OBJ, PERSID, NEWOBJ_EX, EXT1 … EXT4, NEXT_BUFFER, READONLY_BUFFER and undefined ones.
            _ => return Err(PickleError::Instruction { opcode, at }),
        }
        Ok(())
    }

    fn push(&mut self, object: Object) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    fn top(&self, at: usize) -> Result<Id, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = self.stack.last().filter(|_| self.stack.len() > floor);
        top.copied().ok_or_else(|| malformed(at, "the stack is empty"))
    }

    fn pop(&mut self, at: usize) -> Result<Id, PickleError> {
        let top = self.top(at)?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self, at: usize) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or_else(|| malformed(at, "there is no mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn push_long(&mut self, bytes_of_length: usize, cursor: &mut Cursor<'_>) -> Done {
        let length = length(bytes_of_length, cursor)?;
        let bytes = cursor.take(length)?;
        // Two's complement of minimal length.
        let object = if bytes.len() <= 8 {
            let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
            let mut wide = [fill; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            Object::Int(i64::from_le_bytes(wide))
        } else {
            Object::Long(bytes.to_vec())
        };
        self.push(object);
        Ok(())
    }

    fn push_text(&mut self, bytes_of_length: usize, cursor: &mut Cursor<'_>) -> Done {
        let length = length(bytes_of_length, cursor)?;
        let text = cursor.text(length)?.to_owned();
        self.push(Object::Text(text));
        Ok(())
    }

    fn push_bytes(&mut self, bytes_of_length: usize, cursor: &mut Cursor<'_>) -> Done {
        let length = length(bytes_of_length, cursor)?;
        let bytes = cursor.take(length)?.to_vec();
        self.push(Object::Bytes(bytes));
        Ok(())
    }

    fn push_tuple(&mut self, size: usize, at: usize) -> Done {
        let mut items = Vec::with_capacity(size);
        for _ in 0..size {
            items.push(self.pop(at)?);
        }
        items.reverse();
        self.push(Object::Tuple(items));
        Ok(())
    }

    fn collect(&mut self, at: usize, into: fn(Vec<Id>) -> Object) -> Done {
        let items = self.pop_to_mark(at)?;
        self.push(into(items));
        Ok(())
    }

    fn extend(&mut self, items: &[Id], at: usize) -> Done {
        let list = self.top(at)?;
        match &mut self.objects[list] {
            Object::List(own) | Object::Set(own) => own.extend_from_slice(items),
            _ => return Err(malformed(at, "items are added to something other than a list")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id], at: usize) -> Done {
        let dict = self.top(at)?;
        let entries = pairs(items, at)?;
        match &mut self.objects[dict] {
            Object::Dict(own) => own.extend(entries),
            _ => return Err(malformed(at, "entries are added to something other than a dictionary")),
        }
        Ok(())
    }

    fn remember(&mut self, slot: usize, at: usize) -> Done {
        let top = self.top(at)?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, slot: usize, at: usize) -> Done {
        let id = self.memo.get(&slot).ok_or_else(|| malformed(at, format!("memo {slot} is empty")))?;
        self.stack.push(*id);
        Ok(())
    }

    fn push_class(&mut self, module: &str, name: &str, at: usize) -> Done {
        let class = Class::find(module, name);
        let class =
            class.ok_or_else(|| PickleError::Refused { name: shown(&format!("{module}.{name}")), at })?;
        self.push(Object::Class(class));
        Ok(())
    }

    /// Builds the object that calling `class` with `arguments` stands for.
    fn build(&mut self, class: Id, arguments: Id, at: usize) -> Done {
        let Object::Class(class) = &self.objects[class] else {
            return Err(malformed(at, "a call of something other than a class"));
        };
        let Object::Tuple(arguments) = &self.objects[arguments] else {
            return Err(malformed(at, "the arguments are not a tuple"));
        };
        let object = |nth: usize| arguments.get(nth).map(|id| &self.objects[*id]);
        let items = || match object(0) {
            None => Ok(Vec::new()),
            Some(Object::List(items) | Object::Tuple(items) | Object::Set(items)) => Ok(items.clone()),
            Some(_) => Err(malformed(at, "a collection is built from something other than one")),
        };
        let built = match class {
            // `defaultdict(list)` and similar are given the factory of missing entries.
            Class::Dict if matches!(object(0), Some(Object::Class(_) | Object::None)) => {
                Object::Dict(Vec::new())
            }
            Class::Dict => match object(0) {
                Some(Object::Dict(entries)) => Object::Dict(entries.clone()),
                _ => Object::Dict(
                    items()?.into_iter().map(|pair| self.pair(pair, at)).collect::<Result<_, _>>()?,
                ),
            },
            Class::List => Object::List(items()?),
            Class::Tuple => Object::Tuple(items()?),
            Class::Set => Object::Set(items()?),
            Class::Bytes | Class::Encode => match (object(0), object(1)) {
                (None, _) => Object::Bytes(Vec::new()),
                (Some(Object::Bytes(bytes)), _) => Object::Bytes(bytes.clone()),
                (Some(Object::Text(text)), Some(Object::Text(coding))) if coding.starts_with("latin") => {
                    let bytes = text.chars().map(|c| u8::try_from(u32::from(c)));
                    let bytes: Result<Vec<u8>, _> = bytes.collect();
                    Object::Bytes(bytes.map_err(|_| malformed(at, "bytes are not Latin-1"))?)
                }
                _ => return Err(malformed(at, "bytes are built from something other than a string")),
            },
            Class::Tensor => Object::Tensor(self.tensor(arguments, at)?),
            Class::Parameter => match object(0) {
                Some(Object::Tensor(tensor)) => Object::Tensor(tensor.clone()),
                _ => return Err(malformed(at, "a parameter is built from something other than a tensor")),
            },
            // `torch.device("cpu")`: the argument is all there is.
            Class::Name(_) => match object(0) {
                Some(Object::Text(text)) => Object::Text(text.clone()),
                _ => Object::None,
            },
            Class::Storage(_) => return Err(malformed(at, "a storage is not in the file")),
            Class::Record(class) => Object::Record { class: class.clone(), state: None },
        };
        self.copied += match &built {
            Object::List(items) | Object::Tuple(items) | Object::Set(items) => items.len(),
            Object::Dict(entries) => entries.len(),
            Object::Bytes(bytes) => bytes.len(),
            Object::Text(text) | Object::Record { class: text, .. } => text.len(),
            Object::Tensor(tensor) => tensor.shape.len(),
            _ => 0,
        };
        if self.copied > MAX_COPIED {
            return Err(malformed(at, "data are copied more often than in any checkpoint"));
        }
        self.push(built);
        Ok(())
    }

    fn pair(&self, pair: Id, at: usize) -> Result<(Id, Id), PickleError> {
        match &self.objects[pair] {
            Object::Tuple(pair) | Object::List(pair) if pair.len() == 2 => Ok((pair[0], pair[1])),
            _ => Err(malformed(at, "a dictionary is built from something other than pairs")),
        }
    }

    /// Builds a tensor from `(storage, offset, shape, strides, …)`; the rest concerns gradients.
    fn tensor(&self, arguments: &[Id], at: usize) -> Result<TensorObject, PickleError> {
        let no_tensor = || {
            malformed(at, "a tensor is built from something other than storage, offset, shape and strides")
        };
        let [storage, offset, shape, strides, ..] = arguments else { return Err(no_tensor()) };
        let size = |id: &Id| match &self.objects[*id] {
            Object::Int(size) => usize::try_from(*size).ok(),
            _ => None,
        };
        let sizes = |id: &Id| match &self.objects[*id] {
            Object::Tuple(sizes) | Object::List(sizes) => sizes.iter().map(size).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        let Object::Storage(storage) = &self.objects[*storage] else { return Err(no_tensor()) };
        let (Some(offset), Some(shape), Some(strides)) = (size(offset), sizes(shape), sizes(strides)) else {
            return Err(no_tensor());
        };
        if shape.len() != strides.len() {
            return Err(no_tensor());
        }
        Ok(TensorObject { storage: storage.clone(), offset, shape, strides })
    }

    /// Handles the argument of an object's `__setstate__`: kept for records; ignored for dictionaries, whose
    /// attributes it sets.
    fn set_state(&mut self, at: usize) -> Done {
        let new = self.pop(at)?;
        let object = self.top(at)?;
        match &mut self.objects[object] {
            Object::Record { state, .. } => *state = Some(new),
            // Attributes of a state dict (`_metadata`: versions of modules) are not entries.
            Object::Dict(_) | Object::Tensor(_) => {}
            _ => return Err(malformed(at, "a state is set on an object that has none")),
        }
        Ok(())
    }

    /// Handles `("storage", class, key, device, elements, view)`: elements that are in the file.
    fn push_storage(&mut self, at: usize) -> Done {
        let id = self.pop(at)?;
        let no_storage = || malformed(at, "a persistent id is not that of a storage");
        let Object::Tuple(parts) = &self.objects[id] else { return Err(no_storage()) };
        let [tag, class, key, _device, elements, view @ ..] = parts.as_slice() else {
            return Err(no_storage());
        };
        if view.iter().any(|id| !matches!(self.objects[*id], Object::None)) {
            return Err(malformed(
                at,
                "views of storages, as written by PyTorch before 0.4, are not supported",
            ));
        }
        let dtype: Dtype = match (&self.objects[*tag], &self.objects[*class]) {
            (Object::Text(tag), Object::Class(Class::Storage(dtype))) if tag == "storage" => *dtype,
            _ => return Err(no_storage()),
        };
        let (Object::Text(key), Object::Int(elements)) = (&self.objects[*key], &self.objects[*elements])
        else {
            return Err(no_storage());
        };
        let elements = usize::try_from(*elements).map_err(|_| no_storage())?;
        // Of equal ones the first is kept, so that they share their key.
        let storage = Storage { key: key.as_str().into(), dtype, elements };
        let storage = self.storages.get(&storage).cloned().unwrap_or(storage);
        self.storages.insert(storage.clone());
        self.push(Object::Storage(storage));
        Ok(())
    }
}

fn length(bytes: usize, cursor: &mut Cursor<'_>) -> Result<usize, PickleError> {
    match bytes {
        1 => Ok(cursor.u8()?.into()),
        4 => Ok(cursor.u32()? as usize),
        _ => cursor.length(),
    }
}

fn pairs(items: &[Id], at: usize) -> Result<Vec<(Id, Id)>, PickleError> {
    let (pairs, rest) = items.as_chunks::<2>();
    if rest.is_empty() {
        Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
    } else {
        Err(malformed(at, "a key has no value"))
    }
}

fn parse<T: std::str::FromStr>(text: &str, at: usize) -> Result<T, PickleError> {
    text.trim().parse().map_err(|_| malformed(at, format!("`{}` is not a number", shown(text))))
}

/// The beginning of a text from the file, short enough to be said.
fn shown(text: &str) -> String {
    const LONGEST: usize = 64;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_bounded() {
        // A text of 64 KiB, in the memo; then bytes and device are made of it again and again.
        let text = [b"X\0\0\x01\0", &[b'a'; 1 << 16][..], b"q\0"].concat();
        for call in [
            &b"c_codecs\nencode\nh\0U\x06latin1\x86R0"[..],
            b"ctorch\ndevice\nh\0\x85R0",
            b"cbuiltins\nbytearray\nc_codecs\nencode\nh\0U\x06latin1\x86R\x85R0",
        ] {
            let pickle = [&text[..], &call.repeat(1000), b"."].concat();
            let told = run(&mut Cursor::new(&pickle)).err().map(|error| error.to_string());
            assert!(told.as_ref().is_some_and(|told| told.contains("are copied more often")), "{told:?}");
            assert!(run(&mut Cursor::new(&[&text[..], call, b"."].concat())).is_ok());
        }
    }

    #[test]
    fn equal_storages_share_their_key() {
        let key = [b"X\0\0\x01\0", &[b'k'; 1 << 16][..], b"q\0"].concat();
        let storage = b"(U\x07storagectorch\nFloatStorage\nh\0NK\x01tQ";
        let pickle = [&key[..], &storage.repeat(2), b"\x86."].concat();
        let made = run(&mut Cursor::new(&pickle)).unwrap();
        let keys: Vec<_> = made
            .objects
            .iter()
            .filter_map(|object| match object {
                Object::Storage(storage) => Some(storage.key.as_ptr()),
                _ => None,
            })
            .collect();
        assert!(keys.len() == 2 && keys[0] == keys[1]);
    }

    #[test]
    fn errors_do_not_grow_with_what_is_in_the_file() {
        let text = "ä".repeat(1 << 20);
        let told = parse::<i64>(&text, 7).unwrap_err().to_string();
        assert!(told.len() < 300 && told.contains("ää…` is not a number"), "{} bytes", told.len());
        assert_eq!(shown("1x"), "1x");
    }
}
