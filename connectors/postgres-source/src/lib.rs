//! Reads PostgreSQL's write-ahead log and turns it into Avro change events.
