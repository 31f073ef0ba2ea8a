"""The job ``files``: home folders, with the shipped policy in ``rules.toml``."""
