"""What may become of the state: each time nothing is harmed, and it is said."""
