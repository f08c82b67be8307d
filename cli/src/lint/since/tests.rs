//! What counts as changed.

use super::*;

#[test]
fn hunks_are_found_for_each_file() {
    let patch =
        b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -3,0 +4,2 @@ fn\n+a\n+@@ -1 +1 @@\n@@ -9 +12 @@\n-b\n+c\n\
        diff --git a/y b/z\nsimilarity index 100%\ndiff --git a/w b/w\n@@ -5,2 +4,0 @@\n-d\n-e\n";
    assert_eq!(hunks(patch), [vec![4..=5, 12..=12], vec![], vec![4..=5]]);
}

#[test]
fn a_list_that_does_not_fit_its_patch_counts_whole() {
    let mut changes = Changes::default();
    changes.take_diff(Path::new("/r"), b"a b.sql\0c.sql\0", b"* Unmerged path c.sql\ndiff --git a b\n");
    assert_eq!(changes.0.values().collect::<Vec<_>>(), [&Changed::Whole, &Changed::Whole]);
    assert!(changes.0.contains_key(Path::new("/r/a b.sql")));
}
