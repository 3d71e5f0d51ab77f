//! Who asks: one user, one password, in any of the ways ClickHouse takes them.

use http::HeaderMap;

use super::parameters::Fields;
use crate::config::AuthSection;
use crate::exception::{Code, Exception};

/// Checks the credentials of a request.
///
/// # Errors
///
/// `REQUIRED_PASSWORD` (401) without credentials when some are needed, `AUTHENTICATION_FAILED` (403) with wrong ones.
pub(super) fn check(expected: &AuthSection, headers: &HeaderMap, fields: &Fields) -> Result<(), Exception> {
    let (user, password) = given(headers, fields)?;
    if user.is_none() && password.is_none() && !expected.password.is_empty() {
        return Err(Exception::new(Code::REQUIRED_PASSWORD, "A user name and a password are required"));
    }
    let user = user.filter(|user| !user.is_empty()).unwrap_or_else(|| "default".to_owned());
    let right_user = same(&user, &expected.user);
    let right_password = same(&password.unwrap_or_default(), expected.password.expose());
    if right_user & right_password {
        return Ok(());
    }
    let text = format!("{user}: Authentication failed: password is incorrect, or there is no user with such name");
    Err(Exception::new(Code::AUTHENTICATION_FAILED, text))
}

type Credentials = (Option<String>, Option<String>);

fn given(headers: &HeaderMap, fields: &Fields) -> Result<Credentials, Exception> {
    let text = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let by_header = (text("x-clickhouse-user"), text("x-clickhouse-key"));
    if by_header.0.is_some() || by_header.1.is_some() {
        return Ok(by_header);
    }
    if let Some(value) = text("authorization") {
        let encoded = value.get(..6).filter(|scheme| scheme.eq_ignore_ascii_case("basic ")).map(|_| value[6..].trim());
        let decoded = encoded.and_then(base64).and_then(|bytes| String::from_utf8(bytes).ok());
        let text = "Authorization is not a valid Basic header";
        let decoded = decoded.ok_or_else(|| Exception::new(Code::AUTHENTICATION_FAILED, text))?;
        let (user, password) = decoded.split_once(':').unwrap_or((&decoded, ""));
        return Ok((Some(user.to_owned()), Some(password.to_owned())));
    }
    Ok((fields.user.clone(), fields.password.clone()))
}

/// Compares in a time that tells nothing but the length.
fn same(given: &str, expected: &str) -> bool {
    given.len() == expected.len() && given.bytes().zip(expected.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

/// Decodes standard base64; short enough not to be worth a crate.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from((bits >> count) & 0xFF).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded() {
        assert_eq!(base64("ZGVmYXVsdDpzZWNyZXQ=").unwrap(), b"default:secret");
        assert_eq!(base64("").unwrap(), b"");
        assert!(base64("a*b").is_none());
    }

    #[test]
    fn texts_are_compared_whole() {
        assert!(same("secret", "secret") && same("", ""));
        assert!(!same("secret", "secreT") && !same("secret", "secre") && !same("", "x"));
    }
}
