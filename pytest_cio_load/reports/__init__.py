"""Telling it: the run document, and what is made of it: terminal text, live progress, a JSON file."""
