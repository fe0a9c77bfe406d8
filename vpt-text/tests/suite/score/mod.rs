mod likelihood;
mod value;
