"""Float network → float network with less to compute, one file a pass."""
