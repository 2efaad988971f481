//! Hashes of passwords and tokens, and the comparison with them.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD as BASE64, URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, pbkdf2};
use subtle::ConstantTimeEq as _;

/// How often a password is hashed: what is advised for PBKDF2 with SHA-256.
const ITERATIONS: u32 = 600_000;

/// More than this would only keep the worker busy.
const MOST_ITERATIONS: u32 = 10_000_000;

const ALGORITHM: pbkdf2::Algorithm = pbkdf2::PBKDF2_HMAC_SHA256;

/// The hash of a secret as a users file has it.
#[derive(Clone, PartialEq, Eq)]
pub enum Hashed {
    /// Of a password.
    Password {
        /// How often it was hashed.
        iterations: NonZeroU32,
        /// What was mixed in.
        salt: Vec<u8>,
        /// The result.
        hash: Vec<u8>,
    },
    /// Of a token, which is long and random, so that hashing it once is enough.
    Token(Vec<u8>),
    /// Nothing: the user shows a certificate.
    Certificate,
}

impl std::fmt::Debug for Hashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Password",
            Self::Token(_) => "Token",
            Self::Certificate => "Certificate",
        })
    }
}

impl Hashed {
    /// Reads a hash.
    ///
    /// # Errors
    /// In words, without any of the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = |text: &str| {
            BASE64
                .decode(text)
                .map_err(|_| "has a part that is not base64")
        };
        match text.split('$').collect::<Vec<_>>()[..] {
            ["pbkdf2-sha256", iterations, salt, hash] => {
                let iterations = iterations
                    .parse()
                    .ok()
                    .filter(|n: &NonZeroU32| n.get() <= MOST_ITERATIONS)
                    .ok_or("has no number of iterations")?;
                let (salt, hash) = (bytes(salt)?, bytes(hash)?);
                if hash.len() != digest::SHA256_OUTPUT_LEN {
                    return Err("has a hash of the wrong length".into());
                }
                Ok(Self::Password {
                    iterations,
                    salt,
                    hash,
                })
            }
            ["sha256", hash] => {
                let hash = bytes(hash)?;
                if hash.len() != digest::SHA256_OUTPUT_LEN {
                    return Err("has a hash of the wrong length".into());
                }
                Ok(Self::Token(hash))
            }
            ["certificate"] => Ok(Self::Certificate),
            _ => Err("is none of pbkdf2-sha256$…, sha256$…, certificate".into()),
        }
    }

    /// Returns whether this is the password; takes its time.
    pub(super) fn is_password(&self, given: &[u8]) -> bool {
        match self {
            Self::Password {
                iterations,
                salt,
                hash,
            } => pbkdf2::verify(ALGORITHM, *iterations, salt, given, hash).is_ok(),
            _ => false,
        }
    }

    /// Returns whether this is the token.
    pub(super) fn is_token(&self, given: &[u8]) -> bool {
        match self {
            Self::Token(hash) => {
                let given = digest::digest(&digest::SHA256, given);
                hash.ct_eq(given.as_ref()).into()
            }
            _ => false,
        }
    }
}

/// Takes as long as a comparison would, for users that do not exist.
pub(super) fn pretend(given: &[u8]) {
    let mut out = [0; digest::SHA256_OUTPUT_LEN];
    if let Some(iterations) = NonZeroU32::new(ITERATIONS) {
        pbkdf2::derive(ALGORITHM, iterations, b"nobody", given, &mut out);
    }
}

/// Returns what a users file has for a password.
///
/// # Errors
/// If the system has no random numbers.
pub fn hash_password(password: &str) -> Result<String, String> {
    let mut salt = [0; 16];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| "the system gives no random numbers")?;
    let mut hash = [0; digest::SHA256_OUTPUT_LEN];
    let iterations = NonZeroU32::new(ITERATIONS).ok_or("no iterations")?;
    pbkdf2::derive(ALGORITHM, iterations, &salt, password.as_bytes(), &mut hash);
    let (salt, hash) = (BASE64.encode(salt), BASE64.encode(hash));
    Ok(format!("pbkdf2-sha256${ITERATIONS}${salt}${hash}"))
}

/// Returns what a users file has for a bearer token.
pub fn hash_token(token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    format!("sha256${}", BASE64.encode(hash))
}

/// Returns a new token, long and random.
///
/// # Errors
/// If the system has no random numbers.
pub fn new_token() -> Result<String, String> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "the system gives no random numbers")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
