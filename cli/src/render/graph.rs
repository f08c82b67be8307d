//! Which migrations stand on which: for people, and for Graphviz.

use std::fmt::Write as _;

use pgbelay_analysis::{Edge, Graph, Node};

use super::Layout;
use super::text::{Tone, paint, wrap};

/// Most objects that are named for one edge, unless all are asked for.
const MAX_OBJECTS: usize = 3;

/// Each migration with what it stands on and what stands on it.
pub(crate) fn text(graph: &Graph, whole: bool, layout: Layout) -> String {
    let mut text = String::new();
    for node in &graph.nodes {
        let _ = writeln!(text, "{}", paint(Tone::Strong, &node.version));
        for (word, line) in lines(graph, node, whole) {
            let line = wrap(&format!("{word} {line}"), 4, layout.prose().saturating_sub(2));
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn lines(graph: &Graph, node: &Node, whole: bool) -> Vec<(&'static str, String)> {
    let on: Vec<String> = node.stands_on.iter().map(|edge| edge_words(edge, whole)).collect();
    let under = graph.under(&node.version).join(", ");
    let first = graph.stands_on(&node.version);
    let mut lines = vec![("stands on:", on.join("; ")), ("under:", under)];
    if first.len() > 1 {
        lines.push(("rolled back first:", first.join(", ")));
    }
    lines.push(("not known:", node.unknown.join("; ")));
    lines.retain(|(_, line)| !line.is_empty());
    lines
}

fn edge_words(edge: &Edge, whole: bool) -> String {
    format!("{} ({})", edge.version, objects(edge, if whole { usize::MAX } else { MAX_OBJECTS }).join(", "))
}

fn objects(edge: &Edge, most: usize) -> Vec<String> {
    let mut named: Vec<String> = edge.objects.iter().take(most).cloned().collect();
    if let Some(more) = edge.objects.len().checked_sub(most).filter(|more| *more > 0) {
        named.push(format!("{more} more"));
    }
    named
}

/// As Graphviz reads it: an arrow from each migration to those that it stands on.
pub(crate) fn dot(graph: &Graph) -> String {
    let mut text = String::from("digraph migrations {\n  rankdir = BT;\n  node [shape = box];\n");
    for node in &graph.nodes {
        let style = if node.unknown.is_empty() { "" } else { " [style = dashed]" };
        let _ = writeln!(text, "  {}{style};", quoted(&node.version));
    }
    for node in &graph.nodes {
        for edge in &node.stands_on {
            let label = quoted(&objects(edge, MAX_OBJECTS).join("\n"));
            let _ =
                writeln!(text, "  {} -> {} [label = {label}];", quoted(&node.version), quoted(&edge.version));
        }
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    let printable: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    format!("\"{}\"", printable.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use pgbelay_analysis::{Options, dependencies};

    use super::*;
    use crate::render::fixtures::plain;

    fn graph() -> Graph {
        let scripts = [
            ("001", "CREATE TABLE a (i int PRIMARY KEY)"),
            ("002", "CREATE TABLE b (i int REFERENCES a)"),
            ("003", "DO $$ BEGIN EXECUTE 'DROP TABLE ' || current_user; END $$; CREATE INDEX ON b (i)"),
        ];
        dependencies(&scripts, Options::default())
    }

    #[test]
    fn people_see_both_directions() {
        insta::assert_snapshot!(plain(&text(&graph(), false, Layout { width: Some(100) })));
    }

    #[test]
    fn graphviz_gets_quoted_names() {
        insta::assert_snapshot!(dot(&graph()));
        assert_eq!(quoted("a\"b\\c"), r#""a\"b\\c""#);
    }
}
