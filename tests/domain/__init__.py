"""What the words mean, checked without disk or network."""
