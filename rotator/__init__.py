"""Rotates AWS IAM access keys so that no consumer is ever left without one that works."""

__version__ = "0.1.0"
