"""A world that behaves as AWS, sinks, people and clocks do, for proofs that need no AWS."""
