"""What comes out of a run: reports to read and folders to deploy."""
