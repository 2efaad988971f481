//! Two sites on one machine from real servers: installs, starts, cuts and stops them.
