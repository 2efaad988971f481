//! Records of the worker's own topics, which Kafka Connect and other workers write.

use walbridge::state::{Configs, Offsets, Statuses};

/// Splits input into records, one a line: key, tab, value; without a tab, the value is null.
fn records(data: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    data.split(|byte| *byte == b'\n').map(|line| {
        match line.iter().position(|byte| *byte == b'\t') {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        }
    })
}

/// The config, status and offset topics. What is kept of them can be asked for and written again.
pub fn state_topics(data: &[u8]) {
    let (mut configs, mut statuses, mut offsets) =
        (Configs::default(), Statuses::default(), Offsets::default());
    for (key, value) in records(data) {
        offsets.apply(key, value);
        let Ok(key) = std::str::from_utf8(key) else {
            continue;
        };
        configs.apply(key, value);
        statuses.apply(key, value);
        statuses.apply_news(key, value, "me:1", &configs);
    }
    let names: Vec<String> = configs.iter().map(|(name, _)| name.to_owned()).collect();
    for name in names.iter().chain(&statuses.names()) {
        let _ = (configs.get(name), configs.answer(name));
        let _ = statuses.connector(name).map(|status| status.bytes());
        for (_, status) in statuses.tasks(name) {
            let _ = status.bytes();
        }
        let before = offsets.of(name);
        let mut again = offsets.clone();
        for entry in &before {
            let (key, value) = again.record(name, entry);
            again.apply(&key, value.as_deref());
        }
        assert_eq!(
            again.of(name),
            before,
            "offsets read otherwise when written again"
        );
        statuses.restarting(name, true, None);
    }
    statuses.begin_anew("me:1");
}

/// The group's topic. A record that is read and written again reads the same, and a group can be led
/// whatever stands in its topic.
pub fn group_topic(data: &[u8]) {
    walbridge::replay_group(records(data));
}
