"""Whatever comes from outside, in whatever shape: a sentence, and nothing harmed."""
