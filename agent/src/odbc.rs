//! Hospital databases over ODBC, in a process of its own.
//!
//! Vendors' drivers crash, block and print; none of that may touch the agent. So a driver is loaded by
//! a *worker*: this same program, started as `his-agent view-worker`, one for each door, with nothing
//! but a pipe to it and a pipe from it. One file to install, and worker and agent are of one version.
//! The ODBC manager is loaded when the worker runs (`dlopen`): neither the build nor the start of the
//! agent needs unixODBC, and a machine without it says so in one sentence.
//!
//! Protocol 1, in both directions: a length (4 bytes, high byte first, at most 128 MiB),
//! then so many bytes of JSON.
//!
//! | worker | agent |
//! |---|---|
//! | `hello`: the protocol's number; why there is no manager, if there is none | |
//! | | `connect`: connection string, encoding of texts, time-out |
//! | `connected`: what the database calls itself; or `failed` | |
//! | | `select`: one statement, how many rows, time-out |
//! | `page`: columns and rows as text; or `failed` | |
//!
//! One question, one answer; a page is all of a statement that is read. The worker ends when its input
//! does, and the kernel ends it when the agent dies. An answer that does not come in time ends it too.
//! The connection string comes by the pipe: it is in no argument and no variable.

mod frames;
mod guard;
mod manager;
mod parent;
mod session;
mod worker;

pub(crate) use frames::{Ask, Cell, Column, Failure, Kind, Lost, Page, Select, Told};
pub(crate) use parent::{Broken, Worker};
pub(crate) use worker::main as work;
