mod data;
mod decoder;
mod eval;
mod run;
mod task;
