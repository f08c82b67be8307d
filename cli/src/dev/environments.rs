//! What `--databases` asks for: the environments in their order, and how many databases each of them has.

use std::collections::BTreeSet;
use std::str::FromStr;

use pgbelay_core::name::{DatabaseName, EnvironmentName, NameError};
use pgbelay_core::policy::MAX_ENVIRONMENTS;

/// Most databases of a throwaway fleet: each has an agent, and each agent some connections to one small server.
pub(crate) const MAX_DATABASES: usize = 200;

/// What there is without `--databases`: one step of a promotion.
pub(crate) const DEFAULT: &str = "staging=1,production=1";

/// The environments of a throwaway fleet; parsed from `staging=1,production=2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Environments(Vec<(EnvironmentName, usize)>);

/// A database of a throwaway fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Managed {
    /// What pgbelay calls it: `staging-1`.
    pub(crate) name: DatabaseName,
    /// Its environment.
    pub(crate) environment: EnvironmentName,
    /// What PostgreSQL calls it: `staging_1`, which needs no quotes in SQL.
    pub(crate) dbname: String,
}

/// Why a text does not say which databases there shall be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvironmentsError {
    /// A part is not `ENVIRONMENT=NUMBER`.
    #[error("{0:?} is not ENVIRONMENT=NUMBER, as in {DEFAULT}")]
    NotAPair(String),
    /// The environment's name is none.
    #[error("{text:?}: {source}")]
    Name {
        /// The part.
        text: String,
        /// What is wrong with the name. Shown in the message: clap prints no chain.
        source: NameError,
    },
    /// Databases are numbered behind the environment's name, and that must remain a name.
    #[error("{0} is too long: its databases are named after it, with a number behind")]
    TooLong(EnvironmentName),
    /// A number that is none, or 0.
    #[error("{environment}: {text:?} is not a number of databases from 1 to {MAX_DATABASES}")]
    Count {
        /// The environment.
        environment: EnvironmentName,
        /// What stands in place of the number.
        text: String,
    },
    /// One name twice, or two that differ in what the name of a database in PostgreSQL does not show.
    #[error("{0} stands twice, or differs from another environment in '-' and '_' only")]
    Twice(EnvironmentName),
    /// More environments than a policy takes.
    #[error("{0} environments are too many: at most {MAX_ENVIRONMENTS}")]
    TooManyEnvironments(usize),
    /// More databases than one machine should carry.
    #[error("{0} databases are too many for one machine: at most {MAX_DATABASES}")]
    TooManyDatabases(usize),
}

impl FromStr for Environments {
    type Err = EnvironmentsError;

    fn from_str(text: &str) -> Result<Self, EnvironmentsError> {
        let environments = text.split(',').map(parse_one).collect::<Result<Vec<_>, _>>()?;
        let mut seen = BTreeSet::new();
        if let Some((twice, _)) = environments.iter().find(|(name, _)| !seen.insert(dbname(name.as_str()))) {
            return Err(EnvironmentsError::Twice(twice.clone()));
        }
        if environments.len() > MAX_ENVIRONMENTS {
            return Err(EnvironmentsError::TooManyEnvironments(environments.len()));
        }
        let databases = environments.iter().map(|(_, count)| count).sum();
        if databases > MAX_DATABASES {
            return Err(EnvironmentsError::TooManyDatabases(databases));
        }
        Ok(Self(environments))
    }
}

fn parse_one(text: &str) -> Result<(EnvironmentName, usize), EnvironmentsError> {
    let text = text.trim();
    let (name, count) = text.split_once('=').ok_or_else(|| EnvironmentsError::NotAPair(text.to_owned()))?;
    let environment: EnvironmentName =
        name.trim().parse().map_err(|source| EnvironmentsError::Name { text: text.to_owned(), source })?;
    let wrong =
        || EnvironmentsError::Count { environment: environment.clone(), text: count.trim().to_owned() };
    let number = count.trim().parse().map_err(|_| wrong())?;
    if !(1..=MAX_DATABASES).contains(&number) {
        return Err(wrong());
    }
    if managed(&environment, number).is_err() {
        return Err(EnvironmentsError::TooLong(environment));
    }
    Ok((environment, number))
}

impl Environments {
    /// Their names, first to last.
    pub(crate) fn names(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.0.iter().map(|(name, _)| name)
    }

    /// Every database, environment by environment.
    pub(crate) fn databases(&self) -> Vec<Managed> {
        let numbered = self.0.iter().flat_map(|(name, count)| (1..=*count).map(move |n| managed(name, n)));
        // Parsing has looked at the longest name of each environment.
        numbered.filter_map(Result::ok).collect()
    }
}

fn managed(environment: &EnvironmentName, number: usize) -> Result<Managed, NameError> {
    let name: DatabaseName = format!("{environment}-{number}").parse()?;
    let dbname = dbname(name.as_str());
    Ok(Managed { name, environment: environment.clone(), dbname })
}

fn dbname(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Result<&[&str], &str>) {
        let parsed = input.parse::<Environments>();
        let shown = parsed.map_err(|error| error.to_string()).map(|environments| {
            environments
                .databases()
                .iter()
                .map(|d| format!("{}:{}", d.environment, d.name))
                .collect::<Vec<_>>()
        });
        let expected =
            expected.map_err(str::to_owned).map(|names| names.iter().map(ToString::to_string).collect());
        assert_eq!(shown, expected, "{input:?}");
    }

    #[test]
    fn databases_are_numbered_in_the_order_of_the_environments() {
        check(
            "staging=1,production=2",
            Ok(&["staging:staging-1", "production:production-1", "production:production-2"]),
        );
        check(" b = 2 , a=1", Ok(&["b:b-1", "b:b-2", "a:a-1"]));
        check(DEFAULT, Ok(&["staging:staging-1", "production:production-1"]));
        assert_eq!("s=200".parse::<Environments>().map(|e| e.databases().len()), Ok(200));
    }

    #[test]
    fn the_name_in_postgresql_needs_no_quotes() {
        let databases = "eu-west=1".parse::<Environments>().map(|e| e.databases());
        assert_eq!(
            databases.map(|all| all.into_iter().map(|d| d.dbname).collect()),
            Ok(vec!["eu_west_1".to_owned()])
        );
    }

    #[test]
    fn what_is_not_a_list_of_environments_is_refused_with_the_part() {
        let name = "an environment name must be 1 to 63 characters of a-z, A-Z, 0-9, '-', '_' or '.', and start with a letter or digit";
        let count = |text: &str| format!("staging: {text:?} is not a number of databases from 1 to 200");
        let pair = |text: &str| format!("{text:?} is not ENVIRONMENT=NUMBER, as in staging=1,production=1");
        check("staging", Err(&pair("staging")));
        check("", Err(&pair("")));
        check("staging=1,", Err(&pair("")));
        check("staging=0", Err(&count("0")));
        check("staging=", Err(&count("")));
        check("staging=-1", Err(&count("-1")));
        check("staging=1=2", Err(&count("1=2")));
        check("staging=201", Err(&count("201")));
        check("staging=99999999999999999999999", Err(&count("99999999999999999999999")));
        check("=1", Err(&format!("\"=1\": {name}")));
        check("sta ging=1", Err(&format!("\"sta ging=1\": {name}")));
    }

    #[test]
    fn too_many_and_twice_are_refused() {
        let twice = |name: &str| {
            format!("{name} stands twice, or differs from another environment in '-' and '_' only")
        };
        check("a=1,b=1,a=2", Err(&twice("a")));
        check("a-b=1,a_b=1", Err(&twice("a_b")));
        check("a=100,b=101", Err("201 databases are too many for one machine: at most 200"));
        let many: Vec<_> = (0..33).map(|n| format!("e{n}=1")).collect();
        check(&many.join(","), Err("33 environments are too many: at most 32"));
        let long = "x".repeat(62);
        check(
            &format!("{long}=1"),
            Err(&format!("{long} is too long: its databases are named after it, with a number behind")),
        );
        check(&format!("{}=1", "x".repeat(61)), Ok(&[&format!("{0}:{0}-1", "x".repeat(61))]));
    }
}
