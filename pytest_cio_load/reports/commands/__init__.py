"""The commands for run documents: ``cio-load report`` and ``merge``."""
