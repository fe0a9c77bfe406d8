mod decoder;
mod run;
mod task;
