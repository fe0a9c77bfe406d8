mod data;
mod decoder;
mod decontaminate;
mod eval;
mod run;
mod score;
mod task;
