"""Surveying accounts: what a sweep learns without asking about each user, and does by it."""
