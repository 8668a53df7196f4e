"""The shift lead's page: figures of the shift, the queue, values to settle, who sits where."""
