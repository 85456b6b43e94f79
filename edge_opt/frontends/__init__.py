"""A trained model, as its framework saved it → its description and one float SavedModel for every exporter."""
