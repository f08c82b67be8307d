//! The keys of the policy document as serde knows them: found by reading documents that have one key at each depth.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize as _, forward_to_deserialize_any};

use crate::policy::Policy;

/// What stands at the end of the way; the way there is always refused with it.
#[derive(Debug, thiserror::Error)]
enum Found {
    #[error("a map of these keys")]
    Keys(&'static [&'static str]),
    #[error("a list")]
    List,
    #[error("a map of any keys")]
    Map,
    #[error("a value")]
    Value,
}

impl serde::de::Error for Found {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self::Value
    }
    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::Keys(expected)
    }
}

/// No key is called so.
const NO_KEY: &str = "?";

#[derive(Clone, Copy)]
struct Way<'a>(&'a [String]);

impl<'de> Deserializer<'de> for Way<'_> {
    type Error = Found;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Found> {
        visitor.visit_map(One(Some(self)))
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Found> {
        visitor.visit_map(One(Some(self)))
    }
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Found> {
        if self.0.is_empty() { Err(Found::Map) } else { visitor.visit_map(One(Some(self))) }
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Found> {
        if self.0.is_empty() { Err(Found::List) } else { visitor.visit_seq(One(Some(self))) }
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Found> {
        visitor.visit_some(self)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Found> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_str<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found::Value)
    }
    fn deserialize_string<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found::Value)
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Found> {
        Err(Found::Value)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
        identifier ignored_any
    }
}

/// A map or a list of one entry, which is the next step.
struct One<'a>(Option<Way<'a>>);

impl<'de> MapAccess<'de> for One<'_> {
    type Error = Found;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Found> {
        let Some(way) = self.0 else { return Ok(None) };
        let key: StrDeserializer<'_, Found> =
            way.0.first().map_or(NO_KEY, String::as_str).into_deserializer();
        seed.deserialize(key).map(Some)
    }
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Found> {
        let way = self.0.take().ok_or(Found::Value)?;
        seed.deserialize(Way(way.0.get(1..).ok_or(Found::Value)?))
    }
}

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Found;
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Found> {
        let Some(way) = self.0.take() else { return Ok(None) };
        seed.deserialize(Way(way.0.get(1..).unwrap_or_default())).map(Some)
    }
}

fn look(way: &[String]) -> Found {
    Policy::deserialize(Way(way)).err().unwrap_or_else(|| Found::custom("a value"))
}

/// Every key below a place, as [`SETTINGS`](super::SETTINGS) writes them.
fn below(way: &[String], path: &str, into: &mut Vec<String>) {
    let mut step = |step: &str, path: String, is_key: bool| {
        if is_key {
            into.push(path.clone());
        }
        below(&[way, &[step.to_owned()]].concat(), &path, into);
    };
    match look(way) {
        Found::Keys(keys) => {
            for key in keys {
                let path = if path.is_empty() { (*key).to_owned() } else { format!("{path}.{key}") };
                step(key, path, true);
            }
        }
        Found::List => step("[]", format!("{path}[]"), false),
        Found::Map => step("*", format!("{path}.*"), true),
        Found::Value => {}
    }
}

pub(super) fn all() -> Vec<String> {
    let mut keys = Vec::new();
    below(&[], "", &mut keys);
    keys
}
