mod decoder;
mod eval;
mod run;
mod score;
mod task;
