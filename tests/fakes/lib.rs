//! What the proofs share: stand-ins for the world outside the agent.

pub mod rabbitmq;
