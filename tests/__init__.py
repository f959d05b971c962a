"""The promises of rotator, one test each."""
