use proptest::prelude::*;

use super::*;

fn printed(print: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    print(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn known_days_have_their_names() {
    for (days, text) in [
        (17_109 - EPOCH_DAYS, "2016-11-04"),
        (-735_160 - EPOCH_DAYS, "0044-03-15 BC"),
        (2_932_896 - EPOCH_DAYS, "9999-12-31"),
        (0, "2000-01-01"),
        (i32::MAX, "infinity"),
        (i32::MIN, "-infinity"),
    ] {
        assert_eq!(printed(|out| print_date(days, out)), text);
        assert_eq!(parse_date(text.as_bytes()), Ok(days));
    }
}

#[test]
fn iso_timestamps_are_debeziums() {
    let iso = |text: &str, digits| {
        let micros = parse_timestamp(text.as_bytes()).unwrap();
        let iso = printed(|out| print_iso_timestamp(micros, digits, out));
        assert_eq!(parse_timestamp(iso.as_bytes()), Ok(micros));
        iso
    };
    assert_eq!(
        iso("2016-11-04 13:51:30.123456+02", 6),
        "2016-11-04T11:51:30.123456Z"
    );
    assert_eq!(
        iso("2016-11-04 13:51:30.123+02", 3),
        "2016-11-04T11:51:30.123Z"
    );
    assert_eq!(iso("2016-11-04 13:51:30+00", 0), "2016-11-04T13:51:30Z");
    assert_eq!(
        iso("2016-11-04 13:51:30+00", 6),
        "2016-11-04T13:51:30.000000Z"
    );
    assert_eq!(
        iso("20000-01-01 00:00:00+00", 6),
        "+20000-01-01T00:00:00.000000Z"
    );
    assert_eq!(
        iso("0044-03-15 12:00:00+00 BC", 6),
        "-0043-03-15T12:00:00.000000Z"
    );
    assert_eq!(
        iso("0001-03-15 12:00:00+00 BC", 6),
        "0000-03-15T12:00:00.000000Z"
    );
}

#[test]
fn intervals_are_read_as_printed() {
    for text in [
        "1 year 2 mons 3 days 04:05:06.78",
        "-1 years -2 mons +3 days -04:05:06.78",
        "1 mon -1 days +00:00:01",
        "00:00:00",
        "-00:00:00.000001",
        "1 day",
        "2562047788:00:54.775807",
        "infinity",
    ] {
        let interval = parse_interval(text.as_bytes()).unwrap();
        assert_eq!(printed(|out| print_interval(interval, out)), text);
    }
    let interval = parse_interval(b"1 year 2 mons 3 days 04:05:06.78").unwrap();
    assert_eq!(interval.to_micros(), 37_091_106_780_000);
}

#[test]
fn offsets_are_kept() {
    for text in [
        "13:51:02.123789+02",
        "13:51:02-05:30",
        "00:00:00+00",
        "24:00:00+00",
        "01:00:00+15:59:59",
    ] {
        let (micros, west) = parse_timetz(text.as_bytes()).unwrap();
        assert_eq!(printed(|out| print_timetz(micros, west, out)), text);
    }
}

proptest! {
    #[test]
    fn all_timestamps_survive(micros in -211_813_488_000_000_000i64..9_223_371_331_200_000_000) {
        let text = printed(|out| print_timestamp(micros, true, out));
        prop_assert_eq!(parse_timestamp(text.as_bytes()), Ok(micros));
        let iso = printed(|out| print_iso_timestamp(micros, 6, out));
        prop_assert_eq!(parse_timestamp(iso.as_bytes()), Ok(micros));
    }

    #[test]
    fn all_intervals_survive(months: i32, days: i32, micros in -9_000_000_000_000_000_000i64..9_000_000_000_000_000_000) {
        let interval = Interval { months, days, micros };
        let text = printed(|out| print_interval(interval, out));
        prop_assert_eq!(parse_interval(text.as_bytes()), Ok(interval));
    }

    #[test]
    fn no_text_panics(text in "[-+0-9:. TZBCyearmondays]{0,40}", bytes: Vec<u8>) {
        for text in [text.as_bytes(), &bytes] {
            let _ = parse_date(text);
            let _ = parse_timestamp(text);
            let _ = parse_timetz(text);
            let _ = parse_interval(text);
        }
    }
}
