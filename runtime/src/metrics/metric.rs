//! What a metric is, and how one is written.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; the series' name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Is always 1: the value is a text, which the last label holds.
    Text,
}

/// A metric: its name without `_total`, its kind, its labels and its meaning.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The kind.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

impl Metric {
    /// Returns the name that its series have.
    pub fn series(&self) -> String {
        let end = match self.kind {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Text => "",
        };
        format!("{}{end}", self.name)
    }
}

/// A counter.
pub(super) const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind: Kind::Counter,
        labels,
        help,
    }
}

/// A gauge.
pub(super) const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind: Kind::Gauge,
        labels,
        help,
    }
}

/// A text.
pub(super) const fn text(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind: Kind::Text,
        labels,
        help,
    }
}

/// What a series shows.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A count, of a counter or a gauge.
    Count(u64),
    /// Whole units.
    Whole(i64),
    /// Anything else; not a number where there is nothing to say anything about.
    Real(f64),
    /// A text, for the last label.
    Text(String),
}

impl Value {
    pub(super) fn flag(is: bool) -> Self {
        Self::Whole(i64::from(is))
    }
}

/// The labels' values of one series, in the metric's order.
pub(super) type Labels = Vec<String>;

/// Writes one metric with all its series; nothing if there are none.
pub(super) fn family(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &Metric,
    series: impl IntoIterator<Item = (Labels, Value)>,
) -> fmt::Result {
    let mut series = series.into_iter().peekable();
    if series.peek().is_none() {
        return Ok(());
    }
    let kind = match metric.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge | Kind::Text => MetricType::Gauge,
    };
    let mut written = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
    for (mut values, value) in series {
        if let Value::Text(text) = &value {
            values.push(text.clone());
        }
        let shown: Box<dyn EncodeMetric> = match (metric.kind, value) {
            (Kind::Counter, Value::Count(count)) => Box::new(ConstCounter::new(count)),
            (_, Value::Count(count)) => {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                Box::new(ConstGauge::new(count))
            }
            (_, Value::Whole(whole)) => Box::new(ConstGauge::new(whole)),
            (_, Value::Real(real)) => Box::new(ConstGauge::new(real)),
            (_, Value::Text(_)) => Box::new(ConstGauge::new(1_i64)),
        };
        if metric.labels.is_empty() {
            // A metric without labels has no braces, which some readers insist on.
            return shown.encode(written);
        }
        let labels: Vec<(&str, &str)> = metric
            .labels
            .iter()
            .copied()
            .zip(values.iter().map(String::as_str))
            .collect();
        shown.encode(written.encode_family(&labels)?)?;
    }
    Ok(())
}
