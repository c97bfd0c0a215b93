//! Wire profile 222 (DB4403/T 222-2021).
