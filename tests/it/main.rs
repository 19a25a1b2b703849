//! The proofs that need more than one crate, a process, a broker or the checkout itself.
//!
//! One binary, so that everything links once. `house` is quick; the others say what they start.

mod house;
mod rabbitmq;
