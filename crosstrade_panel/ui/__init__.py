"""The window: a passive view, and the presenter that decides what it shows."""
