//! Change event model, Avro schemas, encode and decode, Confluent framing and the schema registry client.
