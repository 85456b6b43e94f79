"""Folders to deploy, made from a run folder and its Report."""
