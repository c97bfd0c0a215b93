//! Half-duplex master of one line.
