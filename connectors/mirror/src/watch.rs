//! The scout's thread: looks for topics, and asks the source where it ends.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use walbridge_connector_api::{ConnectorError, Disposition, Result, StopToken, TaskMetrics};

use crate::lag::{Due, INTERVAL, Lag};
use crate::route::{Ends, News};
use crate::scout::Scout;
use crate::second_writer::SecondWriter;
use crate::settings::OtherWriters;

/// What the thread works with.
pub(crate) struct Watch {
    pub(crate) stop: StopToken,
    pub(crate) lag: Arc<Lag>,
    pub(crate) metrics: Arc<TaskMetrics>,
    /// How often topics are looked for.
    pub(crate) interval: Duration,
    /// What to do about others who write at the target.
    pub(crate) others: OtherWriters,
    pub(crate) tell: Sender<Result<News>>,
}

impl Watch {
    /// Runs until the task stops or must.
    pub(crate) fn run(self, mut scout: Scout) {
        let (mut survey, mut second) = (Due::every(self.interval), SecondWriter::default());
        // Where the partitions end before this mirror has written anything.
        if let Err(error) = self.look_for_others(&mut second, &scout) {
            self.trouble(&error);
        }
        while !self.stop.sleep(self.interval.min(INTERVAL)) {
            if !survey.is_due() {
                match scout.ends() {
                    Ok(ends) => self.answered(&ends),
                    Err(error) => self.trouble(&error),
                }
                continue;
            }
            let found = scout.survey();
            if self.stop.is_stopped() {
                return;
            }
            match &found {
                // The task reads on when the cluster is back; to start anew would not help.
                Err(error) if error.disposition() == Disposition::Retry => {
                    self.trouble(error);
                    continue;
                }
                Ok(news) => self.answered(&news.ends),
                Err(_) => {}
            }
            let over = found.is_err();
            if self.tell.send(found).is_err() || over {
                return;
            }
            // After the news, which nobody finds again: whether the target answers is no matter to them.
            match self.look_for_others(&mut second, &scout) {
                Err(error) if error.disposition() == Disposition::Retry => self.trouble(&error),
                Err(error) => {
                    // An error means that the task has ended already.
                    let _ = self.tell.send(Err(error));
                    return;
                }
                Ok(()) => {}
            }
        }
    }

    /// Looks whether anybody else writes at the target, unless that is to be ignored.
    fn look_for_others(&self, second: &mut SecondWriter, scout: &Scout) -> Result<()> {
        match self.others {
            OtherWriters::Stop => second.look(scout, &self.lag),
            OtherWriters::Ignore => Ok(()),
        }
    }

    fn answered(&self, ends: &Ends) {
        // A task that has ended while the source was asked counts no more; its successor does.
        if !self.stop.is_stopped() {
            self.metrics.fact("trouble", "");
            self.lag.tell(ends, &self.metrics);
        }
    }

    fn trouble(&self, error: &ConnectorError) {
        if !self.stop.is_stopped() {
            tracing::warn!(%error, "topics cannot be compared");
            self.metrics.fact("trouble", error.to_string());
        }
    }
}
