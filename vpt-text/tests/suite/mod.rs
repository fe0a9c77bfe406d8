mod data;
mod decoder;
mod decontaminate;
mod eval;
mod run;
mod task;
