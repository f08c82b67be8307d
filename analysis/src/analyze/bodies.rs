//! The statements inside DO blocks, which run with the statement.

use crate::parser::plpgsql::{BodyPart, text};
use crate::read::{on_parser_stack, parse_leniently};
use crate::simulate::{self, Scene};
use crate::syntax::Ast;

/// Carries out what a DO block runs, as far as it can be read.
pub(super) fn run(scene: &mut Scene<'_>, ast: &Ast) {
    let Ast::Do(block) = ast else { return };
    let parts = on_parser_stack(|| text(&block.language, &block.body));
    let parts = match parts {
        Ok(Ok(parts)) => parts,
        Ok(Err(why)) => {
            scene.out.unknown(format!("not analysed: the body of DO: {why}"));
            return;
        }
        Err(fault) => {
            scene.out.unknown(format!("not analysed: the body of DO: {fault}"));
            return;
        }
    };
    for part in parts {
        match part {
            BodyPart::Sql { text, line } => statements(scene, &text, line),
            BodyPart::Dynamic { line, what } => {
                scene.out.unknown(format!("not analysed: dynamic SQL in line {line} of the body: {what}"));
            }
        }
    }
}

fn statements(scene: &mut Scene<'_>, text: &str, line: u32) {
    let read = parse_leniently(text);
    for fault in read.faults {
        scene.out.unknown(format!("not analysed: line {line} of the body: {fault}"));
    }
    for parsed in read.parsed {
        simulate::statement(scene, &parsed.ast);
        simulate::note(scene.catalog, &parsed.ast, &parsed.statement, &parsed.tokens);
        run(scene, &parsed.ast);
    }
}
