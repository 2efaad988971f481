use super::*;
use crate::truth::Sealed;

fn events(pairs: &[(&str, u64)]) -> Events {
    pairs
        .iter()
        .map(|(table, count)| ((*table).to_owned(), *count))
        .collect()
}

fn unit(id: &str, link: Link, tables: &[(&str, u64)]) -> [Heard; 2] {
    let count = tables.iter().map(|pair| pair.1).sum();
    [
        Heard::Begin {
            id: id.into(),
            link,
        },
        Heard::End {
            id: id.into(),
            link,
            count,
            tables: events(tables),
        },
    ]
}

fn row(table: &str, id: &str, total: u64, own: u64) -> Heard {
    Heard::Row {
        table: table.into(),
        partition: 0,
        id: id.into(),
        order: Some((total, own)),
    }
}

/// A snapshot of two rows, then two transactions, all as it should be.
fn sound() -> (Vec<Heard>, Record) {
    let mut heard = Vec::new();
    heard.extend(unit(
        "snapshot:100",
        Link {
            lsn: 100,
            prev: 100,
            seq: 0,
        },
        &[("p.a", 2), ("p.b", 0)],
    ));
    heard.extend(unit(
        "7:200",
        Link {
            lsn: 200,
            prev: 100,
            seq: 1,
        },
        &[("p.a", 2), ("p.b", 1)],
    ));
    heard.extend(unit(
        "9:300",
        Link {
            lsn: 300,
            prev: 200,
            seq: 2,
        },
        &[("p.b", 1)],
    ));
    for _ in 0..2 {
        heard.push(Heard::Row {
            table: "p.a".into(),
            partition: 0,
            id: "snapshot:100".into(),
            order: None,
        });
    }
    heard.extend([
        row("p.a", "7:150", 1, 1),
        row("p.b", "7:151", 2, 1),
        row("p.a", "7:152", 3, 2),
    ]);
    heard.push(row("p.b", "9:250", 1, 1));
    let sealed = |xid, tables: &[_]| Sealed {
        xid,
        digest: String::new(),
        sums: BTreeMap::new(),
        events: events(tables),
    };
    let record = Record {
        sealed: BTreeMap::from([
            (1, sealed(5, &[("p.a", 2)])),
            (2, sealed(7, &[("p.a", 2), ("p.b", 1)])),
            (3, sealed(9, &[("p.b", 1)])),
        ]),
    };
    (heard, record)
}

fn judge(heard: Vec<Heard>, record: &Record) -> Vec<String> {
    let mut audit = Audit::default();
    heard.into_iter().for_each(|one| audit.hear(one));
    audit.judge(record)
}

#[test]
fn a_sound_chain_passes() {
    let (heard, record) = sound();
    assert_eq!(judge(heard, &record), Vec::<String>::new());
}

/// A commit record may begin right where the snapshot's position ends, but not before it.
#[test]
fn a_commit_at_the_snapshots_very_end_is_sound() {
    let at = |lsn: u64| {
        let (mut heard, record) = sound();
        for one in &mut heard {
            match one {
                Heard::Begin { id, link } | Heard::End { id, link, .. } if id == "7:200" => {
                    link.lsn = lsn;
                }
                Heard::Begin { id, link } | Heard::End { id, link, .. } if id == "9:300" => {
                    link.prev = lsn;
                }
                _ => {}
            }
        }
        judge(heard, &record)
    };
    assert_eq!(at(100), Vec::<String>::new());
    assert_eq!(at(99), ["7:200 commits before snapshot:100"]);
    assert_eq!(at(300), ["9:300 commits before 7:200"]);
}

#[test]
fn every_single_loss_and_every_double_is_found() {
    let (heard, record) = sound();
    for at in 0..heard.len() {
        let mut fewer = heard.clone();
        let lost = fewer.remove(at);
        assert!(
            !judge(fewer, &record).is_empty(),
            "the loss of {lost:?} was not found"
        );
        let mut more = heard.clone();
        more.insert(at, heard[at].clone());
        assert!(
            !judge(more, &record).is_empty(),
            "the double of {:?} was not found",
            heard[at]
        );
    }
}

#[test]
fn a_transaction_lost_with_all_its_rows_is_found() {
    let (heard, record) = sound();
    for lost in ["7:", "9:"] {
        let rest = heard
            .iter()
            .filter(|one| match one {
                Heard::Begin { id, .. } | Heard::End { id, .. } | Heard::Row { id, .. } => {
                    !id.starts_with(lost)
                }
            })
            .cloned()
            .collect();
        assert!(
            !judge(rest, &record).is_empty(),
            "the loss of {lost} was not found"
        );
    }
}

#[test]
fn a_row_in_the_wrong_table_is_found() {
    let (mut heard, record) = sound();
    let Some(Heard::Row { table, .. }) = heard.last_mut() else {
        panic!("a row comes last")
    };
    *table = "p.a".into();
    assert!(!judge(heard, &record).is_empty());
}

/// What the order of one partition is worth: a later event that overtakes is found, one of another
/// partition is free to.
#[test]
fn an_event_that_overtakes_is_found() {
    let (mut heard, record) = sound();
    let rows: Vec<usize> = (0..heard.len())
        .filter(
            |at| matches!(&heard[*at], Heard::Row { table, order: Some(_), .. } if table == "p.a"),
        )
        .collect();
    heard.swap(rows[0], rows[1]);
    let found = judge(heard.clone(), &record);
    assert_eq!(
        found,
        ["p.a/0: event 1 of transaction 7 comes after event 3 of transaction 7"]
    );
    let Heard::Row { partition, .. } = &mut heard[rows[0]] else {
        panic!("it is a row")
    };
    *partition = 1;
    assert_eq!(judge(heard, &record), Vec::<String>::new());
}

#[test]
fn a_transaction_that_overtakes_is_found() {
    let (mut heard, record) = sound();
    let rows: Vec<usize> = (0..heard.len())
        .filter(|at| matches!(&heard[*at], Heard::Row { table, .. } if table == "p.b"))
        .collect();
    heard.swap(rows[0], rows[1]);
    let found = judge(heard, &record);
    assert_eq!(
        found,
        ["p.b/0: event 2 of transaction 7 comes after event 1 of transaction 9"]
    );
}
