//! Errors as one line, for logs and for the controller.

use std::error::Error;

/// An error and what caused it, on one line. A cause whose words are there already is not said twice.
pub(crate) fn line(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        said if said.contains(&cause) => text,
        _ => format!("{text}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to open")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_follow_in_order() {
        let error = Outer(std::io::Error::other("disk gone"));
        assert_eq!(line(&error), "failed to open: disk gone");
        assert_eq!(line(&Outer(std::io::Error::other("failed to open"))), "failed to open");
    }
}
