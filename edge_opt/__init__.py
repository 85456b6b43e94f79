"""edge-opt: make a trained image model small and fast for its target, and prove that it is still good."""
