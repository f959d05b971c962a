"""Worlds that once broke a promise, each as small as it can be told."""
