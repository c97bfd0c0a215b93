//! Tariff slots, split over time, integer money.
