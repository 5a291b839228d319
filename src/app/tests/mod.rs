//! The whole shop over simulated disks.

mod power;
