//! Rows that go from a table without a key: looked for by their whole content, many at once.

use super::blame::Verb;
use super::{Refused, Run};
use crate::binding::Binding;
use crate::rows::Image;
use crate::target::Step;

/// How many rows go into one statement where they cannot come as arrays; what remains takes the next
/// smaller number, so that few statements are prepared.
const TOGETHER: [usize; 3] = [256, 16, 1];

/// How many parameters a statement may have.
const PARAMETERS: usize = 65_535;

impl Run<'_> {
    /// Adds the statements that delete these rows: of rows that are alike, as many as are given.
    ///
    /// Each passes over the table twice, however many rows it deletes. The session joins by index wherever it
    /// can; here nothing can, and a nested loop would pass over the table once for each row: the server takes
    /// an array for ten rows.
    pub(super) fn remove(
        &mut self,
        at: usize,
        binding: &Binding,
        images: &[Image],
    ) -> Result<(), Refused> {
        let all: Vec<_> = (0..binding.columns.len()).collect();
        if all.is_empty() {
            for image in images {
                self.located(image, None)?;
            }
            return Ok(());
        }
        self.sql("SET LOCAL enable_hashjoin = on; SET LOCAL enable_nestloop = off");
        if binding.bulk {
            let statement = self.target.prepare(&binding.remove_sql(None))?;
            self.chunks(at, images, &all, &statement, Verb::Delete)?;
        } else {
            self.remove_listed(at, binding, images, &all)?;
        }
        self.sql("SET LOCAL enable_hashjoin = off; SET LOCAL enable_nestloop = on");
        Ok(())
    }

    fn remove_listed(
        &mut self,
        at: usize,
        binding: &Binding,
        images: &[Image],
        columns: &[usize],
    ) -> Result<(), Refused> {
        let mut rest = images;
        while !rest.is_empty() {
            let fits = |many: &&usize| **many <= rest.len() && **many * columns.len() <= PARAMETERS;
            let many = TOGETHER.iter().find(fits).copied().unwrap_or(1);
            let (now, later) = rest.split_at(many);
            rest = later;
            let statement = self.target.prepare(&binding.remove_sql(Some(many)))?;
            let mut params = Vec::with_capacity(many * columns.len());
            for image in now {
                params.extend(self.params(at, image, columns)?);
            }
            let bytes = params
                .iter()
                .filter_map(|p| p.0.as_ref())
                .map(Vec::len)
                .sum();
            let step = Step::Run {
                statement,
                params,
                expect: Some(many as u64),
            };
            self.rows_step(step, Verb::Delete, at, now, bytes)?;
        }
        Ok(())
    }
}
