"""A real workspace as the target: asked who it is before anything is sent, watched while it is loaded, and left as it was found."""
