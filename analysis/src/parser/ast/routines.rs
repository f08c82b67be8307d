//! Views, functions, triggers, rules, policies, DO.

use pg_query::{Node, NodeEnum, protobuf};
use protobuf::FunctionParameterMode as Mode;

use super::expressions::some_expr;
use super::gather::{Gathered, refs};
use super::names::{
    is_temporary, named, option_text, option_value, qname, relation, some_type, texts, type_name, types,
};
use super::queries;
use crate::syntax::{
    Ast, CreatePolicy, CreateRoutine, CreateRule, CreateTrigger, CreateView, DoBlock, Expr, RoutineBody,
};

pub(super) fn ast(node: &NodeEnum) -> Option<Ast> {
    Some(match node {
        NodeEnum::ViewStmt(s) => Ast::CreateView(view(s)),
        NodeEnum::CreateFunctionStmt(s) => Ast::CreateRoutine(routine(s)),
        NodeEnum::AlterFunctionStmt(s) => alter_routine(s)?,
        NodeEnum::CreateTrigStmt(s) => Ast::CreateTrigger(trigger(s)),
        NodeEnum::RuleStmt(s) => Ast::CreateRule(rule(s)),
        NodeEnum::CreatePolicyStmt(s) => Ast::CreatePolicy(CreatePolicy {
            name: s.policy_name.clone(),
            table: named(s.table.as_ref()),
            using: some_expr(s.qual.as_deref()),
            check: some_expr(s.with_check.as_deref()),
        }),
        NodeEnum::AlterPolicyStmt(s) => Ast::AlterPolicy {
            name: s.policy_name.clone(),
            table: named(s.table.as_ref()),
            using: some_expr(s.qual.as_deref()),
            check: some_expr(s.with_check.as_deref()),
        },
        NodeEnum::DoStmt(s) => Ast::Do(DoBlock {
            language: language(&s.args).unwrap_or_else(|| "plpgsql".to_owned()),
            body: option_text(&s.args, "as").unwrap_or_default().to_owned(),
        }),
        NodeEnum::CallStmt(s) => Ast::Call { name: qname(&s.funccall.as_ref()?.funcname) },
        _ => return None,
    })
}

fn view(s: &protobuf::ViewStmt) -> CreateView {
    CreateView {
        name: named(s.view.as_ref()),
        replace: s.replace,
        temporary: is_temporary(s.view.as_ref()),
        columns: texts(&s.aliases),
        query: queries::field(s.query.as_deref()),
    }
}

fn routine(s: &protobuf::CreateFunctionStmt) -> CreateRoutine {
    let inputs = || s.parameters.iter().filter_map(input);
    CreateRoutine {
        name: qname(&s.funcname),
        procedure: s.is_procedure,
        replace: s.replace,
        arguments: inputs().map(|parameter| some_type(parameter.arg_type.as_ref())).collect(),
        defaults: inputs().filter(|parameter| parameter.defexpr.is_some()).count(),
        variadic: inputs().any(|parameter| parameter.mode() == Mode::FuncParamVariadic),
        returns: s.return_type.as_ref().map(type_name),
        language: language(&s.options),
        volatility: volatility(&s.options).unwrap_or('v'),
        strict: matches!(option_value(&s.options, "strict"), Some(NodeEnum::Boolean(b)) if b.boolval),
        body: body(s),
    }
}

/// A parameter that callers pass.
fn input(node: &Node) -> Option<&protobuf::FunctionParameter> {
    match &node.node {
        Some(NodeEnum::FunctionParameter(parameter)) => match parameter.mode() {
            Mode::FuncParamOut | Mode::FuncParamTable => None,
            Mode::Undefined
            | Mode::FuncParamIn
            | Mode::FuncParamInout
            | Mode::FuncParamVariadic
            | Mode::FuncParamDefault => Some(parameter),
        },
        _ => None,
    }
}

fn language(options: &[Node]) -> Option<String> {
    option_text(options, "language").map(str::to_ascii_lowercase)
}

fn volatility(options: &[Node]) -> Option<char> {
    option_text(options, "volatility")?.chars().next()
}

fn body(s: &protobuf::CreateFunctionStmt) -> RoutineBody {
    if let Some(body) = s.sql_body.as_ref().and_then(|body| body.node.as_ref()) {
        let mut query = Gathered::with_writes(vec![body.to_ref()]).into_dependencies();
        query.outputs = outputs(body);
        return RoutineBody::Parsed(query);
    }
    let symbol = language(&s.options).is_some_and(|name| name == "c" || name == "internal");
    match option_value(&s.options, "as") {
        Some(NodeEnum::List(list)) if !symbol => match texts(&list.items).as_slice() {
            [text] => RoutineBody::Text(text.clone()),
            _ => RoutineBody::Symbol,
        },
        Some(_) => RoutineBody::Symbol,
        None => RoutineBody::Text(String::new()),
    }
}

/// What a body of one statement gives.
fn outputs(body: &NodeEnum) -> Vec<(Option<String>, Expr)> {
    match body {
        NodeEnum::ReturnStmt(returned) => {
            some_expr(returned.returnval.as_deref()).map(|e| (None, e)).into_iter().collect()
        }
        NodeEnum::SelectStmt(_) => queries::query(body).outputs,
        NodeEnum::List(list) => match list.items.as_slice() {
            [one] => one.node.as_ref().map(outputs).unwrap_or_default(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn alter_routine(s: &protobuf::AlterFunctionStmt) -> Option<Ast> {
    let function = s.func.as_ref()?;
    Some(Ast::AlterRoutine {
        name: qname(&function.objname),
        arguments: (!function.args_unspecified).then(|| types(&function.objargs)),
        volatility: volatility(&s.actions),
    })
}

/// The bits are those of `pg_trigger.tgtype`.
fn trigger(s: &protobuf::CreateTrigStmt) -> CreateTrigger {
    use pg_query::TriggerType as Bit;
    let events = [
        (Bit::Insert, "insert"),
        (Bit::Update, "update"),
        (Bit::Delete, "delete"),
        (Bit::Truncate, "truncate"),
    ];
    CreateTrigger {
        name: s.trigname.clone(),
        table: named(s.relation.as_ref()),
        function: qname(&s.funcname),
        replace: s.replace,
        row: s.row,
        before: s.timing & Bit::Before as i32 != 0,
        instead: s.timing & Bit::Instead as i32 != 0,
        constraint: s.isconstraint,
        events: events.iter().filter(|(bit, _)| s.events & *bit as i32 != 0).map(|(_, word)| *word).collect(),
        columns: texts(&s.columns),
        when: some_expr(s.when_clause.as_deref()),
        from: s.constrrel.as_ref().map(relation),
    }
}

fn rule(s: &protobuf::RuleStmt) -> CreateRule {
    let condition = s.where_clause.as_ref().and_then(|node| node.node.as_ref()).map(NodeEnum::to_ref);
    let all = condition.into_iter().chain(refs(&s.actions)).collect();
    let gathered = Gathered::with_writes(all);
    CreateRule {
        writes: gathered.writes.iter().map(|write| write.table.clone()).collect(),
        name: s.rulename.clone(),
        table: named(s.relation.as_ref()),
        replace: s.replace,
        uses: gathered.into_dependencies(),
    }
}
