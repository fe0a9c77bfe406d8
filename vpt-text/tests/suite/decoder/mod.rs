mod config;
pub(crate) mod fixture;
mod generation;
mod golden;
mod gradient;
mod lora;
mod packing;
mod weights;
