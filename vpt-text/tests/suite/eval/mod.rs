mod completions;
mod gsm8k;
