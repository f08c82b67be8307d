//! Edges of the rules about rewrites, scans, locks and transactions that no example shows.
