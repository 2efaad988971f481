use proptest::prelude::*;
use walbridge_schemas::avro::Reader;

use super::*;

/// Takes text to binary, to Avro, back to binary and to text again.
fn round(text: &str) -> String {
    let (negative, value, scale) = parse(text.as_bytes()).unwrap();
    let mut binary = Vec::new();
    write_binary(negative, value.clone(), scale, &mut binary).unwrap();
    let numeric = Numeric::read(&binary).unwrap().unwrap();
    let (unscaled, exact) = numeric.unscaled(scale);
    assert!(exact);
    let mut avro = Vec::new();
    write_twos_complement(numeric.negative, &unscaled, &mut avro);
    let mut from_text = Vec::new();
    write_twos_complement(negative, &value, &mut from_text);
    assert_eq!(avro, from_text, "{text}: text and binary differ");

    let (negative, magnitude) = Magnitude::of_twos_complement(Reader::new(&avro).bytes().unwrap());
    let mut again = Vec::new();
    write_binary(negative, magnitude.clone(), scale, &mut again).unwrap();
    assert_eq!(again, binary, "{text}: binary differs");
    let mut printed = Vec::new();
    print_unscaled(negative, magnitude, scale, &mut printed);
    let mut printed_binary = Vec::new();
    print_binary(&numeric, &mut printed_binary);
    assert_eq!(printed, printed_binary);
    String::from_utf8(printed).unwrap()
}

#[test]
fn numbers_survive() {
    let long = format!("{}.{}", "7".repeat(120), "3".repeat(77));
    for text in [
        "0",
        "0.00",
        "1",
        "-1",
        "0.0001",
        "-0.00012",
        "12345.678",
        "100000000",
        "127",
        "128",
        "-128",
        "-129",
        "1234567890123456789012345678901234567890",
        "-0.1234567890123456789012345678901234567890",
        "170141183460469231731687303715884105727",
        "170141183460469231731687303715884105728",
        "340282366920938463463374607431768211455",
        "340282366920938463463374607431768211456",
        &long,
    ] {
        assert_eq!(round(text), text);
    }
}

#[test]
fn two_complement_is_as_short_as_javas() {
    let bytes = |text: &str| {
        let (negative, value, _) = parse(text.as_bytes()).unwrap();
        let mut out = Vec::new();
        write_twos_complement(negative, &value, &mut out);
        out
    };
    assert_eq!(bytes("0"), [2, 0]);
    assert_eq!(bytes("128"), [4, 0, 0x80]);
    assert_eq!(bytes("-128"), [2, 0x80]);
    assert_eq!(bytes("123.45"), [4, 0x30, 0x39]);
    assert_eq!(
        bytes("100000000000000000000"),
        [18, 5, 0x6b, 0xc7, 0x5e, 0x2d, 0x63, 0x10, 0, 0]
    );
}

#[test]
fn money_is_read() {
    assert_eq!(
        parse(b"-$1,234.56").unwrap(),
        (true, Magnitude::Small(123_456), 2)
    );
    assert!(parse(b"NaN").is_err());
    assert!(parse(b"").is_err());
    assert!(parse(b"1.2.3").is_err());
}

proptest! {
    #[test]
    fn any_number_survives(negative: bool, whole in "[1-9][0-9]{0,60}|0", fraction in "[0-9]{0,50}") {
        let sign = if negative && format!("{whole}{fraction}").bytes().any(|b| b != b'0') { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        let text = format!("{sign}{whole}{point}{fraction}");
        prop_assert_eq!(round(&text), text);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = Numeric::read(&bytes).map(|n| n.map(|n| { print_binary(&n, &mut Vec::new()); }));
        let _ = parse(&bytes);
        let (negative, magnitude) = Magnitude::of_twos_complement(&bytes);
        let _ = write_binary(negative, magnitude, 3, &mut Vec::new());
    }
}
