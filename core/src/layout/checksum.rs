//! What other tools keep of a file to see that it has changed, exactly as they compute it.

use std::fmt::Write as _;
use std::hash::Hasher as _;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384};
use siphasher::sip::SipHasher13;

fn hex(bytes: impl AsRef<[u8]>) -> String {
    let mut text = String::new();
    for byte in bytes.as_ref() {
        // Writing to a string does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

/// sqlx: SHA-384 of the whole file.
pub(super) fn sqlx(file: &[u8]) -> String {
    hex(Sha384::digest(file))
}

/// Prisma: SHA-256 of the whole file.
pub(super) fn prisma(file: &[u8]) -> String {
    hex(Sha256::digest(file))
}

/// Sqitch: SHA-1 of the deploy file.
pub(super) fn sqitch_script(file: &[u8]) -> String {
    hex(Sha1::digest(file))
}

/// Sqitch: SHA-1 of what the plan says of a change, as git names an object.
pub(super) fn sqitch_change(info: &str) -> String {
    let head = format!("change {}\0", info.len());
    hex(Sha1::new().chain_update(head).chain_update(info).finalize())
}

/// Flyway: CRC-32 over the lines without what ends them; the mark of UTF-8 does not count.
pub(super) fn flyway(text: &str) -> String {
    let mut crc = crc32fast::Hasher::new();
    for part in text.strip_prefix('\u{feff}').unwrap_or(text).split(['\n', '\r']) {
        crc.update(part.as_bytes());
    }
    crc.finalize().cast_signed().to_string()
}

/// refinery: SipHash-1-3 over name, version and SQL, as Rust's `Hash` feeds them. Versions that need it are of 64 bits.
pub(super) fn refinery(name: &str, version: i64, sql: &str) -> String {
    match i32::try_from(version) {
        Ok(version) => refinery_of(name, &version.to_le_bytes(), sql),
        Err(_) => refinery_wide(name, version, sql),
    }
}

/// The same of a refinery that was built with versions of 64 bits.
pub(super) fn refinery_wide(name: &str, version: i64, sql: &str) -> String {
    refinery_of(name, &version.to_le_bytes(), sql)
}

fn refinery_of(name: &str, version: &[u8], sql: &str) -> String {
    let mut hash = SipHasher13::new();
    hash.write(name.as_bytes());
    hash.write(&[0xff]);
    hash.write(version);
    hash.write(sql.as_bytes());
    hash.write(&[0xff]);
    hash.finish().to_string()
}

/// Liquibase (4.22 and later): MD5 over that of the SQL without white space.
pub(super) fn liquibase(sql: &str) -> String {
    let body: String = sql.trim().chars().filter(|c| !matches!(c, ' ' | '\n' | '\r' | '\t')).collect();
    let change = format!("9:{}:", hex(Md5::digest(body)));
    format!("9:{}", hex(Md5::digest(change)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_tools() {
        let persons = "CREATE TABLE persons (id int, name varchar(255), city varchar(255));";
        assert_eq!(refinery("initial", 1, persons), "9011118159008407467", "refinery-core 0.10.1");
        assert_eq!(
            refinery("add_x", 20_240_101, "select 1;\n"),
            "672005790297598938",
            "refinery-core 0.10.1"
        );
        let hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(prisma(b"hello"), hello, "the test of prisma-engines");
        let couple = "create table COUPLE (\n    ID int not null,\n    PERSON1 int not null references PERSON(ID), \n    \
                      PERSON2 int not null references PERSON(ID) \n);";
        for text in
            [couple.to_owned(), format!("{couple}\n"), format!("\u{feff}{}", couple.replace('\n', "\r\n"))]
        {
            assert_eq!(flyway(&text), "-722651034", "Flyway's documentation");
        }
        let empty = "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da\
                     274edebfe76f65fbd51ad2f14898b95b";
        assert_eq!(sqlx(b""), empty, "FIPS 180-4");
        assert_eq!(sqitch_script(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d", "FIPS 180-4");
    }

    #[test]
    fn white_space_does_not_count_for_liquibase() {
        assert_eq!(liquibase("select 1;\n"), liquibase("  select\t1;"));
        assert_eq!(liquibase("select 1;"), "9:a7ca957848b7a2d82c733ec390529b49");
    }
}
