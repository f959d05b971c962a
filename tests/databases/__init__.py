"""Real servers of databases that the tests install and start by themselves."""
