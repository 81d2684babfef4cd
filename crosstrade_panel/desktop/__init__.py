"""Manners on the desktop: one window, its place, the tray, start at login. Importing it imports no Qt."""
