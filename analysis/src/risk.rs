//! How risky something is: the three levels that policy, plans and people speak of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How risky a statement, a migration or a plan is. Ordered: `Low < Medium < High`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Only adds; nothing that is there changes.
    Low,
    /// Changes what is there, or can't be judged.
    Medium,
    /// Destroys something, or takes a lock that can stop the application.
    High,
}

impl Risk {
    /// The word that is stored and shown: `low`, `medium` or `high`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is none of the three levels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown risk {0:?}: expected low, medium or high")]
pub struct UnknownRisk(pub String);

impl FromStr for Risk {
    type Err = UnknownRisk;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "low" => Ok(Self::Low),
            "medium" => Ok(Self::Medium),
            "high" => Ok(Self::High),
            other => Err(UnknownRisk(other.chars().take(40).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Risk;

    #[test]
    fn levels_are_ordered_and_named() {
        assert!(Risk::Low < Risk::Medium && Risk::Medium < Risk::High);
        for risk in [Risk::Low, Risk::Medium, Risk::High] {
            assert_eq!(risk.to_string().parse(), Ok(risk));
        }
        assert!("severe".parse::<Risk>().is_err());
    }
}
