//! PromQL as words, numbers, texts and symbols.

use std::fmt;

/// A part of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(String),
    /// A number or a duration.
    Number(String),
    /// A text without its quotes.
    Text(String),
    /// `[5m]` or `[1h:1m]`.
    Range(String),
    /// An operator or a parenthesis.
    Symbol(String),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(text) | Self::Number(text) | Self::Range(text) | Self::Symbol(text) => f.write_str(text),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// Longest first: `>=` is not `>` and `=`.
const SYMBOLS: [&str; 22] = [
    "==", "!=", "=~", "!~", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "^", "(", ")", "{", "}", ",", "@", ":",
];

/// Takes an expression apart.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => {
                let (value, taken) = quoted(rest, first)?;
                tokens.push(Token::Text(value));
                taken
            }
            '[' => {
                let end = rest.find(']').ok_or("a range without an end")? + 1;
                tokens.push(Token::Range(rest[..end].to_owned()));
                end
            }
            '0'..='9' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
                tokens.push(Token::Number(rest[..end].to_owned()));
                end
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                end
            }
            _ => {
                let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
                let symbol = symbol.ok_or_else(|| format!("{first:?} is no part of an expression"))?;
                tokens.push(Token::Symbol((*symbol).to_owned()));
                symbol.len()
            }
        };
        rest = rest[taken..].trim_start();
    }
    Ok(tokens)
}

/// Reads a quoted text and says how long it is with its quotes.
fn quoted(text: &str, quote: char) -> Result<(String, usize), String> {
    let mut value = String::new();
    let mut escaped = false;
    for (position, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => {
                value.push(match character {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                });
                escaped = false;
            }
            '\\' => escaped = true,
            _ if character == quote => return Ok((value, position + 1)),
            _ => value.push(character),
        }
    }
    Err("a text without an end".to_owned())
}
