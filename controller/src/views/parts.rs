//! Work on many items, by as many threads as help.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread::{Builder, available_parallelism, scope};

/// Fewer are done sooner than a thread is started.
const LEAST: usize = 1_000;

/// What `work` makes of the items, at most one of each, in their order. It is given parts of them, on several threads where
/// there are many, and where to put what it makes of a part.
pub(crate) fn in_parts<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T], &mut Vec<R>) + Sync) -> Vec<R> {
    let threads = available_parallelism().map_or(1, NonZero::get).min(items.len() / LEAST).max(1);
    let mut parts = items.chunks(items.len().div_ceil(threads).max(1));
    let Some(first) = parts.next() else { return Vec::new() };
    scope(|scope| {
        let work = &work;
        let on_its_own = |part: &'_ [T]| {
            let mut made = Vec::with_capacity(part.len());
            work(part, &mut made);
            made
        };
        let spawned = |part| (part, Builder::new().spawn_scoped(scope, move || on_its_own(part)));
        let others: Vec<_> = parts.map(spawned).collect();
        // Room for all: they are large, and copied once.
        let mut all = Vec::with_capacity(items.len());
        work(first, &mut all);
        for (part, other) in others {
            match other {
                Ok(other) => all.append(&mut other.join().unwrap_or_else(|panic| resume_unwind(panic))),
                // The system gives no thread: it is done here.
                Err(_) => work(part, &mut all),
            }
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once_and_in_order() {
        for many in [0, 1, LEAST, 2 * LEAST + 1, 10 * LEAST] {
            let items: Vec<usize> = (0..many).collect();
            let odd = in_parts(&items, |part, made| made.extend(part.iter().copied().filter(|n| n % 2 == 1)));
            assert_eq!(odd, (0..many).filter(|n| n % 2 == 1).collect::<Vec<_>>(), "{many}");
        }
    }
}
