"""The part of the logging benchmark that runs on its host, as units of systemd."""
