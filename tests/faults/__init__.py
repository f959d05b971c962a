"""Every fault at every effect of every way a key leaves; see `make faults`."""
