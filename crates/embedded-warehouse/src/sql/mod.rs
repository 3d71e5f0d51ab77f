//! What this process has to know of a statement's text: where its data begins, its format, and what it may not do.

mod guard;
mod lexer;
mod statement;

pub(crate) use guard::{Guard, ValuesGuard};
pub(crate) use lexer::{Lexer, Token, TokenKind};
pub(crate) use statement::{Kind, Parsed, Statement, parse};
