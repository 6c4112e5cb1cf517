"""The commands `network …`, one module each."""
