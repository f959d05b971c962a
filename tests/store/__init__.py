"""The store: what it promises of a real file, real threads and real processes."""
