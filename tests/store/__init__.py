"""The record on disk: encryption, refusals, threads, chains, merging, and what a killed process leaves."""
