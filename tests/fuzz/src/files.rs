//! Files that people write.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use walbridge::catalog::Catalog;
use walbridge::config::WorkerConfig;
use walbridge::connector;
use walbridge::secrets::Resolver;

/// A worker file.
pub fn worker_file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match WorkerConfig::parse(&text, "worker.toml", &BTreeMap::new()) {
        Ok(config) => assert!(!config.group.is_empty()),
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
}

/// A connector file: a request's body or a bare configuration.
pub fn connector_file(data: &[u8]) {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);
    let text = String::from_utf8_lossy(data);
    let Ok(config) = connector::parse_request(&text) else {
        return;
    };
    let resolver = Resolver::with_env(|name| (name == "SECRET").then(|| "swordfish".to_owned()));
    if let Ok(checked) = connector::check(&CATALOG, &resolver, &config) {
        for problem in checked.problems {
            assert!(!problem.message.is_empty(), "{}", problem.key);
            assert!(
                !problem.message.contains("swordfish"),
                "{}",
                problem.message
            );
        }
    }
}
