//! `depotsim`.
