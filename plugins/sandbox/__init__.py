"""Places where a plugin's program runs: a container, or a confined child process."""
