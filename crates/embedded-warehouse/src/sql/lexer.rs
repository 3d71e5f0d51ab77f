//! ClickHouse's tokens, as far as their borders and kinds matter.
//!
//! The borders have to be the engine's own, or a refusal could be talked around: nested comments, `//` and `#` comments,
//! here-documents, doubled and escaped quotes, typographic quotes. Each case is held by a test that asks the engine too
//! (`tests/guard.rs`).

use std::borrow::Cow;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A word or number without quotes.
    Word,
    /// A name in backticks, double quotes or typographic double quotes.
    Quoted,
    /// A text literal or here-document.
    Literal,
    /// One character of punctuation, or bytes the engine does not accept outside quotes.
    Sign(u8),
    /// A quote, comment or here-document that has no end yet.
    Unclosed,
}

/// One token; white space and comments are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    /// The text, quotes included.
    pub(crate) text: &'a [u8],
    /// Where it begins.
    pub(crate) start: usize,
}

impl<'a> Token<'a> {
    /// Returns where it ends.
    pub(crate) const fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Tells whether it is this keyword; keywords have no case.
    pub(crate) fn is_word(&self, keyword: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(keyword.as_bytes())
    }

    /// Tells whether it is this sign.
    pub(crate) fn is_sign(&self, sign: u8) -> bool {
        self.kind == TokenKind::Sign(sign)
    }

    /// Tells whether more text could make it the beginning of a here-document: `$tag$` whose end has not come yet.
    pub(crate) fn may_open_here_document(&self) -> bool {
        self.kind == TokenKind::Word && self.text[0] == b'$'
    }

    /// Returns the name it stands for, when it is a name: a word as it is, a quoted name without quotes and escapes.
    pub(crate) fn name(&self) -> Option<Cow<'a, [u8]>> {
        match self.kind {
            TokenKind::Word => Some(Cow::Borrowed(self.text)),
            TokenKind::Quoted if self.text[0] == 0xE2 => Some(Cow::Borrowed(&self.text[3..self.text.len() - 3])),
            TokenKind::Quoted => Some(unescaped(&self.text[1..self.text.len() - 1], self.text[0])),
            TokenKind::Literal | TokenKind::Sign(_) | TokenKind::Unclosed => None,
        }
    }
}

fn unescaped(text: &[u8], quote: u8) -> Cow<'_, [u8]> {
    if !text.iter().any(|&byte| byte == b'\\' || byte == quote) {
        return Cow::Borrowed(text);
    }
    let mut name = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == quote {
            bytes.next();
            name.push(quote);
        } else if byte == b'\\' {
            match bytes.next() {
                Some(b'x') => {
                    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).unwrap_or(0);
                    let value = digit(bytes.next()) * 16 + digit(bytes.next());
                    name.push(u8::try_from(value).unwrap_or(0));
                }
                Some(b'N') | None => {}
                Some(escaped) => name.push(escaped),
            }
        } else {
            name.push(byte);
        }
    }
    Cow::Owned(name)
}

/// Reads tokens one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'a> {
    text: &'a [u8],
    position: usize,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of a text.
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        Self { text, position: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.position..]
    }

    /// Skips white space and comments; false when a comment has no end.
    fn skip(&mut self) -> bool {
        loop {
            let rest = self.rest();
            let space = white_space(rest);
            if space > 0 {
                self.position += space;
            } else if rest.starts_with(b"--")
                || rest.starts_with(b"//")
                || rest.starts_with(b"# ")
                || rest.starts_with(b"#!")
            {
                self.position += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            } else if rest.starts_with(b"/*") {
                let Some(length) = block_comment(rest) else { return false };
                self.position += length;
            } else {
                return true;
            }
        }
    }

    fn token(&mut self, kind: TokenKind, length: usize) -> Token<'a> {
        let start = self.position;
        self.position += length;
        Token { kind, text: &self.text[start..self.position], start }
    }

    fn quoted(&mut self, kind: TokenKind, quote: u8) -> Token<'a> {
        let rest = self.rest();
        match closing_quote(rest, quote) {
            Some(length) => self.token(kind, length),
            None => self.token(TokenKind::Unclosed, rest.len()),
        }
    }

    fn typographic(&mut self, kind: TokenKind, closing: &[u8]) -> Token<'a> {
        let rest = self.rest();
        match memchr::memmem::find(&rest[3..], closing) {
            Some(at) => self.token(kind, 3 + at + closing.len()),
            None => self.token(TokenKind::Unclosed, rest.len()),
        }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if !self.skip() {
            return Some(self.token(TokenKind::Unclosed, self.rest().len()));
        }
        let rest = self.rest();
        let first = *rest.first()?;
        Some(match first {
            b'\'' => self.quoted(TokenKind::Literal, b'\''),
            b'"' | b'`' => self.quoted(TokenKind::Quoted, first),
            0xE2 if rest.starts_with("‘".as_bytes()) => self.typographic(TokenKind::Literal, "’".as_bytes()),
            0xE2 if rest.starts_with("“".as_bytes()) => self.typographic(TokenKind::Quoted, "”".as_bytes()),
            b'$' => match here_document(rest) {
                Some(length) => self.token(TokenKind::Literal, length),
                None => {
                    let length = word(rest).max(1);
                    self.token(TokenKind::Word, length)
                }
            },
            _ if is_word(first) => {
                let length = word(rest);
                self.token(TokenKind::Word, length)
            }
            _ => self.token(TokenKind::Sign(first), 1),
        })
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn word(text: &[u8]) -> usize {
    text.iter().position(|&byte| !is_word(byte) && byte != b'$').unwrap_or(text.len())
}

/// Length of the white space at the start: ASCII, and the Unicode spaces the engine skips.
fn white_space(text: &[u8]) -> usize {
    let ascii = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r')).unwrap_or(text.len());
    if ascii > 0 {
        return ascii;
    }
    match text {
        [0xC2, 0x85 | 0xA0, ..] => 2,
        [0xE1, 0xA0, 0x8E, ..] | [0xE2, 0x80, 0x80..=0x8D | 0xA8 | 0xA9 | 0xAF, ..] | [0xE2, 0x81, 0x9F | 0xA0, ..] => {
            3
        }
        [0xE3, 0x80, 0x80, ..] | [0xEF, 0xBB, 0xBF, ..] => 3,
        _ => 0,
    }
}

/// Length of a comment that may hold others; `None` without an end.
fn block_comment(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while at + 2 <= text.len() {
        match &text[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
    None
}

/// Length of a quoted text, both quotes included; a backslash escapes, a doubled quote stands for itself.
fn closing_quote(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(quote, b'\\', text.get(at..)?)?;
        // A backslash and what it escapes, or the quote twice.
        if text[at] == b'\\' || text.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return Some(at + 1);
        }
    }
}

/// Length of `$tag$ … $tag$`.
fn here_document(text: &[u8]) -> Option<usize> {
    let tag = &text[..memchr::memchr(b'$', &text[1..])? + 2];
    let end = memchr::memmem::find(&text[tag.len()..], tag)?;
    Some(tag.len() + end + tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
        Lexer::new(text.as_bytes()).map(|t| (t.kind, std::str::from_utf8(t.text).unwrap())).collect()
    }

    #[test]
    fn comments_and_white_space_are_left_out() {
        let words = kinds("a -- x\n/* b /* c */ d */ e // f\n # g\n#! h\n\u{a0}i\u{3000}j");
        let names: Vec<_> = words.iter().map(|(_, text)| *text).collect();
        assert_eq!(names, ["a", "e", "i", "j"]);
    }

    #[test]
    fn quotes_end_where_the_engine_ends_them() {
        assert_eq!(kinds(r"'a\'b' 'c''d' `e``f` “g” ‘h’ $x$ ' $x$")[0], (TokenKind::Literal, r"'a\'b'"));
        let kinds: Vec<_> =
            kinds(r"'a\'b' 'c''d' `e``f` “g” ‘h’ $x$ ' $x$").into_iter().map(|(kind, _)| kind).collect();
        use TokenKind::{Literal, Quoted};
        assert_eq!(kinds, [Literal, Literal, Quoted, Quoted, Literal, Literal]);
    }

    #[test]
    fn a_quoted_name_is_unescaped() {
        let name = |text: &str| {
            String::from_utf8(Lexer::new(text.as_bytes()).next().unwrap().name().unwrap().into_owned()).unwrap()
        };
        assert_eq!(name(r"`fi\x6ce`"), "file");
        assert_eq!(name("\"a\"\"b\""), "a\"b");
        assert_eq!(name("“file”"), "file");
        assert_eq!(name("file"), "file");
    }

    #[test]
    fn what_has_no_end_is_unclosed() {
        for text in ["'a", "`a", "/* a", "/* /* */", "‘a", "'a\\'"] {
            assert_eq!(kinds(text)[0].0, TokenKind::Unclosed, "{text}");
        }
    }
}
