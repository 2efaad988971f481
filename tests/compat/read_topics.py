#!/usr/bin/env python3
"""Reads whole topics as a Python consumer does, with confluent-kafka and its registry client, and prints JSON lines.

PYTHONPATH=$(./parts.py python) python3 read_topics.py BOOTSTRAP REGISTRY TOPIC...

A TOPIC that ends in * is a prefix, one that begins with ! is left out. Every partition is read at read_committed from its beginning to the end it had at
the start. Bytes are {"bytes": base64}, decimals {"decimal": text}, NaN and the infinities text: the lines are those of
ReadTopics.java.
"""

import base64
import decimal
import json
import math
import sys

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext


def main():
    bootstrap, registry, *wanted = sys.argv[1:]
    consumer = Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": "read-topics",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
    })
    decode = AvroDeserializer(SchemaRegistryClient({"url": registry}))
    unfinished = start(consumer, wanted)
    while unfinished:
        message = consumer.poll(30)
        if message is None:
            raise SystemExit(f"nothing for 30 s, still to read: {sorted(unfinished)}")
        place = (message.topic(), message.partition())
        if message.error():
            # The end of a partition is an error to this client, and the only sign of it behind transaction markers.
            if message.error().name() != "_PARTITION_EOF":
                raise KafkaException(message.error())
            unfinished.discard(place)
        elif place in unfinished:
            print_record(message, decode)
    consumer.close()


def start(consumer, wanted):
    partitions = [
        TopicPartition(name, partition, 0)
        for name, topic in consumer.list_topics(timeout=10).topics.items()
        if f"!{name}" not in wanted and any(name.startswith(w[:-1]) if w.endswith("*") else name == w for w in wanted)
        for partition in topic.partitions
    ]
    for partition in partitions:
        partition.offset = consumer.get_watermark_offsets(partition, timeout=10)[0]
    consumer.assign(partitions)
    return {(p.topic, p.partition) for p in partitions}


def print_record(message, decode):
    def decoded(data, field):
        return None if data is None else decode(data, SerializationContext(message.topic(), field))

    print(json.dumps({
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": message.timestamp()[1],
        "headers": [[name, None if value is None else text(value)] for name, value in message.headers() or []],
        "key_schema": schema_id(message.key()),
        "value_schema": schema_id(message.value()),
        "key": plain(decoded(message.key(), MessageField.KEY)),
        "value": plain(decoded(message.value(), MessageField.VALUE)),
    }, ensure_ascii=False))


def schema_id(framed):
    return None if framed is None else int.from_bytes(framed[1:5], "big")


def text(data):
    return base64.b64encode(data).decode()


def plain(value):
    """Turns what fastavro makes of a datum into what JSON can hold."""
    if isinstance(value, dict):
        return {name: plain(field) for name, field in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return {"bytes": text(value)}
    if isinstance(value, decimal.Decimal):
        return {"decimal": format(value, "f")}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


if __name__ == "__main__":
    main()
