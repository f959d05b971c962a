"""Prints the page: `python -m rotator.events > docs/events.md`."""

import sys

from rotator.events.reference import reference

sys.stdout.write(reference())
