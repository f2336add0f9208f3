//! Arguments, logging, runtime and window; nothing else.

fn main() {}
