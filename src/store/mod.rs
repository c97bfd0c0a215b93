//! SQLite: append-only migrations, ledger with hash chain, queues.
