"""The door: parse the words, call one flow, print what it returns."""
