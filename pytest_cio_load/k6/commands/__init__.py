"""The command for k6: ``cio-load from-k6``."""
