"""Whole lives by the thousand: two replicas, and everything that can happen to them."""
