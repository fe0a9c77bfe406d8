mod decoder;
mod run;
