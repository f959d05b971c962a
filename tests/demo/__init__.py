"""The local AWS and the demo."""
