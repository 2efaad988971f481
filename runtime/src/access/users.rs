//! The users file.

use std::path::Path;

use super::hash::Hashed;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Look at everything.
    ReadOnly,
    /// Everything.
    Admin,
}

impl Role {
    /// Reads a role.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "read-only" => Some(Self::ReadOnly),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ReadOnly => "read-only",
            Self::Admin => "admin",
        })
    }
}

/// One line of the file.
#[derive(Debug, Clone)]
pub struct User {
    /// The name.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// The hash of what only the user knows.
    pub hashed: Hashed,
}

/// All users.
#[derive(Debug, Clone, Default)]
pub struct Users(pub Vec<User>);

impl Users {
    /// Reads a users file.
    ///
    /// # Errors
    /// Every mistake at once, each with its line and never with a secret.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("rest.users.file {shown}: cannot be read: {error}"))?;
        Self::parse(&text).map_err(|mistakes| {
            let lines: Vec<_> = mistakes
                .iter()
                .map(|(line, why)| format!("rest.users.file {shown}, line {line}: {why}"))
                .collect();
            lines.join("\n")
        })
    }

    /// Reads the lines of a users file.
    ///
    /// # Errors
    /// Every mistake with the number of its line.
    pub fn parse(text: &str) -> Result<Self, Vec<(usize, String)>> {
        let (mut users, mut mistakes) = (Vec::new(), Vec::new());
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match user(line) {
                Ok(user) => users.push(user),
                Err(why) => mistakes.push((number + 1, why)),
            }
        }
        if mistakes.is_empty() {
            Ok(Self(users))
        } else {
            Err(mistakes)
        }
    }
}

/// Reads `name role hash`; certificates' names may have spaces in them.
fn user(line: &str) -> Result<User, String> {
    let words: Vec<&str> = line.rsplitn(3, char::is_whitespace).collect();
    let [hashed, role, name] = words[..] else {
        return Err("needs a name, a role and a hash".into());
    };
    let name = name.trim_end();
    if name.contains(':') {
        return Err("a name must not hold a colon".into());
    }
    let role = Role::parse(role).ok_or("the role is neither read-only nor admin")?;
    let hashed = Hashed::parse(hashed).map_err(|why| format!("the hash {why}"))?;
    Ok(User {
        name: name.to_owned(),
        role,
        hashed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{hash_password, hash_token};

    #[test]
    fn secrets_are_known_again_and_never_shown() {
        let hashed = hash_password("open sesame").unwrap();
        let token = hash_token("t0ken");
        let text = format!(
            "# people\n\nann admin {hashed}\nci read-only {token}\nJohn  Doe admin certificate\n"
        );
        let users = Users::parse(&text).unwrap().0;
        assert_eq!(users.len(), 3);
        assert!(users[0].hashed.is_password(b"open sesame"));
        assert!(!users[0].hashed.is_password(b"open sesamf"));
        assert!(!users[0].hashed.is_token(b"open sesame"));
        assert!(users[1].hashed.is_token(b"t0ken"));
        assert!(!users[1].hashed.is_token(b"t0kem"));
        assert!(!users[2].hashed.is_token(b""));
        assert_eq!(users[2].name, "John  Doe");
        assert_eq!(users[1].role, Role::ReadOnly);
        let shown = format!("{users:?}");
        for part in hashed.split('$').chain(token.split('$')).skip(2) {
            assert!(part == "sha256" || !shown.contains(part), "{shown}");
        }
        assert_ne!(hash_password("x").unwrap(), hash_password("x").unwrap());
    }

    #[test]
    fn mistakes_name_their_line_and_no_secret() {
        let text = "a admin\nb boss certificate\nc admin hunter2\nd:e admin certificate\n\
                    f admin pbkdf2-sha256$99999999$AA$AA\ng admin sha256$!!\nh admin sha256$AAAA";
        let mistakes = Users::parse(text).unwrap_err();
        let lines: Vec<_> = mistakes.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7]);
        assert!(!format!("{mistakes:?}").contains("hunter2"));
    }
}
