//! Migrations that several tests run: small, of low risk, each with its way back.

/// Three tables.
pub(crate) const THREE: [(&str, &str); 6] = [
    ("001_one.sql", "CREATE TABLE one (id int PRIMARY KEY);"),
    ("002_two.sql", "CREATE TABLE two (id int PRIMARY KEY);"),
    ("003_three.sql", "CREATE TABLE three (id int PRIMARY KEY);"),
    ("rollback/001_rollback.sql", "DROP TABLE one;"),
    ("rollback/002_rollback.sql", "DROP TABLE two;"),
    ("rollback/003_rollback.sql", "DROP TABLE three;"),
];

/// The first of them.
pub(crate) const ONE: [(&str, &str); 2] = [THREE[0], THREE[3]];

/// The first two of them.
pub(crate) const TWO: [(&str, &str); 4] = [THREE[0], THREE[1], THREE[3], THREE[4]];
