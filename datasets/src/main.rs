//! Makes, converts, checks and describes event files.

fn main() {}
