"""How each measure of a gate is decided, one file each: evidence → Decision."""
