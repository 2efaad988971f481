"""Drives a worker through kafka-connect-py: its module, then its command `kc`."""

import json
import logging
import os
import subprocess
import sys
import time

from kafka_connect import KafkaConnect
from requests.exceptions import HTTPError

url, folder = sys.argv[1:]
kc = KafkaConnect(url, logger=logging.getLogger("quiet"))
name = "client-py"
config = {
    "connector.class": "FileStreamSource", "file": f"{folder}/py.txt", "topic": "client-py", "tasks.max": 1,
    "topic.creation.default.partitions": 1, "topic.creation.default.replication.factor": 1,
}
with open(f"{folder}/py.txt", "w") as lines:
    lines.write("one\ntwo\n")


def until(what, holds):
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def states():
    status = kc.get_connector_status(name)
    return [status["connector"]["state"]] + [task["state"] for task in status["tasks"]]


# Right after create there is a status and a task: this client does not wait for them.
assert kc.get_cluster_info()["kafka_cluster_id"]
created = kc.create_connector({"name": name, "config": config})
assert created["config"]["tasks.max"] == "1" and created["type"] == "source", created
assert len(kc.get_connector_status(name)["tasks"]) == 1
until("running", lambda: states() == ["RUNNING", "RUNNING"])
assert name in kc.list_connectors()
assert kc.list_connectors(expand="info", pattern="client-py")[name]["info"]["name"] == name
assert name in kc.list_connectors(state="RUNNING") and name not in kc.list_connectors(state="FAILED")
assert kc.get_connector(name)["name"] == name
assert kc.get_connector_config(name) == created["config"]
assert kc.list_connector_tasks(name)[0]["id"] == {"connector": name, "task": 0}
assert kc.get_connector_task_status(name, 0)["state"] == "RUNNING"
until("its topic", lambda: kc.list_connector_topics(name)[name]["topics"] == ["client-py"])
kc.reset_connector_topics(name)

kc.pause_connector(name)
until("paused", lambda: states() == ["PAUSED", "PAUSED"])
kc.resume_connector(name)
until("resumed", lambda: states() == ["RUNNING", "RUNNING"])
kc.restart_connector(name)
answer = kc.restart_connector(name, include_tasks=True)
assert answer["connector"]["state"] == "RESTARTING" and answer["tasks"][0]["state"] == "RESTARTING", answer
until("restarted", lambda: states() == ["RUNNING", "RUNNING"])
kc.restart_connector_task(name, 0)
until("task restarted", lambda: states() == ["RUNNING", "RUNNING"])
kc.stop_connector(name)
until("stopped", lambda: states() == ["STOPPED"])
kc.pause_all_connectors(pattern=name)
kc.resume_all_connectors(pattern=name)
kc.restart_all_connectors(pattern=name)
until("running again", lambda: states() == ["RUNNING", "RUNNING"])

updated = kc.update_connector(name, dict(config, **{"batch.size": 7}))
assert updated["config"]["batch.size"] == "7", updated
classes = [plugin["class"] for plugin in kc.list_connector_plugins()]
assert "org.apache.kafka.connect.file.FileStreamSourceConnector" in classes, classes
checked = kc.validate_connector_config("FileStreamSource", dict(config, name=name))
assert checked["error_count"] == 0, checked
checked = kc.validate_connector_config("FileStreamSource", {"connector.class": "FileStreamSource", "tasks.max": "dog"})
texts = [text for entry in checked["configs"] for text in entry["value"]["errors"]]
assert "Invalid value dog for configuration tasks.max: Not a number of type INT" in texts, texts
for wrong in (lambda: kc.get_connector("nobody"), lambda: kc.create_connector({"name": name, "config": config})):
    try:
        wrong()
    except HTTPError as error:
        assert error.response.status_code in (404, 409) and error.response.json()["message"], error
    else:
        raise AssertionError("nothing was refused")

# The command, as people type it; it ends with 0 whatever happens, so what it prints counts.
program = os.path.join(os.environ["PYTHONPATH"], "bin", "kc")


def run(*args):
    done = subprocess.run([sys.executable, program, "--url", url, *args], check=True, capture_output=True, text=True)
    assert "Oops" not in done.stdout, done.stdout
    return json.loads(done.stdout) if done.stdout.strip().startswith(("{", "[")) else done.stdout


assert run("info")["version"]
assert name in run("list") and run("list", "--expand", "status")[name]["status"]["type"] == "source"
assert run("config", name)["batch.size"] == "7"
assert run("status", name)["name"] == name
assert run("restart", name, "--include-tasks")["name"] == name
run("pause", name)
until("paused by kc", lambda: states() == ["PAUSED", "PAUSED"])
run("resume", "--all", "--pattern", name)
until("resumed by kc", lambda: states() == ["RUNNING", "RUNNING"])
assert run("update", name, "--config-data", json.dumps(config))["name"] == name
# It sends a text that holds the object, which no server takes; Kafka Connect answers 500.
assert "400" in run("validate-config", "FileStreamSource", "--config-data", json.dumps(dict(config, name=name)))
assert "404" in run("get", "nobody")
run("delete", name)
assert name not in kc.list_connectors()
# Deleted and created at once.
kc.create_connector({"name": name, "config": config})
kc.delete_connector(name)
print("kafka-connect-py is content")
