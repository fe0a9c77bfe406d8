mod config;
mod fixture;
mod generation;
mod golden;
mod gradient;
mod packing;
mod weights;
