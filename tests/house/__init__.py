"""Proofs about the project itself: contracts between rooms, pages that must agree with the code, the promises list."""
