"""What a person can do, on a real encrypted record with a clock moved by hand."""
