"""Where worker jobs run: each file is a device."""
