//! SQLite files that belong to pgbelay: private, durable, marked as ours, and with exactly our tables.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// How long a statement waits for another process that has the file locked, such as an administrator's sqlite3
/// taking a copy: longer than such a lock is held, shorter than an operator's patience.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What kind of file it is, and what tables it has.
pub(crate) struct Format {
    /// Marks the kind of file in SQLite's header.
    pub(crate) application_id: i32,
    /// The version of the tables.
    pub(crate) version: i32,
    /// Name and statement of each table, in the order of the names.
    pub(crate) tables: &'static [(&'static str, &'static str)],
}

/// Why a file is not what was expected.
#[derive(Debug)]
pub(crate) enum FormatError {
    /// Not this kind of file.
    Foreign,
    /// Made by a later version.
    Newer { found: i32 },
    /// Ours, but the tables were changed.
    Altered { detail: String },
    /// SQLite can't tell.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for FormatError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => Self::Foreign,
            _ => Self::Sql(error),
        }
    }
}

impl Format {
    /// Makes the tables in an empty file.
    pub(crate) fn create(&self, conn: &Connection) -> rusqlite::Result<()> {
        for (_, statement) in self.tables {
            conn.execute_batch(statement)?;
        }
        conn.pragma_update(None, "application_id", self.application_id)?;
        conn.pragma_update(None, "user_version", self.version)
    }

    /// Checks that the file is of this format, without changing it.
    pub(crate) fn check(&self, conn: &Connection) -> Result<(), FormatError> {
        let pragma = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        if pragma("application_id")? != self.application_id {
            return Err(FormatError::Foreign);
        }
        match pragma("user_version")? {
            found if found > self.version => Err(FormatError::Newer { found }),
            found if found < self.version => {
                Err(FormatError::Altered { detail: format!("version {found} of its tables was never made") })
            }
            _ => self.check_tables(conn),
        }
    }

    /// A trigger, a view or a changed constraint could make entries come and go unseen.
    fn check_tables(&self, conn: &Connection) -> Result<(), FormatError> {
        let mut found = conn.prepare(
            "SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        )?;
        let found = found
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<Vec<(String, String)>>>()?;
        let same =
            found.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).eq(self.tables.iter().copied());
        if same {
            return Ok(());
        }
        let names: Vec<_> = found.into_iter().map(|(name, _)| name).collect();
        let detail = format!("its tables are not as pgbelay made them (found: {})", names.join(", "));
        Err(FormatError::Altered { detail })
    }
}

/// Opens an existing file; changes nothing in it.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    Ok(conn)
}

/// Turns on the write-ahead log: one fsync for each commit, and readers don't stop the writer.
pub(crate) fn use_wal(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)).map(|_| ())
}

/// How files are opened for writing that only their owner may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a new name in the directory of `path` survive a power failure.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

/// The directory that holds `path`.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// `path` with `suffix` appended to its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
