//! The expression without its filters.

use promql_parser::parser::token::{T_LAND, TokenType};
use promql_parser::parser::{BinaryExpr, Call, Expr};

/// Returns expressions each of which has to have a result, also while all is well:
///
/// * a comparison keeps every sample and says 0 or 1 (`bool`), so that its operands and their join are seen;
/// * `unless` becomes `and`: a join that can never match is as wrong as one that always does;
/// * each side of an outer `or` stands for itself;
/// * `absent(x)` becomes `x`.
///
/// # Panics
/// When it is no expression.
#[must_use]
pub fn opened(expression: &str) -> Vec<String> {
    let tree = promql_parser::parser::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    sides(tree).into_iter().map(|side| open(side).to_string()).collect()
}

fn sides(tree: Expr) -> Vec<Expr> {
    match tree {
        Expr::Binary(binary) if binary.op.to_string() == "or" => {
            sides(*binary.lhs).into_iter().chain(sides(*binary.rhs)).collect()
        }
        Expr::Paren(inner) if matches!(&*inner.expr, Expr::Binary(binary) if binary.op.to_string() == "or") => {
            sides(*inner.expr)
        }
        other => vec![other],
    }
}

fn open(tree: Expr) -> Expr {
    let boxed = |inner: Box<Expr>| Box::new(open(*inner));
    match tree {
        Expr::Binary(binary) => open_binary(binary),
        Expr::Aggregate(mut aggregate) => {
            aggregate.expr = boxed(aggregate.expr);
            Expr::Aggregate(aggregate)
        }
        Expr::Paren(mut inner) => {
            inner.expr = boxed(inner.expr);
            Expr::Paren(inner)
        }
        Expr::Unary(mut inner) => {
            inner.expr = boxed(inner.expr);
            Expr::Unary(inner)
        }
        Expr::Subquery(mut inner) => {
            inner.expr = boxed(inner.expr);
            Expr::Subquery(inner)
        }
        Expr::Call(call) => open_call(call),
        other => other,
    }
}

fn open_binary(mut binary: BinaryExpr) -> Expr {
    binary.lhs = Box::new(open(*binary.lhs));
    binary.rhs = Box::new(open(*binary.rhs));
    if binary.op.is_comparison_operator() {
        binary.modifier.get_or_insert_default().return_bool = true;
    }
    if binary.op.to_string() == "unless" {
        binary.op = TokenType::new(T_LAND);
    }
    Expr::Binary(binary)
}

fn open_call(mut call: Call) -> Expr {
    let mut arguments: Vec<Box<Expr>> = call.args.args.into_iter().map(|argument| Box::new(open(*argument))).collect();
    if call.func.name == "absent" && arguments.len() == 1 {
        return *arguments.remove(0);
    }
    call.args.args = arguments;
    Expr::Call(call)
}
