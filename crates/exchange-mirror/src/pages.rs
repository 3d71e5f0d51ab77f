//! The HTML pages that come in place of files and answers.

use std::fmt::Write;

/// Length of the page the archive sends for a missing file, about 3.4 KB.
const MISSING_BYTES: usize = 3_412;
/// Length of the shell BSE's site sends for everything it does not know, as measured.
const SHELL_BYTES: usize = 14_287;

/// The archive's page for a missing file.
pub(crate) fn missing() -> String {
    padded(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><title>404 - Page not found</title></head>\n<body>\
         <h1>Resource not found</h1><p>The requested resource is not available.</p>",
        MISSING_BYTES,
    )
}

/// BSE's single-page-application shell, sent with status 200 for a missing file.
pub(crate) fn shell() -> String {
    padded(
        "<!DOCTYPE html>\n<html lang=\"en\" data-beasties-container=\"\"><head><meta charset=\"utf-8\">\
         <title>Live Stock Market Updates</title><base href=\"/\"></head>\n<body><app-root></app-root>",
        SHELL_BYTES,
    )
}

/// The CDN's refusal.
pub(crate) fn access_denied(path: &str) -> String {
    let escaped = path.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&#34;");
    format!(
        "<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>\n<H1>Access Denied</H1>\n \nYou don't have permission \
         to access \"http&#58;&#47;&#47;{escaped}\" on this server.<P>\nReference&#32;&#35;18&#46;4d5e6f17&#46;1740400000\
         &#46;1a2b3c4d\nReference #18.4d5e6f17.1740400000.1a2b3c4d\n<P>https&#58;&#47;&#47;errors.edgesuite.net&#47;18\
         &#46;4d5e6f17&#46;1740400000&#46;1a2b3c4d</P>\n</BODY>\n</HTML>\n"
    )
}

/// The rate block.
pub(crate) const RATE_BLOCK: &str = "<html><head><title>Access restricted</title></head><body><p>Your number of \
requests per second has exceeded the permissible threshold. Your access is restricted. Please try after 10 minutes.\
</p></body></html>\n";

/// The API's page without a session.
pub(crate) const UNAUTHORIZED: &str =
    "<html><head><title>401 Unauthorized</title></head><body><h1>Unauthorized</h1></body></html>\n";

/// A human page of the site, which sets the session cookie.
pub(crate) const SITE_PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><title>National Stock Exchange</title>\
</head>\n<body><div id=\"root\"></div></body></html>\n";

/// A page with status 200 in place of a file.
pub(crate) const SOFT_BLOCK: &str = "<!DOCTYPE html>\n<html><head><title>Please wait</title><meta name=\"robots\" \
content=\"noindex\"></head>\n<body><noscript>Please enable JavaScript to continue.</noscript><script>\
location.reload();</script></body></html>\n";

/// Closes a page after filling it to an exact length.
fn padded(start: &str, length: usize) -> String {
    const END: &str = "\n</body></html>\n";
    const FILLER: &str = "<!-- navigation -->\n";
    let mut page = start.to_owned();
    page.push('\n');
    while page.len() + FILLER.len() + END.len() <= length {
        page.push_str(FILLER);
    }
    let gap = length.saturating_sub(page.len() + END.len());
    let _ = write!(page, "{:gap$}{END}", "");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_the_lengths_that_were_measured() {
        assert_eq!((missing().len(), shell().len()), (MISSING_BYTES, SHELL_BYTES));
        assert!(shell().starts_with("<!DOCTYPE html>") && shell().ends_with("</html>\n"));
    }
}
