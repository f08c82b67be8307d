//! From a place in a policy to the place in the text.

use pgbelay_core::policy::{Place, Step};

use super::tree::{Kind, Node, Spot};

/// Where something stands: the way as the document has it, and the line: of the key, where that is meant, else of what
/// it has. What is not there is where it would be.
pub(super) fn locate(root: &Node, place: &Place, about_the_key: bool) -> (Place, Spot) {
    let mut here = Place::default();
    let (mut node, mut key) = (root, None);
    for step in &place.0 {
        let Some((next, at, step)) = go(node, step) else { break };
        (node, key) = (next, at);
        here.0.push(step);
    }
    let spot = match (&node.kind, key) {
        (Kind::Scalar { .. }, Some(key)) if about_the_key => key,
        // What is a map or a list often begins a line below its key.
        (Kind::Map(_) | Kind::List(_) | Kind::Null, Some(key)) => key,
        (Kind::Map(_) | Kind::List(_) | Kind::Null | Kind::Scalar { .. }, _) => node.at,
    };
    (here, spot)
}

/// The name of the environment that a place is in.
pub(super) fn environment<'a>(root: &'a Node, place: &Place) -> Option<&'a str> {
    let steps = place.0.get(..2)?.iter().cloned().chain([Step::Key("name".to_owned())]);
    steps.clone().try_fold(root, |node, step| Some(go(node, &step)?.0))?.text()
}

/// One step further: what is there, where its key stands, and the step as the document has it.
fn go<'a>(node: &'a Node, step: &Step) -> Option<(&'a Node, Option<Spot>, Step)> {
    match (&node.kind, step) {
        (Kind::Map(entries), Step::Key(key)) => {
            let entry = entries.iter().find(|entry| entry.key == *key)?;
            Some((&entry.value, Some(entry.at), step.clone()))
        }
        (Kind::List(list), Step::Item(at)) => Some((list.get(*at)?, None, step.clone())),
        // In a list of words, to one of them.
        (Kind::List(list), Step::Key(word)) => {
            let at = list.iter().position(|entry| entry.text() == Some(word))?;
            Some((list.get(at)?, None, Step::Item(at)))
        }
        (Kind::Map(_), Step::Item(_)) | (Kind::Null | Kind::Scalar { .. }, _) => None,
    }
}
