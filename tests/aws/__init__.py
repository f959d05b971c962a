"""The edge to AWS: real answers of moto, and wrong ones of a server of our own."""
