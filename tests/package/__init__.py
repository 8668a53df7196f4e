"""Proofs about what is delivered: both commands on a fresh system, and the frozen desk."""
