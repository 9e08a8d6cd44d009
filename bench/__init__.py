"""Side-by-side measurements, and the models that they and the tests share."""
