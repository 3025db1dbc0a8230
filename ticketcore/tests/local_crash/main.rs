//! The local store against a power that fails, a disk that errs or is full, and bits that flip: what was acknowledged is there, and what is
//! damaged is said.

mod backup;
mod damage;
mod disk_errors;
mod hooked;
mod keeping;
mod lives;
mod power_cuts;
mod running;
mod side;
mod threads;
mod workload;
