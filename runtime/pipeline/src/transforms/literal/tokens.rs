//! The tokens of a literal: `: , { } [ ] "`, and what stands between them. A backslash makes the next plain.

pub(super) struct Tokens {
    chars: Vec<char>,
    at: usize,
    /// A token that was looked at and not taken.
    ahead: Option<String>,
}

impl Tokens {
    pub(super) fn new(text: &str) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
            ahead: None,
        }
    }

    pub(super) fn has_next(&self) -> bool {
        self.ahead.is_some() || self.at < self.chars.len()
    }

    /// Returns where the next token begins.
    pub(super) fn mark(&self) -> usize {
        let ahead = self.ahead.as_ref().map_or(0, |token| token.chars().count());
        self.at - ahead
    }

    pub(super) fn rewind(&mut self, to: usize) {
        self.at = to;
        self.ahead = None;
    }

    pub(super) fn next(&mut self) -> String {
        self.ahead.take().unwrap_or_else(|| self.read())
    }

    /// Takes four tokens; `None`, and nothing is taken, if there are fewer.
    pub(super) fn next_four(&mut self) -> Option<String> {
        let start = self.mark();
        for _ in 0..4 {
            if !self.has_next() {
                self.rewind(start);
                return None;
            }
            self.next();
        }
        Some(self.chars[start..self.mark()].iter().collect())
    }

    /// Takes the next token if it is this one; blanks before it are lost either way.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        if !self.has_next() {
            return false;
        }
        let mut token = self.next();
        while token.trim().is_empty() && self.at < self.chars.len() {
            token = self.read();
        }
        if token.trim() == expected {
            return true;
        }
        self.ahead = Some(token);
        false
    }

    fn read(&mut self) -> String {
        let start = self.at;
        let mut escaped = false;
        while let Some(c) = self.chars.get(self.at) {
            match c {
                '\\' => escaped = !escaped,
                ':' | ',' | '{' | '}' | '[' | ']' | '"' if !escaped => {
                    if start == self.at {
                        self.at += 1;
                    }
                    break;
                }
                _ => escaped = false,
            }
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }
}
