//! Decides who a request is from, and whether that may do what it asks for.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::{hmac, rand};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::current::{Current, UsersFile};
use super::hash;
use super::users::{Role, User, Users};
use crate::config::{AuthMethod, RestAccess};

/// What a request brings to show who it is from.
pub(crate) struct Proof<'a> {
    /// The `Authorization` header.
    pub(crate) authorization: Option<&'a str>,
    /// The common name of the client's certificate.
    pub(crate) certificate: Option<&'a str>,
}

/// Who a request is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The user's name; empty if nobody was asked.
    pub(crate) name: String,
    /// What the user may do.
    pub(crate) role: Role,
}

/// Knows the users.
pub(crate) struct Access {
    settings: RestAccess,
    users: UsersFile,
    secret: hmac::Key,
    /// One password at a time is hashed: guessing keeps one processor busy and no more.
    hashing: Semaphore,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// Reads the users.
    ///
    /// # Errors
    /// In words, if the users file cannot be read.
    pub(crate) fn load(settings: &RestAccess) -> Result<Self, String> {
        let users = UsersFile::open(settings.users_file.as_deref())?;
        let secret = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())
            .map_err(|_| "the system gives no random numbers")?;
        Ok(Self {
            settings: settings.clone(),
            users,
            secret,
            hashing: Semaphore::new(1),
        })
    }

    /// Returns whether a path may be read by anybody.
    pub(crate) fn is_open(&self, path: &str) -> bool {
        self.asks_nobody() || self.settings.open_paths.iter().any(|open| open == path)
    }

    /// Returns whether nobody is asked who they are.
    pub(crate) fn asks_nobody(&self) -> bool {
        self.settings.methods.is_empty() || self.takes(AuthMethod::Insecure)
    }

    /// Returns the challenges of a 401.
    pub(crate) fn challenges(&self) -> Vec<&'static str> {
        let mut all = Vec::new();
        if self.takes(AuthMethod::Basic) {
            all.push("Basic realm=\"walbridge\", charset=\"UTF-8\"");
        }
        if self.takes(AuthMethod::Bearer) {
            all.push("Bearer realm=\"walbridge\"");
        }
        if all.is_empty() {
            // Every 401 must have one; this is what a certificate goes by.
            all.push("Mutual realm=\"walbridge\"");
        }
        all
    }

    fn takes(&self, method: AuthMethod) -> bool {
        self.settings.methods.contains(&method)
    }

    /// Returns who the request is from.
    pub(crate) async fn caller(&self, proof: Proof<'_>) -> Option<Caller> {
        if self.asks_nobody() {
            return Some(Caller {
                name: String::new(),
                role: Role::Admin,
            });
        }
        if let Some((scheme, rest)) = proof.authorization.and_then(|text| text.split_once(' ')) {
            let rest = rest.trim();
            // What is said aloud counts, even if a certificate was shown, too.
            return if scheme.eq_ignore_ascii_case("basic") && self.takes(AuthMethod::Basic) {
                self.by_password(rest).await
            } else if scheme.eq_ignore_ascii_case("bearer") && self.takes(AuthMethod::Bearer) {
                by_token(&self.users.now().users, rest)
            } else {
                None
            };
        }
        proof
            .certificate
            .filter(|_| self.takes(AuthMethod::Mtls))
            .and_then(|name| self.by_certificate(name))
    }

    /// Without a users file, whoever has a certificate may do everything.
    fn by_certificate(&self, name: &str) -> Option<Caller> {
        if self.settings.users_file.is_none() {
            return Some(Caller {
                name: name.to_owned(),
                role: Role::Admin,
            });
        }
        let now = self.users.now();
        let mut users = now.users.0.iter();
        users
            .find(|user| user.hashed == hash::Hashed::Certificate && user.name == name)
            .map(caller)
    }

    async fn by_password(&self, encoded: &str) -> Option<Caller> {
        let plain = SecretString::from(String::from_utf8(BASE64.decode(encoded).ok()?).ok()?);
        let tag = hmac::sign(&self.secret, plain.expose_secret().as_bytes());
        let tag = tag.as_ref().to_vec();
        let now = self.users.now();
        if let Some(caller) = now.known(&tag) {
            return Some(caller);
        }
        let _one = self.hashing.acquire().await.ok()?;
        let users = Arc::clone(&now);
        let found = tokio::task::spawn_blocking(move || check(&users, &plain)).await;
        let caller = found.ok().flatten()?;
        now.remember(tag, caller.clone());
        Some(caller)
    }
}

fn caller(user: &User) -> Caller {
    Caller {
        name: user.name.clone(),
        role: user.role,
    }
}

fn by_token(users: &Users, token: &str) -> Option<Caller> {
    // All are compared, so that the time taken tells nothing.
    let mut found = None;
    for user in &users.0 {
        if user.hashed.is_token(token.as_bytes()) {
            found = Some(caller(user));
        }
    }
    found
}

/// Looks for a user with this `name:password`; takes its time.
fn check(current: &Current, plain: &SecretString) -> Option<Caller> {
    let (name, password) = plain.expose_secret().split_once(':')?;
    let is_password = |hashed: &hash::Hashed| matches!(hashed, hash::Hashed::Password { .. });
    let mut named = current
        .users
        .0
        .iter()
        .filter(|user| user.name == name && is_password(&user.hashed))
        .peekable();
    if named.peek().is_none() {
        hash::pretend(password.as_bytes());
    }
    named
        .find(|user| user.hashed.is_password(password.as_bytes()))
        .map(caller)
}
