//! Numbers and times in a payload.
