//! End-to-end stories on real parts: broker, sockets, browser.
