"""A result's spec from the specs of the arguments."""
