"""Tests of the formats and of what `rotator credentials` prints."""
