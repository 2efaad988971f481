//! Which table a topic belongs to.
//!
//! Names are made legal for Kafka, and two of them may become the same: the rows of one table would go
//! into the other. Also a table may be called as one of the connector's own topics is.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use walbridge_connector_api::{ConnectorError, Result};

/// The topics of a task, each with what writes to it.
#[derive(Debug, Default)]
pub(crate) struct TopicOwners {
    owners: Mutex<HashMap<String, String>>,
}

impl TopicOwners {
    /// Gives a topic to an owner, which may ask again.
    ///
    /// # Errors
    /// If another one has it.
    pub(crate) fn claim(&self, topic: &str, owner: &str) -> Result<()> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        match owners.get(topic) {
            None => {
                owners.insert(topic.to_owned(), owner.to_owned());
                Ok(())
            }
            Some(known) if known == owner => Ok(()),
            Some(known) => Err(ConnectorError::stop(
                "TopicNamesCollide",
                format!("topic {topic} is that of {known}, and {owner} would write to it, too"),
            )
            .remedy(format!(
                "leave {owner} out with table.exclude.list, or rename it, then restart the task"
            ))),
        }
    }
}

/// Names a table as an owner of topics.
pub(crate) fn table(schema: &str, name: &str) -> String {
    format!(
        "table {}",
        walbridge_postgres::ident::qualified(schema, name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_one_owner() {
        let owners = TopicOwners::default();
        let (one, two) = (table("public", "订单"), table("public", "客户"));
        owners.claim("p.public.__", &one).unwrap();
        owners.claim("p.public.__", &one).unwrap();
        owners.claim("p.public.t", &two).unwrap();
        let error = owners.claim("p.public.__", &two).unwrap_err();
        assert_eq!(error.name(), "TopicNamesCollide");
        assert!(error.to_string().contains("订单"), "{error}");
        assert!(
            error
                .to_string()
                .contains("leave table \"public\".\"客户\" out"),
            "{error}"
        );
    }
}
