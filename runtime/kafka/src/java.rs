//! The Java clients' names of settings, and librdkafka's.

use std::collections::BTreeMap;

use walbridge_connector_api::ConfigProblem;

use crate::Role;

/// How a setting of the Java clients is carried over.
#[derive(Clone, Copy)]
enum Carry {
    /// Under the same name, with the same meaning.
    Same,
    /// Under another name.
    As(&'static str),
    /// Under another name, bytes becoming kilobytes.
    Kilobytes(&'static str),
    /// It says something that is so anyway, or has no meaning here and does no harm.
    Drop,
    /// It is handled together with others.
    Special,
    /// It would break what this program promises, for this reason.
    Never(&'static str),
}

use Carry::{As, Drop, Kilobytes, Never, Same, Special};

const COMMON: &[(&str, Carry)] = &[
    ("bootstrap.servers", Same),
    ("client.id", Same),
    ("client.dns.lookup", Same),
    ("client.rack", Same),
    ("security.protocol", Same),
    ("sasl.mechanism", Same),
    ("sasl.username", Same),
    ("sasl.password", Same),
    ("sasl.jaas.config", Special),
    ("ssl.truststore.location", Special),
    ("ssl.truststore.type", Special),
    ("ssl.truststore.certificates", As("ssl.ca.pem")),
    ("ssl.keystore.location", Special),
    ("ssl.keystore.type", Special),
    ("ssl.keystore.password", Same),
    ("ssl.keystore.certificate.chain", As("ssl.certificate.pem")),
    ("ssl.keystore.key", As("ssl.key.pem")),
    ("ssl.key.password", Same),
    ("ssl.endpoint.identification.algorithm", Special),
    ("ssl.cipher.suites", Same),
    ("ssl.ca.location", Same),
    ("ssl.ca.pem", Same),
    ("ssl.certificate.location", Same),
    ("ssl.certificate.pem", Same),
    ("ssl.key.location", Same),
    ("ssl.key.pem", Same),
    ("ssl.crl.location", Same),
    ("enable.ssl.certificate.verification", Same),
    ("request.timeout.ms", As("socket.timeout.ms")),
    ("socket.timeout.ms", Same),
    ("socket.keepalive.enable", Same),
    ("socket.connection.setup.timeout.ms", Same),
    ("socket.connection.setup.timeout.max.ms", Drop),
    ("connections.max.idle.ms", Same),
    ("reconnect.backoff.ms", Same),
    ("reconnect.backoff.max.ms", Same),
    ("retry.backoff.ms", Same),
    ("retry.backoff.max.ms", Same),
    ("metadata.max.age.ms", Same),
    ("send.buffer.bytes", As("socket.send.buffer.bytes")),
    ("receive.buffer.bytes", As("socket.receive.buffer.bytes")),
    ("metric.reporters", Drop),
    ("metrics.num.samples", Drop),
    ("metrics.recording.level", Drop),
    ("metrics.sample.window.ms", Drop),
    ("auto.include.jmx.reporter", Drop),
    ("enable.metrics.push", Drop),
    ("default.api.timeout.ms", Drop),
    ("retries", Drop),
    ("debug", Same),
];

const PRODUCER: &[(&str, Carry)] = &[
    ("linger.ms", Same),
    ("batch.size", Same),
    ("batch.num.messages", Same),
    ("compression.type", Same),
    ("compression.level", Same),
    ("buffer.memory", Kilobytes("queue.buffering.max.kbytes")),
    ("queue.buffering.max.kbytes", Same),
    ("max.request.size", As("message.max.bytes")),
    ("message.max.bytes", Same),
    ("delivery.timeout.ms", As("message.timeout.ms")),
    ("transaction.timeout.ms", Same),
    ("acks", Special),
    ("enable.idempotence", Special),
    ("max.in.flight.requests.per.connection", Same),
    ("max.block.ms", Drop),
    ("metadata.max.idle.ms", Drop),
    ("compression.gzip.level", As("compression.level")),
    ("compression.lz4.level", As("compression.level")),
    ("compression.zstd.level", As("compression.level")),
    (
        "transactional.id",
        Never(
            "the id is made of group, connector and task: that is what keeps former tasks from writing",
        ),
    ),
    (
        "partitioner.class",
        Never(
            "records go to the partition that their source names, or that Kafka's default partitioner finds",
        ),
    ),
    (
        "interceptor.classes",
        Never("Java classes cannot be loaded; transforms change records on their way"),
    ),
    ("key.serializer", Drop),
    ("value.serializer", Drop),
];

const CONSUMER: &[(&str, Carry)] = &[
    ("group.id", Same),
    ("isolation.level", Special),
    (
        "group.instance.id",
        Never("partitions are assigned by the worker group, not by Kafka's"),
    ),
    (
        "group.protocol",
        Never("partitions are assigned by the worker group, not by Kafka's"),
    ),
    (
        "partition.assignment.strategy",
        Never("partitions are assigned by the worker group, not by Kafka's"),
    ),
    (
        "interceptor.classes",
        Never("Java classes cannot be loaded; transforms change records on their way"),
    ),
    ("allow.auto.create.topics", Special),
    ("exclude.internal.topics", Drop),
    ("auto.commit.interval.ms", Drop),
    ("fetch.min.bytes", Same),
    ("fetch.max.bytes", Same),
    ("fetch.max.wait.ms", As("fetch.wait.max.ms")),
    ("fetch.wait.max.ms", Same),
    ("fetch.queue.backoff.ms", Same),
    ("max.partition.fetch.bytes", Same),
    ("queued.max.messages.kbytes", Same),
    ("receive.message.max.bytes", Same),
    ("check.crcs", Same),
    ("session.timeout.ms", Same),
    ("heartbeat.interval.ms", Same),
    ("max.poll.interval.ms", Same),
    ("max.poll.records", Drop),
    ("enable.auto.commit", Special),
    ("auto.offset.reset", Special),
    ("key.deserializer", Drop),
    ("value.deserializer", Drop),
];

/// Returns whether a setting, by librdkafka's name, belongs to producers or consumers alone.
pub(crate) fn has_role(name: &str) -> bool {
    PRODUCER
        .iter()
        .chain(CONSUMER)
        .any(|(java, carry)| match carry {
            As(native) | Kilobytes(native) => *native == name,
            _ => *java == name,
        })
}

fn carry(role: Role, name: &str) -> Option<Carry> {
    let own = match role {
        Role::Common => &[][..],
        Role::Producer => PRODUCER,
        Role::Consumer => CONSUMER,
    };
    COMMON
        .iter()
        .chain(own)
        .find(|(java, _)| *java == name)
        .map(|(_, carry)| *carry)
}

/// Translates settings to librdkafka's names, or returns all that is wrong with them.
pub(crate) fn translate(
    role: Role,
    values: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Vec<ConfigProblem>> {
    let mut native = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, value) in values {
        let value = value.trim();
        match carry(role, name) {
            Some(Same) => drop(native.insert(name.clone(), value.to_owned())),
            Some(As(other)) => drop(native.insert(other.to_owned(), value.to_owned())),
            Some(Kilobytes(other)) => match value.parse::<u64>() {
                Ok(bytes) => drop(native.insert(other.to_owned(), (bytes / 1024).to_string())),
                Err(_) => problems.push(ConfigProblem::invalid(name, value, "Not a number")),
            },
            Some(Drop) => {}
            Some(Never(why)) => problems.push(ConfigProblem::new(
                name,
                format!("{name} cannot be set: {why}"),
            )),
            Some(Special) => {
                if let Err(why) = special(name, value, values, &mut native) {
                    problems.push(ConfigProblem::new(name, why));
                }
            }
            None => problems.push(ConfigProblem::new(
                name,
                format!("Unknown client configuration \"{name}\""),
            )),
        }
    }
    if problems.is_empty() {
        Ok(native)
    } else {
        Err(problems)
    }
}

fn special(
    name: &str,
    value: &str,
    all: &BTreeMap<String, String>,
    native: &mut BTreeMap<String, String>,
) -> Result<(), String> {
    let kind = |key: &str| {
        all.get(key)
            .map_or_else(|| "JKS".into(), |t| t.trim().to_uppercase())
    };
    let mut set = |name: &str, value: &str| native.insert(name.to_owned(), value.to_owned());
    match name {
        "sasl.jaas.config" => {
            let (user, password) = jaas_login(value)?;
            set("sasl.username", &user);
            set("sasl.password", &password);
        }
        "ssl.truststore.location" => match kind("ssl.truststore.type").as_str() {
            "PEM" => drop(set("ssl.ca.location", value)),
            other => {
                return Err(format!(
                    "a trust store of type {other} cannot be read; export it as PEM and set \
                 ssl.truststore.type=PEM, or set ssl.ca.location"
                ));
            }
        },
        "ssl.keystore.location" => match kind("ssl.keystore.type").as_str() {
            "PEM" => {
                set("ssl.certificate.location", value);
                set("ssl.key.location", value);
            }
            "PKCS12" => drop(set("ssl.keystore.location", value)),
            other => {
                return Err(format!(
                    "a key store of type {other} cannot be read; convert it to PKCS12 or PEM and set \
                 ssl.keystore.type"
                ));
            }
        },
        "ssl.endpoint.identification.algorithm" => {
            set(name, if value.is_empty() { "none" } else { value });
        }
        "acks" if !matches!(value, "all" | "-1") => {
            return Err(
                "must be all: with less, records that were acknowledged can be lost with one broker"
                    .into(),
            );
        }
        "enable.idempotence" if value != "true" => {
            return Err(
                "must be true: without it, a request that is sent again writes its records twice or out of \
                 order"
                    .into(),
            );
        }
        "isolation.level" if value != "read_committed" => {
            return Err(
                "must be read_committed: anything else reads what was aborted, and it is never taken back"
                    .into(),
            );
        }
        "allow.auto.create.topics" if value != "false" => {
            return Err("must be false: a topic that is missing is waited for, not made up".into());
        }
        "enable.auto.commit" if value != "false" => {
            return Err("must be false: positions are kept with the data".into());
        }
        "auto.offset.reset" if !matches!(value, "none" | "error") => {
            return Err("must be none: a position that is gone stops the task by name".into());
        }
        _ => {}
    }
    Ok(())
}

/// Takes user and password out of a JAAS line of the PLAIN or SCRAM login module.
fn jaas_login(line: &str) -> Result<(String, String), String> {
    if !line.contains("PlainLoginModule") && !line.contains("ScramLoginModule") {
        return Err("only PlainLoginModule and ScramLoginModule are supported".into());
    }
    let option = |name: &str| {
        let start = line.find(&format!("{name}="))? + name.len() + 1;
        let quote = line[start..]
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))?;
        let mut text = String::new();
        let mut chars = line[start + 1..].chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => text.extend(chars.next()),
                c if c == quote => return Some(text),
                c => text.push(c),
            }
        }
        None
    };
    match (option("username"), option("password")) {
        (Some(user), Some(password)) => Ok((user, password)),
        _ => Err("must have username=\"…\" and password=\"…\"".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn translates_a_scram_login_over_tls() {
        let native = translate(
            Role::Consumer,
            &map(&[
                ("bootstrap.servers", "a:9093"),
                ("security.protocol", "SASL_SSL"),
                ("sasl.mechanism", "SCRAM-SHA-512"),
                (
                    "sasl.jaas.config",
                    "org.apache.kafka.common.security.scram.ScramLoginModule required \
                     username=\"me\" password=\"p\\\"q\";",
                ),
                ("ssl.truststore.location", "/ca.pem"),
                ("ssl.truststore.type", "PEM"),
                ("ssl.endpoint.identification.algorithm", ""),
                ("fetch.max.wait.ms", "50"),
            ]),
        )
        .unwrap();
        assert_eq!(native["sasl.username"], "me");
        assert_eq!(native["sasl.password"], "p\"q");
        assert_eq!(native["ssl.ca.location"], "/ca.pem");
        assert_eq!(native["ssl.endpoint.identification.algorithm"], "none");
        assert_eq!(native["fetch.wait.max.ms"], "50");
        assert!(!native.contains_key("sasl.jaas.config"));
    }

    #[test]
    fn refuses_by_name_and_reports_all() {
        let problems = translate(
            Role::Producer,
            &map(&[
                ("acks", "1"),
                ("ssl.truststore.location", "a.jks"),
                ("lingr.ms", "5"),
            ]),
        )
        .unwrap_err();
        let keys: Vec<_> = problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["acks", "lingr.ms", "ssl.truststore.location"]);
    }

    #[test]
    fn what_would_break_promises_is_refused_with_the_reason() {
        for (role, name, value, why) in [
            (Role::Producer, "transactional.id", "x", "former tasks"),
            (
                Role::Producer,
                "enable.idempotence",
                "false",
                "must be true",
            ),
            (
                Role::Consumer,
                "isolation.level",
                "read_uncommitted",
                "what was aborted",
            ),
            (
                Role::Consumer,
                "enable.auto.commit",
                "true",
                "must be false",
            ),
        ] {
            let problems = translate(role, &map(&[(name, value)])).unwrap_err();
            assert_eq!(problems[0].key, name);
            assert!(problems[0].message.contains(why), "{problems:?}");
        }
        let harmless = map(&[("isolation.level", "read_committed"), ("retries", "3")]);
        assert!(translate(Role::Consumer, &harmless).unwrap().is_empty());
        // What one kind of client has is not what another has.
        assert!(translate(Role::Common, &map(&[("linger.ms", "5")])).is_err());
        assert!(translate(Role::Producer, &map(&[("group.id", "g")])).is_err());
    }

    #[test]
    fn knows_what_belongs_to_one_role() {
        assert!(has_role("queue.buffering.max.kbytes") && has_role("group.id"));
        assert!(!has_role("sasl.username") && !has_role("bootstrap.servers"));
    }
}
