"""Running a program once and writing down what it did."""
