//! Batches outside of transactions, and producers that may not write any more.

use std::time::Duration;

use walbridge_connector_api::{Partition, StartAt, StopToken};
use walbridge_kafka::{AckedProducer, ErrorKind, fence};

use crate::site::{Plain, batch, config, name, producer, read, reader, topic};

#[test]
fn a_receipt_stands_for_what_kafka_has_taken() {
    let to = topic("acked", 2);
    let mut producer = AckedProducer::new(&config(), StopToken::new()).unwrap();
    let some = |from: usize| -> Vec<Plain> {
        (from..from + 500)
            .map(|n| Plain::value(i32::try_from(n % 2).unwrap(), &n.to_string()))
            .collect()
    };
    let one = producer.send(&batch(&to, &some(0))).unwrap();
    let two = producer.send(&batch(&to, &some(500))).unwrap();
    // Nothing was served since: nobody knows of anything taken.
    assert!(!producer.is_acked(two));
    assert!(producer.flush(Duration::from_secs(10)).unwrap());
    assert!(producer.is_acked(one) && producer.is_acked(two));
    let key = |n: u8| (to.name.as_str(), vec![n], Some(b"offset".to_vec()));
    let three = producer.send_all(&[key(1), key(2)]).unwrap();
    assert!(producer.is_acked(one));
    assert!(producer.flush(Duration::from_secs(10)).unwrap());
    assert!(producer.is_acked(three));
    let empty = producer.send(&batch(&to, &[])).unwrap();
    assert!(producer.is_acked(empty));

    let found = read(&mut reader(&to, StartAt::Beginning), 1002);
    for partition in 0..2 {
        let own = found.iter().filter(|r| r.partition == Some(partition));
        let values = own.filter(|r| r.key.is_none()).filter_map(|r| {
            let text = std::str::from_utf8(r.value.as_deref()?).ok()?;
            text.parse::<i32>().ok()
        });
        let expected = (0..1000).filter(|n| n % 2 == partition);
        assert!(values.eq(expected), "partition {partition} is out of order");
    }
}

#[test]
fn a_record_that_is_refused_is_an_error_and_never_acknowledged() {
    let to = topic("refused", 1);
    let small = config().with("message.max.bytes", "1000");
    let mut producer = AckedProducer::new(&small, StopToken::new()).unwrap();
    let large = "x".repeat(5000);
    let sent = producer.send(&batch(&to, &[Plain::value(0, &large)]));
    assert_eq!(*sent.unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn fenced_producers_cannot_commit() {
    let to = topic("fence", 1);
    let ids: Vec<String> = (0..10).map(|n| format!("{}-{n}", name("fence"))).collect();
    let mut all: Vec<_> = ids.iter().map(|id| producer(id)).collect();
    for producer in &mut all {
        producer.begin().unwrap();
        let value = Some(&b"late"[..]);
        producer
            .send_one(&to.name, Partition::Fixed(0), None, value)
            .unwrap();
        producer.flush().unwrap();
    }
    fence(&config(), &ids).unwrap();
    for producer in &mut all {
        let error = producer.commit().unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Fenced, "{error}");
    }
    // Not for ever: a cluster that is away is an error soon.
    let began = std::time::Instant::now();
    let away = walbridge_kafka::ClientConfig::new("127.0.0.1:9");
    assert!(fence(&away, &ids[..1]).unwrap_err().kind() == &ErrorKind::Stopped);
    assert!(began.elapsed() < Duration::from_secs(10));
}
