//! PromQL as a tree.
//!
//! Prometheus itself says whether an expression is one; this reads what the rules and dashboards use of the language, and
//! refuses the rest. The crates that parse all of it would change the features of half the workspace.

use std::fmt;

use super::token::{Token, tokens};

/// A label matcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matcher {
    pub(super) label: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub(super) operator: String,
    pub(super) value: String,
}

/// `by (…)` or `without (…)`, `on (…)` or `ignoring (…)`, `group_left (…)` or `group_right (…)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) word: String,
    pub(super) labels: Vec<String>,
}

/// A binary operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Binary {
    pub(super) left: Box<Expr>,
    pub(super) operator: String,
    pub(super) boolean: bool,
    pub(super) matching: Option<Labels>,
    pub(super) group: Option<Labels>,
    pub(super) right: Box<Expr>,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Number(String),
    Text(String),
    /// The tail is a range and an offset, as written.
    Selector {
        metric: String,
        matchers: Vec<Matcher>,
        tail: String,
    },
    /// A function, or an aggregation with its labels.
    Call {
        name: String,
        grouping: Option<Labels>,
        arguments: Vec<Expr>,
    },
    Binary(Binary),
    Negative(Box<Expr>),
    /// In parentheses; the tail is a range of a subquery and an offset, as written.
    Paren(Box<Expr>, String),
}

/// The aggregations.
pub(super) const AGGREGATIONS: [&str; 12] =
    ["sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile"];

/// Binary operators by how loosely they bind, and whether they join to the right.
fn binding(operator: &str) -> Option<(u8, bool)> {
    match operator {
        "or" => Some((1, false)),
        "and" | "unless" => Some((2, false)),
        "==" | "!=" | "<=" | "<" | ">=" | ">" => Some((3, false)),
        "+" | "-" => Some((4, false)),
        "*" | "/" | "%" => Some((5, false)),
        "^" => Some((6, true)),
        _ => None,
    }
}

/// Tells whether an operator compares.
pub(super) fn compares(operator: &str) -> bool {
    binding(operator).is_some_and(|(level, _)| level == 3)
}

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0 };
    let tree = reader.expression(0)?;
    match reader.peek() {
        None => Ok(tree),
        Some(rest) => Err(format!("unexpected {rest} in {text}")),
    }
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), Some(Token::Symbol(found) | Token::Word(found)) if found == symbol)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.take(symbol) { Ok(()) } else { Err(format!("expected {symbol}, found {:?}", self.peek())) }
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("the expression ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn expression(&mut self, loosest: u8) -> Result<Expr, String> {
        let mut left = self.operand()?;
        loop {
            let operator = match self.peek() {
                Some(Token::Symbol(text) | Token::Word(text)) => text.clone(),
                _ => return Ok(left),
            };
            let Some((level, to_the_right)) = binding(&operator).filter(|(level, _)| *level > loosest) else {
                return Ok(left);
            };
            self.at += 1;
            let boolean = self.take("bool");
            let matching = self.labels_after(&["on", "ignoring"])?;
            let group = self.labels_after(&["group_left", "group_right"])?;
            let right = Box::new(self.expression(if to_the_right { level - 1 } else { level })?);
            left = Expr::Binary(Binary { left: Box::new(left), operator, boolean, matching, group, right });
        }
    }

    fn operand(&mut self) -> Result<Expr, String> {
        match self.next()? {
            Token::Number(number) => Ok(Expr::Number(number)),
            Token::Text(text) => Ok(Expr::Text(text)),
            Token::Symbol(symbol) if symbol == "-" => Ok(Expr::Negative(Box::new(self.expression(5)?))),
            Token::Symbol(symbol) if symbol == "(" => {
                let inner = Box::new(self.expression(0)?);
                self.expect(")")?;
                Ok(Expr::Paren(inner, self.tail()?))
            }
            Token::Symbol(symbol) if symbol == "{" => {
                self.at -= 1;
                self.selector(String::new())
            }
            Token::Word(name) => {
                let aggregation = AGGREGATIONS.contains(&name.as_str());
                let before = if aggregation { self.labels_after(&["by", "without"])? } else { None };
                if !self.is("(") {
                    return self.selector(name);
                }
                let arguments = self.arguments()?;
                let after = if aggregation { self.labels_after(&["by", "without"])? } else { None };
                Ok(Expr::Call { name, grouping: before.or(after), arguments })
            }
            other => Err(format!("unexpected {other}")),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, String> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.take(")") {
            arguments.push(self.expression(0)?);
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(arguments)
    }

    fn selector(&mut self, metric: String) -> Result<Expr, String> {
        let mut matchers = Vec::new();
        if self.take("{") {
            while !self.take("}") {
                let (label, operator, value) = (self.next()?, self.next()?, self.next()?);
                let (Token::Word(label), Token::Symbol(operator), Token::Text(value)) = (label, operator, value) else {
                    return Err(format!("a matcher of {metric} is none"));
                };
                matchers.push(Matcher { label, operator, value });
                if !self.take(",") {
                    self.expect("}")?;
                    break;
                }
            }
        }
        Ok(Expr::Selector { metric, matchers, tail: self.tail()? })
    }

    /// A range and an offset.
    fn tail(&mut self) -> Result<String, String> {
        let mut tail = String::new();
        if let Some(Token::Range(range)) = self.peek() {
            tail = range.clone();
            self.at += 1;
        }
        if self.take("offset") {
            match self.next()? {
                Token::Number(by) => tail.push_str(&format!(" offset {by}")),
                other => return Err(format!("{other} is no offset")),
            }
        }
        Ok(tail)
    }

    fn labels_after(&mut self, words: &[&str]) -> Result<Option<Labels>, String> {
        let Some(word) = words.iter().find(|word| self.take(word)) else { return Ok(None) };
        let mut labels = Vec::new();
        if self.take("(") {
            while !self.take(")") {
                match self.next()? {
                    Token::Word(label) => labels.push(label),
                    other => return Err(format!("{other} is no label")),
                }
                self.take(",");
            }
        }
        Ok(Some(Labels { word: (*word).to_owned(), labels }))
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.word, self.labels.join(", "))
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(number),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Selector { metric, matchers, tail } => {
                f.write_str(metric)?;
                if !matchers.is_empty() {
                    let shown: Vec<String> =
                        matchers.iter().map(|one| format!("{}{}{:?}", one.label, one.operator, one.value)).collect();
                    write!(f, "{{{}}}", shown.join(","))?;
                }
                f.write_str(tail)
            }
            Self::Call { name, grouping, arguments } => {
                let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
                match grouping {
                    Some(grouping) => write!(f, "{name} {grouping} ({})", arguments.join(", ")),
                    None => write!(f, "{name}({})", arguments.join(", ")),
                }
            }
            Self::Binary(Binary { left, operator, boolean, matching, group, right }) => {
                write!(f, "{left} {operator} ")?;
                if *boolean {
                    f.write_str("bool ")?;
                }
                for labels in [matching, group].into_iter().flatten() {
                    write!(f, "{labels} ")?;
                }
                write!(f, "{right}")
            }
            Self::Negative(inner) => write!(f, "-{inner}"),
            Self::Paren(inner, tail) => write!(f, "({inner}){tail}"),
        }
    }
}
