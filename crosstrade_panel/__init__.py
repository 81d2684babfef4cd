"""Flatten and reverse NinjaTrader 8 positions through CrossTrade, and say only what was proved."""

__version__ = "0.1.0"
