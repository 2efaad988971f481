//! The audited layer over librdkafka: batch producer, batch consumer, compacted logs and topic administration.
