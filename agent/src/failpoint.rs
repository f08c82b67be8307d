//! Points at which a test holds the agent, to kill something meanwhile.
//!
//! They are there with the feature `failpoints` alone, which only `make test-crash` asks for. A point is armed by a file
//! `arm-NAME` in the directory that `PGBELAY_FAILPOINTS` names; when it is reached, the file becomes `at-NAME`, and the
//! agent goes on when that is gone. A number in the file is how often the point is passed before that.

#[cfg(feature = "failpoints")]
mod armed {
    use std::path::PathBuf;
    use std::time::Duration;

    const LOOK: Duration = Duration::from_millis(10);

    /// The file that says that the point is reached; `None`: it is not armed.
    #[expect(clippy::disallowed_methods, reason = "set for the agent of a test alone")]
    fn reached(name: &str) -> Option<PathBuf> {
        let directory = PathBuf::from(std::env::var_os("PGBELAY_FAILPOINTS")?);
        let (armed, at) = (directory.join(format!("arm-{name}")), directory.join(format!("at-{name}")));
        if let Some(left) =
            std::fs::read_to_string(&armed).ok()?.parse::<u32>().unwrap_or_default().checked_sub(1)
        {
            std::fs::write(&armed, left.to_string()).ok()?;
            return None;
        }
        std::fs::rename(&armed, &at).ok()?;
        tracing::warn!(name, "held at a failpoint");
        Some(at)
    }

    pub(crate) async fn reach(name: &str) {
        let Some(at) = reached(name) else { return };
        while at.exists() {
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) fn block(name: &str) {
        let Some(at) = reached(name) else { return };
        while at.exists() {
            std::thread::sleep(LOOK);
        }
    }
}

#[cfg(feature = "failpoints")]
pub(crate) use armed::{block, reach};

/// A point in a task.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn reach(_: &str) -> std::future::Ready<()> {
    std::future::ready(())
}

/// A point in what does not wait.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn block(_: &str) {}
