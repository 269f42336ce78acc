"""The same load in every tool's own language."""
