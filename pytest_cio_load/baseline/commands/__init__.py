"""The commands for baselines: ``cio-load compare``, ``list`` and ``noise``."""
