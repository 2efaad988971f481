"""Asks kafka-connect-healthcheck, run as people run it, how a worker is: well, then with a failed task."""

import os
import socket
import subprocess
import sys
import time

import requests

url, folder = sys.argv[1:]
name = "client-health"
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
program = os.path.join(os.environ["PYTHONPATH"], "bin", "kafka-connect-healthcheck")
args = ["--port", str(port), "--connect-url", url, "--connect-worker-id", url.removeprefix("http://")]
server = subprocess.Popen([sys.executable, program, *args], stderr=subprocess.DEVNULL)


def until(what, holds):
    end = time.monotonic() + 30
    while True:
        try:
            found = requests.get(f"http://127.0.0.1:{port}", timeout=10)
            if holds(found.status_code, found.json()):
                return
        except requests.exceptions.ConnectionError:
            found = None
        assert time.monotonic() < end, (what, found and found.text)
        time.sleep(0.1)


def configure(path):
    with open(path, "a"):
        pass
    config = {
        "connector.class": "FileStreamSource", "file": path, "topic": "client-health",
        "topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1",
    }
    requests.put(f"{url}/connectors/{name}/config", json=config, timeout=10).raise_for_status()


try:
    lines = f"{folder}/health.txt"
    with open(lines, "w") as file:
        file.write("one\ntwo\nthree\n")
    configure(lines)
    until("healthy", lambda status, body: status == 200 and body["healthy"] and body["failures"] == [])
    offsets = f"{url}/connectors/{name}/offsets"
    end = time.monotonic() + 30
    while not requests.get(offsets, timeout=10).json()["offsets"]:
        assert time.monotonic() < end, "no offset"
        time.sleep(0.1)
    # A file that is shorter than what was read of it is another one: the task fails.
    with open(lines, "w"):
        pass
    requests.post(f"{url}/connectors/{name}/tasks/0/restart", timeout=10).raise_for_status()
    until("unhealthy", lambda status, body: status == 503 and [f["type"] for f in body["failures"]] == ["task"])
    until("a trace", lambda _, body: "FileShrunk" in body["failures"][0]["trace"])
    requests.delete(f"{url}/connectors/{name}", timeout=10).raise_for_status()
    until("healthy again", lambda status, body: status == 200 and body["healthy"])
finally:
    server.terminate()
    server.wait()
print("kafka-connect-healthcheck is content")
