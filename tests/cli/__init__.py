"""Settings, keys, logs and the commands."""
