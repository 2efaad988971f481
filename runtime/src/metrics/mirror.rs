//! Metrics of mirrors by MirrorMaker's names, and the lag in records that it lacks.

use walbridge_connector_api::PartitionMetrics;

use super::metric::{Metric, Value, gauge};
use super::task::{LEAST, MEAN, MOST, spread};

/// A metric of a copied partition, and how it is read in so many seconds of the window.
pub(super) type PartitionMetric = (Metric, fn(&PartitionMetrics, f64) -> Option<Value>);

const PARTITION: &[&str] = &["source", "target", "topic", "partition"];

/// The metric that is true only as long as the source's cluster answers.
pub(super) const LAG: &str = "kafka_connect_mirror_mirrorsourceconnector_record_lag";

/// `kafka.connect.mirror:type=MirrorSourceConnector`.
pub(super) const MIRROR: [PartitionMetric; 13] = [
    (
        gauge(
            "kafka_connect_mirror_mirrorsourceconnector_record_count",
            PARTITION,
            "Records copied",
        ),
        |p, _| Some(Value::Count(p.records.get())),
    ),
    (
        gauge(
            "kafka_connect_mirror_mirrorsourceconnector_record_rate",
            PARTITION,
            "Records copied a second",
        ),
        |p, window| Some(Value::Real(p.records.recent() as f64 / window)),
    ),
    (
        gauge(
            "kafka_connect_mirror_mirrorsourceconnector_byte_count",
            PARTITION,
            "Bytes of values copied",
        ),
        |p, _| Some(Value::Count(p.bytes.get())),
    ),
    (
        gauge(
            "kafka_connect_mirror_mirrorsourceconnector_byte_rate",
            PARTITION,
            "Bytes of values copied a second",
        ),
        |p, window| Some(Value::Real(p.bytes.recent() as f64 / window)),
    ),
    (
        gauge(
            "kafka_connect_mirror_mirrorsourceconnector_record_age_ms",
            PARTITION,
            "How old the last record was when it was read; of each batch, its last record is looked at",
        ),
        |p, _| Some(Value::Count(p.age_ms.last())),
    ),
    (
        gauge(
            "kafka_connect_mirror_mirrorsourceconnector_record_age_ms_min",
            PARTITION,
            "How old records were when they were read, at least",
        ),
        |p, _| Some(spread(&p.age_ms, LEAST)),
    ),
    (
        gauge(
            "kafka_connect_mirror_mirrorsourceconnector_record_age_ms_max",
            PARTITION,
            "How old records were when they were read, at most",
        ),
        |p, _| Some(spread(&p.age_ms, MOST)),
    ),
    (
        gauge(
            "kafka_connect_mirror_mirrorsourceconnector_record_age_ms_avg",
            PARTITION,
            "How old records were when they were read, on average",
        ),
        |p, _| Some(spread(&p.age_ms, MEAN)),
    ),
    (
        gauge(
            "kafka_connect_mirror_mirrorsourceconnector_replication_latency_ms",
            PARTITION,
            "How old the last record of a transaction was when the target had it for certain",
        ),
        |p, _| Some(Value::Count(p.latency_ms.last())),
    ),
    (
        gauge(
            "kafka_connect_mirror_mirrorsourceconnector_replication_latency_ms_min",
            PARTITION,
            "How old such records were, at least",
        ),
        |p, _| Some(spread(&p.latency_ms, LEAST)),
    ),
    (
        gauge(
            "kafka_connect_mirror_mirrorsourceconnector_replication_latency_ms_max",
            PARTITION,
            "How old such records were, at most",
        ),
        |p, _| Some(spread(&p.latency_ms, MOST)),
    ),
    (
        gauge(
            "kafka_connect_mirror_mirrorsourceconnector_replication_latency_ms_avg",
            PARTITION,
            "How old such records were, on average",
        ),
        |p, _| Some(spread(&p.latency_ms, MEAN)),
    ),
    (
        gauge(
            LAG,
            PARTITION,
            "Records that have not been copied; NaN while that is unknown; walbridge's own, MirrorMaker has none",
        ),
        |p, _| p.lag().map(Value::Whole),
    ),
];
