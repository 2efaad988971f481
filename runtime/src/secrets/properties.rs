//! Java properties files, as far as secrets files use them.

/// Returns the value of `key` in the text of a properties file.
pub(super) fn lookup(text: &str, key: &str) -> Option<String> {
    let mut found = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut line = line.trim_start().to_owned();
        if line.starts_with(['#', '!']) {
            continue;
        }
        // An odd number of backslashes at the end goes on in the next line.
        while line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1 {
            line.pop();
            let Some(next) = lines.next() else { break };
            line.push_str(next.trim_start());
        }
        let (name, value) = split(&line);
        if name == key {
            found = Some(value);
        }
    }
    found
}

/// Splits at the first `=`, `:` or blank that is not escaped.
fn split(line: &str) -> (String, String) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || c.is_whitespace());
        escaped = c == '\\' && !escaped;
        ends
    });
    let Some(end) = end else {
        return (unescape(line), String::new());
    };
    let rest = line[end..].trim_start();
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (unescape(&line[..end]), unescape(rest.trim_start()))
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('u') => {
                let code: String = chars.by_ref().take(4).collect();
                let c = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                out.push(c.unwrap_or('\u{fffd}'));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_java_reads() {
        let text =
            "# user=x\n user = walbridge \npassword:a\\=b\\u0041 c\nlong=one\\\n   two\nempty\n";
        assert_eq!(lookup(text, "user").as_deref(), Some("walbridge "));
        assert_eq!(lookup(text, "password").as_deref(), Some("a=bA c"));
        assert_eq!(lookup(text, "long").as_deref(), Some("onetwo"));
        assert_eq!(lookup(text, "empty").as_deref(), Some(""));
        assert_eq!(lookup(text, "x"), None);
    }
}
