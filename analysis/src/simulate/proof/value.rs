//! Constants that can be compared without a server.

use std::cmp::Ordering;

use crate::catalog::{Catalog, DataType, Settings, TypeDefinition, moment};
use crate::syntax::{Constant, Expr};

/// How the values of a type are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Integer,
    Number,
    Day,
    Moment,
    MomentWithZone,
    /// Text; `bytes`: in the order of its bytes.
    Word {
        bytes: bool,
    },
    Uuid,
    Bool,
    /// An enum.
    Label,
    /// A type of which it is not known here which texts are the same.
    Other,
    /// Of an expression, or of a column of which little is known.
    Unknown,
}

impl Family {
    pub(super) const WORD: Self = Self::Word { bytes: false };

    pub(super) fn of(data_type: &DataType, bytes: bool, catalog: &Catalog) -> Self {
        if data_type.array {
            return Self::Other;
        }
        match data_type.own_name() {
            // A float4 is compared as a float8, which is another number where there is a fraction.
            Some("int2" | "int4" | "int8" | "float4") => Self::Integer,
            Some("numeric" | "float8") => Self::Number,
            Some("date") => Self::Day,
            Some("timestamp") => Self::Moment,
            Some("timestamptz") => Self::MomentWithZone,
            Some("text" | "varchar") => Self::Word { bytes },
            Some("uuid") => Self::Uuid,
            Some("bool") => Self::Bool,
            Some(_) => Self::Other,
            None => match data_type.full_name().and_then(|name| catalog.types.get(&name)) {
                Some(TypeDefinition::Domain(domain)) => Self::of(&domain.base, bytes, catalog),
                Some(TypeDefinition::Enum(_)) => Self::Label,
                Some(_) => Self::Other,
                None => Self::Unknown,
            },
        }
    }

    /// Whether a constant that is cast to that type is compared with the column as it is, by an operator whose result
    /// is always the same.
    fn takes(self, cast: &str) -> bool {
        match self {
            Self::Integer => ["int2", "int4", "int8"].contains(&cast),
            Self::Number => ["int2", "int4", "int8", "numeric", "float4", "float8"].contains(&cast),
            Self::Day | Self::Moment => ["date", "timestamp"].contains(&cast),
            Self::MomentWithZone => cast == "timestamptz",
            Self::Word { .. } => ["text", "varchar"].contains(&cast),
            Self::Uuid => cast == "uuid",
            Self::Bool => cast == "bool",
            Self::Label | Self::Other | Self::Unknown => true,
        }
    }
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Whole(i128),
    Fraction(f64),
    /// Microseconds, and the offset of the zone in the same.
    Moment(i64, Option<i64>),
    Bool(bool),
    Word(String),
    /// A value that other texts may stand for too.
    Text(String),
    /// Text in the order of its bytes.
    Bytes(String),
}

impl Value {
    /// A constant beside something of that family; `None` when it is none, or when the server would rather cast what it
    /// is compared with.
    pub(super) fn of(expression: &Expr, family: Family, settings: &Settings) -> Option<Self> {
        match expression {
            Expr::Cast { arg, to } if !to.array && family.takes(&to.name.name) => {
                Self::of(arg, family, settings)
            }
            Expr::Operator { name, args } if name == "-" => match args.as_slice() {
                [one] => match Self::of(one, family, settings)? {
                    Self::Whole(number) => number.checked_neg().map(Self::Whole),
                    Self::Fraction(number) => Some(Self::Fraction(-number)),
                    Self::Moment(..) | Self::Bool(_) | Self::Word(_) | Self::Text(_) | Self::Bytes(_) => None,
                },
                [one, other] => {
                    Self::of(one, family, settings)?.computed(name, &Self::of(other, family, settings)?)
                }
                _ => None,
            },
            Expr::Operator { name, args } if name == "+" || name == "*" => match args.as_slice() {
                [one, other] => {
                    Self::of(one, family, settings)?.computed(name, &Self::of(other, family, settings)?)
                }
                _ => None,
            },
            Expr::Constant(Constant::Number(text)) => number(text, family),
            Expr::Constant(Constant::Bool(truth)) => Some(Self::Bool(*truth)),
            Expr::Constant(Constant::Text(text)) => word(text, family, settings),
            _ => None,
        }
    }

    /// Whole numbers are computed before anything is compared.
    fn computed(&self, operator: &str, other: &Self) -> Option<Self> {
        let (Self::Whole(one), Self::Whole(other)) = (self, other) else { return None };
        let result = match operator {
            "+" => one.checked_add(*other),
            "-" => one.checked_sub(*other),
            "*" => one.checked_mul(*other),
            _ => None,
        };
        result.map(Self::Whole)
    }

    /// Whether they are surely not the same.
    pub(super) fn differs(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Word(one), Self::Word(other)) => one != other,
            _ => self.order(other).is_some_and(Ordering::is_ne),
        }
    }

    /// Only where every server orders them so.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(b)),
            (Self::Fraction(a), Self::Fraction(b)) => a.partial_cmp(b),
            (Self::Whole(a), Self::Fraction(b)) => f64::from(i32::try_from(*a).ok()?).partial_cmp(b),
            (Self::Fraction(a), Self::Whole(b)) => a.partial_cmp(&f64::from(i32::try_from(*b).ok()?)),
            (Self::Moment(a, None), Self::Moment(b, None)) => Some(a.cmp(b)),
            (Self::Moment(a, Some(here)), Self::Moment(b, Some(there))) => Some((a - here).cmp(&(b - there))),
            (Self::Moment(a, _), Self::Moment(b, _)) => (a.abs_diff(*b) > WIDEST).then(|| a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Bytes(a), Self::Bytes(b)) => Some(a.cmp(b)),
            (Self::Word(a), Self::Word(b)) | (Self::Text(a), Self::Text(b)) if a == b => {
                Some(Ordering::Equal)
            }
            (Self::Word(a), Self::Word(b)) if a.len() == b.len() && are_digits(a) && are_digits(b) => {
                Some(a.cmp(b))
            }
            _ => None,
        }
    }
}

/// No two zones are further apart.
const WIDEST: u64 = 26 * 3_600 * 1_000_000;

fn number(text: &str, family: Family) -> Option<Value> {
    if let Ok(whole) = text.parse() {
        return Some(Value::Whole(whole));
    }
    // Beside a fraction the server makes a numeric of an integer.
    if family != Family::Number {
        return None;
    }
    // More digits than these are more than a float has.
    if text.len() > 15 {
        return Some(Value::Text(text.to_owned()));
    }
    text.parse().ok().map(Value::Fraction)
}

fn word(text: &str, family: Family, settings: &Settings) -> Option<Value> {
    match family {
        Family::Day | Family::Moment | Family::MomentWithZone
            if text.trim_start_matches('-') == "infinity" =>
        {
            Some(Value::Text(text.to_owned()))
        }
        Family::Integer | Family::Number => number(text.trim(), family),
        Family::Day | Family::Moment => moment(text).map(|(at, _)| Value::Moment(at, None)),
        Family::MomentWithZone => {
            let (at, offset) = moment(text)?;
            let utc =
                settings.time_zone.as_deref().is_some_and(|zone| ["UTC", "GMT", "Etc/UTC"].contains(&zone));
            Some(Value::Moment(at, offset.or(utc.then_some(0))))
        }
        Family::Word { bytes: true } => Some(Value::Bytes(text.to_owned())),
        Family::Word { bytes: false } | Family::Label => Some(Value::Word(text.to_owned())),
        Family::Other => Some(Value::Text(text.to_owned())),
        Family::Uuid => Some(Value::Bytes(text.to_ascii_lowercase())),
        Family::Bool => match text.to_ascii_lowercase().as_str() {
            "t" | "true" | "yes" | "on" | "1" => Some(Value::Bool(true)),
            "f" | "false" | "no" | "off" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        Family::Unknown => Some(match moment(text) {
            Some((at, offset)) => Value::Moment(at, offset),
            None => Value::Text(text.to_owned()),
        }),
    }
}

/// Texts of digits that any collation orders as numbers of one length.
fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
