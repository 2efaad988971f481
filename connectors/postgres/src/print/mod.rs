//! Binary values as the text that the server would print.

use crate::types::PgType;
use crate::value::ValueError;

/// Appends the text form of a binary value.
pub(crate) fn print(_ty: &PgType, _bytes: &[u8], _out: &mut Vec<u8>) -> Result<(), ValueError> {
    Err(ValueError::new("this type's binary form is not known"))
}
