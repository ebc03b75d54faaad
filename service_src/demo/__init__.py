"""A small HTTP service that behaves well under systemd and on a terminal."""
