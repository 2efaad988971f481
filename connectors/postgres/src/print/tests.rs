use super::*;

fn float8(value: f64) -> String {
    let mut out = Vec::new();
    print_float8(value, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn floats_are_laid_out_as_the_server_does() {
    for (value, text) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (123_456_789_012_345.0, "123456789012345"),
        (1e15, "1e+15"),
        (1.234e300, "1.234e+300"),
        (0.1, "0.1"),
        (f64::NAN, "NaN"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        assert_eq!(float8(value), text);
    }
    let mut out = Vec::new();
    print_float4(1_000_000.0, &mut out);
    assert_eq!(out, b"1e+06");
}

#[test]
fn no_bytes_panic() {
    let base = |name: &str| PgType {
        oid: 0,
        schema: "pg_catalog".to_owned(),
        name: name.to_owned(),
        typmod: -1,
        sends: true,
        kind: Kind::Base,
    };
    let of = |kind: Kind| PgType {
        kind,
        ..base("other")
    };
    let text = base("text");
    let mut types: Vec<PgType> = [
        "bool",
        "int4",
        "float8",
        "numeric",
        "money",
        "char",
        "uuid",
        "date",
        "time",
        "timetz",
        "timestamp",
        "interval",
        "varbit",
        "pg_lsn",
        "tid",
        "pg_snapshot",
        "inet",
        "macaddr",
        "tsvector",
        "tsquery",
        "path",
        "polygon",
        "circle",
        "line",
        "box",
        "int2vector",
        "jsonb",
    ]
    .map(base)
    .into();
    types.push(of(Kind::Array(Box::new(text.clone()))));
    types.push(of(Kind::Composite(vec![text.clone(), base("int4")])));
    types.push(of(Kind::Range(Box::new(text.clone()))));
    types.push(of(Kind::Multirange(Box::new(of(Kind::Range(Box::new(
        text,
    )))))));
    // A cheap generator: lengths and contents that vary enough to walk into every branch.
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    for _ in 0..20_000 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let len = (seed % 33) as usize;
        let bytes: Vec<u8> = (0..len)
            .map(|i| ((seed >> (i % 8 * 8)) as u8) & if i % 3 == 0 { 3 } else { 0xff })
            .collect();
        for ty in &types {
            let _ = print(ty, &bytes, &mut Vec::new());
        }
    }
}
