//! A document as serde reads it, again and again: what it cannot read is noted and left out the next time.

use std::collections::BTreeSet;
use std::slice;

use pgbelay_core::policy::Place;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::MAX_MISTAKES;
use super::fault::Fault;
use super::tree::{Entry, Kind, Node, Scalar};

/// What the document says without what could not be read, and all of that.
pub(super) fn read<T: DeserializeOwned>(root: &Node) -> (Option<T>, Vec<Fault>) {
    let (mut left_out, mut faults) = (BTreeSet::new(), Vec::new());
    while faults.len() < MAX_MISTAKES {
        let reader = Reader { node: root, place: Place::default(), left_out: &left_out };
        let fault = match T::deserialize(reader) {
            Ok(value) => return (Some(value), faults),
            Err(fault) => fault.knowing(&left_out, &faults),
        };
        let place = fault.place.clone();
        faults.push(fault);
        // Of nothing, nothing can be left out; and what was left out is not read again.
        if place == Place::default() || !left_out.insert(place) {
            break;
        }
    }
    (None, faults)
}

struct Reader<'a> {
    node: &'a Node,
    place: Place,
    left_out: &'a BTreeSet<Place>,
}

impl<'de> Reader<'_> {
    fn visit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Self { node, place, left_out } = self;
        let read = match &node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Scalar { value: Scalar::Bool(value), .. } => visitor.visit_bool(*value),
            Kind::Scalar { value: Scalar::Signed(value), .. } => visitor.visit_i64(*value),
            Kind::Scalar { value: Scalar::Unsigned(value), .. } => visitor.visit_u64(*value),
            Kind::Scalar { value: Scalar::Float(value), .. } => visitor.visit_f64(*value),
            Kind::Scalar { value: Scalar::Text, text } => visitor.visit_str(text),
            Kind::List(list) => {
                visitor.visit_seq(List { rest: list.iter(), next: 0, place: &place, left_out })
            }
            Kind::Map(entries) => {
                visitor.visit_map(Map { rest: entries.iter(), value: None, place: &place, left_out })
            }
        };
        read.map_err(|fault| fault.at(&place))
    }

    /// Where a text is asked for, whatever is written is one.
    fn visit_text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.text() {
            Some(text) => visitor.visit_str(text).map_err(|fault: Fault| fault.at(&self.place)),
            None => self.visit(visitor),
        }
    }

    /// Where a number or a truth value is asked for, quotes do not count.
    fn visit_plain<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let quoted = match &self.node.kind {
            Kind::Scalar { value: Scalar::Text, text } => Some(text.as_str()),
            Kind::Scalar { value: Scalar::Float(_), text } => {
                let fault: Fault = serde::de::Error::invalid_type(Unexpected::Other(text), &visitor);
                return Err(fault.at(&self.place));
            }
            Kind::Scalar { .. } | Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        };
        let at = |fault: Fault| fault.at(&self.place);
        match quoted {
            Some("true") => visitor.visit_bool(true).map_err(at),
            Some("false") => visitor.visit_bool(false).map_err(at),
            Some(text) => match text.parse::<u64>() {
                Ok(number) => visitor.visit_u64(number).map_err(at),
                Err(_) => self.visit(visitor),
            },
            None => self.visit(visitor),
        }
    }
}

macro_rules! asked_for {
    ($($method:ident)+ => $how:ident) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.$how(visitor)
        })+
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    asked_for!(deserialize_any => visit);
    asked_for!(deserialize_str deserialize_string deserialize_identifier deserialize_char => visit_text);
    asked_for!(deserialize_bool deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 => visit_plain);
    asked_for!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 => visit_plain);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.node.is_nothing() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let place = self.place.clone();
        visitor.visit_newtype_struct(self).map_err(|fault| fault.at(&place))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        // serde would take a list for the values of the fields.
        if matches!(self.node.kind, Kind::List(_)) {
            let fault: Fault = serde::de::Error::invalid_type(Unexpected::Seq, &visitor);
            return Err(fault.at(&self.place));
        }
        self.visit(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Self { node, place, left_out } = self;
        let read = match &node.kind {
            Kind::Scalar { text, .. } => {
                let word: StrDeserializer<'_, Fault> = text.as_str().into_deserializer();
                visitor.visit_enum(word)
            }
            Kind::Map(entries) => visitor.visit_enum(MapAccessDeserializer::new(Map {
                rest: entries.iter(),
                value: None,
                place: &place,
                left_out,
            })),
            Kind::Null => Err(Fault::not_a_word(words, Unexpected::Unit)),
            Kind::List(_) => Err(Fault::not_a_word(words, Unexpected::Seq)),
        };
        read.map_err(|fault| fault.at(&place))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 bytes byte_buf unit unit_struct seq tuple tuple_struct map
    }
}

struct List<'a> {
    rest: slice::Iter<'a, Node>,
    next: usize,
    place: &'a Place,
    left_out: &'a BTreeSet<Place>,
}

impl<'de> SeqAccess<'de> for List<'_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        for node in self.rest.by_ref() {
            let place = self.place.clone().item(self.next);
            self.next += 1;
            if !self.left_out.contains(&place) {
                let reader = Reader { node, place: place.clone(), left_out: self.left_out };
                return seed.deserialize(reader).map(Some).map_err(|fault| fault.at(&place));
            }
        }
        Ok(None)
    }
}

struct Map<'a> {
    rest: slice::Iter<'a, Entry>,
    value: Option<&'a Entry>,
    place: &'a Place,
    left_out: &'a BTreeSet<Place>,
}

impl<'de> MapAccess<'de> for Map<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        for entry in self.rest.by_ref() {
            let place = self.place.clone().key(&entry.key);
            if !self.left_out.contains(&place) {
                self.value = Some(entry);
                let key: StrDeserializer<'_, Fault> = entry.key.as_str().into_deserializer();
                return seed.deserialize(key).map(Some).map_err(|fault| fault.at(&place));
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let entry = self.value.take().ok_or_else(|| serde::de::Error::custom("a value without a key"))?;
        let place = self.place.clone().key(&entry.key);
        let reader = Reader { node: &entry.value, place: place.clone(), left_out: self.left_out };
        // What a type says of a value that it has read is about that value.
        seed.deserialize(reader).map_err(|fault| fault.at(&place))
    }
}
