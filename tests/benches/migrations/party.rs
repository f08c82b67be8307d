//! Those who apply the migrations, each in its own layout: pgbelay, psql by a script, and the migration tools of others.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use pgbelay_tests::tools::Tools;
use pgbelay_tests::world::World;

/// Files of one run.
pub(crate) const FILES: usize = 500;

/// Who applies the migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    /// One session, with a script that writes a history row in the transaction of each file.
    Psql,
    /// The same, and no COMMIT waits for the disk: what that alone is worth.
    PsqlAsync,
    Pgbelay,
    Dbmate,
    Diesel,
    Liquibase,
    Refinery,
    Sqlx,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Psql => "psql",
            Self::PsqlAsync => "psql-async",
            Self::Pgbelay => "pgbelay",
            Self::Dbmate => "dbmate",
            Self::Diesel => "diesel",
            Self::Liquibase => "liquibase",
            Self::Refinery => "refinery",
            Self::Sqlx => "sqlx",
        })
    }
}

/// What a service's history looks like: tables, columns, indexes, checks, in turn.
fn sql(n: usize) -> String {
    let table = format!("t{}", n / 4);
    match n % 4 {
        0 => format!("CREATE TABLE {table} (id bigint PRIMARY KEY, name text NOT NULL);\n"),
        1 => format!("ALTER TABLE {table} ADD COLUMN size integer NOT NULL DEFAULT 0;\n"),
        2 => format!("CREATE INDEX {table}_name ON {table} (name);\n"),
        _ => format!("ALTER TABLE {table} ADD CONSTRAINT {table}_size CHECK (size >= 0);\n"),
    }
}

impl Party {
    /// Those that are here: pgbelay and psql are, the tools if they were fetched.
    #[expect(clippy::disallowed_methods, reason = "PATH is where programs are looked for")]
    pub(crate) fn present() -> Vec<Self> {
        let tools = [Self::Dbmate, Self::Diesel, Self::Liquibase, Self::Refinery, Self::Sqlx];
        let is_here = |tool: &Self| {
            let paths = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&paths).any(|path| path.join(tool.to_string()).is_file())
        };
        [Self::Psql, Self::PsqlAsync, Self::Pgbelay]
            .into_iter()
            .chain(tools.into_iter().filter(is_here))
            .collect()
    }

    /// The version that it tells.
    pub(crate) fn version(self, world: &World) -> anyhow::Result<String> {
        let mut program = match self {
            Self::PsqlAsync => return Self::Psql.version(world),
            Self::Psql => Command::new(world.cluster.programs().join("psql")),
            Self::Pgbelay => return Ok(env!("CARGO_PKG_VERSION").to_owned()),
            Self::Dbmate | Self::Diesel | Self::Liquibase | Self::Refinery | Self::Sqlx => {
                Command::new(self.to_string())
            }
        };
        let told = String::from_utf8_lossy(&program.arg("--version").output()?.stdout).to_lowercase();
        let of_itself = told
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with(&self.to_string()) || line.starts_with("version"));
        let version = of_itself
            .flat_map(str::split_whitespace)
            .find(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.'));
        version.map(str::to_owned).with_context(|| format!("{self} tells no version: {told}"))
    }

    /// Writes the migrations as this party wants them; the directory.
    pub(crate) fn write(self, parent: &Path) -> anyhow::Result<PathBuf> {
        let dir = parent.join(format!("{self}-files"));
        for n in 0..FILES {
            let (sql, version) = (sql(n), n + 1);
            let (path, text) = match self {
                Self::Psql | Self::PsqlAsync | Self::Pgbelay => (format!("{version:03}_step.sql"), sql),
                Self::Dbmate => {
                    (format!("{version:03}_step.sql"), format!("-- migrate:up\n{sql}\n-- migrate:down\n"))
                }
                Self::Diesel => (format!("{version:03}_step/up.sql"), sql),
                Self::Liquibase => (
                    format!("changes/{version:03}_step.sql"),
                    format!("--liquibase formatted sql\n\n--changeset ann:{version}\n{sql}"),
                ),
                Self::Refinery => (format!("V{version}__step.sql"), sql),
                Self::Sqlx => (format!("{version:03}_step.sql"), sql),
            };
            let path = dir.join(path);
            fs::create_dir_all(path.parent().context("a path has a parent")?)?;
            fs::write(path, text)?;
        }
        match self {
            Self::Psql | Self::PsqlAsync => fs::write(dir.join("all.psql"), script(&dir)?)?,
            Self::Liquibase => {
                let all = "databaseChangeLog:\n  - includeAll:\n      path: changes\n";
                fs::write(dir.join("all.yaml"), all)?;
            }
            Self::Pgbelay | Self::Dbmate | Self::Diesel | Self::Refinery | Self::Sqlx => {}
        }
        Ok(dir)
    }

    /// What applies the migrations of a directory to a database; for pgbelay, to the one that is an environment of its
    /// own, of the same name.
    pub(crate) fn command(self, world: &World, dir: &Path, database: &str) -> anyhow::Result<Command> {
        let tools = Tools { cluster: &world.cluster, database, dir };
        match self {
            Self::Psql => {
                let mut psql = Command::new(world.cluster.programs().join("psql"));
                psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(dir.join("all.psql"));
                psql.envs(world.cluster.environment(database));
                Ok(psql)
            }
            Self::PsqlAsync => {
                let mut psql = Self::Psql.command(world, dir, database)?;
                psql.env("PGOPTIONS", "-c synchronous_commit=off");
                Ok(psql)
            }
            Self::Pgbelay => {
                let dir = dir.to_string_lossy();
                let args =
                    ["migrate", "--env", database, "--migrations", &dir, "--force", "--output", "json"];
                world.command(&args)
            }
            Self::Dbmate => Ok(tools.dbmate()),
            Self::Diesel => tools.diesel(),
            Self::Liquibase => Ok(tools.liquibase("all.yaml")),
            Self::Refinery => tools.refinery(),
            Self::Sqlx => Ok(tools.sqlx("run")),
        }
    }
}

fn script(dir: &Path) -> anyhow::Result<String> {
    let mut script =
        "CREATE TABLE history (version text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());\n"
            .to_owned();
    for version in 1..=FILES {
        let path = dir.join(format!("{version:03}_step.sql"));
        writeln!(
            script,
            "BEGIN;\n\\i {}\nINSERT INTO history (version) VALUES ('{version:03}');\nCOMMIT;",
            path.display()
        )?;
    }
    Ok(script)
}
