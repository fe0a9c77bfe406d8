mod likelihood;
