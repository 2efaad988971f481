//! Finds what a mistyped name was meant to be.

/// How many edits apart two names may be for one to be meant by the other.
const NEAR: usize = 3;

/// Returns which of these names is nearest, if one is near enough.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    // Names that differ more in length cannot be near; a long one is not compared letter by letter.
    names
        .filter(|other| other.chars().count().abs_diff(length) <= NEAR)
        .map(|other| (distance(name, other), other))
        .min()
        .filter(|(distance, _)| *distance <= NEAR)
        .map(|(_, other)| other)
}

/// Returns how many single-character edits turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, cb) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
