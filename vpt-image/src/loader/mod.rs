//! Samples on threads of their own, in an order that does not depend on them.

mod order;
mod threads;

pub(crate) use self::order::Lookup;
pub use self::order::{Order, Visit};
pub use self::threads::{Loader, LoaderState, Unreadable};
