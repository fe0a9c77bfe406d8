mod ask;
mod completions;
mod definition;
mod gsm8k;
mod math;
mod prompts;
mod report;
mod rows;
