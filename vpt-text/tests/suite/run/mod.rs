mod adapters;
mod fixture;
mod isolation;
mod probe;
mod weights;
