//! What PostgreSQL brings along: its own types, and how its functions depend on anything but their
//! arguments. From the system catalogs of servers 12 to 18; a test compares it with a real server.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::catalog::Volatility;

/// One line each: `v` or `s` or `i`, a space, the name. Where functions of one name differ, the one
/// that depends on most.
static FUNCTIONS: LazyLock<BTreeMap<&'static str, Volatility>> = LazyLock::new(|| {
    include_str!("builtin/functions.txt")
        .lines()
        .filter_map(|line| {
            let (letter, name) = line.split_once(' ')?;
            let volatility = match letter {
                "i" => Volatility::Immutable,
                "s" => Volatility::Stable,
                _ => Volatility::Volatile,
            };
            Some((name, volatility))
        })
        .collect()
});

static TYPES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("builtin/types.txt").lines().collect());

/// Whether that is a type of `pg_catalog`.
pub(crate) fn is_type(name: &str) -> bool {
    TYPES.binary_search(&name).is_ok()
}

/// The symbols of its operators.
const OPERATORS: &str = "!! !~ !~* !~~ !~~* # ## #- #> #>> % & && &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / < \
    <-> << <<= <<| <= <> <@ <^ = > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ ^@ | |&> |/ |>> || ||/ ~ \
    ~* ~<=~ ~<~ ~= ~>=~ ~>~ ~~ ~~* !";

/// Whether `pg_catalog` has an operator of that symbol.
pub(crate) fn is_operator(symbol: &str) -> bool {
    OPERATORS.split_whitespace().any(|own| own == symbol) || symbol == "!="
}

/// How a function of `pg_catalog` depends on anything but its arguments; `None` if there is none of
/// that name.
pub(crate) fn function(name: &str) -> Option<Volatility> {
    FUNCTIONS.get(name).copied()
}
