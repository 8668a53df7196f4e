"""The intake form: what a call-taker fills, each field an op within 250 ms, and nothing typed is ever overwritten."""
