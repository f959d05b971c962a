"""Tests of what reads events."""
