//! Configuration keys, settings and problems.

use walbridge_connector_api::{
    ConfigDef, ConfigKey, ConfigProblem, Importance, Kind, Settings, Width,
};

use super::{Reader, Result, Wire, choices, fields, forever};

choices! {
    Kind [
        Kind::String, Kind::Short, Kind::Int, Kind::Long, Kind::Double, Kind::Boolean, Kind::List,
        Kind::Class, Kind::Password,
    ]
    Importance [Importance::High, Importance::Medium, Importance::Low]
    Width [Width::None, Width::Short, Width::Medium, Width::Long]
}

fields! {
    ConfigProblem { key, message }
    ConfigKey { name, kind, default, required, allowed, min, importance, doc, group, width }
    ConfigDef { keys, prefixes, foreign }
}

/// Texts of a definition are kept: it is read once in the life of a library.
impl Wire for &'static str {
    fn write(&self, out: &mut Vec<u8>) {
        super::put_bytes(out, self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        from.text().map(forever)
    }
}

impl Wire for &'static [&'static str] {
    fn write(&self, out: &mut Vec<u8>) {
        self.to_vec().write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        let all = Vec::<&'static str>::read(from)?;
        Ok(Box::leak(all.into_boxed_slice()))
    }
}

impl Wire for Settings {
    fn write(&self, out: &mut Vec<u8>) {
        self.all().write(out);
        self.raw().write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        Ok(Self::new(Wire::read(from)?, Wire::read(from)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{bytes_of, whole};

    #[test]
    fn a_definition_judges_the_same_on_the_other_side() {
        const NAMES: &[&str] = &["one", "two"];
        let def = ConfigDef::new(vec![
            ConfigKey::new("topic", Kind::String, "Where to.").required(),
            ConfigKey::new("how", Kind::String, "How.")
                .default("one")
                .allowed(NAMES)
                .group("More"),
            ConfigKey::new("most", Kind::Int, "Most.").min(3),
        ])
        .passing(&["driver."])
        .instead_of(&[("old", "leave it out")]);
        let read: ConfigDef = whole(&bytes_of(&def)).unwrap();
        let values = [
            ("how", "three"),
            ("most", "2"),
            ("old", ""),
            ("driver.x", ""),
        ];
        let values = values.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        assert_eq!(read.check(&values), def.check(&values));
        assert_eq!(read.check(&values).len(), 4);
        let settings: Settings = whole(&bytes_of(&def.settings(&values))).unwrap();
        assert_eq!(settings.all(), def.settings(&values).all());
        assert_eq!(settings.raw(), &values);
    }
}
