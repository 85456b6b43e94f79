"""What was given, and what the model answers → the evidence of a diagnosis: collected here, judged elsewhere."""
