"""The client of the CrossTrade API: how it is spoken to, and what may be believed of its answers."""
