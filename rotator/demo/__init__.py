"""A local AWS, users in different states and the real daemon, to be watched in under a minute."""
