//! `Forward<B>`: every operation against differences in f64, its laws, and its compositions.

mod elementwise;
mod laws;
mod layers;
mod lifting;
mod second;
mod structural;
