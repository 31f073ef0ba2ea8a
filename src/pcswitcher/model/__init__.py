"""Plain types everyone shares: errors, levels, events, text. Imports nothing of ours."""
