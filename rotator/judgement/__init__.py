"""The judgement: pure functions from what is known of a user to the one next action.

Nothing here does I/O, reads a clock or draws a random number, so every decision can be asked
again: the sweep, `plan` and `explain` call the same `judge` with a Case and get the same Action.
Start reading at `judge.py`.
"""
