"""What the trader means and sees: plain values, no input or output, standard library only."""
