//! The expression without its filters.

use super::parse::{Binary, Expr, compares, parse};

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
    let tree = parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    sides(tree).into_iter().map(|side| open(side).to_string()).collect()
}

fn sides(tree: Expr) -> Vec<Expr> {
    match tree {
        Expr::Binary(binary) if binary.operator == "or" => {
            sides(*binary.left).into_iter().chain(sides(*binary.right)).collect()
        }
        Expr::Paren(inner, tail) if tail.is_empty() => {
            let within = sides(*inner);
            if within.len() > 1 {
                within
            } else {
                within.into_iter().map(|one| Expr::Paren(Box::new(one), String::new())).collect()
            }
        }
        other => vec![other],
    }
}

fn open(tree: Expr) -> Expr {
    match tree {
        Expr::Binary(binary) => {
            let (left, right) = (Box::new(open(*binary.left)), Box::new(open(*binary.right)));
            let boolean = binary.boolean || compares(&binary.operator);
            let operator = if binary.operator == "unless" { "and".to_owned() } else { binary.operator };
            Expr::Binary(Binary { left, right, boolean, operator, ..binary })
        }
        Expr::Call { name, grouping, arguments } => {
            let mut arguments: Vec<Expr> = arguments.into_iter().map(open).collect();
            if name == "absent" && arguments.len() == 1 {
                arguments.remove(0)
            } else {
                Expr::Call { name, grouping, arguments }
            }
        }
        Expr::Negative(inner) => Expr::Negative(Box::new(open(*inner))),
        Expr::Paren(inner, tail) => Expr::Paren(Box::new(open(*inner)), tail),
        other => other,
    }
}
