"""Drives a worker through kafka-connect-api, which asks for some paths with a slash at their end."""

import sys
import time

from kafka_connect_api.kafka_connect_api import Api, Cluster, Connector

url, folder = sys.argv[1:]
cluster = Cluster(Api(url=url))
name = "client-api"
with open(f"{folder}/api.txt", "w") as lines:
    lines.write("one\n")


def until(what, holds):
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


assert cluster.version.count(".") == 2 and cluster.kafka_cluster
cluster.api.post("/connectors/", json={
    "name": name,
    "config": {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "file": f"{folder}/api.txt",
        "topic": "client-api",
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": "1",
    },
})
connector = cluster.connectors[name]
assert connector.exists() and connector.connector_class.endswith("FileStreamSourceConnector")
until("running", lambda: connector.state == "RUNNING" and [t.state for t in connector.tasks] == ["RUNNING"])
assert connector.tasks[0].config["task.class"] == "org.apache.kafka.connect.file.FileStreamSourceTask"
connector.pause()
until("paused", lambda: connector.state == "PAUSED" and not connector.tasks[0].is_running())
connector.resume()
until("resumed", lambda: connector.tasks[0].is_running())
connector.restart()
connector.restart_all_tasks()
until("restarted", lambda: connector.tasks[0].is_running())
connector.cycle_connector()
until("cycled", lambda: connector.tasks[0].is_running())
connector.config = dict(connector.config, **{"batch.size": "5"})
assert connector.config["batch.size"] == "5"

assert cluster.root_logger["level"] == "INFO", cluster.root_logger
changed = cluster.set_logger_log_level("root", "INFO")
assert isinstance(changed, list), changed

try:
    nobody = Connector(cluster, "nobody").exists()
except Exception as refused:  # Its versions differ: some raise what others return.
    nobody = "404" not in str(refused.args) and "NotFound" not in type(refused).__name__
assert not nobody
connector.delete()
assert name not in cluster.connectors
print("kafka-connect-api is content")
