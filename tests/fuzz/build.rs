//! Links what mends librdkafka: see `runtime/kafka/src/raw/leaders.rs`.

fn main() {
    println!("cargo::rustc-link-arg=-Wl,--wrap=rd_kafkap_leader_discovery_set_topic");
    println!("cargo::rerun-if-changed=build.rs");
}
