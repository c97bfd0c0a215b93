//! Modbus RTU.
