"""AWS at the edge: accounts, IAM's access keys and STS, each answer turned into one of ours.

Nothing outside this package sees an exception of botocore: `answers` translates them, once.
"""
