//! What the PostgreSQL source and sink share: connection settings, TLS, identifiers and value codecs.
