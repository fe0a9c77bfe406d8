mod fixture;
mod isolation;
