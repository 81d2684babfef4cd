"""A second CrossTrade server, written from the API contract alone, that can misbehave on the wire."""
