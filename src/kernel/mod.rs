//! Plain facts and pure functions every other room may use: ids, money, moments, checksums, refusals.
//!
//! May touch: nothing outside the standard library, serde and the pure `uuid` and `crc32fast` crates.
//! Begin with [`refusal`] (how a rule says no) and [`fault`] (how a machine says it is broken).

pub mod canonical;
pub mod code;
pub mod error;
pub mod failpoint;
pub mod fault;
pub mod id;
pub mod lang;
pub mod moment;
pub mod money;
pub mod refusal;
pub mod text;

pub use code::Code;
pub use error::{Error, Result};
pub use fault::Fault;
pub use lang::Lang;
pub use moment::Moment;
pub use money::{Currency, Money};
pub use refusal::{FieldError, Message, Refusal};
