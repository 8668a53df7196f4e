"""Speech from text, and what happens when it hangs or is not there."""
