"""What CI remembers: runs that are kept, and the gate that tells a regression from noise."""
