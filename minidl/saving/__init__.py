"""Files: what is written to disk is whole or is not there, and what is read is not trusted."""
