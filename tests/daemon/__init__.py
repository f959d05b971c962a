"""Tests of the daemon: its schedules, its reload, its loop."""
