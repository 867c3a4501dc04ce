"""Files in, objects out: plain YAML and JSON manifests. Pure; must never touch disk or network."""
