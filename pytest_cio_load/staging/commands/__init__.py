"""The commands for a real workspace: ``cio-load allow``, ``check`` and ``cleanup``."""
