"""A float SavedModel and a quantization → the files that a runtime loads: one format a file."""
