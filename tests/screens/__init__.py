"""Every screen of the desk as a picture, made from a real record: `python -m tests.screens DIR`."""
