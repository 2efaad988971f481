//! Names that Avro allows, as Debezium makes them (`schema.name.adjustment.mode=avro`).

/// Returns a namespace made legal, each part of it between dots.
///
/// Debezium looks at the first character of the whole only and so writes `srv.1s.2t`, which no
/// registry that checks accepts; here each part is made legal.
pub fn namespace(topic: &str) -> String {
    topic.split('.').map(simple).collect::<Vec<_>>().join(".")
}

/// Returns one name made legal: what Avro forbids becomes `_`, a leading digit gets one before it.
pub fn simple(name: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::with_capacity(name.len() + 1);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        out.push('_');
    }
    out.extend(name.chars().map(|c| if legal(c) { c } else { '_' }));
    out
}

/// Returns a topic name made legal for Kafka: what it forbids becomes `_`.
pub fn topic(name: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.chars()
        .map(|c| if legal(c) { c } else { '_' })
        .collect()
}

/// Returns two columns whose names become the same field, if there are such.
pub fn colliding<'a>(columns: impl IntoIterator<Item = &'a str>) -> Option<(&'a str, &'a str)> {
    let mut seen = std::collections::HashMap::new();
    for column in columns {
        if let Some(first) = seen.insert(simple(column), column) {
            return Some((first, column));
        }
    }
    None
}

/// Returns the field names of a row's columns, made legal and kept apart.
///
/// Two columns whose names become the same would be one field; the later one gets a number behind
/// it. (A source refuses such a table, as Debezium does; topics of older releases may hold its rows.)
pub fn fields<'a>(columns: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in columns {
        let base = simple(column);
        let mut name = base.clone();
        let mut next = 2;
        while names.contains(&name) {
            name = format!("{base}_{next}");
            next += 1;
        }
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_names_as_debezium_does() {
        assert_eq!(simple("1st"), "_1st");
        assert_eq!(simple("a.b"), "a_b");
        assert_eq!(simple("ünï"), "_n_");
        assert_eq!(simple("weird col"), "weird_col");
        assert_eq!(namespace("srv-1.public.t"), "srv_1.public.t");
        assert_eq!(namespace("srv.1s.2t"), "srv._1s._2t");
        assert_eq!(topic("srv-1.public.ü t"), "srv-1.public.__t");
    }

    #[test]
    fn keeps_colliding_columns_apart() {
        assert_eq!(colliding(["c d", "e", "c-d"]), Some(("c d", "c-d")));
        assert_eq!(colliding(["A b", "a b", "1", "_2"]), None);
        assert_eq!(
            fields(["a b", "a?b", "a_b_2", "A b"]),
            ["a_b", "a_b_2", "a_b_2_2", "A_b"]
        );
    }
}
