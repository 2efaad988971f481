//! Writing a Java pattern in the syntax of the regex crates, where the same letters mean other things.

/// What Java's dot does not match.
const NO_LINE_END: &str = r"[^\n\r\u{85}\u{2028}\u{2029}]";

/// Classes that stand for sets of characters: in Java they are ASCII only.
fn class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[a-zA-Z_0-9]",
        'W' => "[^a-zA-Z_0-9]",
        's' => r"[ \t\n\x0B\x0C\r]",
        'S' => r"[^ \t\n\x0B\x0C\r]",
        'h' => r"[ \t\u{A0}\u{1680}\u{180e}\u{2000}-\u{200a}\u{202f}\u{205f}\u{3000}]",
        'H' => r"[^ \t\u{A0}\u{1680}\u{180e}\u{2000}-\u{200a}\u{202f}\u{205f}\u{3000}]",
        'v' => r"[\n\x0B\x0C\r\u{85}\u{2028}\u{2029}]",
        'V' => r"[^\n\x0B\x0C\r\u{85}\u{2028}\u{2029}]",
        _ => return None,
    })
}

fn property(name: &str) -> Option<String> {
    let posix = match name {
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => r"\x00-\x7F",
        "Alpha" => "a-zA-Z",
        "Digit" => "0-9",
        "Alnum" => "a-zA-Z0-9",
        "Punct" => r##"!-/:-@\[-`\{-~"##,
        "Graph" => "!-~",
        "Print" => r"\x20-~",
        "Blank" => r" \t",
        "Cntrl" => r"\x00-\x1F\x7F",
        "XDigit" => "0-9a-fA-F",
        "Space" => r" \t\n\x0B\x0C\r",
        _ => "",
    };
    if !posix.is_empty() {
        return Some(format!("[{posix}]"));
    }
    let category = name.strip_prefix("Is").unwrap_or(name);
    let known = [
        "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc",
        "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp",
    ];
    let script = [
        "IsLatin",
        "IsGreek",
        "IsCyrillic",
        "IsHan",
        "IsArabic",
        "IsHebrew",
    ];
    let fits = known.contains(&category) || script.contains(&name);
    fits.then(|| format!("\\p{{{category}}}"))
}

/// Translates a pattern or says what in it is not supported.
pub(super) fn translate(java: &str) -> Result<String, String> {
    let mut reader = Reader {
        chars: java.chars().collect(),
        at: 0,
        out: String::new(),
        dot_all: java.contains("(?s") || java.contains("(?is") || java.contains("(?ms"),
    };
    reader.pattern()?;
    Ok(reader.out)
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    out: String,
    dot_all: bool,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn skip(&mut self, count: usize) {
        self.at = (self.at + count).min(self.chars.len());
    }

    fn ahead(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    fn pattern(&mut self) -> Result<(), String> {
        while let Some(c) = self.next() {
            match c {
                '\\' => {
                    let escaped = self.escape(false)?;
                    self.out.push_str(&escaped);
                }
                '[' => {
                    let class = self.bracket(0)?;
                    self.out.push_str(&class);
                }
                '(' if self.ahead("?") => self.group()?,
                '.' if !self.dot_all => self.out.push_str(NO_LINE_END),
                ']' => self.out.push_str("\\]"),
                '}' => self.out.push_str("\\}"),
                '#' | '&' | '~' | '-' | ' ' => self.literal(c),
                '{' => self.repetition()?,
                _ => self.out.push(c),
            }
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        push_literal(&mut self.out, c);
    }

    /// Copies `{n}`, `{n,}` or `{n,m}`; anything else is wrong in Java too.
    fn repetition(&mut self) -> Result<(), String> {
        let rest: String = self.chars[self.at..]
            .iter()
            .take_while(|c| **c != '}')
            .collect();
        let fits = rest.bytes().all(|b| b.is_ascii_digit() || b == b',')
            && rest.starts_with(|c: char| c.is_ascii_digit())
            && self.chars.len() > self.at + rest.chars().count();
        if !fits {
            return Err(format!("Illegal repetition near index {}", self.at));
        }
        if let Some((low, high)) = rest.split_once(',')
            && let (Ok(low), Ok(high)) = (low.parse::<u32>(), high.parse::<u32>())
            && low > high
        {
            return Err(format!("Illegal repetition range {{{rest}}}"));
        }
        self.at += rest.chars().count() + 1;
        self.out.push_str(&format!("{{{rest}}}"));
        Ok(())
    }

    /// Reads what follows an opening parenthesis with a question mark.
    fn group(&mut self) -> Result<(), String> {
        for plain in ["?:", "?=", "?!", "?<=", "?<!", "?>"] {
            if self.ahead(plain) {
                self.at += plain.len();
                self.out.push('(');
                self.out.push_str(plain);
                return Ok(());
            }
        }
        if self.ahead("?<") {
            let name = self.chars.get(self.at + 2);
            if !name.is_some_and(char::is_ascii_alphabetic) {
                return Err("capturing group name does not start with a Latin letter".to_owned());
            }
            self.out.push_str("(?<");
            self.at += 2;
            return Ok(());
        }
        // Flags: (?i) or (?i:…).
        self.at += 1;
        self.out.push_str("(?");
        while let Some(c) = self.next() {
            match c {
                // Java's is for ASCII letters alone.
                'i' if self.chars.iter().any(|c| !c.is_ascii()) => {
                    return Err("(?i) with letters beyond ASCII is not supported".to_owned());
                }
                'i' | 's' | 'm' | '-' => self.out.push(c),
                ')' | ':' => {
                    self.out.push(c);
                    return Ok(());
                }
                other => return Err(format!("the flag (?{other}) is not supported")),
            }
        }
        Err("Unclosed group".to_owned())
    }

    /// Reads what follows a backslash.
    fn escape(&mut self, in_class: bool) -> Result<String, String> {
        let Some(c) = self.next() else {
            return Err(
                "Unexpected internal error near index: a backslash ends the pattern".into(),
            );
        };
        if let Some(set) = class(c) {
            return Ok(set.to_owned());
        }
        let unsupported = || Err(format!("\\{c} is not supported"));
        let one = |c: char| {
            let mut text = String::new();
            push_literal(&mut text, c);
            Ok(text)
        };
        match c {
            'Q' => {
                let mut text = String::new();
                while self.at < self.chars.len() && !self.ahead("\\E") {
                    push_literal(&mut text, self.chars[self.at]);
                    self.at += 1;
                }
                self.at = (self.at + 2).min(self.chars.len());
                Ok(text)
            }
            'p' | 'P' => self.property(c),
            't' => one('\t'),
            'n' => one('\n'),
            'r' => one('\r'),
            'f' => one('\x0C'),
            'a' => one('\x07'),
            'e' => one('\x1B'),
            'x' => self.hex(2),
            'u' => self.hex(4),
            'b' | 'B' | 'A' | 'z' if !in_class => Ok(format!("\\{c}")),
            'Z' if !in_class => Ok(r"(?=\r?\n?\z)".to_owned()),
            '1'..='9' if !in_class => Ok(format!("\\{c}")),
            'k' if !in_class && self.ahead("<") => Ok("\\k".to_owned()),
            c if c.is_ascii_alphanumeric() => unsupported(),
            c => one(c),
        }
    }

    fn property(&mut self, p: char) -> Result<String, String> {
        let name: String = if self.ahead("{") {
            self.at += 1;
            let name: String = self.chars[self.at..]
                .iter()
                .take_while(|c| **c != '}')
                .collect();
            self.skip(name.chars().count() + 1);
            name
        } else {
            self.next().into_iter().collect()
        };
        let Some(set) = property(&name) else {
            return Err(format!("\\{p}{{{name}}} is not supported"));
        };
        Ok(match p {
            'p' => set,
            _ if set.starts_with('[') => format!("[^{}", &set[1..]),
            _ => set.replacen("\\p", "\\P", 1),
        })
    }

    fn hex(&mut self, digits: usize) -> Result<String, String> {
        let text: String = if digits == 2 && self.ahead("{") {
            self.at += 1;
            let text: String = self.chars[self.at..]
                .iter()
                .take_while(|c| **c != '}')
                .collect();
            self.skip(text.chars().count() + 1);
            text
        } else {
            let end = (self.at + digits).min(self.chars.len());
            let text = self.chars[self.at..end].iter().collect();
            self.at = end;
            text
        };
        let code = u32::from_str_radix(&text, 16).ok().and_then(char::from_u32);
        let c = code.ok_or_else(|| format!("\"{text}\" is no hexadecimal character"))?;
        let mut out = String::new();
        push_literal(&mut out, c);
        Ok(out)
    }

    /// Reads a class in brackets, whose opening bracket is behind.
    fn bracket(&mut self, depth: usize) -> Result<String, String> {
        if depth > 20 {
            return Err("classes are nested too deep".to_owned());
        }
        let mut out = "[".to_owned();
        let negated = self.peek() == Some('^');
        if negated {
            out.push('^');
            self.at += 1;
        }
        let mut first = true;
        loop {
            let Some(c) = self.next() else {
                return Err("Unclosed character class".to_owned());
            };
            match c {
                ']' if !first => break,
                '&' if self.ahead("&") => {
                    if negated {
                        return Err("&& in a negated class is not supported".to_owned());
                    }
                    self.at += 1;
                    out.push_str("&&");
                }
                '[' => {
                    if negated {
                        return Err("a class inside a negated class is not supported".to_owned());
                    }
                    let inner = self.bracket(depth + 1)?;
                    out.push_str(&inner);
                }
                '-' if !first && self.peek().is_some_and(|next| next != ']' && next != '[') => {
                    out.push('-');
                }
                '\\' => {
                    let escaped = self.escape(true)?;
                    out.push_str(&escaped);
                }
                c => push_literal(&mut out, c),
            }
            first = false;
        }
        out.push(']');
        Ok(out)
    }
}

fn push_literal(out: &mut String, c: char) {
    if c.is_alphanumeric() || c == '_' {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:x}}}", c as u32));
    }
}
