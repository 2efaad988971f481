//! Applies change events to PostgreSQL in whole source transactions.
