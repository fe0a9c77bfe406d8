mod adapters;
mod fixture;
mod isolation;
