//! Goes through a whole syntax tree, by way of its serialisation: every node of every kind is seen.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{Error as _, Impossible, SerializeSeq, SerializeStruct, Serializer};
use serde_json::{Error, Value};

use super::judge::fields_of;

/// The fields of a node that somebody wants to see.
pub(super) type Fields = BTreeMap<&'static str, Value>;

/// Shows every node of a kind that is looked at ([`fields_of`]), inner ones first.
pub(super) fn walk(tree: &impl Serialize, mut see: impl FnMut(&'static str, &Fields)) {
    // Nodes are structures, lists and numbers: nothing that fails.
    let _ = tree.serialize(&mut Walk { see: &mut see });
}

struct Walk<'s> {
    see: &'s mut dyn FnMut(&'static str, &Fields),
}

/// A node of which some fields are kept.
struct Seen<'w, 's> {
    walk: &'w mut Walk<'s>,
    name: &'static str,
    wanted: Option<&'static [&'static str]>,
    fields: Fields,
}

macro_rules! leaves {
    ($($method:ident $kind:ty),*) => {$(
        fn $method(self, _: $kind) -> Result<(), Error> {
            Ok(())
        }
    )*};
}

impl<'w, 's> Serializer for &'w mut Walk<'s> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStruct = Seen<'w, 's>;
    type SerializeStructVariant = Impossible<(), Error>;

    leaves!(
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_f32 f32,
        serialize_f64 f64, serialize_char char, serialize_str &str, serialize_bytes &[u8],
        serialize_unit_struct &'static str
    );

    fn serialize_none(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Seen<'w, 's>, Error> {
        Ok(Seen { walk: self, name, wanted: fields_of(name), fields: Fields::new() })
    }

    fn serialize_tuple(self, _: usize) -> Result<Impossible<(), Error>, Error> {
        Err(none("tuple"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Impossible<(), Error>, Error> {
        Err(none("tuple"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<(), Error>, Error> {
        Err(none("tuple"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Impossible<(), Error>, Error> {
        Err(none("map"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<(), Error>, Error> {
        Err(none("variant with fields"))
    }
}

fn none(what: &str) -> Error {
    Error::custom(format!("no node has a {what}"))
}

impl SerializeSeq for &mut Walk<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

impl SerializeStruct for Seen<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        if self.wanted.is_some_and(|wanted| wanted.contains(&key)) && wants(&self.fields, key) {
            self.fields.insert(key, serde_json::to_value(value)?);
        }
        value.serialize(&mut *self.walk)
    }

    fn end(self) -> Result<(), Error> {
        if self.wanted.is_some() {
            (self.walk.see)(self.name, &self.fields);
        }
        Ok(())
    }
}

/// Whether the field is worth its memory: arguments matter to few functions, and may be as large as the file.
fn wants(known: &Fields, key: &str) -> bool {
    key != "args" || known.get("funcname").is_none_or(super::judge::arguments_matter)
}
