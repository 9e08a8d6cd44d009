"""What Python is made to do while a program is captured."""
