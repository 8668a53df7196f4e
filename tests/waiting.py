"""Waiting for a condition with a deadline: the only way a test waits."""

from workstation.demo.waiting import wait_until

__all__ = ["wait_until"]
