//! Words of the field as types.
