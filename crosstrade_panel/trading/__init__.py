"""The use cases. Network, disk, clocks and chance come in as parameters."""
