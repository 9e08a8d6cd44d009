"""What a capture has found out about sizes: reported, checked at the call, and repaired."""
