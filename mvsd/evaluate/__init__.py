"""Any systems on any data set: one row a clip and system with its provenance, then tables and figures."""
