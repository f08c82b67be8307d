//! The migration tools of others, which `tests/tools.sh` fetches: how each is told where the migrations and the database
//! are.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::postgres::Cluster;

/// The tools, on the migrations of one directory and one database.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a> {
    /// The server.
    pub cluster: &'a Cluster,
    /// The database's name there.
    pub database: &'a str,
    /// The directory. Settings of tools are written beside it.
    pub dir: &'a Path,
}

impl Tools<'_> {
    /// Where the database is, as most tools want it.
    #[must_use]
    pub fn url(&self) -> String {
        let (user, password, port) = (self.cluster.user(), self.cluster.password(), self.cluster.port());
        format!("postgres://{user}:{password}@127.0.0.1:{port}/{}?sslmode=disable", self.database)
    }

    /// `dbmate` applies the migrations of the directory. It does not write the schema to a file.
    #[must_use]
    pub fn dbmate(&self) -> Command {
        self.tool("dbmate", &["--url", &self.url(), "--migrations-dir", ".", "--no-dump-schema", "migrate"])
    }

    /// `sqlx migrate run`, or `revert`, with the migrations of the directory.
    #[must_use]
    pub fn sqlx(&self, what: &str) -> Command {
        self.tool("sqlx", &["migrate", what, "--source", ".", "--database-url", &self.url()])
    }

    /// `refinery` applies the migrations of the directory.
    ///
    /// # Errors
    /// Its file of settings cannot be written.
    pub fn refinery(&self) -> anyhow::Result<Command> {
        let (user, password, port) = (self.cluster.user(), self.cluster.password(), self.cluster.port());
        let text = format!(
            "[main]\ndb_type = \"Postgres\"\ndb_host = \"127.0.0.1\"\ndb_port = \"{port}\"\ndb_user = \"{user}\"\n\
             db_pass = \"{password}\"\ndb_name = \"{}\"\n",
            self.database
        );
        let config = self.dir.with_extension("refinery.toml");
        fs::write(&config, text)?;
        Ok(self.tool("refinery", &["migrate", "-c", &config.to_string_lossy(), "-p", "."]))
    }

    /// `diesel` applies the migrations of the directory. It does not write the schema to a file.
    ///
    /// # Errors
    /// Its file of settings cannot be written.
    pub fn diesel(&self) -> anyhow::Result<Command> {
        let config = self.dir.with_extension("diesel.toml");
        fs::write(&config, "")?;
        let (url, config) = (self.url(), config.to_string_lossy().into_owned());
        let args =
            ["--database-url", &url, "--config-file", &config, "migration", "run", "--migration-dir", "."];
        Ok(self.tool("diesel", &args))
    }

    /// `liquibase` applies the changelog of that name in the directory.
    #[must_use]
    pub fn liquibase(&self, changelog: &str) -> Command {
        let args = [
            format!("--changelog-file={changelog}"),
            "--search-path=.".to_owned(),
            format!("--url=jdbc:postgresql://127.0.0.1:{}/{}", self.cluster.port(), self.database),
            format!("--username={}", self.cluster.user()),
            format!("--password={}", self.cluster.password()),
            "update".to_owned(),
        ];
        self.tool("liquibase", &args.each_ref().map(String::as_str))
    }

    /// `sqitch` deploys the plan of the directory.
    #[must_use]
    pub fn sqitch(&self) -> Command {
        let mut command =
            self.tool("sqitch", &["deploy", "--target", &self.url().replace("postgres://", "db:pg://")]);
        command.env("SQITCH_FULLNAME", "Ann").env("SQITCH_EMAIL", "ann@example.org");
        command
    }

    /// A program of somebody else, to be run in the directory of the migrations. Its home is the directory's parent.
    #[must_use]
    pub fn tool(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.dir).env("HOME", self.dir.parent().unwrap_or(self.dir));
        command.env("PGPASSWORD", self.cluster.password()).env("LC_ALL", "C.UTF-8");
        command
    }
}
