"""Observe, judge, act once, record: the whole of it, over an AWS and sinks in memory."""
