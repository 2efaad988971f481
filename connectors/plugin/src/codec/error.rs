//! Errors, with all that people read of them.

use std::error::Error as StdError;
use std::fmt;

use walbridge_connector_api::{ConnectorError, Disposition};

use super::{Reader, Result, Wire, choices, interned};

choices! {
    Disposition [Disposition::Retry, Disposition::Rewind, Disposition::Stop]
}

/// A cause as the other side told it.
#[derive(Debug)]
struct Cause {
    text: String,
    next: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let next = self.next.as_deref();
        next.map(|next| next as &(dyn StdError + 'static))
    }
}

impl Wire for ConnectorError {
    fn write(&self, out: &mut Vec<u8>) {
        self.disposition().write(out);
        self.name().to_owned().write(out);
        self.message().to_owned().write(out);
        self.advice().map(str::to_owned).write(out);
        let mut causes = Vec::new();
        let mut cause = self.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        causes.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        let disposition = Disposition::read(from)?;
        let name = interned(from.text()?);
        let mut error = Self::new(disposition, name, String::read(from)?);
        if let Some(advice) = Option::<String>::read(from)? {
            error = error.remedy(advice);
        }
        let causes = Vec::<String>::read(from)?.into_iter().rev();
        let chain = causes.fold(None, |next, text| {
            Some(Cause {
                text,
                next: next.map(Box::new),
            })
        });
        Ok(match chain {
            Some(cause) => error.because(cause),
            None => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{bytes_of, whole};

    #[test]
    fn an_error_keeps_its_whole_story() {
        let cause = Cause {
            text: "it is full".into(),
            next: Some(Box::new(Cause {
                text: "too much in it".into(),
                next: None,
            })),
        };
        let error = ConnectorError::retry("DiskFull", "cannot write")
            .because(cause)
            .remedy("make room");
        let read: ConnectorError = whole(&bytes_of(&error)).unwrap();
        assert_eq!(read.trace(), error.trace());
        assert_eq!(read.disposition(), Disposition::Retry);
        assert!(
            read.trace()
                .contains("Caused by: it is full\nCaused by: too much in it")
        );
    }
}
