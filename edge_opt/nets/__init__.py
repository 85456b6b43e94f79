"""Trained networks as graphs: what is in them, whether they carry code, and how they become one float SavedModel."""
