"""The job ``settings``: the person's settings file of pc-switcher goes along, with a diff and a choice."""
