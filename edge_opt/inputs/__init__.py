"""What the user brings: data, the preprocessing contract, targets and recipes."""
