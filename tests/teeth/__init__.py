"""Teeth: what would lose a key is put into the code, and a test has to notice."""
