"""What the panel keeps on this machine: the journal, the settings, the token, the log."""
