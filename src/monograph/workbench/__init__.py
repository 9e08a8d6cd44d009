"""A live workbench: the source of a model beside the program that it exports to, in a browser."""
