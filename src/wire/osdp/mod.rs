//! OSDP v2.2: card readers.
