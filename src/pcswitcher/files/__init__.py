"""The file engine: rules, scan, delta, transfer, apply, verify."""
