"""Reads a worker's metrics with Prometheus' own strict parser of OpenMetrics, and counts them."""

import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

with urllib.request.urlopen(sys.argv[1] + "/metrics", timeout=30) as answer:
    text = answer.read().decode()
families = list(text_string_to_metric_families(text))
samples = sum(len(family.samples) for family in families)
assert all(family.documentation for family in families), families
print(f"{len(families)} metrics with {samples} samples")
